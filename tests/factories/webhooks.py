"""Webhooks to send: who subscribes, and facts that are told."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from events.models import OutboxFact, WebhookDelivery
from events.queries.outbox import published_facts
from events.services.fan_out import fan_out
from events.services.manage_webhooks import NewSecret, create_webhook
from events.services.outbox import record_fact
from reference.access import actor_of_user
from reference.api.entry import now
from tests.factories.reference import MembershipFactory
from trades.contracts import TradesMatched


def user(name: str, **membership: Any) -> User:
    made = User.objects.create(username=name)
    MembershipFactory.create(user=made, **({"participant": None, "role": "OPERATOR"} | membership))
    return made


def subscribe(owner: User, url: str, *events: str) -> NewSecret:
    actor = actor_of_user(owner)
    assert actor is not None
    return create_webhook(owner=owner, url=url, description="", events=events, actor=actor, **now())


def acting(owner: User) -> dict[str, Any]:
    return {"actor": actor_of_user(User.objects.get(pk=owner.pk)), "now": timezone.now(), **now()}


def tell(count: int, shares: Any = None, fact: Any = TradesMatched) -> None:
    """Record a fact, give it its place, and let the consumer of webhooks have it, twice."""
    record_fact(fact=fact(count=count), shares=shares)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_outboxfact f SET position = p.place FROM (SELECT id, (SELECT coalesce(max(position), 0)"
            " FROM events_outboxfact) + row_number() OVER (ORDER BY id) AS place FROM events_outboxfact"
            " WHERE position IS NULL) p WHERE f.id = p.id"
        )
    last = published_facts(after=OutboxFact.objects.filter(position__isnull=False).count() - 1, limit=1)
    for fact_told in (last[0], last[0]):
        fan_out(fact_told)


def due_now() -> None:
    WebhookDelivery.objects.filter(state="PENDING").update(next_attempt_at=timezone.now())
