"""Penalties by the annex of Delegated Regulation (EU) 2017/389: the worked figures, to the cent."""

from datetime import date
from decimal import Decimal

import pytest

from reference.core.calendar import build_calendar
from settlement.core.penalties import (
    DailyRate,
    PenaltyCategory,
    Side,
    classify_security,
    failing_sides,
    payment_date,
    penalty_minor,
    rate_on,
)


@pytest.mark.parametrize(
    ("quantity", "price", "per_price", "rate", "expected_minor"),
    [
        (10_000, "50", "1", "1.0", 50_00),
        (5_000_000, "98", "0.01", "0.10", 49_00),
        (2_000_000, "101", "0.01", "0.20", 40_40),
        (1, "0.01", "1", "1.0", 0),
        (1, "50", "1", "1.0", 1),
    ],
    ids=["liquid shares", "sovereign bond", "corporate bond", "too small for a cent", "half a cent rounds up"],
)
def test_the_worked_figures(quantity: int, price: str, per_price: str, rate: str, expected_minor: int) -> None:
    found = penalty_minor(
        quantity_units=quantity,
        price=Decimal(price),
        amount_per_price=Decimal(per_price),
        digits=2,
        bp_per_day=Decimal(rate),
    )
    assert found == expected_minor


@pytest.mark.parametrize(
    ("security_type", "sector", "liquid", "sme", "category"),
    [
        ("EQUITY", "CORPORATE", True, False, "LIQUID_SHARES"),
        ("EQUITY", "CORPORATE", False, False, "ILLIQUID_SHARES"),
        ("EQUITY", "CORPORATE", True, True, "SME_NOT_DEBT"),
        ("BOND", "GOVERNMENT", True, False, "GOVERNMENT_DEBT"),
        ("BOND", "CORPORATE", True, False, "OTHER_DEBT"),
        ("BOND", "CORPORATE", True, True, "SME_DEBT"),
        ("FUND", "CORPORATE", True, False, "OTHER"),
    ],
)
def test_each_security_has_its_row_of_the_annex(
    security_type: str, sector: str, liquid: bool, sme: bool, category: str
) -> None:
    found = classify_security(security_type=security_type, issuer_sector=sector, liquid=liquid, sme_growth_market=sme)
    assert found == category


@pytest.mark.parametrize(
    ("reason", "holds", "cash", "sides"),
    [
        ("LACK", (False, False), 100, (Side.DELIVERER,)),
        ("MINO", (False, False), 100, (Side.DELIVERER,)),
        ("MONY", (False, False), 100, (Side.RECEIVER,)),
        ("MONY", (False, False), -100, (Side.DELIVERER,)),
        ("PREA", (True, False), 100, (Side.DELIVERER,)),
        ("PREA", (True, True), 100, (Side.DELIVERER, Side.RECEIVER)),
        ("LINK", (False, False), 100, ()),
        ("CYCL", (False, False), 100, ()),
        ("", (False, False), 100, ()),
    ],
)
def test_who_fails(reason: str, holds: tuple[bool, bool], cash: int, sides: tuple[Side, ...]) -> None:
    found = failing_sides(reason=reason, held_by_deliverer=holds[0], held_by_receiver=holds[1], cash_minor=cash)
    assert found == sides


def test_the_newest_valid_rate_counts_and_cash_has_one_a_currency() -> None:
    def rate(currency: str | None, day: date, bp: str, category: str = "CASH") -> DailyRate:
        return DailyRate(PenaltyCategory(category), currency, day, Decimal(bp))

    old, new = rate("EUR", date(2008, 7, 9), "1.46"), rate("EUR", date(2008, 10, 9), "1.18")
    dollars = rate("USD", date(2008, 4, 30), "0.63")
    shares = rate(None, date(1999, 1, 1), "1", "LIQUID_SHARES")
    rates = [new, old, dollars, shares]
    cash = PenaltyCategory.CASH
    assert rate_on(rates=rates, category=cash, currency="EUR", day=date(2008, 10, 8)) is old
    assert rate_on(rates=rates, category=cash, currency="EUR", day=date(2008, 10, 9)) is new
    assert rate_on(rates=rates, category=cash, currency="USD", day=date(2008, 10, 9)) is dollars
    assert rate_on(rates=rates, category=cash, currency="EUR", day=date(2008, 7, 8)) is None
    assert rate_on(rates=rates, category=shares.category, currency="USD", day=date(2008, 10, 9)) is shares


def test_a_month_is_paid_on_the_18th_business_day_of_the_next() -> None:
    # TARGET 2008: 1 May, Good Friday 21 March, Easter Monday 24 March; 25 and 26 December; 1 January.
    target = build_calendar(
        holidays=[
            date(2008, 1, 1), date(2008, 3, 21), date(2008, 3, 24), date(2008, 5, 1), date(2008, 12, 25),
            date(2008, 12, 26), date(2009, 1, 1),
        ]
    )  # fmt: skip
    assert payment_date(month=date(2008, 9, 15), calendar=target) == date(2008, 10, 24)
    assert payment_date(month=date(2008, 2, 29), calendar=target) == date(2008, 3, 28)
    assert payment_date(month=date(2008, 12, 1), calendar=target) == date(2009, 1, 27)
