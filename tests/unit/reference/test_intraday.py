"""A day's path and the quotes around it: between the real day's bounds, from open to close, whatever the seed."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.core.intraday import DayRange, DayRangeInvalid, quote_day, seed_of_day, walk_day

REAL = DayRange(open_ticks=14_203, high_ticks=14_425, low_ticks=14_030, close_ticks=14_036, volume_units=32_830_800)


@st.composite
def days(draw: st.DrawFn) -> DayRange:
    low = draw(st.integers(1, 10**9))
    high = low + draw(st.integers(0, 10**6))
    inside = st.integers(low, high)
    return DayRange(draw(inside), high, low, draw(inside), draw(st.integers(0, 10**12)))


@given(days(), st.integers(0, 2**40), st.integers(1, 1_000), st.booleans())
def test_quotes_stay_inside_the_day_and_end_at_its_close(day: DayRange, seed: int, lot: int, liquid: bool) -> None:
    quotes = quote_day(day=day, security="XS0000000001", seed=seed, lot_units=lot, liquid=liquid, steps=60)
    for prices in (quotes.bid_ticks, quotes.ask_ticks, quotes.last_ticks):
        assert prices.shape == (60,)
        assert day.low_ticks <= prices.min() <= prices.max() <= day.high_ticks
    assert (quotes.bid_ticks <= quotes.last_ticks).all()
    assert (quotes.last_ticks <= quotes.ask_ticks).all()
    assert (quotes.last_ticks[0], quotes.last_ticks[-1]) == (day.open_ticks, day.close_ticks)
    for sizes in (quotes.bid_units, quotes.ask_units, quotes.last_units):
        assert sizes.min() >= lot
        assert (sizes % lot == 0).all()


@given(days(), st.integers(0, 2**40), st.integers(2, 600))
def test_the_path_does_not_depend_on_the_tick(day: DayRange, seed: int, steps: int) -> None:
    """In a tick a hundred times finer it is the same path, rounded: quotes and books tell one story."""
    fine = DayRange(
        open_ticks=100 * day.open_ticks,
        high_ticks=100 * day.high_ticks,
        low_ticks=100 * day.low_ticks,
        close_ticks=100 * day.close_ticks,
        volume_units=day.volume_units,
    )
    coarse_path = walk_day(day=day, security="AAPL", seed=seed, steps=steps)
    fine_path = walk_day(day=fine, security="AAPL", seed=seed, steps=steps)
    assert np.abs(fine_path - 100 * coarse_path).max() <= 51


def test_the_same_seed_tells_the_same_story_and_another_day_another_one() -> None:
    first = walk_day(day=REAL, security="AAPL", seed=seed_of_day(seed=7, business_date=date(2008, 9, 15)))
    again = walk_day(day=REAL, security="AAPL", seed=seed_of_day(seed=7, business_date=date(2008, 9, 15)))
    tuesday = walk_day(day=REAL, security="AAPL", seed=seed_of_day(seed=7, business_date=date(2008, 9, 16)))
    assert (first == again).all()
    assert (first != tuesday).any()


def test_days_of_different_seeds_never_share_a_draw() -> None:
    seeds = {
        seed_of_day(seed=seed, business_date=date.fromordinal(day))
        for seed in range(3)
        for day in (1, 733_000, date.max.toordinal())
    }
    assert len(seeds) == 9


def test_an_illiquid_security_has_a_wider_spread_and_volumes_are_about_the_days() -> None:
    liquid = quote_day(day=REAL, security="AAPL", seed=7)
    illiquid = quote_day(day=REAL, security="AAPL", seed=7, liquid=False)
    spreads = [float((quotes.ask_ticks - quotes.bid_ticks).mean()) for quotes in (liquid, illiquid)]
    assert 3.0 < spreads[0] < 6.0
    assert spreads[1] > 5 * spreads[0]
    assert 0.9 < liquid.last_units.sum() / REAL.volume_units < 1.1


def test_a_day_without_room_is_quoted_at_its_one_price() -> None:
    quotes = quote_day(day=DayRange(5, 5, 5, 5, 0), security="X", seed=1, steps=10)
    assert (quotes.bid_ticks == 5).all()
    assert (quotes.ask_ticks == 5).all()


@pytest.mark.parametrize("prices", [(10, 9, 8, 8), (10, 12, 11, 11), (0, 1, 0, 1), (5, 9, 4, 10)])
def test_a_broken_range_is_refused(prices: tuple[int, int, int, int]) -> None:
    with pytest.raises(DayRangeInvalid):
        DayRange(*prices, volume_units=1)
