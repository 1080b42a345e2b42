"""Corporate actions on the chain's market: announced on a Monday, recorded on Thursday, paid the Monday after."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from reference.core.actor import SYSTEM
from reference.queries import directory
from settlement.core.corporate_actions import CorporateActionKind
from settlement.models import CorporateAction
from settlement.services.announce_corporate_action import AnnouncedAction, announce_corporate_action
from settlement.services.pay_corporate_actions import pay_corporate_actions
from settlement.services.record_corporate_actions import record_corporate_actions
from tests.factories.chain import Chain

EX, RECORD, AFTER, PAYMENT = date(2008, 9, 9), date(2008, 9, 11), date(2008, 9, 12), date(2008, 9, 15)


def announce(chain: Chain, kind: str, symbol: str = "STOCK", **terms: Any) -> CorporateAction:
    """Announce an action; terms: its rate as text or its ratio, and dates other than these."""
    dates = {"ex_date": EX, "record_date": RECORD, "payment_date": PAYMENT}
    if "rate" in terms:
        terms["rate"] = Decimal(terms["rate"])
    return announce_corporate_action(
        announced=AnnouncedAction(
            kind=CorporateActionKind(kind), security=directory().securities[chain.assets[symbol]], **(dates | terms)
        ),
        actor=SYSTEM,
        at=chain.at,
        business_date=chain.day,
    )


def record(chain: Chain, day: date = RECORD) -> int:
    """Record at the end of a day what is due."""
    chain.move_to(day, 18, 30)
    return record_corporate_actions(business_date=day, at=chain.at)


def pay(chain: Chain, day: date = PAYMENT) -> int:
    """Pay on the morning of a day what is due."""
    chain.move_to(day, 8)
    return pay_corporate_actions(business_date=day, at=chain.at)
