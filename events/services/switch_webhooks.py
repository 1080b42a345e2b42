"""Switching endpoints off: nothing more is sent to them, and what waited is cancelled until somebody asks for it."""

from __future__ import annotations

from datetime import date, datetime

from django.db import connection, transaction

from events.core.webhook_lifecycle import DISABLED_WORDS, DeliveryState, DisabledBecause
from events.models import WebhookDelivery, WebhookEndpoint
from events.models.webhook import READER_SQL
from events.services.audit import record_action
from reference.core.actor import SYSTEM, Actor
from reference.queries import business_clock

OBJECT_TYPE = "webhook"
# Who may read, and whose participant has not left.
STILL_READS_SQL = f"""coalesce({READER_SQL}, false) AND NOT EXISTS (
        SELECT 1 FROM reference_participant gone WHERE gone.id = e.participant_id AND NOT gone.active)"""
WITHOUT_READER_SQL = f"""
    SELECT e.id FROM events_webhookendpoint e JOIN auth_user u ON u.id = e.owner_id
    LEFT JOIN reference_membership m ON m.user_id = u.id
    WHERE e.enabled AND NOT ({STILL_READS_SQL})
"""


def switch_off(
    *, endpoint: WebhookEndpoint, because: DisabledBecause, now: datetime, actor: Actor = SYSTEM,
    at: datetime | None = None, business_date: date | None = None,
) -> None:  # fmt: skip
    """Switch an endpoint off that the caller has locked, and cancel what waits for it. Runs in its transaction.

    now: wall time. at, business_date: business time; the clock's where the system acts.
    """
    endpoint.enabled, endpoint.disabled_at, endpoint.disabled_because = False, now, because.value
    endpoint.save(update_fields=["enabled", "disabled_at", "disabled_because"])
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, state=DeliveryState.PENDING)
    cancelled = waiting.update(state=DeliveryState.CANCELLED.value, ended_at=now)
    if at is None or business_date is None:
        clock = business_clock()
        at, business_date = clock.at, clock.business_date
    record_action(
        actor=actor, action="webhook.disable", at=at, business_date=business_date, object_type=OBJECT_TYPE,
        object_id=endpoint.pk, summary=f"Webhook {endpoint.public_id}: {DISABLED_WORDS[because].lower()}"[:200],
        detail={"endpoint": str(endpoint.public_id), "because": because.value, "cancelled": cancelled},
    )  # fmt: skip


def switch_off_without_reader(*, now: datetime) -> int:
    """Switch off the endpoints whose owner or participant has left, or may no longer read; return how many.

    now: wall time.
    """
    with connection.cursor() as cursor:
        cursor.execute(WITHOUT_READER_SQL)
        ids = [row[0] for row in cursor.fetchall()]
    if ids:
        with transaction.atomic():
            found = WebhookEndpoint.objects.filter(pk__in=ids, enabled=True).order_by("pk")
            for endpoint in found.select_for_update(no_key=True):
                switch_off(endpoint=endpoint, because=DisabledBecause.NO_READER, now=now)
    return len(ids)
