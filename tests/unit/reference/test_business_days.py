"""Business-day arithmetic, on the TARGET days of 2008."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.core import calendar as days
from reference.core.calendar import DateOutsideCalendar, NotABusinessDay

TARGET_2008 = [
    date(2008, 1, 1),
    date(2008, 3, 21),
    date(2008, 3, 24),
    date(2008, 5, 1),
    date(2008, 12, 25),
    date(2008, 12, 26),
]
TARGET = days.build_calendar(holidays=TARGET_2008)
DAYS_2008 = st.dates(date(2008, 1, 1), date(2008, 12, 1))


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (date(2008, 9, 8), 3, date(2008, 9, 11)),
        (date(2008, 9, 12), 1, date(2008, 9, 15)),
        (date(2008, 3, 20), 1, date(2008, 3, 25)),  # Over Good Friday and Easter Monday.
        (date(2008, 3, 20), 3, date(2008, 3, 27)),
        (date(2008, 3, 22), 1, date(2008, 3, 25)),  # From a Saturday: the first business day after it.
        (date(2008, 3, 22), 0, date(2008, 3, 25)),
        (date(2008, 3, 25), 0, date(2008, 3, 25)),
        (date(2008, 3, 25), -1, date(2008, 3, 20)),
        (date(2008, 3, 22), -1, date(2008, 3, 20)),
        (date(2008, 4, 30), 2, date(2008, 5, 5)),  # Labour Day, then a weekend.
    ],
)
def test_counting(day: date, count: int, expected: date) -> None:
    assert days.add_business_days(day=day, count=count, calendar=TARGET) == expected


def test_neighbours() -> None:
    assert days.next_business_day(day=date(2008, 12, 24), calendar=TARGET) == date(2008, 12, 29)
    assert days.previous_business_day(day=date(2008, 12, 29), calendar=TARGET) == date(2008, 12, 24)
    assert days.roll_forward(day=date(2008, 12, 27), calendar=TARGET) == date(2008, 12, 29)
    assert days.count_business_days(first=date(2008, 3, 20), last=date(2008, 3, 27), calendar=TARGET) == 3
    found = days.business_days_between(first=date(2008, 3, 20), last=date(2008, 3, 26), calendar=TARGET)
    assert found == [date(2008, 3, 20), date(2008, 3, 25), date(2008, 3, 26)]


@pytest.mark.parametrize("holiday", [*TARGET_2008, date(2008, 9, 13)])
def test_a_day_off_is_refused(holiday: date) -> None:
    with pytest.raises(NotABusinessDay) as caught:
        days.check_business_day(day=holiday, calendar=TARGET, pointer="/settlement_date")
    assert caught.value.pointer == "/settlement_date"


@pytest.mark.parametrize("day", [date(1998, 12, 31), date(2031, 1, 1), date(9999, 12, 31), date.min])
def test_a_day_of_unknown_holidays_is_refused(day: date) -> None:
    with pytest.raises(DateOutsideCalendar):
        days.check_business_day(day=day, calendar=TARGET)


@given(st.lists(st.tuples(DAYS_2008, st.integers(-10, 10)), min_size=1, max_size=30))
def test_arrays_agree_with_scalars(pairs: list[tuple[date, int]]) -> None:
    given_days = np.array([day for day, _ in pairs], dtype="datetime64[D]")
    counts = np.array([count for _, count in pairs], dtype=np.int64)
    shifted = days.add_business_days_each(days=given_days, counts=counts, calendar=TARGET)
    assert shifted.tolist() == [days.add_business_days(day=day, count=count, calendar=TARGET) for day, count in pairs]
    assert days.are_business_days(days=shifted, calendar=TARGET).all()


@given(DAYS_2008, st.integers(1, 15))
def test_counting_forward_agrees_with_walking(day: date, count: int) -> None:
    walked, left = day, count
    while left:
        walked += timedelta(days=1)
        left -= walked.isoweekday() <= 5 and walked not in TARGET_2008
    assert days.add_business_days(day=day, count=count, calendar=TARGET) == walked
