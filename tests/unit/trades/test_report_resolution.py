"""A report is resolved into ids and minor units, or everything wrong with it is said by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from reference.core.calendar import DateOutsideCalendar
from reference.core.limits import LARGEST_AMOUNT
from trades.core.parsing import read_report
from trades.core.problems import PROBLEM_TYPES
from trades.core.report import (
    PRICE_SCALE,
    CaptureContext,
    Problem,
    ResolvedReport,
    SecurityTerms,
    TradeReport,
)
from trades.core.resolution import amount_minor, price_millionths, resolve_report, settlement_amount_minor

ALPHA, BRAVO, CHARLIE, GONE, CCP, CSD = 1, 2, 3, 4, 8, 9
EQUITY, BOND, OLD = 11, 12, 13
EUR = 21
TODAY = date(2008, 9, 8)
HOLIDAY = date(2008, 12, 25)


def settles(currency: str, day: date) -> bool:
    if day.year > 2030:
        raise DateOutsideCalendar(f"{day} lies outside the calendar.", pointer="/settlement_date")
    return day != HOLIDAY and day.weekday() < 5


def settlement_day(currency: str, trade_date: date, lag: int) -> date:
    if trade_date.year < 1999:
        raise DateOutsideCalendar(f"{trade_date} lies outside the calendar.", pointer="/trade_date")
    return date(2008, 9, 10)


def terms(identifier: int, *, lot: int = 1, percent: bool = False, active: bool = True) -> SecurityTerms:
    divisor = PRICE_SCALE * (100 if percent else 1) // 100
    return SecurityTerms(identifier, "EUR", EUR, 2, lot, divisor, active)


CONTEXT = CaptureContext(
    reporter_id=ALPHA,
    venue_id=CSD,
    participants={"ALPHA": ALPHA, "BRAVO": BRAVO, "CHARLIE": CHARLIE, "GONE": GONE, "CCP": CCP, "CSD": CSD},
    inactive=frozenset({GONE}),
    infrastructures=frozenset({CCP, CSD}),
    securities={"EQUITY": terms(EQUITY), "BOND": terms(BOND, lot=1000, percent=True), "OLD": terms(OLD, active=False)},
    currencies={"EUR": EUR},
    digits={"EUR": 2},
    accounts={(owner, "HOUSE"): 100 + owner for owner in (ALPHA, BRAVO, CHARLIE, GONE, CCP)} | {(ALPHA, "FUND"): 201},
    settles=settles,
    settlement_day=settlement_day,
    business_date=TODAY,
    names_reporter=False,
)
OPERATOR = replace(CONTEXT, reporter_id=None, names_reporter=True)
VENUE = replace(CONTEXT, reporter_id=None)


def report(**changes: Any) -> TradeReport:
    fields: dict[str, Any] = {
        "trade_id": "T-1",
        "buyer": "ALPHA",
        "seller": "BRAVO",
        "security": "EQUITY",
        "quantity": 100,
        "price": Decimal("101.20"),
        "currency": "EUR",
        "trade_date": TODAY,
    }
    return TradeReport(**fields | changes)


def resolved(context: CaptureContext = CONTEXT, **changes: Any) -> ResolvedReport:
    found = resolve_report(report=report(**changes), context=context)
    assert isinstance(found, ResolvedReport), found
    return found


def problems(context: CaptureContext = CONTEXT, **changes: Any) -> list[tuple[str, str]]:
    found = resolve_report(report=report(**changes), context=context)
    assert isinstance(found, list), found
    assert all(problem.code in PROBLEM_TYPES and problem.message.endswith(".") for problem in found)
    return [(problem.code, problem.pointer) for problem in found]


def test_a_good_report_of_the_buyer() -> None:
    assert resolved() == ResolvedReport(
        "T-1", ALPHA, "BUY", ALPHA, BRAVO, 101, None, EQUITY, EUR, 100, Decimal("101.20"), 1_012_000,
        TODAY, date(2008, 9, 10), True, "", "",
    )  # fmt: skip


def test_the_seller_speaks_for_its_own_account() -> None:
    found = resolved(buyer="BRAVO", seller="ALPHA", account="FUND")
    assert (found.reporter_id, found.side, found.buyer_account_id, found.seller_account_id) == (
        ALPHA,
        "SELL",
        None,
        201,
    )


def test_the_venue_speaks_for_both_and_names_both_accounts() -> None:
    found = resolved(VENUE, account="FUND")
    assert (found.reporter_id, found.side, found.buyer_account_id, found.seller_account_id) == (CSD, "BOTH", 201, 102)


def test_the_operator_may_speak_for_a_participant() -> None:
    found = resolved(OPERATOR, reporter="BRAVO")
    assert (found.reporter_id, found.side, found.seller_account_id) == (BRAVO, "SELL", 102)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"buyer": "NOBODY"}, [("unknown-participant", "/buyer")]),
        ({"seller": "NOBODY"}, [("unknown-participant", "/seller")]),
        ({"security": "US0378331006"}, [("isin-check-digit-wrong", "/security")]),
        ({"security": "US5949181045"}, [("unknown-security", "/security")]),
        (
            {"buyer": "A", "seller": "B", "security": "C"},
            [("unknown-participant", "/buyer"), ("unknown-participant", "/seller"), ("unknown-security", "/security")],
        ),
        ({"reporter": "NOBODY"}, [("unknown-participant", "/reporter")]),
        ({"seller": "GONE"}, [("inactive-participant", "/seller")]),
        ({"seller": "CCP"}, [("infrastructure-party", "/seller")]),
        ({"security": "OLD"}, [("inactive-security", "/security")]),
        ({"account": "NONE"}, [("unknown-account", "/account")]),
        ({"seller": "ALPHA"}, [("buyer-is-seller", "/seller")]),
        ({"buyer": "CHARLIE"}, [("not-a-party", "/buyer")]),
        ({"reporter": "BRAVO"}, [("not-your-report", "/reporter")]),
        ({"currency": "USD"}, [("wrong-currency", "/currency")]),
        ({"security": "BOND", "quantity": 1500}, [("quantity-not-in-lots", "/quantity")]),
        ({"trade_date": date(2008, 9, 9)}, [("trade-date-in-future", "/trade_date")]),
        ({"settlement_date": date(2008, 9, 5)}, [("settlement-before-trade-date", "/settlement_date")]),
        (
            {"trade_date": date(2008, 5, 2), "settlement_date": date(2008, 5, 7)},
            [("settlement-date-too-old", "/settlement_date")],
        ),
        ({"settlement_date": HOLIDAY}, [("settlement-date-is-holiday", "/settlement_date")]),
        ({"settlement_date": date(2008, 9, 13)}, [("settlement-date-is-holiday", "/settlement_date")]),
        ({"settlement_date": date(2099, 1, 1)}, [("date-outside-calendar", "/settlement_date")]),
        ({"trade_date": date(1990, 1, 2)}, [("date-outside-calendar", "/trade_date")]),
        ({"amount": Decimal("0.005")}, [("amount-out-of-range", "/amount")]),
        ({"quantity": 1, "price": Decimal("0.004")}, [("amount-out-of-range", "/quantity")]),
        (
            {"currency": "USD", "price": Decimal("NaN"), "settlement_date": HOLIDAY},
            [("wrong-currency", "/currency"), ("settlement-date-is-holiday", "/settlement_date"),
             ("price-out-of-range", "/price")],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert problems(**changes) == expected


def test_a_venue_names_no_reporter() -> None:
    assert problems(VENUE, reporter="ALPHA") == [("not-your-report", "/reporter")]


def test_the_venue_hears_of_both_accounts() -> None:
    assert problems(VENUE, account="X", counterparty_account="Y") == [
        ("unknown-account", "/account"),
        ("unknown-account", "/counterparty_account"),
    ]


@pytest.mark.parametrize(
    "price",
    [
        "0", "-1", "NaN", "sNaN", "-NaN", "Infinity", "-Infinity", "1e999999", "-1e999999", "1000000000000",
        "0.0000001", "1.1234567", "1e-999999999", "1.0000000000000000000000000000001",
    ],
)  # fmt: skip
def test_no_price(price: str) -> None:
    assert problems(price=Decimal(price)) == [("price-out-of-range", "/price")]


@pytest.mark.parametrize(
    ("price", "millionths"),
    [
        ("0.000001", 1), ("101.20", 101_200_000), ("999999999999.999999", 999_999_999_999_999_999),
        ("1E+11", 100_000_000_000_000_000), ("1.50000000000000000000000000000000000", 1_500_000),
    ],
)  # fmt: skip
def test_six_digits_are_kept_to_the_last(price: str, millionths: int) -> None:
    assert price_millionths(price=Decimal(price)) == millionths


def test_the_price_is_written_with_six_digits_however_it_was_spelt() -> None:
    assert str(resolved(price=Decimal("101.2" + "0" * 60_000)).price) == "101.200000"
    assert str(resolved(price=Decimal("1E+1")).price) == "10.000000"


@pytest.mark.parametrize(
    "amount", ["0", "-0.01", "NaN", "Infinity", "1e999999", "0.001", "1e-999999", "1.00" + "0" * 30 + "1"]
)
def test_no_amount(amount: str) -> None:
    with pytest.raises(ValueError, match=r"decimal digits|must be above zero|is not a number|is above"):
        amount_minor(amount=Decimal(amount), digits=2)


def test_an_amount_in_minor_units() -> None:
    assert amount_minor(amount=Decimal("100000.00"), digits=2) == 10_000_000
    assert amount_minor(amount=Decimal("7"), digits=0) == 7
    with pytest.raises(ValueError, match="more than 0 decimal digits"):
        amount_minor(amount=Decimal("7.5"), digits=0)


@pytest.mark.parametrize(
    ("quantity", "price", "minor"),
    [
        (1, "0.005", 0),  # half a cent: down to the even 0
        (1, "0.015", 2),  # one and a half: up to the even 2
        (1, "0.025", 2),  # two and a half: down to the even 2
        (1, "0.025001", 3),
        (1, "0.024999", 2),
        (3, "33.335", 10_000),  # 100.005: down to the even 100.00
        (100, "101.20", 1_012_000),
        (7, "0.142857", 100),
    ],
)
def test_half_a_minor_unit_goes_to_the_even_one(quantity: int, price: str, minor: int) -> None:
    found = settlement_amount_minor(
        quantity_units=quantity, price_in_millionths=price_millionths(price=Decimal(price)), divisor=PRICE_SCALE // 100
    )
    assert found == minor


def test_a_bond_is_quoted_in_percent_of_its_nominal() -> None:
    # 5,000,000 nominal at 98.5 % is 4,925,000.00.
    assert resolved(security="BOND", quantity=5_000_000, price=Decimal("98.5")).amount_minor == 492_500_000


def test_the_reported_amount_stands_where_there_is_one() -> None:
    assert resolved(amount=Decimal("10120.01")).amount_minor == 1_012_001


def test_the_largest_amount_is_taken_and_one_more_is_not() -> None:
    most = Decimal(LARGEST_AMOUNT).scaleb(-2)
    assert resolved(amount=most).amount_minor == LARGEST_AMOUNT
    assert problems(amount=most + Decimal("0.01")) == [("amount-out-of-range", "/amount")]


def test_quantity_times_price_beyond_int64_is_a_problem_and_no_overflow() -> None:
    found = problems(quantity=LARGEST_AMOUNT, price=Decimal("999999999999.999999"))
    assert found == [("amount-out-of-range", "/quantity")]


@pytest.mark.parametrize("quantity", [0, -1, LARGEST_AMOUNT + 1, 2**63, 10**30])
def test_an_absurd_quantity_is_not_even_a_report(quantity: int) -> None:
    fields = {name: getattr(report(), name) for name in ("trade_id", "buyer", "seller", "security", "currency")}
    body = fields | {"price": "1", "trade_date": "2008-09-08", "quantity": quantity}
    found = read_report(data=msgspec.json.encode(body) if quantity < 2**63 else str(body).replace("'", '"'))
    assert isinstance(found, Problem)
    assert (found.code, found.pointer) == ("malformed-report", "/quantity")


@pytest.mark.parametrize("reader", [settles, settlement_day])
def test_the_context_of_these_tests_refuses_like_the_real_one(reader: Callable[..., object]) -> None:
    far = ("EUR", date(2099, 1, 1)) if reader is settles else ("EUR", date(1990, 1, 1), 2)
    with pytest.raises(DateOutsideCalendar):
        reader(*far)


def test_every_code_is_kebab_case_and_explained() -> None:
    for code, meaning in PROBLEM_TYPES.items():
        assert code == code.lower().replace("_", "-")
        assert meaning.endswith(".")
