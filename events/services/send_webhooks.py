"""Sends what is due of the webhooks, many at once, and records what came of it.

A delivery is leased before it is sent: it is due again a minute later unless its outcome was recorded. No transaction
is open while a receiver is waited for. A crash between the call and the record sends the same message again, under the
same webhook-id: at least once, and not in an order that anybody may rely on.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction

from events.core.envelope import build_event
from events.core.webhook_lifecycle import DeliveryState, DisabledBecause
from events.core.webhook_retries import FAILURES_TO_OPEN, Breaker, move_breaker, wait_seconds
from events.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from events.models.webhook import MOST_ANSWER_CHARACTERS
from events.queries.outbox import facts_of
from events.queries.webhooks import working_secrets
from events.services.publish import the_only_one
from events.services.switch_webhooks import STILL_READS_SQL, switch_off, switch_off_without_reader
from events.services.webhook_calls import Message, Outcome, send_message

AT_ONCE: Final = 16
AT_ONCE_PER_ENDPOINT: Final = 4
AT_ONCE_PER_HOLDER: Final = 8
LEASE_SECONDS: Final = 60
# Then the task ends, so that others get their turn; the next one goes on.
MOST_SECONDS: Final = 20.0
LOOK_AGAIN_SECONDS: Final = 0.25
GONE: Final = 410
UNKEPT: Final = "what came of it cannot be kept"
UNOPENED: Final = "not sent: no key of ENCRYPTION_KEYS opens its secret"
UNSIGNED: Final = "not sent: it has no secret that signs"
UNWRITTEN: Final = "not sent: its event cannot be written"

# A circuit that was open lets one probe through. A holder is the participant, or the login of an operator or auditor:
# who holds fewer places comes first, and nobody holds more than half of them.
LEASE_SQL = f"""
    WITH flying AS (SELECT unnest(%(endpoints)s::bigint[]) AS endpoint_id, unnest(%(counts)s::int[]) AS count),
    held AS (
        SELECT coalesce(e.participant_id, -e.owner_id) AS holder, sum(f.count)::int AS count
        FROM flying f JOIN events_webhookendpoint e ON e.id = f.endpoint_id GROUP BY 1
    ), free AS (
        SELECT e.id, coalesce(e.participant_id, -e.owner_id) AS holder,
            CASE WHEN e.failures >= {FAILURES_TO_OPEN} THEN 1 ELSE {AT_ONCE_PER_ENDPOINT} END
            - coalesce(f.count, 0) AS room
        FROM events_webhookendpoint e JOIN auth_user u ON u.id = e.owner_id
        LEFT JOIN reference_membership m ON m.user_id = u.id
        LEFT JOIN flying f ON f.endpoint_id = e.id
        WHERE e.enabled AND (e.opened_until IS NULL OR e.opened_until <= clock_timestamp()) AND {STILL_READS_SQL}
    ), due AS (
        SELECT d.id, d.next_attempt_at, coalesce(held.count, 0)
            + row_number() OVER (PARTITION BY free.holder ORDER BY d.next_attempt_at, d.id) AS place
        FROM free LEFT JOIN held USING (holder) CROSS JOIN LATERAL (
            SELECT id, next_attempt_at FROM events_webhookdelivery
            WHERE endpoint_id = free.id AND state = 'PENDING' AND next_attempt_at <= clock_timestamp()
            ORDER BY next_attempt_at LIMIT greatest(free.room, 0) FOR UPDATE SKIP LOCKED
        ) d
    ), chosen AS (
        SELECT id FROM due WHERE place <= {AT_ONCE_PER_HOLDER} ORDER BY place, next_attempt_at LIMIT %(limit)s
    )
    UPDATE events_webhookdelivery d SET next_attempt_at = clock_timestamp() + make_interval(secs => %(lease)s)
    FROM chosen WHERE d.id = chosen.id RETURNING d.id
