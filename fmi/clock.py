"""What time it is on the business clock, given the time on the wall."""

from datetime import datetime, time, timedelta

from reference.core.calendar import BUSINESS_ZONE
from reference.queries import ClockReading
from reference.refusals import Refusal
from reference.services import set_business_clock, set_clock_running
from settlement.models import BusinessDay
from settlement.services.business_day import next_business_date, next_step

DAY_SECONDS = 86_400
LONGEST_GAP = timedelta(seconds=30)
# An accelerated clock passes over the hours in which no step is near and nobody trades.
QUIET = timedelta(minutes=30)
MARKET_OPENS = time(9, 0)
FURTHEST_BEHIND = timedelta(days=10)
FURTHEST_AHEAD = timedelta(days=1)


class ClockTooFarOff(Refusal):
    """The business clock stands too far from the wall clock to follow it."""

    code = "clock-too-far-off"
    status = 409


def follows_wall(clock: ClockReading) -> bool:
    """Tell whether the clock follows the wall clock: it runs at its pace, and was last ticked at its own time."""
    return clock.running and clock.seconds_per_day == DAY_SECONDS and clock.ticked_at == clock.at


def target_time(*, clock: ClockReading, now: datetime) -> datetime:
    """Return the business time that belongs to a wall time.

    A clock that follows the wall shows the wall's time, Central European, and catches up with what it missed. Any
    other goes on from where it stands: a business day of 24 hours takes `seconds_per_day` on the wall, and time
    while the system stood still does not count, a gap is cut to 30 seconds.
    """
    if follows_wall(clock):
        return now.astimezone(BUSINESS_ZONE)
    elapsed = min(now - clock.ticked_at, LONGEST_GAP) if clock.ticked_at is not None else timedelta(0)
    target = clock.at + max(elapsed, timedelta(0)) * (DAY_SECONDS / clock.seconds_per_day)
    if clock.seconds_per_day < DAY_SECONDS:
        target = max(target, _next_event(clock) - QUIET)
    return target.astimezone(BUSINESS_ZONE)


def count_anew(*, clock: ClockReading, now: datetime) -> ClockReading:
    """Let a clock that runs at its own pace count from now on, where the wall clock was set back behind its last tick.

    Business time stands where it stood and goes on. A clock that follows the wall waits for the wall instead.
    """
    if clock.ticked_at is None or clock.ticked_at <= now or follows_wall(clock):
        return clock
    return set_clock_running(running=clock.running, ticked_at=now)


def _next_event(clock: ClockReading) -> datetime:
    """Return when something may happen next: the next step of the day, or the opening of the market."""
    step = next_step(business_date=clock.business_date).planned_at
    opening = datetime.combine(clock.business_date, MARKET_OPENS, tzinfo=BUSINESS_ZONE)
    if clock.at < opening:
        return min(step, opening)
    evening = opening.replace(hour=18)
    return clock.at if clock.at < evening else step


def start_clock(*, clock: ClockReading, seconds_per_day: int, now: datetime) -> None:
    """Let the clock run from where it stands, at this pace."""
    set_business_clock(
        business_date=clock.business_date,
        at=clock.at,
        ticked_at=now,
        seconds_per_day=seconds_per_day,
        running=True,
    )


def follow_wall(*, clock: ClockReading, now: datetime) -> ClockReading:
    """Let the clock follow the wall clock in Central European time; the steps it is behind are done in their order.

    On a system that never had a business day it begins with the opening of the day that the wall clock is in.
    Raises ClockTooFarOff where it is ten days or more behind, or a day or more ahead: a day is never played in a
    hurry that nobody asked for, and business time never goes back.
    """
    at, business_date = clock.at, clock.business_date
    is_first = not BusinessDay.objects.exists()
    if is_first:
        today = now.astimezone(BUSINESS_ZONE).date()
        business_date = next_business_date(after=today, count=-1)
        at = next_step(business_date=business_date).planned_at
    elif not -FURTHEST_AHEAD < now - at < FURTHEST_BEHIND:
        raise ClockTooFarOff(f"Business time is {at.astimezone(BUSINESS_ZONE):%Y-%m-%d %H:%M}.")
    return set_business_clock(
        business_date=business_date, at=at, ticked_at=at, seconds_per_day=DAY_SECONDS, running=True, anew=is_first
    )
