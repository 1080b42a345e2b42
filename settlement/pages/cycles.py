"""The page of a business day: its schedule against what happened, what settles now, and the operator's hands on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from reference.access import actor_of
from reference.answering import act_and_return, acting_operator_of, answer
from reference.core.actor import Actor
from reference.core.calendar import is_business_day
from reference.queries import ClockReading, business_clock, directory
from settlement.models import Outage, StepAction
from settlement.queries.cycles import CycleView, cycles_of, day_shares
from settlement.queries.day import (
    DayView,
    StepView,
    last_order,
    outages_of,
    read_day,
    real_time_mode,
    recent_days,
)
from settlement.queries.timeline import build_timeline, cut_offs
from settlement.services.order_steps import END_OF_DAY, order_steps
from settlement.services.outages import declare_outage, end_outage
from settlement.services.run_clock import pause_clock, resume_clock
from settlement.services.run_cycle import REAL_TIME

DAYS_SHOWN = 20


@dataclass(frozen=True)
class Row:
    """A line of the day's table: a step with the cycle it ran, or a real-time cycle between two steps."""

    at: datetime
    step: StepView | None
    cycle: CycleView | None


@require_safe
def cycles(request: HttpRequest) -> HttpResponse:
    """Show one business date: where it stands, the schedule against what happened, the outcome of each cycle."""
    actor, reading = actor_of(request), business_clock()
    days = recent_days(count=DAYS_SHOWN)
    wanted = request.GET.get("day", "")
    shown = next((row.business_date for row in days if row.business_date.isoformat() == wanted), reading.business_date)
    views = cycles_of(actor=actor, business_date=shown)
    day = read_day(business_date=shown, at=reading.at)
    outages = outages_of(business_date=shown)
    context = {
        "reading": reading,
        "day": day,
        "is_today": shown == reading.business_date,
        "rows": merge_rows(day=day, cycles=views),
        "days": days,
        "shares": day_shares(views=views),
        "last": views[-1] if views else None,
        "at_once": sum(view.settled for view in views if view.name == REAL_TIME),
        "timeline": build_timeline(day=day, at=reading.at),
        "late": [step for step in day.steps if step.state == "LATE"],
        "mode": real_time_mode(at=reading.at) if shown == reading.business_date else None,
        "next_window": _next_window(day=day, at=reading.at),
        "next_cut_off": next((step for step in cut_offs(day=day) if step.state != "DONE"), None),
        "closed_currencies": closed_currencies(business_date=shown),
        "outages": outages,
        "outage": _under_way(outages),
        **_progress(actor=actor, day=day),
    }
    return answer(request, "settlement/cycles.html", context)


@require_POST
def step(request: HttpRequest) -> HttpResponse:
    """Order the next step, all steps to the end of the day, or those up to one of them."""

    def act(actor: Actor, reading: ClockReading) -> str:
        order = order_steps(to=request.POST.get("to", ""), actor=actor, clock=reading)
        return f"Ordered: {order.step.name} of {order.business_date:%a %d %b %Y}. It is under way."

    return _operate(request, act=act)


@require_POST
def pause(request: HttpRequest) -> HttpResponse:
    """Let business time stand still."""

    def act(actor: Actor, reading: ClockReading) -> str:
        pause_clock(actor=actor, clock=reading)
        return "Business time stands still; the day may be stepped by hand."

    return _operate(request, act=act)


@require_POST
def resume(request: HttpRequest) -> HttpResponse:
    """Let business time go on."""

    def act(actor: Actor, reading: ClockReading) -> str:
        resume_clock(actor=actor, clock=reading, now=timezone.now())
        return "Business time goes on."

    return _operate(request, act=act)


@require_POST
def outage(request: HttpRequest) -> HttpResponse:
    """Declare an outage."""

    def act(actor: Actor, reading: ClockReading) -> str:
        declare_outage(
            reason=request.POST.get("reason", ""), actor=actor, at=reading.at, business_date=reading.business_date
        )
        return "The outage is declared: no cycle runs until it is ended, and its day counts no penalties."

    return _operate(request, act=act)


@require_POST
def outage_end(request: HttpRequest) -> HttpResponse:
    """End the outage."""

    def act(actor: Actor, reading: ClockReading) -> str:
        end_outage(actor=actor, at=reading.at, business_date=reading.business_date)
        return "The outage is over: cycles run again."

    return _operate(request, act=act)


def merge_rows(*, day: DayView, cycles: Sequence[CycleView]) -> list[Row]:
    """Put the steps of a day and its real-time cycles in the order of business time."""
    by_name = {view.name: view for view in cycles if view.name != REAL_TIME}
    ran = {step.code: by_name.get(step.name) for step in day.steps if step.action == StepAction.CYCLE}
    rows = [Row(step.planned_at, step, ran.get(step.code)) for step in day.steps]
    rows += [Row(view.ran_at, None, view) for view in cycles if view.name == REAL_TIME]
    return sorted(rows, key=lambda row: (row.at, row.step is None))


def closed_currencies(*, business_date: date) -> list[str]:
    """Return the currencies that do not settle on a business date: their own calendar is closed."""
    return [
        entry.code
        for entry in directory().currencies.values()
        if not is_business_day(day=business_date, calendar=entry.calendar.business_days)
    ]


def _next_window(*, day: DayView, at: datetime) -> StepView | None:
    """Return the partial-settlement window that is open, or the next one."""
    return next((step for step in day.steps if step.window_until is not None and at < step.window_until), None)


def _under_way(outages: Sequence[Outage]) -> Outage | None:
    """Return the outage that has not ended."""
    return next((row for row in outages if row.ended_at is None), None)


def _progress(*, actor: Actor, day: DayView) -> dict[str, object]:
    """Return the last order to move the day, for an operator, and how many steps are done."""
    order = last_order() if actor.is_operator else None
    done, total = day.done, len(day.steps)
    return {
        "order": order if order is not None and order.ended_at is None else None,
        "given_up": order if order is not None and order.problem else None,
        "may_operate": actor.is_operator,
        "end_of_day": END_OF_DAY,
        "done_percent": 100 * done / total if total else 0,
    }


def _operate(request: HttpRequest, *, act: Callable[[Actor, ClockReading], str]) -> HttpResponse:
    """Let an operator do something with the day, and go back to its page."""
    actor, reading = acting_operator_of(request), business_clock()
    return act_and_return(request, act=lambda: act(actor, reading), back=reverse("cycles"))
