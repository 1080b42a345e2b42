"""The pages of settlement: the day's cycles, one cycle, the instructions, hold and release."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from reference.access import actor_of
from reference.answering import act_and_return, acting_actor_of, answer
from reference.core.actor import Actor
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import business_clock, directory
from settlement.core.lifecycle import Reason
from settlement.filters import InstructionFilter
from settlement.models import Cycle, Instruction
from settlement.queries.cycles import CycleView, cycles_of, day_shares, settled_in, unsettled_in, view_cycles
from settlement.queries.day import read_day, recent_days
from settlement.queries.life import SHOWN, describe_shortage, get_instruction
from settlement.queries.visible import instructions_visible_to
from settlement.services.hold_instruction import hold_instruction, release_instruction

DAYS_SHOWN = 20
REASONS = {"": "All", Reason.LACK: "Lack securities", Reason.MONY: "Lack cash", Reason.HOLD: "On hold"}

INSTRUCTION_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.public_id),
    ("source", lambda row: row.source),
    ("reference", lambda row: row.reference),
    ("status", lambda row: row.status),
    ("reason", lambda row: row.reason),
    ("deliverer", lambda row: row.deliverer_account.participant.code),
    ("deliverer_account", lambda row: row.deliverer_account.code),
    ("receiver", lambda row: row.receiver_account.participant.code),
    ("receiver_account", lambda row: row.receiver_account.code),
    ("isin", lambda row: row.security.code),
    ("quantity", lambda row: row.quantity_units),
    ("cash_minor", lambda row: row.cash_minor),
    ("currency", lambda row: row.currency.code),
    ("intended_date", lambda row: row.intended_date),
    ("priority", lambda row: row.priority),
    ("held_by_deliverer", lambda row: row.held_by_deliverer),
    ("held_by_receiver", lambda row: row.held_by_receiver),
    ("created_at", lambda row: row.created_at),
    ("settled_at", lambda row: row.settled_at),
    ("cycle", lambda row: row.cycle_id),
)


@require_safe
def cycles(request: HttpRequest) -> HttpResponse:
    """Show one business date: the schedule against what happened, and the outcome of each cycle."""
    actor, reading = actor_of(request), business_clock()
    days = recent_days(count=DAYS_SHOWN)
    wanted = request.GET.get("day", "")
    day = next((row.business_date for row in days if row.business_date.isoformat() == wanted), reading.business_date)
    views = cycles_of(actor=actor, business_date=day)
    by_name = {view.name: view for view in views}
    view = read_day(business_date=day, at=reading.at)
    context = {
        "today": reading.business_date,
        "day": view,
        "steps": [(step, by_name.get(step.name) if step.action == "CYCLE" else None) for step in view.steps],
        "days": days,
        "cycles": views,
        "shares": day_shares(views=views),
        "last": views[-1] if views else None,
    }
    return answer(request, "settlement/cycles.html", context)


@require_safe
def cycle(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show one cycle: what settled, what did not, why, and what was missing where."""
    actor = actor_of(request)
    row = Cycle.objects.filter(pk=pk).first()
    if row is None:
        raise Http404("There is no such cycle.")
    view: CycleView = view_cycles(cycles=[row], actor=actor)[0]
    shown = request.GET.get("show", "")
    shown = shown if shown in ("settled", *REASONS) else ""
    context: dict[str, Any] = {"cycle": view, "shown": shown, "tabs": _tabs(view=view, shown=shown)}
    if shown == "settled":
        settled = settled_in(cycle=row, actor=actor).select_related(*SHOWN)
        if wants_csv(request):
            return stream_query(request=request, rows=settled, columns=INSTRUCTION_COLUMNS, name=f"cycle-{pk}-settled")
        context |= {"cut": cut_page(rows=settled, request=request), "csv_url": csv_url(request)}
    else:
        attempts = unsettled_in(cycle=row, actor=actor)
        attempts = attempts.filter(reason=shown) if shown else attempts
        columns = _attempt_columns(actor)
        if wants_csv(request):
            return stream_query(request=request, rows=attempts, columns=columns, name=f"cycle-{pk}-unsettled")
        cut = cut_page(rows=attempts, request=request, newest_first=False)
        context |= {
            "cut": cut,
            "attempts": [(attempt, describe_shortage(attempt=attempt, actor=actor)) for attempt in cut.rows],
            "csv_url": csv_url(request),
        }
    return answer(request, "settlement/cycle.html", context)


