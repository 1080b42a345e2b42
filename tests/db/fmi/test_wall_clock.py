"""A clock that follows the wall: it shows the wall's time, catches up with what it missed, and never plays years."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from fmi.business_day import advance
from fmi.clock import ClockTooFarOff, follow_wall, follows_wall, start_clock, target_time
from reference.queries import business_clock
from settlement.models import BusinessDay, DayStep
from tests.factories.chain import MONDAY, Chain, at_time

FRIDAY = date(2008, 9, 5)


def test_the_first_day_is_the_one_that_the_wall_clock_is_in(chain: Chain) -> None:
    """Started at a quarter past eight on a Monday, the day opens as of Friday evening and its steps are caught up."""
    chain.move_to(date(2008, 6, 2), 12)
    now = at_time(MONDAY, 8, 15)
    follow_wall(clock=business_clock(), now=now)
    assert target_time(clock=business_clock(), now=now) == now
    advance(until=target_time(clock=business_clock(), now=now))
    clock = business_clock()
    assert (clock.business_date, clock.at, clock.ticked_at) == (MONDAY, now, now)
    assert follows_wall(clock)
    assert BusinessDay.objects.get().opened_at == at_time(FRIDAY, 18, 45)
    last = DayStep.objects.exclude(done_at=None).order_by("-planned_at").first()
    assert last is not None
    assert last.step_id == "DAY_0800"


def test_time_while_the_system_stood_still_counts(chain: Chain) -> None:
    chain.move_to(FRIDAY, 18)
    advance(until=at_time(MONDAY, 9))
    follow_wall(clock=business_clock(), now=at_time(MONDAY, 9))
    later = at_time(MONDAY, 15, 45)
    assert target_time(clock=business_clock(), now=later) == later


def test_a_clock_at_the_walls_pace_elsewhere_does_not_follow_it(chain: Chain) -> None:
    chain.move_to(FRIDAY, 18)
    now = at_time(MONDAY, 9)
    start_clock(clock=business_clock(), seconds_per_day=86_400, now=now)
    assert not follows_wall(business_clock())
    assert target_time(clock=business_clock(), now=now + timedelta(seconds=5)) == at_time(FRIDAY, 18) + timedelta(
        seconds=5
    )


@pytest.mark.parametrize("off", [timedelta(days=10), timedelta(days=3650), timedelta(days=-1)])
def test_days_are_not_played_in_a_hurry_that_nobody_asked_for(chain: Chain, off: timedelta) -> None:
    chain.move_to(FRIDAY, 18)
    advance(until=at_time(MONDAY, 9))
    with pytest.raises(ClockTooFarOff):
        follow_wall(clock=business_clock(), now=at_time(MONDAY, 9) + off)
    assert not business_clock().running
