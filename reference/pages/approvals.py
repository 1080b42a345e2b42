"""The queue of what waits for a second person, and its decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from reference.access import actor_of
from reference.answering import act_and_return, acting_actor_of, answer
from reference.api.entry import now
from reference.core.actor import Actor, Role
from reference.core.proposal_lifecycle import ProposalStatus
from reference.filters import ProposalFilter
from reference.four_eyes import (
    approve_proposal,
    differences_of,
    may_decide,
    proposal_kind,
    reject_proposal,
    withdraw_proposal,
)
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.models import Proposal
from reference.queries import business_clock, directory, get_proposal, proposals_visible_to, proposals_waiting_for

# Of one subject, on its own page.
LATEST = 10
# To decide is what the navigation counts: what other persons have proposed and this one can decide.
VIEWS = {"decide": "To decide", "waiting": "All waiting", "decided": "Decided", "all": "All"}
WHY_EMPTY = {
    "decide": "No other person's proposal waits for you. Your own are under All waiting.",
    "waiting": "A change of limits, of static data or of a compliance rule, or the declaration of a default, appears "
    "here as soon as somebody proposes it.",
}
SAID = {
    "approve": "Approved and carried out: {}.",
    "reject": "Rejected: {}. Nothing has changed.",
    "withdraw": "Withdrawn: {}. Nothing has changed.",
}
COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.public_id),
    ("kind", lambda row: row.kind),
    ("subject", lambda row: row.subject),
    ("participant", lambda row: row.participant.code if row.participant else ""),
    ("before", lambda row: str(row.before)),
    ("after", lambda row: str(row.after)),
    ("status", lambda row: row.status),
    ("proposed_by", lambda row: row.proposed_by),
    ("proposed_at", lambda row: row.proposed_at),
    ("expires_at", lambda row: row.expires_at),
    ("decided_by", lambda row: row.decided_by),
    ("decided_at", lambda row: row.decided_at),
    ("reason", lambda row: row.reason),
)


@require_safe
def approvals(request: HttpRequest) -> HttpResponseBase:
    """List proposals, newest first: what would change, who asks, until when, and the decision."""
    actor = actor_of(request)
    view = request.GET.get("view", "")
    view = view if view in VIEWS else "waiting" if actor.role is Role.AUDITOR else "decide"
    visible = proposals_visible_to(actor=actor)
    open_ones = visible.filter(status=ProposalStatus.PROPOSED)
    counted = {"decide": proposals_waiting_for(actor=actor), "waiting": open_ones}
    others = {"decided": visible.exclude(status=ProposalStatus.PROPOSED), "all": visible}
    shown = (counted | others)[view]
    filtered = ProposalFilter(request.GET, queryset=shown.select_related("participant"))
    rows = filtered.qs if filtered.is_valid() else Proposal.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=COLUMNS, name="approvals")
    cut = cut_page(rows=rows, request=request)
    context = {
        "filter": filtered,
        "cut": cut,
        "rows": described(proposals=cut.rows, actor=actor),
        "csv_url": csv_url(request),
        "keep": {"view": view},
        "why_empty": WHY_EMPTY.get(view, "None matches this view and these filters."),
        "tabs": [
            {"label": label, "href": f"?view={name}", "current": name == view,
             "count": counted[name].count() if name in counted else ""}
            for name, label in VIEWS.items()
        ],
        "participants": sorted(directory().participants.values(), key=lambda entry: entry.code),
        "back": request.get_full_path(),
    }  # fmt: skip
    return answer(request, "reference/approvals.html", context)


def proposals_about(*, subject_type: str, subject_id: int, actor: Actor) -> list[dict[str, Any]]:
    """Return the latest proposals about one subject that the actor sees, the newest first, as `described`."""
    rows = proposals_visible_to(actor=actor).filter(subject_type=subject_type, subject_id=subject_id)
    return described(proposals=list(rows.select_related("participant")[:LATEST]), actor=actor)


def described(*, proposals: list[Proposal], actor: Actor) -> list[dict[str, Any]]:
    """Return each proposal with what it would change in words, and what this actor can do with it now."""
    words, at = differences_of(proposals=proposals), business_clock().at
    kinds = [proposal_kind(name=row.kind) for row in proposals]
    return [
        {
            "proposal": row,
            "title": kind.title,
            "href": reverse(kind.page, args=kind.page_takes(row.subject)),
            "changes": words[row.pk],
            "late": row.status == ProposalStatus.PROPOSED and row.expires_at <= at,
            "may_decide": may_decide(proposal=row, actor=actor),
            "own": row.status == ProposalStatus.PROPOSED and row.proposed_by == actor.name,
        }
        for row, kind in zip(proposals, kinds, strict=True)
    ]


@require_POST
def decide(request: HttpRequest, public_id: UUID, step: str) -> HttpResponse:
    """Approve, reject or withdraw, and go back to where the button was."""
    actor = acting_actor_of(request)
    proposal = get_proposal(actor=actor, public_id=public_id)
    reason = request.POST.get("reason", "")[:400]
    named: Mapping[str, Callable[[], Proposal]] = {
        "approve": lambda: approve_proposal(proposal_id=proposal.pk, reason=reason, actor=actor, **now()),
        "reject": lambda: reject_proposal(proposal_id=proposal.pk, reason=reason, actor=actor, **now()),
        "withdraw": lambda: withdraw_proposal(proposal_id=proposal.pk, actor=actor, **now()),
    }
    if step not in named:
        raise Http404

    def act() -> str:
        named[step]()
        return SAID[step].format(proposal.summary)

    back = request.POST.get("back", "")
    own = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return act_and_return(request, act=act, back=back if own else reverse("approvals"))
