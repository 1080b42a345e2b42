"""A person has margin run: during the day, or an evening again that was refused."""

from __future__ import annotations

from datetime import date, datetime

from clearing.models import MarginRun, MarginRunKind, RefusedMarginRun
from clearing.refusals import EveningNotRefused
from clearing.services.run_evening import follow_run
from clearing.services.run_margin import run_margin
from events.services.audit import record_action
from reference.core.actor import Actor


def order_margin_run(*, kind: MarginRunKind, actor: Actor, at: datetime, business_date: date) -> MarginRun:
    """Run margin and what follows it, and say who asked; return the run.

    An evening is run by hand only where it was refused. Raises EveningNotRefused and what run_margin raises.
    """
    if kind == MarginRunKind.EVENING and not _was_refused(business_date=business_date):
        raise EveningNotRefused
    run = run_margin(kind=kind, at=at, business_date=business_date)
    follow_run(run=run)
    record_action(
        actor=actor,
        action="margin.run",
        at=at,
        business_date=business_date,
        object_type="marginrun",
        object_id=run.pk,
        summary=f"{run.get_kind_display()} margin run of {business_date} ordered",
        detail={"kind": run.kind, "portfolios": run.portfolios},
    )
    return run


def _was_refused(*, business_date: date) -> bool:
    refused = RefusedMarginRun.objects.filter(kind=MarginRunKind.EVENING, business_date=business_date)
    done = MarginRun.objects.filter(kind=MarginRunKind.EVENING, business_date=business_date)
    return refused.exists() and not done.exists()
