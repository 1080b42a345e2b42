"""The page of one cycle: what settled, what did not, why, what is missing most and what waits for what."""

from typing import Any

from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from reference.access import actor_of
from reference.answering import answer
from reference.core.actor import Actor
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from settlement.core.lifecycle import Reason
from settlement.models import Cycle
from settlement.pages.instructions import INSTRUCTION_COLUMNS
from settlement.queries.credit import credit_in
from settlement.queries.cycles import CycleView, parts_in, settled_in, unsettled_in, view_cycles
from settlement.queries.life import SHOWN, describe_shortage
from settlement.queries.waiting import largest_attempt, top_shortages, waiting_chain

REASONS = {
    "": "Not settled",
    Reason.LACK.value: "Lack securities",
    Reason.MONY.value: "Lack cash",
    Reason.MINIMUM.value: "Below the least part",
    Reason.LINK.value: "Linked",
    Reason.HOLD.value: "On hold",
}
SHORTAGES_SHOWN = 8
ATTEMPT_NAMES = ("deliverer", "receiver", "isin", "quantity", "cash_minor", "currency", "intended_date", "priority")


@require_safe
def cycle(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show one cycle: value against its bound, outcome by reason, the shortages that hold up most, the lists."""
    actor = actor_of(request)
    row = Cycle.objects.filter(pk=pk).first()
    if row is None:
        raise Http404("There is no such cycle.")
    view: CycleView = view_cycles(cycles=[row], actor=actor)[0]
    attempts = unsettled_in(cycle=row, actor=actor)
    shown = request.GET.get("show", "")
    shown = shown if shown in ("settled", "parts", *REASONS) else ""
    context: dict[str, Any] = {"cycle": view, "shown": shown}
    if shown == "settled":
        rows: QuerySet[Any] = settled_in(cycle=row, actor=actor).select_related(*SHOWN)
        columns = INSTRUCTION_COLUMNS
    elif shown == "parts":
        rows, columns = parts_in(cycle=row, actor=actor), PART_COLUMNS
    else:
        rows, columns = attempts.filter(reason=shown) if shown else attempts, _attempt_columns(actor)
    if wants_csv(request):
        name = shown or "unsettled"
        return stream_query(rows=rows, columns=columns, name=f"cycle-{pk}-{name.lower()}")
    cut = cut_page(rows=rows, request=request, newest_first=shown == "settled")
    context |= {"cut": cut, "csv_url": csv_url(request)}
    if shown not in ("settled", "parts"):
        context["attempts"] = [(each, describe_shortage(attempt=each, actor=actor)) for each in cut.rows]
    largest = largest_attempt(cycle=row) if actor.sees_all else None
    counts = dict(attempts.order_by().values_list("reason").annotate(n=Count("pk")))
    context |= {
        "tabs": _tabs(view=view, counts=counts, shown=shown),
        "credit": credit_in(cycle=row, actor=actor),
        "shortages": top_shortages(cycle=row, actor=actor, most=SHORTAGES_SHOWN),
        "waiting": waiting_chain(attempt=largest, actor=actor) if largest else None,
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


def _of_instruction(value: Any) -> Any:
    """Return a column of an instruction as a column of what refers to it."""
    return lambda row: value(row.instruction)


PART_COLUMNS: tuple[Column, ...] = (
    ("instruction", lambda row: row.instruction.public_id),
    ("settled_quantity", lambda row: row.settled_units),
    ("settled_minor", lambda row: row.settled_minor),
    *((name, _of_instruction(value)) for name, value in INSTRUCTION_COLUMNS if name in ATTEMPT_NAMES),
)


def _tabs(*, view: CycleView, counts: dict[str, int], shown: str) -> list[dict[str, Any]]:
    """Return the tabs of one cycle: what did not settle, by reason, what settled in part, and what settled."""
    known = {"": sum(counts.values()), "parts": view.partly, "settled": view.settled, **counts}
    labels = {**REASONS, "parts": "Settled in part", "settled": "Settled"}
    return [
        {"label": label, "href": f"?show={key}" if key else "?", "current": shown == key, "count": known.get(key, 0)}
        for key, label in labels.items()
        if known.get(key) or key in ("", "settled", Reason.LACK, Reason.MONY) or shown == key
    ]
