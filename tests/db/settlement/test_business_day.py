"""The CSD's day: opened once, stepped through by its schedule, closed with a report, never passed over."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from django.db import IntegrityError, transaction

from settlement.models import BusinessDay, DayStep, ScheduledStep, StepAction
from settlement.refusals import DayAlreadyOpen
from settlement.services.business_day import (
    close_business_day,
    complete_step,
    next_business_date,
    next_step,
    open_business_day,
)
from tests.factories.chain import MONDAY, Chain, at_time

TUESDAY = date(2008, 9, 9)
SUNDAY_EVE = at_time(date(2008, 9, 5), 18, 45)


def test_evening_steps_fall_on_the_business_day_before(chain: Chain) -> None:
    step = next_step(business_date=date(2008, 9, 5))
    assert (step.business_date, step.action, step.step_id) == (MONDAY, StepAction.OPEN, None)
    assert step.planned_at == SUNDAY_EVE
    open_business_day(business_date=MONDAY, at=SUNDAY_EVE)
    second = next_step(business_date=MONDAY)
    assert (second.action, second.planned_at) == (StepAction.NET, at_time(date(2008, 9, 5), 19, 30))


def test_a_day_is_opened_once(chain: Chain) -> None:
    open_business_day(business_date=MONDAY, at=SUNDAY_EVE)
    steps = DayStep.objects.count()
    open_business_day(business_date=MONDAY, at=at_time(MONDAY, 9))
    assert BusinessDay.objects.get().opened_at == SUNDAY_EVE
    assert DayStep.objects.count() == steps == ScheduledStep.objects.count()
    with pytest.raises(DayAlreadyOpen):
        open_business_day(business_date=TUESDAY, at=at_time(MONDAY, 18, 45))


def test_an_inactive_step_is_not_planned(chain: Chain) -> None:
    ScheduledStep.objects.filter(code="NIGHT_2_Z").update(active=False)
    open_business_day(business_date=MONDAY, at=SUNDAY_EVE)
    assert not DayStep.objects.filter(step_id="NIGHT_2_Z").exists()


def play(day: date) -> list[str]:
    """Step through a whole day; return the actions in order."""
    actions = []
    while True:
        step = next_step(business_date=day)
        actions.append(step.action)
        if step.step_id is None:
            open_business_day(business_date=step.business_date, at=step.planned_at)
        elif step.action == StepAction.CLOSE:
            close_business_day(
                business_date=step.business_date, at=step.planned_at, report={"n": 1}, step_id=step.step_id,
                took=timedelta(milliseconds=7),
            )  # fmt: skip
            return actions
        else:
            complete_step(step_id=step.step_id, took=timedelta(milliseconds=5))


def test_the_steps_come_in_the_order_of_their_times(chain: Chain) -> None:
    assert play(date(2008, 9, 5)) == [
        "OPEN", "NET", *["CYCLE"] * 9, "CYCLE", "NET", "CYCLE", "CYCLE", "NET", "CYCLE", "CYCLE", "NET", "CYCLE",
        "CYCLE", "REIMBURSE", "CYCLE", "CYCLE", "PENALISE", "CLOSE",
    ]  # fmt: skip
    day = BusinessDay.objects.get()
    assert (day.closed_at, day.report) == (at_time(MONDAY, 18, 30), {"n": 1})
    assert not DayStep.objects.filter(done_at=None).exists()
    following = next_step(business_date=MONDAY)
    assert (following.business_date, following.action) == (TUESDAY, StepAction.OPEN)


def test_the_day_after_the_last_one_opened_comes_next_wherever_the_clock_stands(chain: Chain) -> None:
    """A worker killed between turning the clock and opening the day must not pass the day over."""
    play(date(2008, 9, 5))
    assert next_step(business_date=TUESDAY).business_date == TUESDAY


def test_a_step_noted_twice_keeps_its_first_time(chain: Chain) -> None:
    open_business_day(business_date=MONDAY, at=SUNDAY_EVE)
    step = next_step(business_date=MONDAY)
    assert step.step_id is not None
    complete_step(step_id=step.step_id, took=timedelta(milliseconds=5))
    done = DayStep.objects.get(pk=step.step_id)
    complete_step(step_id=step.step_id, took=timedelta(milliseconds=99))
    again = DayStep.objects.get(pk=step.step_id)
    assert (again.done_at, again.took_ms) == (done.done_at, 5)


def test_closing_days_are_passed_over(chain: Chain) -> None:
    assert next_business_date(after=date(2008, 12, 24)) == date(2008, 12, 29)
    assert next_business_date(after=date(2008, 12, 29), count=-1) == date(2008, 12, 24)


def test_two_days_cannot_be_open_whoever_writes_them(chain: Chain) -> None:
    BusinessDay.objects.create(business_date=MONDAY, opened_at=SUNDAY_EVE)
    with pytest.raises(IntegrityError, match="businessday_one_open"), transaction.atomic():
        BusinessDay.objects.create(business_date=TUESDAY, opened_at=SUNDAY_EVE)


def test_two_steps_cannot_fall_on_one_moment(chain: Chain) -> None:
    with pytest.raises(IntegrityError, match="scheduledstep_one_at_a_time"), transaction.atomic():
        ScheduledStep.objects.create(code="X", name="X", phase="X", action="CYCLE", time_of_day=time(8, 0))


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"action": "DANCE"}, "scheduledstep_action"),
        ({"movements": "SOME"}, "scheduledstep_movements"),
        ({"real_time": "SOME"}, "scheduledstep_real_time"),
        ({"window_minutes": 15}, "scheduledstep_window_is_for_partials"),
        ({"partials": True, "window_minutes": 1441}, "scheduledstep_window_is_for_partials"),
        ({"action": "NET", "partials": True}, "scheduledstep_cycles_part"),
        ({"day_offset": 1}, "scheduledstep_day_offset"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused(chain: Chain, changes: dict[str, object], constraint: str) -> None:
    row: dict[str, object] = {"name": "X", "phase": "X", "action": "CYCLE", "time_of_day": time(3, 33)} | changes
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        ScheduledStep.objects.create(code="X", **row)
