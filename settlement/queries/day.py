"""The business day as it was planned and as it went: the schedule, its phase, what comes next."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q

from reference.queries import ClockReading
from settlement.models import BusinessDay, DayOrder, DayStep, Outage, ScheduledStep, StepAction
from settlement.models.day import NOTHING

BEFORE_OPENING = "Before opening"
CLOSED = "Closed"


@dataclass(frozen=True)
class StepView:
    """One step of the day: when it was planned (business time), when it was done (wall-clock time)."""

    code: str
    name: str
    phase: str
    action: str
    planned_at: datetime
    done_at: datetime | None
    took_ms: int | None
    state: str
    partials: bool = False
    window_until: datetime | None = None
    movements: str = "ALL"
    real_time: str = NOTHING
    note: str = ""


@dataclass(frozen=True)
class RealTime:
    """What settles at once now, between cycles, and for which business date."""

    business_date: date
    movements: str
    partials: bool


@dataclass(frozen=True)
class DayView:
    """One business day: its steps in order, and where it stands."""

    business_date: date
    opened_at: datetime | None
    closed_at: datetime | None
    report: dict[str, object]
    steps: tuple[StepView, ...]
    phase: str
    next_step: StepView | None
    progress_percent: float

    @property
    def done(self) -> int:
        """Return how many steps are done."""
        return sum(step.state == "DONE" for step in self.steps)


def read_day(*, business_date: date, at: datetime) -> DayView:
    """Read a business day against its schedule; `at` says which step is due. Two queries."""
    rows = list(
        DayStep.objects.filter(business_day_id=business_date)
        .select_related("step", "business_day")
        .order_by("planned_at")
    )
    day = rows[0].business_day if rows else BusinessDay.objects.filter(pk=business_date).first()
    waiting = next((row.pk for row in rows if row.done_at is None), None)
    steps = tuple(
        StepView(
            code=row.step.code,
            name=row.step.name,
            phase=row.step.phase,
            action=row.step.action,
            planned_at=row.planned_at,
            done_at=row.done_at,
            took_ms=row.took_ms,
            state=_state_of(row=row, waiting=waiting, at=at),
            partials=row.step.partials,
            window_until=_window_end(row) if row.step.window_minutes else None,
            movements=row.step.movements,
            real_time=row.step.real_time,
            note=row.note,
        )
        for row in rows
    )
    return DayView(
        business_date=business_date,
        opened_at=day.opened_at if day else None,
        closed_at=day.closed_at if day else None,
        report=day.report if day else {},
        steps=steps,
        phase=_phase_of(day=day, steps=steps),
        next_step=next((step for step in steps if step.state != "DONE"), None),
        progress_percent=_progress(steps=steps, at=at, closed=bool(day and day.closed_at)),
    )


def _state_of(*, row: DayStep, waiting: int | None, at: datetime) -> str:
    """Return DONE, RUNNING (its time has come and it is the next one), LATE (it waits behind that), or DUE."""
    if row.done_at is not None:
        return "DONE"
    if row.planned_at > at:
        return "DUE"
    return "RUNNING" if row.pk == waiting else "LATE"


def _window_end(row: DayStep) -> datetime:
    """Return when the partial-settlement window that begins with a step closes."""
    return row.planned_at + timedelta(minutes=row.step.window_minutes)


def _phase_of(*, day: BusinessDay | None, steps: tuple[StepView, ...]) -> str:
    """Return the phase that the last step done has begun."""
    if day is not None and day.closed_at is not None:
        return CLOSED
    return next((step.phase for step in reversed(steps) if step.state == "DONE"), BEFORE_OPENING)


def _progress(*, steps: tuple[StepView, ...], at: datetime, closed: bool) -> float:
    """Return how far the clock is between the first and the last planned step, 0 to 100."""
    if closed:
        return 100.0
    if not steps:
        return 0.0
    whole = steps[-1].planned_at - steps[0].planned_at
    if whole <= timedelta(0):
        return 0.0
    return max(0.0, min(100.0, 100 * ((at - steps[0].planned_at) / whole)))


def real_time_mode(*, at: datetime) -> RealTime | None:
    """Return what real-time settlement may settle at this moment; None where only cycles settle. One query.

    The last step done says what, until the next; a cycle of the schedule whose time has come goes first. In a
    partial-settlement window, parts settle too.
    """
    rows = list(DayStep.objects.filter(business_day__closed_at=None).select_related("step").order_by("planned_at"))
    done = [row for row in rows if row.done_at is not None]
    if not done or done[-1].step.real_time == NOTHING:
        return None
    following = rows[len(done)] if len(done) < len(rows) else None
    if following is not None and following.planned_at <= at and following.step.action == StepAction.CYCLE:
        return None
    in_window = any(row.planned_at <= at < _window_end(row) for row in done if row.step.window_minutes)
    return RealTime(done[-1].business_day_id, done[-1].step.real_time, in_window)


def open_outage() -> Outage | None:
    """Return the outage that is under way."""
    return Outage.objects.filter(ended_at=None).first()


def outages_of(*, business_date: date) -> list[Outage]:
    """Return the outages that touched a business date, the first one first."""
    still_on = Q(last_business_date=None) | Q(last_business_date__gte=business_date)
    return list(Outage.objects.filter(still_on, business_date__lte=business_date).order_by("id"))


def was_outage_day(*, business_date: date) -> bool:
    """Tell whether an outage touched a business date: its penalties are switched off."""
    return bool(outages_of(business_date=business_date))


def open_order() -> DayOrder | None:
    """Return the order to move the day that is being carried out."""
    return DayOrder.objects.filter(ended_at=None).select_related("step").first()


def last_order() -> DayOrder | None:
    """Return the last order to move the day, whatever has become of it."""
    return DayOrder.objects.select_related("step").order_by("-id").first()


def clock_view(*, reading: ClockReading) -> dict[str, object]:
    """Return what the head of every page shows of the business day."""
    day = read_day(business_date=reading.business_date, at=reading.at)
    following = day.next_step
    return {
        "business_date": reading.business_date,
        "at": reading.at,
        "phase": day.phase,
        "next_step": following.name if following else None,
        "next_step_at": following.planned_at if following else None,
        "day_progress": day.progress_percent,
        "running": reading.running,
        "outage": open_outage(),
    }


def last_closed_day() -> BusinessDay | None:
    """Return the last business day that has ended, with its report."""
    return BusinessDay.objects.filter(closed_at__isnull=False).order_by("-business_date").first()


def recent_days(*, count: int) -> list[BusinessDay]:
    """Return the last business days, newest first."""
    return list(BusinessDay.objects.order_by("-business_date")[:count])


def day_schedule() -> list[ScheduledStep]:
    """Return the schedule of every business day, in order."""
    return list(ScheduledStep.objects.filter(active=True).order_by("day_offset", "time_of_day"))
