"""Sends what is due of the webhooks, many at once, and records what came of it.

A delivery is leased before it is sent: it is due again a minute later unless its outcome was recorded. No transaction
is open while a receiver is waited for. A crash between the call and the record sends the same message again, under the
same webhook-id: at least once, and not in an order that anybody may rely on.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from events.core.envelope import build_event
from events.core.webhook_lifecycle import DeliveryState, DisabledBecause
from events.core.webhook_retries import FAILURES_TO_OPEN, Breaker, move_breaker, wait_seconds
from events.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from events.models.webhook import MOST_ANSWER_CHARACTERS, READER_SQL
from events.queries.outbox import facts_of
from events.queries.webhooks import working_secrets
from events.services.publish import the_only_one
from events.services.switch_webhooks import switch_off, switch_off_without_reader
from events.services.webhook_calls import Message, Outcome, send_message

AT_ONCE: Final = 16
AT_ONCE_PER_ENDPOINT: Final = 4
LEASE_SECONDS: Final = 60
# Then the task ends, so that others get their turn; the next one goes on.
MOST_SECONDS: Final = 20.0
LOOK_AGAIN_SECONDS: Final = 0.25
GONE: Final = 410

# A circuit that was open lets one probe through.
LEASE_SQL = f"""
    WITH flying AS (SELECT unnest(%(endpoints)s::bigint[]) AS endpoint_id, unnest(%(counts)s::int[]) AS count),
    free AS (
        SELECT e.id, CASE WHEN e.failures >= {FAILURES_TO_OPEN} THEN 1 ELSE {AT_ONCE_PER_ENDPOINT} END
            - coalesce(f.count, 0) AS room
        FROM events_webhookendpoint e JOIN auth_user u ON u.id = e.owner_id
        LEFT JOIN reference_membership m ON m.user_id = u.id
        LEFT JOIN flying f ON f.endpoint_id = e.id
        WHERE e.enabled AND (e.opened_until IS NULL OR e.opened_until <= clock_timestamp()) AND {READER_SQL}
    ), due AS (
        SELECT d.id FROM free CROSS JOIN LATERAL (
            SELECT id, next_attempt_at FROM events_webhookdelivery
            WHERE endpoint_id = free.id AND state = 'PENDING' AND next_attempt_at <= clock_timestamp()
            ORDER BY next_attempt_at LIMIT greatest(free.room, 0) FOR UPDATE SKIP LOCKED
        ) d ORDER BY d.next_attempt_at LIMIT %(limit)s
    )
    UPDATE events_webhookdelivery d SET next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM due WHERE d.id = due.id RETURNING d.id
"""
SETTLE_SQL = """
    UPDATE events_webhookdelivery d SET state = n.state, attempts = d.attempts + 1, ended_at = n.ended_at,
        next_attempt_at = coalesce(n.next_at, d.next_attempt_at)
    FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(ended)s::timestamptz[], %(next)s::timestamptz[])
        AS n (id, state, ended_at, next_at)
    WHERE d.id = n.id AND d.state = 'PENDING'
"""


def send_due(*, most_seconds: float = MOST_SECONDS) -> int:
    """Send what is due until nothing is, or the time is over; return how many attempts were made.

    One process at a time; any other returns 0 at once. A slow receiver holds at most four of the sixteen places.
    """
    with the_only_one(name="events.send_webhooks") as had:
        if not had:
            return 0
        switch_off_without_reader()
        return _send_all(ends_at=time.monotonic() + most_seconds)


def _send_all(*, ends_at: float) -> int:
    """Keep the places filled with what is due; record outcomes as they come."""
    count = 0
    flying: dict[Future[Outcome], Message] = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhooks") as pool:
        while True:
            if time.monotonic() < ends_at and len(flying) < AT_ONCE:
                under_way = Counter(message.endpoint_id for message in flying.values())
                for message in lease_due(limit=AT_ONCE - len(flying), under_way=under_way):
                    flying[pool.submit(send_message, message=message)] = message
            if not flying:
                return count
            done, _ = wait(flying, timeout=LOOK_AGAIN_SECONDS, return_when=FIRST_COMPLETED)
            if done:
                ended = [(flying.pop(future), future.result()) for future in done]
                record_outcomes(outcomes=ended, now=timezone.now())
                count += len(ended)


def lease_due(*, limit: int, under_way: Counter[int]) -> list[Message]:
    """Take what is due, as nobody else will for a minute, and return it ready to be sent.

    under_way: messages on their way by endpoint.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            LEASE_SQL,
            {"endpoints": list(under_way), "counts": list(under_way.values()), "limit": limit, "lease": LEASE_SECONDS},
        )
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return []
    deliveries = list(WebhookDelivery.objects.filter(pk__in=ids).select_related("endpoint").order_by("pk"))
    facts = facts_of(ids=[delivery.event_id for delivery in deliveries if delivery.event_id is not None])
    secrets = working_secrets(
        endpoint_ids={delivery.endpoint_id for delivery in deliveries}, now=timezone.now()
    )  # fmt: skip
    return [
        Message(
            delivery_id=delivery.pk,
            endpoint_id=delivery.endpoint_id,
            message_id=str(delivery.public_id),
            url=delivery.endpoint.url,
            body=write_body(delivery=delivery, facts=facts),
            secrets=secrets[delivery.endpoint_id],
        )
        for delivery in deliveries
    ]


