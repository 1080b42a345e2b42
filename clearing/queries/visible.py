"""Which obligations an actor may see: a participant those of its own accounts."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from clearing.models import Obligation
from ledger.models import Account
from reference.core.actor import Actor


def obligations_visible_to(*, actor: Actor) -> QuerySet[Obligation]:
    """Return the obligations between an account of the actor's participant and another, or all."""
    if actor.participant_id is None:
        return Obligation.objects.all()
    return Obligation.objects.filter(obliges(participant_id=actor.participant_id))


def obliges(*, participant_id: int) -> Q:
    """Say that an obligation binds an account of this participant, on either side."""
    accounts = Account.objects.filter(participant_id=participant_id).order_by().values("pk")
    return Q(account_id__in=accounts) | Q(counterparty_account_id__in=accounts)
