"""The page of one order: only this floor knows its whole life."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from clearing.queries.life import describe_obligation
from fmi.order_life import OrderLife, read_order_life
from fmi.pages import chosen_view, show_steps, view_tabs
from reference.access import actor_of
from reference.answering import answer
from settlement.queries.life import describe_instruction
from trades.core.order_lifecycle import OPEN_STATUSES, OrderStatus
from trades.queries.compliance import alerts_visible_to, enrichment_of_order
from trades.queries.orders import describe_execution, get_order

# What the head of the page shows as a way: each with the states that lie beyond it.
STAGES = (
    OrderStatus.RECEIVED, OrderStatus.VALIDATED, OrderStatus.ROUTING, OrderStatus.FILLED, OrderStatus.CLEARED,
    OrderStatus.SETTLING, OrderStatus.SETTLED,
)  # fmt: skip

ENDED_EARLY = (OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED)


@require_safe
def order(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show one order's whole life: where its parts went, what they filled, and how that clears and settles."""
    actor = actor_of(request)
    found = read_order_life(order=get_order(actor=actor, public_id=public_id), actor=actor)
    view = chosen_view(request)
    context = {
        "order": found.order,
        "executed": describe_execution(order=found.order),
        "life": found,
        "way": _way(found),
        "steps": show_steps(found.steps),
        "view": view,
        "tabs": view_tabs(view),
        "obligations": [(row, describe_obligation(row)) for row in found.obligations],
        "instructions": [(row, describe_instruction(row)) for row in found.instructions],
        "refusal_title": f"Rejected: {found.order.refusal_code}",
        "limit_text": "" if found.order.limit_price is None else f"{found.order.limit_price.normalize():f}",
        "enriched": enrichment_of_order(order_pk=found.order.pk),
        "alerts": alerts_visible_to(actor=actor).filter(order=found.order) if actor.sees_all else (),
        "is_open": found.order.status in OPEN_STATUSES,
    }
    return answer(request, "trades/order.html", context)


def _way(found: OrderLife) -> list[dict[str, Any]]:
    """Return the stages of an order's life, each with when it was reached; of one that ended early, up to its end."""
    reached: dict[str, Any] = {}
    for step in found.steps:
        reached.setdefault(step.after, step.at)
    stages: list[str] = list(STAGES)
    if OrderStatus.PARTIALLY_FILLED in reached and OrderStatus.FILLED not in reached:
        stages[stages.index(OrderStatus.FILLED)] = OrderStatus.PARTIALLY_FILLED
    if found.order.status in ENDED_EARLY:
        stages = [*(stage for stage in stages if stage in reached), found.order.status]
    return [
        {
            "state": str(stage),
            "at": reached.get(stage),
            "percent": 100 if stage in reached else 0,
            "tone": {OrderStatus.SETTLED: "good", OrderStatus.REJECTED: "bad"}.get(OrderStatus(stage), ""),
        }
        for stage in stages
    ]
