"""Which settlement instructions an actor may see: a participant those on its own accounts."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from ledger.models import Account
from reference.core.actor import Actor
from settlement.models import Instruction


def instructions_visible_to(*, actor: Actor) -> QuerySet[Instruction]:
    """Return the instructions that deliver from or to an account of the actor's participant, or all."""
    if actor.participant_id is None:
        return Instruction.objects.all()
    return Instruction.objects.filter(moves_for(participant_id=actor.participant_id))


def moves_for(*, participant_id: int) -> Q:
    """Say that an instruction delivers from or to an account of this participant."""
    accounts = Account.objects.filter(participant_id=participant_id).order_by().values("pk")
    return Q(deliverer_account_id__in=accounts) | Q(receiver_account_id__in=accounts)
