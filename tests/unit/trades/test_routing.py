"""Routing by hand: costs, the split, quality; fees; waits and the breaker."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trades.core.book.terms import OrderSide
from trades.core.retry import (
    Breaker,
    BreakerRules,
    BreakerStatus,
    RetryRules,
    let_through,
    plan_waits,
    record_failure,
    record_success,
)
from trades.core.routing import (
    ExecutionQuality,
    NoVenueOpen,
    Observation,
    Slice,
    VenueOffer,
    score_venue,
    split_order,
    update_quality,
)
from trades.core.routing import RoutingWeights as Weights
from trades.core.venue_fees import VenueFees, compute_fee_minor

BUY, SELL = OrderSide.BUY, OrderSide.SELL
FREE = VenueFees(maker_ppm=0, taker_ppm=0)
SURE = ExecutionQuality(fill_ratio=1.0, latency_ms=0.0)


def offer(venue: str, *levels: tuple[int, int], fees: VenueFees = FREE) -> VenueOffer:
    return VenueOffer(venue=venue, levels=levels, fees=fees, quality=SURE, spread_ticks=0)


def split(units: int, *offers: VenueOffer, side: OrderSide = BUY, limit: int | None = None) -> tuple[Slice, ...]:
    return split_order(side=side, quantity_units=units, limit_ticks=limit, offers=offers)


def test_the_best_prices_of_all_venues_are_taken_first() -> None:
    one, two = offer("ONE", (1000, 50), (1002, 50)), offer("TWO", (1001, 70))
    assert split(100, one, two) == (Slice("ONE", 50, 50), Slice("TWO", 50, 50))
    assert split(150, one, two) == (Slice("ONE", 80, 80), Slice("TWO", 70, 70))
    seller = offer("ONE", (1000, 50)), offer("TWO", (1001, 70))
    assert split(80, *seller, side=SELL) == (Slice("ONE", 10, 10), Slice("TWO", 70, 70))


def test_a_fee_can_be_dearer_than_a_tick() -> None:
    """At 1,000 a tick is 10 basis points; 1,500 parts per million are 15."""
    dear = offer("ONE", (1000, 50), fees=VenueFees(maker_ppm=0, taker_ppm=1500))
    assert split(60, dear, offer("TWO", (1001, 50))) == (Slice("ONE", 10, 10), Slice("TWO", 50, 50))
    cheap = offer("ONE", (1000, 50), fees=VenueFees(maker_ppm=0, taker_ppm=500))
    assert split(60, cheap, offer("TWO", (1001, 50))) == (Slice("ONE", 50, 50), Slice("TWO", 10, 10))


def test_what_nobody_shows_within_the_limit_waits_in_proportion_to_what_is_shown() -> None:
    one, two = offer("ONE", (1000, 60), (1005, 900)), offer("TWO", (1001, 30))
    assert split(100, one, two, limit=1001) == (Slice("ONE", 67, 60), Slice("TWO", 33, 30))
    assert split(100, one, two, limit=999) == (Slice("ONE", 100, 0),)


def test_a_closed_venue_gets_nothing_and_none_open_is_refused() -> None:
    closed = replace(offer("ONE", (1000, 60)), open=False)
    assert split(10, closed, offer("TWO", (1100, 10))) == (Slice("TWO", 10, 10),)
    with pytest.raises(NoVenueOpen):
        split(10, closed)


def test_the_number_of_slices_can_be_bounded() -> None:
    offers = [offer(name, (1000 + place, 10)) for place, name in enumerate(("ONE", "TWO", "THREE"))]
    slices = split_order(side=BUY, quantity_units=25, limit_ticks=None, offers=offers, most_venues=2)
    assert slices == (Slice("ONE", 13, 10), Slice("TWO", 12, 10))


def test_the_score_by_hand() -> None:
    """Fee 100,000 × 0.02 % = 20 → at least 50: 5 bp. Half of 4 ticks at 1,000 is 20 bp, a quarter counts: 5.

    A fifth unfilled at 5 bp: 1. Half a second at 2 bp: 1. Half of 4 bp of improvement: −2. Together 10.
    """
    found = VenueOffer(
        venue="ONE", levels=((1000, 100),), fees=VenueFees(maker_ppm=0, taker_ppm=200, minimum_minor=50),
        quality=ExecutionQuality(fill_ratio=0.8, improvement_bp=4.0, latency_ms=500.0), spread_ticks=4,
    )  # fmt: skip
    score = score_venue(offer=found, quantity_units=500, reference_ticks=1000, minor_per_tick=1.0, weights=Weights())
    assert score == pytest.approx(10.0)


def test_quality_moves_a_tenth_of_the_way_to_what_was_seen() -> None:
    before = ExecutionQuality(fill_ratio=0.5, improvement_bp=0.0, latency_ms=50.0)
    seen = Observation(
        side=BUY, asked_units=100, filled_units=100, latency_ms=10.0, quoted_price=100.0, average_price=99.9
    )
    after = update_quality(quality=before, seen=seen)
    assert (after.fill_ratio, after.latency_ms) == pytest.approx((0.55, 46.0))
    assert after.observations == 1
    assert after.improvement_bp == pytest.approx(1.0), "a tenth of 10 bp"
    sold = update_quality(quality=before, seen=replace(seen, side=SELL))
    assert sold.improvement_bp == pytest.approx(-1.0)
    missed = update_quality(quality=after, seen=Observation(side=BUY, asked_units=10, filled_units=0, latency_ms=46.0))
    assert missed.fill_ratio == pytest.approx(0.495)
    assert missed.improvement_bp == after.improvement_bp


@given(
    units=st.integers(1, 10**15), limit=st.none() | st.integers(1, 200), most=st.none() | st.integers(1, 5),
    side=st.sampled_from(OrderSide),
    shown=st.lists(st.lists(st.tuples(st.integers(1, 200), st.integers(1, 10**6)), max_size=5), min_size=1, max_size=6),
)  # fmt: skip
def test_slices_add_up_to_the_last_unit_within_what_is_shown(
    units: int, limit: int | None, most: int | None, side: OrderSide, shown: list[list[tuple[int, int]]]
) -> None:
    sign = 1 if side == BUY else -1
    offers = [
        offer(str(place), *sorted(levels, key=lambda level: level[0] * sign)) for place, levels in enumerate(shown)
    ]
    slices = split_order(side=side, quantity_units=units, limit_ticks=limit, offers=offers, most_venues=most)
    assert sum(part.quantity_units for part in slices) == units
    assert len({part.venue for part in slices}) == len(slices) <= (most or len(offers))
    for part in slices:
        within = [size for price, size in shown[int(part.venue)] if limit is None or (price - limit) * sign <= 0]
        assert 0 <= part.displayed_units <= min(part.quantity_units, sum(within))
        assert part.quantity_units > 0


def test_fees_round_against_the_client_and_have_a_floor() -> None:
    fees = VenueFees(maker_ppm=-150, taker_ppm=300, minimum_minor=25)
    assert compute_fee_minor(fees=fees, amount_minor=1_000_001, maker=False) == 301
    assert compute_fee_minor(fees=fees, amount_minor=10_000, maker=False) == 25
    assert compute_fee_minor(fees=fees, amount_minor=1_009_999, maker=True) == -151, "151.49985 is not rounded up"


def test_waits_double_to_the_longest_and_are_the_same_for_a_seed() -> None:
    still = RetryRules(attempts=6, first_ms=50, most_ms=500, jitter=0.0)
    assert plan_waits(rules=still, seed="any") == (50, 100, 200, 400, 500)
    shaken = replace(still, jitter=0.5)
    waits = plan_waits(rules=shaken, seed="order 7 at ONE")
    assert waits == plan_waits(rules=shaken, seed="order 7 at ONE")
    assert waits != plan_waits(rules=shaken, seed="order 8 at ONE")
    assert all(whole / 2 <= wait <= whole for wait, whole in zip(waits, (50, 100, 200, 400, 500), strict=True))


def test_the_breaker_opens_probes_and_closes() -> None:
    rules = BreakerRules(failures=3, open_ms=1000, successes=2)
    breaker = Breaker()
    for now_ms in (1, 2):
        breaker = record_failure(breaker=breaker, rules=rules, now_ms=now_ms)
    breaker = record_success(breaker=breaker, rules=rules)
    assert breaker == Breaker(), "only failures in a row count"
    for now_ms in (10, 11, 12):
        breaker = record_failure(breaker=breaker, rules=rules, now_ms=now_ms)
    assert breaker.status == BreakerStatus.OPEN
    assert not let_through(breaker=breaker, rules=rules, now_ms=1011)[0]
    through, breaker = let_through(breaker=breaker, rules=rules, now_ms=1012)
    assert through
    assert breaker.status == BreakerStatus.HALF_OPEN
    assert not let_through(breaker=breaker, rules=rules, now_ms=1500)[0], "one probe at a time"
    assert let_through(breaker=breaker, rules=rules, now_ms=2012)[0], "a probe that never answers is given up"
    breaker = record_success(breaker=breaker, rules=rules)
    through, breaker = let_through(breaker=breaker, rules=rules, now_ms=1501)
    assert through
    assert record_success(breaker=breaker, rules=rules) == Breaker()
    reopened = record_failure(breaker=breaker, rules=rules, now_ms=1600)
    assert (reopened.status, reopened.since_ms) == (BreakerStatus.OPEN, 1600)
    assert record_success(breaker=reopened, rules=rules) == reopened, "a late answer"