def _attempt_columns(actor: Actor) -> tuple[Column, ...]:
    """Return the columns of what did not settle, as this actor may see it."""
    return (
        ("instruction", lambda row: row.instruction.public_id),
        ("reason", lambda row: row.reason),
        ("missing", lambda row: describe_shortage(attempt=row, actor=actor)),
        *((name, _of_instruction(value)) for name, value in INSTRUCTION_COLUMNS if name in ATTEMPT_NAMES),
    )


ATTEMPT_NAMES = ("deliverer", "receiver", "isin", "quantity", "cash_minor", "currency", "intended_date", "priority")


def _of_instruction(value: Any) -> Any:
    """Return a column of an instruction as a column of an attempt at it."""
    return lambda row: value(row.instruction)


@require_safe
def instructions(request: HttpRequest) -> HttpResponseBase:
    """List settlement instructions, newest first; the CSV holds exactly the filtered list."""
    actor, reading = actor_of(request), business_clock()
    filtered = InstructionFilter(request.GET, queryset=instructions_visible_to(actor=actor).select_related(*SHOWN))
    rows = filtered.qs if filtered.is_valid() else Instruction.objects.none()
    if wants_csv(request):
        return stream_query(request=request, rows=rows, columns=INSTRUCTION_COLUMNS, name="instructions")
    source = directory()
    context = {
        "today": reading.business_date,
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request),
        "csv_url": csv_url(request),
        "participants": sorted(source.participants.values(), key=lambda entry: entry.code),
        "securities": sorted(source.securities.values(), key=lambda entry: entry.symbol),
    }
    return answer(request, "settlement/instructions.html", context)


@require_POST
def hold(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Hold an instruction for the actor's side."""
    return _set_hold(request, public_id=public_id, held=True)


@require_POST
def release(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Release an instruction for the actor's side."""
    return _set_hold(request, public_id=public_id, held=False)


def _set_hold(request: HttpRequest, *, public_id: UUID, held: bool) -> HttpResponse:
    """Hold or release, and go back to the instruction."""
    actor, reading = acting_actor_of(request), business_clock()
    row = get_instruction(actor=actor, public_id=public_id)

    def act() -> str:
        change = hold_instruction if held else release_instruction
        changed = change(instruction_pk=row.pk, actor=actor, at=reading.at, business_date=reading.business_date)
        if held:
            return "The instruction is held: no cycle settles it until it is released."
        if changed.held_by_deliverer or changed.held_by_receiver:
            return "Your hold is released; the other side still holds the instruction."
        return "The instruction is released: the next cycle tries it."

    return act_and_return(request, act=act, back=reverse("instruction", args=[public_id]))


def _tabs(*, view: CycleView, shown: str) -> list[dict[str, Any]]:
    """Return the tabs of one cycle: what did not settle, by reason, and what did."""
    counts = {
        "": view.unsettled,
        Reason.LACK.value: view.lack,
        Reason.MONY.value: view.mony,
        Reason.HOLD.value: view.held,
    }
    tabs = [
        {
            "label": "Not settled" if not key else REASONS[key],
            "href": f"?show={key}" if key else "?",
            "current": shown == key,
            "count": count,
        }
        for key, count in counts.items()
    ]
    settled = {"label": "Settled", "href": "?show=settled", "current": shown == "settled", "count": view.settled}
    return [*tabs, settled]
