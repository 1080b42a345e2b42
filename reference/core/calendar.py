"""Business days: scalar and vectorised arithmetic over a calendar.

A calendar is a numpy.busdaycalendar (Monday to Friday without the holidays). Scalars are
datetime.date; arrays are datetime64[D] of shape (n,).

Counting rule: day + n is the n-th business day after the day, whether or not the day itself is
one; day + 0 is the day itself, or the first business day after it; day - n is the n-th before it.
"""

from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from reference.refusals import Refusal

FIRST_YEAR = 1999
LAST_YEAR = 2030

# TARGET and T2S keep Central European time, with summer time; the market calls it CET all the year.
BUSINESS_ZONE = ZoneInfo("Europe/Brussels")


class DateOutsideCalendar(Refusal):
    """The date lies outside the years whose holidays are known."""

    code = "date-outside-calendar"


class NotABusinessDay(Refusal):
    """The date is a weekend or a holiday."""

    code = "not-a-business-day"


def build_calendar(*, holidays: Iterable[date]) -> np.busdaycalendar:
    """Build a calendar of Monday to Friday without the holidays."""
    return np.busdaycalendar(holidays=np.array(sorted(holidays), dtype="datetime64[D]"))


def check_covered(*, day: date, pointer: str | None = None) -> date:
    """Return the day itself. Raises DateOutsideCalendar outside FIRST_YEAR..LAST_YEAR."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise DateOutsideCalendar(
            f"{day} lies outside {FIRST_YEAR} to {LAST_YEAR}, the years whose holidays are known.",
            pointer=pointer,
        )
    return day


def check_business_day(*, day: date, calendar: np.busdaycalendar, pointer: str | None = None) -> date:
    """Return the day itself. Raises DateOutsideCalendar or NotABusinessDay."""
    check_covered(day=day, pointer=pointer)
    if not is_business_day(day=day, calendar=calendar):
        raise NotABusinessDay(f"{day} is a weekend or a holiday.", pointer=pointer)
    return day


def is_business_day(*, day: date, calendar: np.busdaycalendar) -> bool:
    """Say whether the day is a business day."""
    return bool(np.is_busday(np.datetime64(day, "D"), busdaycal=calendar))


def add_business_days(*, day: date, count: int, calendar: np.busdaycalendar) -> date:
    """Return the count-th business day after the day (before it where negative); see the counting rule."""
    shifted = np.busday_offset(
        np.datetime64(day, "D"), count, roll="backward" if count > 0 else "forward", busdaycal=calendar
    )
    result = shifted.item()
    assert isinstance(result, date), "busday_offset of a day is a day."
    return result


def next_business_day(*, day: date, calendar: np.busdaycalendar) -> date:
    """Return the first business day after the day."""
    return add_business_days(day=day, count=1, calendar=calendar)


def previous_business_day(*, day: date, calendar: np.busdaycalendar) -> date:
    """Return the last business day before the day."""
    return add_business_days(day=day, count=-1, calendar=calendar)


def roll_forward(*, day: date, calendar: np.busdaycalendar) -> date:
    """Return the day itself when it is a business day, else the next one."""
    return add_business_days(day=day, count=0, calendar=calendar)


def business_days_between(*, first: date, last: date, calendar: np.busdaycalendar) -> list[date]:
    """List all business days from first to last, both included."""
    days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + 1)
    found: list[date] = days[np.is_busday(days, busdaycal=calendar)].tolist()
    return found


def count_business_days(*, first: date, last: date, calendar: np.busdaycalendar) -> int:
    """Count the business days in [first, last): the age in business days of a thing born on `first`."""
    return int(np.busday_count(np.datetime64(first, "D"), np.datetime64(last, "D"), busdaycal=calendar))


def are_business_days(*, days: NDArray[np.datetime64], calendar: np.busdaycalendar) -> NDArray[np.bool_]:
    """Say which days are business days. days: datetime64[D] (n,); returns bool (n,)."""
    return np.asarray(np.is_busday(days, busdaycal=calendar), dtype=np.bool_)


def add_business_days_each(
    *, days: NDArray[np.datetime64], counts: NDArray[np.integer], calendar: np.busdaycalendar
) -> NDArray[np.datetime64]:
    """Apply add_business_days to each pair: days datetime64[D] (n,), counts int (n,)."""
    result = np.empty(days.shape, dtype="datetime64[D]")
    ahead = counts > 0
    for chosen, roll in ((ahead, "backward"), (~ahead, "forward")):
        if chosen.any():
            result[chosen] = np.busday_offset(
                days[chosen],
                counts[chosen],
                roll=roll,
                busdaycal=calendar,  # type: ignore[call-overload]
            )
    return result
