"""A default as it is shown: what has happened, what comes next and why, what it costs and who bears it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from clearing.core.default_lifecycle import CASE_PATH, CaseStatus, LotStatus
from clearing.core.waterfall import Layer, Waterfall
from clearing.models import DefaultCase
from clearing.queries.default_losses import LossPlan, plan_losses
from clearing.queries.defaults import case_positions
from reference.core.actor import Actor
from reference.queries import directory
from reference.refusals import Refusal

# Status -> what is done next, and why.
NEXT = {
    CaseStatus.PROPOSED: (
        "Another person declares the default",
        "A default ends a membership. Nobody declares it alone: a second person looks at the reason and confirms it.",
    ),
    CaseStatus.WITHDRAWN: ("Nothing", "The proposal was withdrawn; the member was never in default."),
    CaseStatus.DECLARED: (
        "Suspend the member",
        "Its trades are no longer novated. Now its open calls are withdrawn, and what it owes is taken out of"
        " settlement, so that its positions stand still while they are dealt with.",
    ),
    CaseStatus.SUSPENDED: (
        "Port its clients, hedge, then offer what is left",
        "Clients may go on with a member that consents. What remains is cut into lots and auctioned, because the CCP"
        " has to be matched again: each contract it holds with the defaulter stands against one with somebody else.",
    ),
    CaseStatus.AUCTION: (
        "Open the bids after the deadline",
        "Bids are sealed: nobody reads them before the deadline. Each lot goes to the lowest price, the earliest of"
        " equal ones, and its positions move to the winner at once.",
    ),
    CaseStatus.TRANSFERRED: (
        "Allocate the losses",
        "Nothing of the defaulter is open any more and the loss is known. The layers bear it in their order, its own"
        " resources first; the survivors' initial margin is never used.",
    ),
    CaseStatus.ALLOCATED: (
        "Call used resources again, then close",
        "The CCP stays covered for the next default: contributions are called again, and its own resources are filled"
        " up within a month. What the defaulter's resources were not needed for goes to its estate.",
    ),
    CaseStatus.CLOSED: ("Nothing", "The case is closed and the membership ended."),
}


# What all members are told of; the rest is between the CCP and whom it concerns.
TOLD = ("declare", "suspend", "open", "award", "skip", "allocate", "close")


@dataclass(frozen=True)
class PathStep:
    """One state on the way: done, current, or still to come."""

    status: str
    state: str


def path_of(*, case: DefaultCase) -> list[PathStep]:
    """Return the states that a case walks, and which are behind it."""
    if case.status == CaseStatus.WITHDRAWN:
        return [PathStep("PROPOSED", "done"), PathStep("WITHDRAWN", "current")]
    place = CASE_PATH.index(CaseStatus(case.status))
    return [
        PathStep(status.value, "done" if number < place else "current" if number == place else "ahead")
        for number, status in enumerate(CASE_PATH)
    ]


def next_of(*, case: DefaultCase) -> dict[str, str]:
    """Return what is done next and why."""
    what, why = NEXT[CaseStatus(case.status)]
    return {"what": what, "why": why}


def describe_movements(*, case: DefaultCase) -> list[dict[str, Any]]:
    """Return the money that moved because of a case, as plain values."""
    return [
        {
            "kind": row.kind,
            "label": row.get_kind_display(),
            "currency": row.currency.code,
            "member": row.member.code if row.member else None,
            "lot": row.lot.number if row.lot else None,
            "amount_minor": row.amount_minor,
            "text": row.text or (f"Lot {row.lot.number}" if row.lot else ""),
            "at": row.at.isoformat(),
        }
        for row in case.movements.select_related("currency", "member", "lot")
    ]


def describe_uses(*, case: DefaultCase) -> list[dict[str, Any]]:
    """Return what the layers of a case had and bore, as plain values."""
    return [
        {
            "layer": row.layer,
            "label": Layer(row.layer).label,
            "currency": row.currency.code,
            "member": row.member.code if row.member else None,
            "available_minor": row.available_minor,
            "used_minor": row.used_minor,
        }
        for row in case.uses.select_related("currency", "member").order_by("currency__code", "layer", "pk")
    ]


def describe_plans(*, case: DefaultCase, business_date: date) -> list[dict[str, Any]]:
    """Return what a case would cost in each currency and who would bear it now, as plain values.

    What is still open counts as if it were taken over at its worth, without a price; nothing where it has no mark.
    """
    open_worth: dict[int, int] = {}
    if case.status == CaseStatus.SUSPENDED:
        try:
            for position in case_positions(member_id=case.member_id, business_date=business_date):
                worth = position.mark_minor + position.cash_minor
                open_worth[position.currency_id] = open_worth.get(position.currency_id, 0) + worth
        except Refusal:
            return []
    for lot in case.lots.filter(status=LotStatus.OPEN):
        open_worth[lot.currency_id] = open_worth.get(lot.currency_id, 0) + lot.worth_minor
    return [_describe_plan(plan) for plan in plan_losses(case=case, open_worth=open_worth)]


def _describe_plan(plan: LossPlan) -> dict[str, Any]:
    """Return one currency's plan; with the assessments it would take where they are not called yet."""
    shown = plan.potential if plan.wants_assessments else plan.waterfall
    return {
        "currency": directory().currencies[plan.currency_id].code,
        "loss_minor": plan.loss_minor,
        "costs": [
            {"kind": cost.kind.value, "label": cost.kind.label, "text": cost.text, "amount_minor": cost.amount_minor}
            for cost in plan.costs
        ],
        "layers": _describe_layers(waterfall=shown, plan=plan),
        "surplus_minor": shown.surplus_minor,
        "uncovered_minor": shown.uncovered_minor,
        "wants_assessments": plan.wants_assessments,
        "waits_for_assessments": plan.waits_for_assessments,
        "sells_first": plan.sells_first,
    }


