"""Who is a clearing member, as far as an actor may see it; and the lock under which the CCP's money moves."""

from __future__ import annotations

from django.db.models import QuerySet

from clearing.models import Membership
from clearing.refusals import UnknownMembership
from reference.core.actor import Actor

# Taken by whatever changes margin, calls, collateral, the default fund and the money of a default.
RISK_LOCK = "risk"


def memberships_visible_to(*, actor: Actor) -> QuerySet[Membership]:
    """Return the memberships with their member that the actor may see: all, or its own."""
    rows = Membership.objects.select_related("member").order_by("member__code")
    return rows if actor.participant_id is None else rows.filter(member_id=actor.participant_id)


def get_membership(*, actor: Actor, code: str) -> Membership:
    """Return the membership of the member with this code. Raises UnknownMembership, also for another's."""
    found = memberships_visible_to(actor=actor).filter(member__code=code).first()
    if found is None:
        raise UnknownMembership
    return found
