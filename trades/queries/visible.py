"""Which trades an actor may see: a participant its own reports, everybody else all."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from reference.core.actor import Actor
from trades.core.lifecycle import Side
from trades.models import Order, Submission, Trade, UnmatchedTrade


def trades_visible_to(*, actor: Actor) -> QuerySet[Trade]:
    """Return the trades an actor sees: its own reports, and those locked in with it as a party."""
    if actor.sees_all:
        return Trade.objects.all()
    own = actor.participant_id
    party = Q(buyer_id=own) | Q(seller_id=own)
    return Trade.objects.filter(Q(reporter_id=own) | (Q(side=Side.BOTH) & party))


def unmatched_visible_to(*, actor: Actor) -> QuerySet[UnmatchedTrade]:
    """Return the reports still waiting for a match that the actor made, all of them for who sees all."""
    waiting = UnmatchedTrade.objects.all()
    return waiting if actor.sees_all else waiting.filter(trade__reporter_id=actor.participant_id)


def allegements_visible_to(*, actor: Actor) -> QuerySet[UnmatchedTrade]:
    """Return what the other side has reported with the actor, and the actor has not; all for who sees all."""
    alleged = UnmatchedTrade.objects.filter(alleged_at__isnull=False)
    if actor.sees_all:
        return alleged
    own = actor.participant_id
    party = Q(trade__buyer_id=own) | Q(trade__seller_id=own)
    return alleged.filter(party).exclude(trade__reporter_id=own)


def submissions_visible_to(*, actor: Actor) -> QuerySet[Submission]:
    """Return the bulk captures an actor sees: its participant's own, or all."""
    submissions = Submission.objects.all()
    return submissions if actor.sees_all else submissions.filter(reporter_id=actor.participant_id)


def orders_visible_to(*, actor: Actor) -> QuerySet[Order]:
    """Return the orders an actor sees: a broker's own clients', all of them for who sees all."""
    orders = Order.objects.all()
    return orders if actor.sees_all else orders.filter(broker_id=actor.participant_id)
