"""Properties of pairing: one to one, within the tolerance, complete, and the same whatever the order of the input."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from reference.core.pairing import Tolerance
from trades.core.matching import OpenReport, find_near_misses, pair_reports

TOLERANCES = {1: Tolerance(band_minor=10_000, below_minor=200, above_minor=2_500)}
AMOUNTS = st.one_of(
    st.integers(1, 1_000), st.integers(9_500, 10_500), st.integers(10_000, 14_000), st.sampled_from([10_000, 10_001])
)
OPTIONAL = st.sampled_from(["", "", "TRAD", "REPO"])


@st.composite
def pools(draw: st.DrawFn) -> list[OpenReport]:
    """Draw a pool whose reports often share a block."""
    size = draw(st.integers(0, 24))
    return [
        OpenReport(
            id=number,
            side=draw(st.sampled_from(["BUY", "SELL"])),
            buyer_id=1,
            seller_id=2,
            security_id=draw(st.integers(1, 2)),
            currency_id=1,
            quantity_units=100,
            trade_date=date(2008, 9, 8),
            settlement_date=date(2008, 9, 10),
            cleared=draw(st.booleans()),
            price=Decimal(1),
            amount_minor=draw(AMOUNTS),
            transaction_type=draw(OPTIONAL),
            trading_venue=draw(OPTIONAL),
        )
        for number in range(1, size + 1)
    ]


def block(report: OpenReport) -> tuple[int, bool]:
    return report.security_id, report.cleared


def may_match(buy: OpenReport, sell: OpenReport) -> bool:
    """Say again, in other words, when two reports are one trade."""
    for one, two in ((buy.transaction_type, sell.transaction_type), (buy.trading_venue, sell.trading_venue)):
        if one and two and one != two:
            return False
    allowed = 200 if sell.amount_minor <= 10_000 else 2_500
    return block(buy) == block(sell) and abs(buy.amount_minor - sell.amount_minor) <= allowed


@settings(max_examples=150, deadline=None)
@given(pools())
def test_pairs_are_one_to_one_and_each_is_allowed(reports: list[OpenReport]) -> None:
    pairs = pair_reports(reports=reports, tolerances=TOLERANCES)
    used = [report.id for pair in pairs for report in (pair.buy, pair.sell)]
    assert len(used) == len(set(used))
    for pair in pairs:
        assert (pair.buy.side, pair.sell.side) == ("BUY", "SELL")
        assert may_match(pair.buy, pair.sell)
        assert (pair.rule == "TOLERANCE") == (pair.buy.amount_minor != pair.sell.amount_minor)


@settings(max_examples=150, deadline=None)
@given(pools())
def test_nothing_that_could_still_match_is_left(reports: list[OpenReport]) -> None:
    pairs = pair_reports(reports=reports, tolerances=TOLERANCES)
    used = {report.id for pair in pairs for report in (pair.buy, pair.sell)}
    left = [report for report in reports if report.id not in used]
    assert not any(may_match(buy, sell) for buy in left for sell in left if (buy.side, sell.side) == ("BUY", "SELL"))
    assert pair_reports(reports=left, tolerances=TOLERANCES) == []


@settings(max_examples=100, deadline=None)
@given(pools(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(reports: list[OpenReport], random: Random) -> None:
    shuffled = list(reports)
    random.shuffle(shuffled)
    assert pair_reports(reports=shuffled, tolerances=TOLERANCES) == pair_reports(reports=reports, tolerances=TOLERANCES)


@settings(max_examples=100, deadline=None)
@given(pools())
def test_a_near_miss_names_another_side_that_differs(reports: list[OpenReport]) -> None:
    by_id = {report.id: report for report in reports}
    for miss in find_near_misses(reports=reports, tolerances=TOLERANCES):
        mine, other = by_id[miss.report_id], by_id[miss.other_id]
        assert {mine.side, other.side} == {"BUY", "SELL"}
        assert 1 <= len(miss.fields) <= 2
        buy, sell = (mine, other) if mine.side == "BUY" else (other, mine)
        assert not may_match(buy, sell)
