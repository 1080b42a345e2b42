"""A market in which DELTA loses and does not pay: its figures are small enough to be followed by hand.

DELTA bought 1,000 STOCK at 10.00 of BRAVO. On Tuesday the close is 8.00: it pays 2,000.00 of variation margin. On
Wednesday it is 7.00: it is called for 1,000.00 and cannot pay. Its margin is 300.00, its fund contribution 100.00;
ALPHA, BRAVO and CHARLIE contributed 300.00, 200.00 and 100.00; the CCP dedicates 50.00 and has 400.00 besides.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clearing.core.call_lifecycle import CallKind
from clearing.models import DefaultCase, MarginParameters, MarginRunKind
from clearing.services.default_auction import close_auction, open_auction, place_bid
from clearing.services.default_case import declare_default, propose_default, suspend_member
from clearing.services.issue_calls import WantedCall, place_calls
from clearing.services.load_margin_parameters import load_margin_parameters
from clearing.services.open_membership import open_memberships
from clearing.services.pay_calls import pay_call
from clearing.services.run_margin import run_margin
from reference.core.actor import SYSTEM, Actor, Role
from tests.factories.collateral import put_in
from tests.factories.margins import add_price

if TYPE_CHECKING:
    from tests.factories.chain import Chain

ONE = Actor(name="risk.officer", role=Role.OPERATOR)
OTHER = Actor(name="risk.manager", role=Role.OPERATOR)
TUESDAY, WEDNESDAY, THURSDAY = date(2008, 9, 9), date(2008, 9, 10), date(2008, 9, 11)
FRIDAY_PRICES = {"STOCK": "7", "SHARE": "20"}
OWN = {"VM": 1_000_000, "SKIN": 5_000, "EQUITY": 40_000}
MARGIN = {"DELTA": 30_000, "ALPHA": 70_000, "BRAVO": 70_000, "CHARLIE": 70_000}
FUND = {"DELTA": 10_000, "ALPHA": 30_000, "BRAVO": 20_000, "CHARLIE": 10_000}


def set_up(chain: Chain) -> None:
    """Open memberships, give everybody cash and the CCP its resources, and prices before Monday."""
    load_margin_parameters()
    first = MarginParameters.objects.latest("valid_from")
    first.pk, first.valid_from, first.why = None, chain.day, "for the test"
    first.method, first.procyclicality, first.lookback_days, first.long_lookback_days = "HS", "NONE", 20, 20
    first.collateral_issuer_limit_percent = Decimal(100)
    first.save()
    open_memberships(joined_on=chain.day)
    for code in ("ALPHA", "BRAVO", "CHARLIE"):
        chain.give(code, "EUR", 1_000_000)
    chain.give("DELTA", "EUR", 200_000)
    for name, amount in OWN.items():
        chain.give("CCP", "EUR", amount, name)
    for code, amount in MARGIN.items():
        put_in(chain, code, "EUR", amount)
    wanted = [WantedCall(chain.ids[code], chain.assets["EUR"], amount) for code, amount in FUND.items()]
    for (code, amount), call in zip(
        FUND.items(),
        place_calls(wanted=wanted, kind=CallKind.FUND, at=chain.at, business_date=chain.day, deadline=chain.at),
        strict=True,
    ):
        chain.give(code, "EUR", amount)
        pay_call(call_id=call.pk, actor=SYSTEM, at=chain.at, business_date=chain.day)
    for symbol, price in (("STOCK", 10.0), ("SHARE", 20.0)):
        for number in range(1, 45):
            move = 1.01 if number % 2 else 1.0
            add_price(chain, symbol, chain.day - timedelta(days=number), f"{price * move:.2f}")


def evening(chain: Chain, day: date, **closes: str) -> None:
    """Close a day at prices and run its margin."""
    chain.move_to(day, 18)
    for symbol, close in closes.items():
        add_price(chain, symbol, day, close)
    run_margin(kind=MarginRunKind.EVENING, at=chain.at, business_date=day)


def lose(chain: Chain) -> None:
    """Let DELTA buy, lose, pay once and fail to pay the second time."""
    set_up(chain)
    chain.trade("T1", "DELTA", "BRAVO", quantity=1_000, settlement_date="2008-09-19")
    chain.clear()
    evening(chain, date(2008, 9, 8), STOCK="10", SHARE="20")
    evening(chain, TUESDAY, STOCK="8", SHARE="20")
    evening(chain, WEDNESDAY, STOCK="7", SHARE="20")
    chain.move_to(THURSDAY, 10)


def step(chain: Chain) -> dict[str, Any]:
    """Return when a step is done, for the services."""
    return {"at": chain.at, "business_date": chain.day}


def suspend(chain: Chain, code: str = "DELTA", *, juniorise: bool = False) -> DefaultCase:
    """Propose, declare and suspend."""
    at, day = chain.at, chain.day
    case = propose_default(
        member_id=chain.ids[code], reason="It did not pay its call", juniorise=juniorise, actor=ONE, at=at,
        business_date=day,
    )  # fmt: skip
    declare_default(case_id=case.pk, actor=OTHER, at=at, business_date=day)
    return suspend_member(case_id=case.pk, actor=ONE, at=at, business_date=day)


def auction(chain: Chain, case: DefaultCase, *, lots: int = 1, reserve: int | None = None, **prices: int) -> None:
    """Offer what is open, let members bid on every lot, and close after the deadline."""
    opened = open_auction(
        case_id=case.pk, lots=lots, reserve_percent=reserve, deadline=chain.at + timedelta(hours=1), actor=ONE,
        at=chain.at, business_date=chain.day,
    )  # fmt: skip
    for code, price in prices.items():
        for lot in opened:
            place_bid(lot_id=lot.pk, price_minor=price, actor=chain.actor(code), at=chain.at, business_date=chain.day)
    chain.move_to(chain.day, chain.at.hour + 1)
    close_auction(case_id=case.pk, actor=ONE, at=chain.at, business_date=chain.day)
    case.refresh_from_db()