def _describe_layers(*, waterfall: Waterfall, plan: LossPlan) -> list[dict[str, Any]]:
    """Return the rows of a waterfall that have anything, by layer and member."""
    source = directory().participants
    rows = []
    for use in waterfall.uses:
        alone = len(use.available_minor) == 1 and use.layer in (
            Layer.DEFAULTER_MARGIN, Layer.DEFAULTER_FUND, Layer.SKIN, Layer.EQUITY,
        )  # fmt: skip
        own = use.layer in (Layer.DEFAULTER_MARGIN, Layer.DEFAULTER_FUND)
        members: Iterable[int | None] = [plan.defaulter.pk if own else None] if alone else plan.members
        for member, available, used in zip(members, use.available_minor.tolist(), use.used_minor.tolist(), strict=True):
            if available:
                rows.append(
                    {
                        "layer": int(use.layer),
                        "label": use.layer.label,
                        "member": source[member].code if member else None,
                        "available_minor": available,
                        "used_minor": used,
                    }
                )
    return rows


def sum_layers(*, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return available and used of each layer, over its accounts."""
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        layer = found.setdefault(
            row["layer"], {"layer": row["layer"], "label": row["label"], "available_minor": 0, "used_minor": 0}
        )
        layer["available_minor"] += row["available_minor"]
        layer["used_minor"] += row["used_minor"]
    return [found[number] for number in sorted(found)]


@dataclass(frozen=True)
class CaseView:
    """A case as one actor may see it: a participant reads its own part, and no plan."""

    next: dict[str, str]
    steps: list[dict[str, Any]]
    movements: list[dict[str, Any]]
    uses: list[dict[str, Any]]
    plans: list[dict[str, Any]]


def view_case(*, case: DefaultCase, actor: Actor, business_date: date) -> CaseView:
    """Return what an actor may see of a case."""
    steps = [
        {
            "action": row.action,
            "status": row.status,
            "summary": row.summary if actor.sees_all else "",
            "done_by": row.done_by if actor.sees_all else "the CCP",
            "at": row.at,
        }
        for row in case.steps.all()
        if actor.sees_all or row.action in TOLD
    ]
    movements, uses = describe_movements(case=case), describe_uses(case=case)
    if not actor.sees_all:
        own = directory().participants[actor.participant_id or 0].code
        movements = [row for row in movements if row["member"] == own]
        uses = [row for row in uses if row["member"] == own]
    planned = actor.sees_all and case.status in (
        CaseStatus.SUSPENDED, CaseStatus.AUCTION, CaseStatus.TRANSFERRED,
    )  # fmt: skip
    return CaseView(
        next=next_of(case=case) if actor.sees_all else {"what": "", "why": ""},
        steps=steps,
        movements=movements,
        uses=uses,
        plans=describe_plans(case=case, business_date=business_date) if planned else [],
    )
