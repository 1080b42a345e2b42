"""The page of dry runs: what is pending, under each model of delivery versus payment, side by side."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from reference.access import actor_of
from reference.answering import act_and_return, acting_operator_of, answer
from reference.queries import business_clock
from settlement.models import DryRun
from settlement.queries.comparisons import view_measures
from settlement.services.compare_models import order_comparison

RUNS_SHOWN = 10
WHOLE_MARKET = "A comparison is of the whole market; participants do not see it."


@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    """Show a dry run, the newest unless `?run=` names another: its progress, then its outcome model by model."""
    actor = actor_of(request)
    if not actor.sees_all:
        raise PermissionDenied(WHOLE_MARKET)
    runs = list(DryRun.objects.order_by("-id")[:RUNS_SHOWN])
    wanted = request.GET.get("run", "")
    if wanted:
        run = DryRun.objects.filter(pk=int(wanted)).first() if wanted.isdecimal() and len(wanted) < 19 else None
        if run is None:
            raise Http404("There is no such comparison.")
    else:
        run = runs[0] if runs else None
    context = {
        "run": run,
        "runs": runs,
        "measures": view_measures(run=run) if run is not None else [],
        "may_order": actor.is_operator and not any(each.state == "RUNNING" for each in runs),
    }
    return answer(request, "settlement/compare.html", context)


@require_POST
def order(request: HttpRequest) -> HttpResponse:
    """Order a dry run and show its progress."""
    actor, reading = acting_operator_of(request), business_clock()

    def act() -> str:
        order_comparison(actor=actor, clock=reading)
        return "The comparison is ordered; a worker computes it. Nothing is booked."

    return act_and_return(request, act=act, back=reverse("compare"))
