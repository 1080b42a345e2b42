"""What time it is on the business clock, given the time on the wall."""

from datetime import datetime, timedelta

from reference.core.calendar import BUSINESS_ZONE
from reference.queries import ClockReading
from reference.services import set_business_clock
from settlement.services.business_day import next_step

DAY = timedelta(days=1)
LONGEST_GAP = timedelta(seconds=30)
QUIET_BEFORE_STEP = timedelta(hours=12)


def target_time(*, clock: ClockReading, now: datetime) -> datetime:
    """Return the business time that belongs to a wall time.

    A business day of 24 hours takes `seconds_per_day` on the wall. Time while the system stood still
    does not count (a gap is cut to 30 seconds), and days on which nothing happens are skipped.
    """
    elapsed = min(now - clock.ticked_at, LONGEST_GAP) if clock.ticked_at is not None else timedelta(0)
    target = clock.at + max(elapsed, timedelta(0)) * (DAY.total_seconds() / clock.seconds_per_day)
    upcoming = next_step(business_date=clock.business_date).planned_at
    if upcoming - clock.at > QUIET_BEFORE_STEP:
        target = max(target, upcoming - QUIET_BEFORE_STEP)
    return target.astimezone(BUSINESS_ZONE)


def start_clock(*, clock: ClockReading, seconds_per_day: int, now: datetime) -> None:
    """Let the clock run from where it stands, at this pace."""
    set_business_clock(
        business_date=clock.business_date,
        at=clock.at,
        ticked_at=now,
        seconds_per_day=seconds_per_day,
        running=True,
    )
