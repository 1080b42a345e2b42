"""Pairing within tolerance and with blank optional fields, and the explanation of what stays alone."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from reference.core.pairing import Tolerance
from trades.core.matching import (
    NEAR_MISS_CANDIDATES,
    OpenReport,
    differing_fields,
    find_near_misses,
    pair_reports,
)

EUR, USD = 21, 22
# CSDR RTS (EU) 2018/1229 Art 6: EUR 2 up to EUR 100,000, EUR 25 above.
TOLERANCES = {EUR: Tolerance(10_000_000, 200, 2_500), USD: Tolerance(10_000_000, 200, 2_500)}


def report(number: int, side: str, amount_minor: int = 1_012_000, **changes: Any) -> OpenReport:
    plain = OpenReport(
        id=number, side=side, buyer_id=1, seller_id=2, security_id=11, currency_id=EUR, quantity_units=100,
        trade_date=date(2008, 9, 8), settlement_date=date(2008, 9, 10), cleared=True, price=Decimal("101.20"),
        amount_minor=amount_minor, transaction_type="", trading_venue="",
    )  # fmt: skip
    return plain._replace(**changes)


def pairs(*reports: OpenReport) -> list[tuple[int, int, str]]:
    found = pair_reports(reports=reports, tolerances=TOLERANCES)
    return [(pair.buy.id, pair.sell.id, pair.rule) for pair in found]


@pytest.mark.parametrize(
    ("sold", "bought", "matches"),
    [
        (1_012_000, 1_012_200, True),  # EUR 2.00 apart
        (1_012_000, 1_012_201, False),
        (1_012_000, 1_011_800, True),
        (10_000_000, 10_000_200, True),  # 100,000.00 belongs to the lower band
        (10_000_000, 10_000_201, False),
        (10_000_000, 10_002_500, False),
        (10_000_001, 10_002_501, True),  # 100,000.01 to the upper: EUR 25.00
        (10_000_001, 10_002_502, False),
        (10_000_100, 9_997_600, True),  # the deliverer's amount decides the band, the receiver's does not
        (9_999_900, 10_002_400, False),
    ],
)
def test_the_tolerance_is_that_of_the_deliverers_amount(sold: int, bought: int, matches: bool) -> None:
    expected = [(1, 2, "TOLERANCE")] if matches else []
    assert pairs(report(1, "BUY", bought), report(2, "SELL", sold)) == expected


def test_the_pair_keeps_the_deliverers_report_as_the_one_that_settles() -> None:
    pair = pair_reports(reports=[report(1, "BUY", 1_012_150), report(2, "SELL")], tolerances=TOLERANCES)[0]
    assert pair.sell.amount_minor == 1_012_000


@pytest.mark.parametrize("field", ["transaction_type", "trading_venue"])
@pytest.mark.parametrize(
    ("bought", "sold", "rule"),
    [("TRAD", "", "OPTIONAL"), ("", "TRAD", "OPTIONAL"), ("TRAD", "TRAD", "EXACT"), ("TRAD", "REPO", None)],
)
def test_a_filled_optional_field_matches_a_blank_one_and_not_another(
    field: str, bought: str, sold: str, rule: str | None
) -> None:
    one: dict[str, Any] = {field: bought}
    two: dict[str, Any] = {field: sold}
    found = pairs(report(1, "BUY", **one), report(2, "SELL", **two))
    assert found == ([(1, 2, rule)] if rule else [])


@pytest.mark.parametrize(
    "changes",
    [
        {"buyer_id": 3}, {"seller_id": 3}, {"security_id": 12}, {"currency_id": USD}, {"quantity_units": 101},
        {"trade_date": date(2008, 9, 5)}, {"settlement_date": date(2008, 9, 11)}, {"cleared": False},
    ],
)  # fmt: skip
def test_every_mandatory_field_must_agree(changes: dict[str, Any]) -> None:
    assert pairs(report(1, "BUY"), report(2, "SELL", **changes)) == []


def test_the_price_itself_is_not_matched_on_only_the_amount() -> None:
    assert pairs(report(1, "BUY", price=Decimal("101.21")), report(2, "SELL")) == [(1, 2, "EXACT")]


def test_duplicates_are_paired_one_to_one_the_older_first() -> None:
    reports = [report(1, "BUY"), report(2, "SELL"), report(3, "BUY"), report(4, "SELL"), report(5, "BUY")]
    assert pairs(*reports) == [(1, 2, "EXACT"), (3, 4, "EXACT")]


def test_the_nearest_amount_is_taken_before_the_older_report() -> None:
    assert pairs(report(1, "BUY", 1_000_100), report(2, "SELL", 1_000_000), report(3, "SELL", 1_000_090)) == [
        (1, 3, "TOLERANCE")
    ]


def test_a_report_that_fits_exactly_is_not_taken_by_one_that_fits_roughly() -> None:
    reports = [report(1, "BUY", 1_000_100), report(2, "BUY", 1_000_000), report(3, "SELL", 1_000_000)]
    assert pairs(*reports) == [(2, 3, "EXACT")]


def test_two_buys_do_not_match_each_other() -> None:
    assert pairs(report(1, "BUY"), report(2, "BUY")) == []


def near_misses(*reports: OpenReport) -> list[tuple[int, int, tuple[str, ...]]]:
    return [
        (miss.report_id, miss.other_id, miss.fields)
        for miss in find_near_misses(reports=reports, tolerances=TOLERANCES)
    ]


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"price": Decimal("102.10"), "amount_minor": 1_021_000}, ("price",)),
        ({"amount_minor": 1_021_000}, ("amount",)),
        ({"quantity_units": 200, "amount_minor": 2_024_000}, ("quantity",)),
        ({"buyer_id": 3}, ("buyer",)),
        ({"seller_id": 3}, ("seller",)),
        ({"security_id": 12}, ("security",)),
        ({"currency_id": USD}, ("currency",)),
        ({"trade_date": date(2008, 9, 5)}, ("trade date",)),
        ({"settlement_date": date(2008, 9, 11)}, ("settlement date",)),
        ({"cleared": False}, ("clearing",)),
        ({"transaction_type": "REPO"}, ("transaction type",)),
        ({"trading_venue": "XETR"}, ("trading venue",)),
        ({"cleared": False, "settlement_date": date(2008, 9, 11)}, ("settlement date", "clearing")),
    ],
)
def test_a_near_miss_says_in_what_the_two_differ(changes: dict[str, Any], fields: tuple[str, ...]) -> None:
    mine = report(1, "BUY", transaction_type="TRAD", trading_venue="XPAR")
    other = report(2, "SELL", transaction_type="TRAD", trading_venue="XPAR")._replace(**changes)
    assert near_misses(mine, other) == [(1, 2, fields), (2, 1, fields)]


def test_three_differences_are_no_near_miss() -> None:
    changes: dict[str, Any] = {
        "cleared": False,
        "settlement_date": date(2008, 9, 11),
        "trade_date": date(2008, 9, 5),
    }
    assert near_misses(report(1, "BUY"), report(2, "SELL")._replace(**changes)) == []


def test_the_nearest_of_several_is_named() -> None:
    far = report(2, "SELL", 1_100_000, price=Decimal("110"))
    near = report(3, "SELL", 1_013_000, price=Decimal("101.30"))
    assert near_misses(report(1, "BUY"), far, near)[0] == (1, 3, ("price",))


def test_what_would_match_is_no_near_miss() -> None:
    assert differing_fields(report=report(1, "BUY"), other=report(2, "SELL", 1_012_200), tolerances=TOLERANCES) == ()


def test_many_alike_do_not_make_the_search_slow() -> None:
    many = [report(number, "SELL", 5_000_000 + number) for number in range(2, 40 * NEAR_MISS_CANDIDATES)]
    found = near_misses(report(1, "BUY"), *many)
    assert found[0][0] == 1
    assert found[0][1] <= 2 * NEAR_MISS_CANDIDATES