def write_body(*, delivery: WebhookDelivery, facts: dict[int, Any]) -> bytes:
    """Return what is sent of a delivery: its event as the endpoint may read it, or a ping; the same at each attempt."""
    if delivery.event_id is None:
        event: dict[str, Any] | None = {
            "specversion": "1.0",
            "id": str(delivery.public_id),
            "source": settings.EVENT_SOURCE,
            "type": "fmi.Ping",
            "time": delivery.created_at.isoformat(),
            "datacontenttype": "application/json",
            "data": {"endpoint": str(delivery.endpoint.public_id)},
        }
    else:
        event = build_event(
            fact=facts[delivery.event_id],
            source=settings.EVENT_SOURCE,
            participant_id=delivery.endpoint.participant_id,
        )
    assert event is not None, "the database lets no delivery be made of what the endpoint has no share in"
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


@transaction.atomic
def record_outcomes(*, outcomes: Sequence[tuple[Message, Outcome]], now: datetime) -> None:
    """Write the attempts down, and what follows of them for deliveries and endpoints. now: wall time."""
    by_endpoint: dict[int, list[Outcome]] = {}
    for _, outcome in outcomes:
        by_endpoint.setdefault(outcome.endpoint_id, []).append(outcome)
    # Endpoints before deliveries, as who switches one off locks them.
    found = WebhookEndpoint.objects.filter(pk__in=by_endpoint).order_by("pk").select_for_update(no_key=True)
    endpoints = list(found)
    WebhookAttempt.objects.bulk_create(
        [
            WebhookAttempt(
                delivery_id=outcome.delivery_id,
                at=outcome.at,
                status=outcome.status,
                duration_ms=outcome.duration_ms,
                answer=outcome.answer[:MOST_ANSWER_CHARACTERS],
                error=outcome.error,
            )
            for _, outcome in outcomes
        ]
    )
    _settle(outcomes=outcomes, now=now)
    for endpoint in endpoints:
        if endpoint.enabled:
            _judge(endpoint=endpoint, outcomes=by_endpoint[endpoint.pk], now=now)


def _settle(*, outcomes: Sequence[tuple[Message, Outcome]], now: datetime) -> None:
    """Move deliveries on: delivered, to be tried again, or failed for good."""
    made = dict(
        WebhookDelivery.objects.filter(pk__in=[outcome.delivery_id for _, outcome in outcomes])
        .order_by("pk")
        .select_for_update()
        .values_list("pk", "attempts")
    )
    rows: list[tuple[int, str, datetime | None, datetime | None]] = []
    for message, outcome in outcomes:
        if outcome.succeeded:
            rows.append((outcome.delivery_id, DeliveryState.DELIVERED, now, None))
            continue
        waited = wait_seconds(
            message_id=message.message_id,
            attempts=made[outcome.delivery_id] + 1,
            retry_after_seconds=outcome.retry_after_seconds,
        )
        if waited is None:
            rows.append((outcome.delivery_id, DeliveryState.FAILED, now, None))
        else:
            rows.append((outcome.delivery_id, DeliveryState.PENDING, None, now + timedelta(seconds=waited)))
    ids, states, ended, following = zip(*rows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            SETTLE_SQL,
            {"ids": list(ids), "states": list(map(str, states)), "ended": list(ended), "next": list(following)},
        )


def _judge(*, endpoint: WebhookEndpoint, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Open or close an endpoint's circuit; switch it off where it is gone or was given up."""
    before = Breaker(
        failures=endpoint.failures, failing_since=endpoint.failing_since, opened_until=endpoint.opened_until
    )
    after = move_breaker(breaker=before, successes=[outcome.succeeded for outcome in outcomes], now=now)
    if before != after:
        endpoint.failures, endpoint.failing_since = after.failures, after.failing_since
        endpoint.opened_until = after.opened_until
        endpoint.save(update_fields=["failures", "failing_since", "opened_until"])
    if any(outcome.status == GONE for outcome in outcomes):
        switch_off(endpoint=endpoint, because=DisabledBecause.GONE, now=now)
    elif after.is_given_up:
        switch_off(endpoint=endpoint, because=DisabledBecause.FAILING, now=now)
