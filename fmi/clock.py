"""What time it is on the business clock, given the time on the wall."""

from datetime import datetime, time, timedelta

from reference.core.calendar import BUSINESS_ZONE
from reference.queries import ClockReading
from reference.services import set_business_clock
from settlement.services.business_day import next_step

DAY_SECONDS = 86_400
LONGEST_GAP = timedelta(seconds=30)
# An accelerated clock passes over the hours in which no step is near and nobody trades.
QUIET = timedelta(minutes=30)
MARKET_OPENS = time(9, 0)


def target_time(*, clock: ClockReading, now: datetime) -> datetime:
    """Return the business time that belongs to a wall time.

    A business day of 24 hours takes `seconds_per_day` on the wall. Time while the system stood still
    does not count: a gap is cut to 30 seconds.
    """
    elapsed = min(now - clock.ticked_at, LONGEST_GAP) if clock.ticked_at is not None else timedelta(0)
    target = clock.at + max(elapsed, timedelta(0)) * (DAY_SECONDS / clock.seconds_per_day)
    if clock.seconds_per_day < DAY_SECONDS:
        target = max(target, _next_event(clock) - QUIET)
    return target.astimezone(BUSINESS_ZONE)


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