"""
SETTLE_SQL = """
    UPDATE events_webhookdelivery d SET state = n.state, attempts = d.attempts + 1, ended_at = n.ended_at,
        next_attempt_at = coalesce(n.next_at, d.next_attempt_at)
    FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(ended)s::timestamptz[], %(next)s::timestamptz[])
        AS n (id, state, ended_at, next_at)
    WHERE d.id = n.id AND d.state = 'PENDING'
"""

log = logging.getLogger(__name__)


def send_due(*, now: datetime, most_seconds: float = MOST_SECONDS) -> int:
    """Send what is due until nothing is, or the time is over; return how many attempts were made.

    now: wall time; what passes from here on is measured by a clock that nobody sets. One process at a time; any other
    returns 0 at once. A slow receiver holds at most four of the sixteen places, the receivers of one holder eight.
    """
    with the_only_one(name="events.send_webhooks") as had:
        if not had:
            return 0
        switch_off_without_reader(now=now)
        return _send_all(now=now, most_seconds=most_seconds)


def _send_all(*, now: datetime, most_seconds: float) -> int:
    """Keep the places filled with what is due; record outcomes as they come."""
    count, began = 0, time.monotonic()
    flying: dict[Future[Outcome], Message] = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhooks") as pool:
        while True:
            moment = now + timedelta(seconds=time.monotonic() - began)
            if moment < now + timedelta(seconds=most_seconds) and len(flying) < AT_ONCE:
                under_way = Counter(message.endpoint_id for message in flying.values())
                for message in lease_due(limit=AT_ONCE - len(flying), under_way=under_way, now=moment):
                    flying[pool.submit(send_message, message=message, at=moment)] = message
            if not flying:
                return count
            done, _ = wait(flying, timeout=LOOK_AGAIN_SECONDS, return_when=FIRST_COMPLETED)
            if done:
                ended = [(flying.pop(future), future.result()) for future in done]
                _keep(outcomes=ended, now=now + timedelta(seconds=time.monotonic() - began))
                count += len(ended)


def _keep(*, outcomes: Sequence[tuple[Message, Outcome]], now: datetime) -> None:
    """Record a round; where the database refuses something of it, one by one, so that the others stand."""
    try:
        record_outcomes(outcomes=outcomes, now=now)
    except (DataError, IntegrityError, ValueError):
        log.exception("a round of %s webhooks cannot be recorded at once", len(outcomes))
        for message, outcome in outcomes:
            unkept = replace(outcome, status=None, answer="", error=UNKEPT, retry_after_seconds=None)
            for kept in (outcome, unkept):
                with suppress(DataError, IntegrityError, ValueError):
                    record_outcomes(outcomes=[(message, kept)], now=now)
                    break


def lease_due(*, limit: int, under_way: Counter[int], now: datetime) -> list[Message]:
    """Take what is due, as nobody else will for a minute, and return it ready to be sent.

    under_way: messages on their way by endpoint. now: wall time, for the secrets that sign.
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
    secrets = working_secrets(endpoint_ids={delivery.endpoint_id for delivery in deliveries}, now=now)
    return [_write_message(delivery=delivery, facts=facts, secrets=secrets) for delivery in deliveries]


def _write_message(
    *, delivery: WebhookDelivery, facts: dict[int, Any], secrets: dict[int, tuple[str, ...] | None]
) -> Message:  # fmt: skip
    """Return a delivery ready to be sent, or with what keeps it from being: its own failure and nobody else's."""
    problem, body, signing = "", b"", secrets[delivery.endpoint_id]
    if not signing:
        problem = UNOPENED if signing is None else UNSIGNED
    else:
        try:
            body = write_body(delivery=delivery, facts=facts)
        except Exception:
            log.exception("webhook %s cannot be written", delivery.public_id)
            problem = UNWRITTEN
    return Message(
        delivery_id=delivery.pk,
        endpoint_id=delivery.endpoint_id,
        message_id=str(delivery.public_id),
        url=delivery.endpoint.url,
        body=body,
        secrets=signing or (),
        problem=problem,
    )


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
