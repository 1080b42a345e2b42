"""Open clients and traders of a broker."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from events.services.audit import record_action
from ledger.models import Account, AccountKind
from reference.core.actor import Actor
from reference.core.limits import LARGEST_AMOUNT
from reference.models import Currency, Membership, Participant
from reference.models.participant import BROKER_ROLES
from reference.refusals import CodeTaken, UnknownCurrency
from trades.models import Client, Trader
from trades.refusals.clients import (
    BrokerServesNoClients,
    CodeMalformed,
    LimitOutOfRange,
    LoginNotTheBrokers,
    NameMissing,
    NotYourBroker,
    SettlementAccountNotTheBrokers,
)

CODE_SHAPE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,19}")
CENT = Decimal("0.01")


def open_client(
    *, code: str, name: str, broker_id: int, settlement_account_id: int, default_currency_id: int,
    credit_limit_minor: int, daily_limit_minor: int, margin_percent: Decimal = Decimal(0),
    short_sale_allowed: bool = False, actor: Actor, at: datetime, business_date: date,
) -> Client:  # fmt: skip
    """Open an active client of a broker with its first limits, in minor units of its default currency.

    The demo's; who opens one by a page, the API or the admin proposes its limits (open_proposed_client).
    From then on its limits change by approved proposals only. Raises NotYourBroker, CodeMalformed, CodeTaken,
    NameMissing, BrokerServesNoClients, SettlementAccountNotTheBrokers, UnknownCurrency, LimitOutOfRange.
    """
    expect_own(actor=actor, broker_id=broker_id)
    if not Currency.objects.filter(pk=default_currency_id).exists():
        raise UnknownCurrency(pointer="/default_currency")
    expect_account(account_id=settlement_account_id, broker_id=broker_id)
    for field, amount_minor in (("credit_limit", credit_limit_minor), ("daily_limit", daily_limit_minor)):
        expect_limit(amount_minor=amount_minor, pointer=f"/{field}")
    with transaction.atomic():
        expect_broker(broker_id=broker_id)
        client = Client(
            code=checked_code(code=code), name=checked_name(name=name), broker_id=broker_id,
            settlement_account_id=settlement_account_id, default_currency_id=default_currency_id,
            credit_limit_minor=credit_limit_minor, daily_limit_minor=daily_limit_minor,
            margin_percent=checked_margin(percent=margin_percent), short_sale_allowed=short_sale_allowed,
        )  # fmt: skip
        _insert(row=client)
        record_action(
            actor=actor, action="client.open", at=at, business_date=business_date, object_type="client",
            object_id=client.pk, summary=f"Client {client.code} opened",
            detail={"credit_limit_minor": credit_limit_minor, "daily_limit_minor": daily_limit_minor,
                    "margin_percent": str(client.margin_percent), "short_sale_allowed": short_sale_allowed},
        )  # fmt: skip
    return client


def open_trader(
    *, code: str, name: str, broker_id: int, user_id: int | None = None, actor: Actor, at: datetime,
    business_date: date,
) -> Trader:  # fmt: skip
    """Register a trader of a broker, with the login that it enters orders by, if any.

    Raises NotYourBroker, CodeMalformed, CodeTaken, NameMissing, BrokerServesNoClients, LoginNotTheBrokers.
    """
    expect_own(actor=actor, broker_id=broker_id)
    expect_login(user_id=user_id, broker_id=broker_id, trader_id=None)
    with transaction.atomic():
        expect_broker(broker_id=broker_id)
        trader = Trader(
            code=checked_code(code=code), name=checked_name(name=name), broker_id=broker_id, user_id=user_id
        )
        _insert(row=trader)
        record_action(
            actor=actor, action="trader.open", at=at, business_date=business_date, object_type="trader",
            object_id=trader.pk, summary=f"Trader {trader.code} registered",
        )  # fmt: skip
    return trader


def _insert(*, row: Any) -> None:
    """Insert a row with a code of its own. Raises CodeTaken."""
    if type(row).objects.filter(code=row.code).exists():
        raise CodeTaken(pointer="/code")
    row.save(force_insert=True)


def expect_own(*, actor: Actor, broker_id: int) -> None:
    """Raise NotYourBroker unless the actor runs the system or acts for the broker."""
    if not (actor.is_operator or (actor.participant_id is not None and actor.participant_id == broker_id)):
        raise NotYourBroker


def expect_broker(*, broker_id: int) -> None:
    """Raise BrokerServesNoClients unless the participant is active and of a role that sends clients' orders."""
    if not Participant.objects.filter(pk=broker_id, role__in=BROKER_ROLES, active=True).exists():
        raise BrokerServesNoClients(pointer="/broker")


def expect_account(*, account_id: int, broker_id: int) -> None:
    """Raise SettlementAccountNotTheBrokers unless it is a securities account of the broker."""
    own = Account.objects.filter(pk=account_id, participant_id=broker_id, kind=AccountKind.SECURITIES)
    if not own.exists():
        raise SettlementAccountNotTheBrokers(pointer="/settlement_account")


def expect_login(*, user_id: int | None, broker_id: int, trader_id: int | None) -> None:
    """Raise LoginNotTheBrokers unless the login acts for the broker and is no other trader's."""
    if user_id is None:
        return
    of_the_broker = Membership.objects.filter(user_id=user_id, participant_id=broker_id).exists()
    others = Trader.objects.filter(user_id=user_id)
    if trader_id is not None:
        others = others.exclude(pk=trader_id)
    if not of_the_broker or others.exists():
        raise LoginNotTheBrokers(pointer="/user")


def expect_limit(*, amount_minor: int, pointer: str) -> None:
    """Raise LimitOutOfRange unless the amount can be a limit."""
    if not 0 <= amount_minor <= LARGEST_AMOUNT:
        raise LimitOutOfRange(pointer=pointer)


def checked_margin(*, percent: Decimal) -> Decimal:
    """Return a margin with two decimals. Raises LimitOutOfRange."""
    if not percent.is_finite() or not 0 <= percent <= 100 or percent != percent.quantize(CENT):
        raise LimitOutOfRange(pointer="/margin_percent")
    return percent.quantize(CENT)


def checked_code(*, code: str) -> str:
    """Return a code of a client or trader. Raises CodeMalformed."""
    if not CODE_SHAPE.fullmatch(code):
        raise CodeMalformed(pointer="/code")
    return code


def checked_name(*, name: str) -> str:
    """Return a name without blanks around it. Raises NameMissing."""
    stripped = name.strip()
    if not 1 <= len(stripped) <= 120 or "\x00" in stripped:
        raise NameMissing(pointer="/name")
    return stripped
