"""Old bookkeeping of deliveries goes; what waits, what is fresh, facts and the audit log stay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from events import tasks
from events.models import (
    AuditRecord,
    Consumer,
    DeadLetter,
    InboxEntry,
    OutboxFact,
    WebhookAttempt,
    WebhookDelivery,
)
from events.queries.outbox import published_facts
from events.services.consume import receive_facts
from events.services.fan_out import fan_out
from events.services.prune import prune_deliveries, prune_inbox
from events.services.send_webhooks import send_due
from fmi.app_role import KINDS_SQL
from reference.tasks import keep_keys
from tests.factories.market import make_market
from tests.factories.receiver import Receiver, start_receiver
from tests.factories.webhooks import subscribe, tell, user

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(days=40)


@pytest.fixture
def receiver(db: None, settings: Any) -> Iterator[Receiver]:
    make_market()
    settings.WEBHOOK_ALLOW_PRIVATE = True
    found = start_receiver()
    yield found
    found.stop()


def age(table: str, where: str, *columns: str) -> None:
    """Move times of rows back, past the triggers that keep them as they are."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        times = ", ".join(f"{column} = {column} - interval '40 days'" for column in columns)
        cursor.execute(f"UPDATE {table} SET {times} WHERE {where}")
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_old_deliveries_go_with_their_attempts(receiver: Receiver) -> None:
    endpoint = subscribe(user("operator"), receiver.url).endpoint
    for count in range(1, 7):
        tell(count)
    receiver.answers.extend([204, 204, 204, 204, 500, 204])
    assert send_due(now=timezone.now()) == 6
    ids = list(WebhookDelivery.objects.order_by("event_id").values_list("pk", flat=True))
    waiting = WebhookDelivery.objects.get(state="PENDING").pk
    old = [pk for pk in ids if pk != waiting][:4]
    age("events_webhookdelivery", f"id IN ({', '.join(map(str, [*old, waiting]))})", "created_at", "next_attempt_at")
    age("events_webhookdelivery", f"id IN ({', '.join(map(str, old))})", "ended_at")
    audited = AuditRecord.objects.count()
    assert prune_deliveries(before=timezone.now() - timedelta(days=30), limit=3) == 4
    assert set(WebhookDelivery.objects.values_list("pk", flat=True)) == set(ids) - set(old)
    assert set(WebhookAttempt.objects.values_list("delivery_id", flat=True)) == set(ids) - set(old)
    assert (OutboxFact.objects.count(), AuditRecord.objects.count()) == (6, audited)
    assert prune_deliveries(before=timezone.now() - timedelta(days=30)) == 0
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert endpoint.pk


def test_what_a_consumer_has_passed_goes_and_is_not_handled_again(receiver: Receiver) -> None:
    subscribe(user("operator"), receiver.url)
    for count in range(1, 6):
        tell(count)
    WebhookDelivery.objects.all()
    Consumer.objects.create(name="webhooks", position=0)
    facts = published_facts(after=0, limit=10)
    receive_facts(consumer="webhooks", facts=facts, handle=fan_out, now=timezone.now())
    age("events_inboxentry", f"event_id <= {facts[3].id}", "handled_at")
    before = timezone.now() - timedelta(days=30)
    assert prune_inbox(before=before) == 0, "the consumer has not passed them"
    Consumer.objects.filter(name="webhooks").update(position=3)
    assert prune_inbox(before=before, limit=2) == 3
    assert list(InboxEntry.objects.order_by("event_id").values_list("event_id", flat=True)) == [
        facts[3].id, facts[4].id,
    ]  # fmt: skip
    Consumer.objects.filter(name="webhooks").update(position=5)
    assert prune_inbox(before=before) == 1, "the last is fresh"
    assert OutboxFact.objects.count() == 5
    assert not DeadLetter.objects.exists()


def test_the_task_keeps_as_long_as_the_setting_says(receiver: Receiver, settings: Any) -> None:
    subscribe(user("operator"), receiver.url)
    tell(1)
    send_due(now=timezone.now())
    age("events_webhookdelivery", "true", "created_at", "ended_at")
    settings.EVENT_LOG_DAYS = 60
    tasks.prune()
    assert WebhookDelivery.objects.count() == 1
    settings.EVENT_LOG_DAYS = 30
    tasks.prune()
    assert not WebhookDelivery.objects.exists()
    assert not WebhookAttempt.objects.exists()


def test_sessions_that_are_over_go() -> None:
    for number, hours in enumerate((-1, 1)):
        ends_at = timezone.now() + timedelta(hours=hours)
        Session.objects.create(session_key=f"s{number}", session_data="", expire_date=ends_at)
    keep_keys()
    assert list(Session.objects.values_list("session_key", flat=True)) == ["s1"]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM events_webhookdelivery", "kept until it has ended"),
        ("DELETE FROM events_webhookattempt", "as long as its delivery"),
        ("DELETE FROM events_inboxentry", "until its consumer has passed it"),
        ("UPDATE events_inboxentry SET handled_at = now()", "append-only"),
        ("UPDATE events_webhookattempt SET answer = 'better'", "append-only"),
        ("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE events_webhookdelivery CASCADE", "never truncated"),
        ("DELETE FROM events_outboxfact", "never deleted"),
    ],
)
def test_the_database_keeps_what_is_fresh(receiver: Receiver, statement: str, says: str) -> None:
    subscribe(user("operator"), receiver.url)
    tell(1)
    send_due(now=timezone.now())
    Consumer.objects.create(name="webhooks", position=1)
    facts = published_facts(after=0, limit=1)
    receive_facts(consumer="webhooks", facts=facts, handle=fan_out, now=timezone.now())
    with pytest.raises(DatabaseError, match=says), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_product_may_delete_what_expires_and_change_none_of_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute(KINDS_SQL, [])
        rights = {table: (never_changed, never_deleted) for table, never_changed, never_deleted in cursor.fetchall()}
    assert rights["events_webhookdelivery"] == (False, False)
    assert rights["events_webhookattempt"] == rights["events_inboxentry"] == (True, False)
    assert rights["events_outboxfact"] == (False, True)
    assert rights["events_auditrecord"] == (True, True)
