"""Play business days of the demo's market, from books to report."""

from collections.abc import Callable
from datetime import date, datetime, time
from functools import partial

from fmi.business_day import advance, day_lock
from fmi.demo.default_scenario import with_default
from fmi.demo.feed import demo_feed
from fmi.demo.opening import open_books
from reference.core.calendar import BUSINESS_ZONE, check_business_day
from reference.queries import business_clock, directory
from reference.refusals import Refusal
from reference.services import set_business_clock
from settlement.models import BusinessDay, ScheduledStep
from settlement.services.business_day import CSD_CALENDAR, next_business_date, next_step

EVE = time(18, 0)
# What a run can be played with besides the market: name -> what it makes of the feed.
SCENARIOS = {"default": with_default}


class DayAlreadyPlayed(Refusal):
    """The business day lies behind the clock; business time never goes back."""

    code = "day-already-played"
    status = 409


class ClockHeld(Refusal):
    """Another process is moving business time."""

    code = "clock-held"
    status = 409


def prepare_books(*, first_date: date) -> None:
    """Set the clock to the eve of the first business date and open the books, on a database that never had a day.

    Raises DayAlreadyPlayed, NotABusinessDay.
    """
    calendar = directory().calendars_by_code[CSD_CALENDAR].business_days
    check_business_day(day=first_date, calendar=calendar, pointer="/from")
    last = BusinessDay.objects.order_by("-business_date").first()
    if last is not None:
        if first_date != next_step(business_date=last.business_date).business_date:
            raise DayAlreadyPlayed(
                f"The last business day here is {last.business_date}. "
                "Go on from there, or begin with an empty database."
            )
        return
    eve = next_business_date(after=first_date, count=-1)
    at = datetime.combine(eve, EVE, tzinfo=BUSINESS_ZONE)
    set_business_clock(business_date=eve, at=at, anew=True)
    open_books(business_date=first_date, at=at)


def play_days(
    *, days: int, seed: int, scenario: str = "", note: Callable[[date, str], None] = lambda _day, _step: None
) -> list[date]:
    """Play whole business days from where the clock stands; return their dates.

    A day that is open already is played to its end and counts. note: called with the business date
    and the name of each step. scenario: one of SCENARIOS, on top of the market. Raises ClockHeld.
    """
    played: list[date] = []
    feed = SCENARIOS[scenario](demo_feed(seed=seed)) if scenario else demo_feed(seed=seed)
    with day_lock() as had:
        if not had:
            raise ClockHeld
        for _ in range(days):
            business_date = next_step(business_date=business_clock().business_date).business_date
            while not BusinessDay.objects.filter(business_date=business_date, closed_at__isnull=False).exists():
                step = next_step(business_date=business_clock().business_date)
                advance(until=step.planned_at, feed=feed, note=partial(note, business_date))
            played.append(business_date)
    return played


def steps_in_a_day() -> int:
    """Return how many steps a business day has."""
    return ScheduledStep.objects.filter(active=True).count()
