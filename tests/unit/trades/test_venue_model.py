"""The simulated venue: inside the real day, from the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.core.intraday import DayRange, DayRangeInvalid, walk_day
from trades.core.venue_model import LEAST_LATENCY_MS, MOST_LATENCY_MS, VenueProfile, draw_response

# AAPL on 2000-03-01, in cents.
DAY = DayRange(open_ticks=11_856, high_ticks=13_206, low_ticks=11_850, close_ticks=13_031, volume_units=9_616_100)


@st.composite
def days(draw: st.DrawFn) -> DayRange:
    low, high = sorted((draw(st.integers(1, 2_000)), draw(st.integers(1, 2_000))))
    inside = st.integers(low, high)
    return DayRange(draw(inside), high, low, draw(inside), draw(st.integers(0, 10**9)))


@given(day=days(), seed=st.integers(0, 2**32), steps=st.integers(2, 300))
def test_the_day_starts_at_its_open_ends_at_its_close_and_stays_inside(day: DayRange, seed: int, steps: int) -> None:
    path = walk_day(day=day, security="AAPL", seed=seed, steps=steps)
    assert path.shape == (steps,)
    assert (path[0], path[-1]) == (day.open_ticks, day.close_ticks)
    assert path.min() >= day.low_ticks
    assert path.max() <= day.high_ticks


def test_the_path_moves_about_as_far_as_the_day_did() -> None:
    ranges = [np.ptp(walk_day(day=DAY, security="AAPL", seed=seed, steps=200)) for seed in range(50)]
    assert 0.6 < np.mean(ranges) / (DAY.high_ticks - DAY.low_ticks) <= 1.0


def test_a_venue_asked_again_answers_the_same_whatever_was_asked_between() -> None:
    profile = VenueProfile("ONE", success_ppm=500_000)
    first = [draw_response(profile=profile, seed=7, order=str(order), attempt=0) for order in range(200)]
    again = [draw_response(profile=profile, seed=7, order=str(order), attempt=0) for order in reversed(range(200))]
    assert first == again[::-1]
    other = [draw_response(profile=profile, seed=7, order=str(order), attempt=1) for order in range(200)]
    assert first != other


def test_latency_and_success_are_as_the_profile_says() -> None:
    profile = VenueProfile("ONE", success_ppm=900_000)
    found = [draw_response(profile=profile, seed=7, order=str(order), attempt=0) for order in range(3_000)]
    latencies = [response.latency_ms for response in found]
    assert (min(latencies), max(latencies)) == (LEAST_LATENCY_MS, MOST_LATENCY_MS)
    assert np.mean(latencies) == pytest.approx(52.5, abs=2)
    assert np.mean([response.succeeds for response in found]) == pytest.approx(0.9, abs=0.02)
    for ppm, succeeds in ((0, False), (1_000_000, True)):
        sure = VenueProfile("ONE", success_ppm=ppm)
        assert draw_response(profile=sure, seed=7, order="1", attempt=0).succeeds is succeeds


@pytest.mark.parametrize("prices", [(5, 10, 6, 8), (8, 10, 6, 11), (0, 0, 0, 0), (8, 6, 10, 8)])
def test_an_impossible_day_is_refused(prices: tuple[int, int, int, int]) -> None:
    with pytest.raises(DayRangeInvalid):
        DayRange(*prices, volume_units=1)
