"""The CSD's business day: opened, stepped through by its schedule, closed."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from reference.core.calendar import BUSINESS_ZONE, add_business_days
from reference.queries import directory
from settlement.models import BusinessDay, DayStep, Movements, ScheduledStep, StepAction
from settlement.refusals import DayAlreadyOpen

CSD_CALENDAR = "TARGET"


@dataclass(frozen=True)
class DueStep:
    """The next step of the open business day, or the opening of the next one.

    step_id: of the open day's plan, None for an opening. partials, movements: what a cycle of the step may settle.
    """

    business_date: date
    planned_at: datetime
    action: str
    code: str
    name: str
    step_id: int | None
    partials: bool = False
    movements: str = Movements.ALL


def next_business_date(*, after: date, count: int = 1) -> date:
    """Return the CSD's next business date after a day (TARGET calendar); count -1 for the one before."""
    return add_business_days(day=after, count=count, calendar=directory().calendars_by_code[CSD_CALENDAR].business_days)


def planned_time(*, step: ScheduledStep, business_date: date) -> datetime:
    """Return when a step is due; an evening step is due on the evening of the business date before."""
    day = business_date if step.day_offset == 0 else next_business_date(after=business_date, count=-1)
    return datetime.combine(day, step.time_of_day, tzinfo=BUSINESS_ZONE)


def open_business_day(*, business_date: date, at: datetime) -> BusinessDay:
    """Open a business day, plan its steps and note the opening done; the same day twice changes nothing.

    Raises DayAlreadyOpen while another day is open.
    """
    with transaction.atomic():
        standing = BusinessDay.objects.filter(closed_at=None).first()
        if standing is not None and standing.business_date != business_date:
            raise DayAlreadyOpen(f"{standing.business_date} is open.")
        day, created = BusinessDay.objects.get_or_create(business_date=business_date, defaults={"opened_at": at})
        if created:
            DayStep.objects.bulk_create(
                [
                    DayStep(
                        business_day=day,
                        step=step,
                        planned_at=planned_time(step=step, business_date=business_date),
                        done_at=Now() if step.action == StepAction.OPEN else None,
                        took_ms=0 if step.action == StepAction.OPEN else None,
                    )
                    for step in ScheduledStep.objects.filter(active=True)
                ]
            )
    return day


def next_step(*, business_date: date) -> DueStep:
    """Return what comes next: the open day's first step not done, or the opening of the next business day.

    business_date: the clock's; it only counts before the first day was ever opened.
    """
    step = (
        DayStep.objects.filter(business_day__closed_at=None, done_at=None)
        .select_related("step")
        .order_by("planned_at")
        .first()
    )
    if step is not None:
        return DueStep(
            business_date=step.business_day_id,
            planned_at=step.planned_at,
            action=step.step.action,
            code=step.step_id,
            name=step.step.name,
            step_id=step.pk,
            partials=step.step.partials,
            movements=step.step.movements,
        )
    last = BusinessDay.objects.order_by("-business_date").first()
    following = next_business_date(after=last.business_date if last is not None else business_date)
    opening = (
        ScheduledStep.objects.filter(action=StepAction.OPEN, active=True).order_by("day_offset", "time_of_day").first()
    )
    if opening is None:
        raise RuntimeError("the schedule has no opening step")
    return DueStep(
        business_date=following,
        planned_at=planned_time(step=opening, business_date=following),
        action=StepAction.OPEN,
        code=opening.code,
        name=opening.name,
        step_id=None,
    )


def note_step(*, step_id: int, note: str) -> None:
    """Note on a step why it does not do what it is for."""
    DayStep.objects.filter(pk=step_id, done_at=None).update(note=note)


def complete_step(*, step_id: int, took: timedelta) -> None:
    """Note that a step was done."""
    DayStep.objects.filter(pk=step_id, done_at=None).update(done_at=Now(), took_ms=round(took.total_seconds() * 1000))


def close_business_day(
    *, business_date: date, at: datetime, report: dict[str, Any], step_id: int, took: timedelta
) -> None:
    """Close a business day with its report and note its last step done; what is pending is tried the next day."""
    with transaction.atomic():
        complete_step(step_id=step_id, took=took)
        BusinessDay.objects.filter(business_date=business_date, closed_at=None).update(closed_at=at, report=report)
