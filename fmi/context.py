"""What every page's frame shows: the business clock, who acts, and the counts beside the navigation."""

from dataclasses import dataclass
from typing import Any

from django.contrib.messages import get_messages
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from clearing.queries.risk_overview import count_overdue
from events.queries.outbox import late_events
from events.queries.seals import audit_is_in_doubt
from events.queries.webhooks import failing_webhooks
from reference.access import find_actor
from reference.core.actor import Actor, Role
from reference.queries import business_clock, directory, proposals_waiting_for
from reference.refusals import BusinessClockNotSet
from settlement.queries.day import clock_view
from trades.core.alert_lifecycle import AlertStatus
from trades.queries.compliance import alerts_visible_to
from trades.queries.unmatched import count_unmatched

COUNTS_SECONDS = 10


@dataclass(frozen=True)
class FrameActor:
    """Who acts, in the words of the frame."""

    name: str
    role: str
    participant_code: str
    participant_name: str
    may_act: bool
    sees_all: bool


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor. All of it is read only where a template asks for it: a fragment asks for none."""
    return {
        "clock": SimpleLazyObject(read_clock),
        "actor": SimpleLazyObject(lambda: _frame_actor(find_actor(request)) if hasattr(request, "user") else None),
        "nav_counts": SimpleLazyObject(lambda: _nav_counts(request)),
    }


def read_clock() -> dict[str, Any] | None:
    """Return what the head shows of the business day; None before reference data is loaded."""
    try:
        return clock_view(reading=business_clock())
    except BusinessClockNotSet:
        return None


def _frame_actor(actor: Actor | None) -> FrameActor | None:
    """Put the actor in the frame's words."""
    if actor is None:
        return None
    participant = directory().participants.get(actor.participant_id) if actor.participant_id else None
    return FrameActor(
        name=actor.name,
        role=actor.role.value.lower(),
        participant_code=participant.code if participant else "",
        participant_name=participant.name if participant else "",
        may_act=actor.role is not Role.AUDITOR,
        sees_all=actor.sees_all,
    )


def _nav_counts(request: HttpRequest) -> dict[str, int]:
    """Count what waits, beside its entry: kept for some seconds, read anew where the page tells of an act."""
    actor = find_actor(request)
    if actor is None:
        return {}
    key = f"nav-counts:{actor.role}:{actor.participant_id}:{actor.name}"
    found: dict[str, int] | None = None if len(get_messages(request)) else cache.get(key)
    if found is None:
        found = read_counts(actor=actor)
        cache.set(key, found, timeout=COUNTS_SECONDS)
    return found


def read_counts(*, actor: Actor) -> dict[str, int]:
    """Return what waits for somebody, by the navigation's entries."""
    return {
        "unmatched": count_unmatched(actor=actor),
        "risk": count_overdue(actor=actor),
        "events": late_events() if actor.sees_all else 0,
        "webhooks": failing_webhooks(actor=actor),
        "approvals": proposals_waiting_for(actor=actor).count(),
        "audit": int(actor.sees_all and audit_is_in_doubt()),
        "compliance": alerts_visible_to(actor=actor).filter(status=AlertStatus.OPEN).count() if actor.sees_all else 0,
    }
