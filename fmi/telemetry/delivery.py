"""Figures of what leaves: the outbox and its readers, dead letters, webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from events.core.webhook_retries import FAILURES_TO_OPEN
from events.queries.outbox import outbox_lag, waiting_since

# CLOSED: sent to; OPEN: the circuit is open, nothing is sent for a while; GIVEN_UP: switched off by what it answered;
# DISABLED: switched off otherwise.
WEBHOOKS_SQL = """
SELECT 'fmi_webhooks', state, count(e.id)
FROM (VALUES ('CLOSED'), ('OPEN'), ('GIVEN_UP'), ('DISABLED')) s (state)
LEFT JOIN events_webhookendpoint e ON s.state = CASE
    WHEN NOT e.enabled AND e.disabled_because IN ('GONE', 'FAILING') THEN 'GIVEN_UP'
    WHEN NOT e.enabled THEN 'DISABLED'
    WHEN e.opened_until > clock_timestamp() THEN 'OPEN' ELSE 'CLOSED' END
GROUP BY state
UNION ALL SELECT 'fmi_webhook_deliveries', 'FAILED', count(*) FROM events_webhookdelivery WHERE state = 'FAILED'
UNION ALL SELECT 'fmi_webhook_attempts', r.result, count(a.id)
FROM (VALUES ('TAKEN'), ('REFUSED'), ('UNANSWERED')) r (result) LEFT JOIN (
    SELECT id, CASE WHEN status IS NULL THEN 'UNANSWERED' WHEN status BETWEEN 200 AND 299 THEN 'TAKEN'
        ELSE 'REFUSED' END AS result
    FROM events_webhookattempt WHERE at > %(now)s - interval '5 minutes'
) a ON a.result = r.result GROUP BY r.result
UNION ALL SELECT 'fmi_consumer_dead_letters', c.name, count(d.id)
FROM events_consumer c LEFT JOIN events_deadletter d
    ON d.consumer_id = c.name AND d.dead_at IS NOT NULL AND d.replayed_at IS NULL
GROUP BY c.name
"""
# Overdue is what the sender could send at once: a circuit that is open, or waits for the probe's answer, is left out.
PENDING_SQL = """
SELECT count(*), extract(epoch FROM %(now)s - min(d.created_at)),
    extract(epoch FROM %(now)s - min(greatest(d.next_attempt_at, d.created_at)) FILTER (
        WHERE e.enabled AND e.failures < %(failures_to_open)s))
FROM events_webhookdelivery d JOIN events_webhookendpoint e ON e.id = d.endpoint_id WHERE d.state = 'PENDING'
"""

Sample = tuple[str, tuple[str, ...], float]


def delivery_figures(*, now: datetime) -> Iterator[Sample]:
    """Count what waits to leave, and for how long. now: wall-clock time."""
    count, oldest = waiting_since()
    yield "fmi_outbox_waiting", ("tasks",), float(count)
    yield "fmi_outbox_oldest_seconds", ("tasks",), max((now - oldest).total_seconds(), 0.0) if oldest else 0.0
    lag = outbox_lag(now=now)
    yield "fmi_outbox_waiting", ("events",), float(lag.waiting)
    yield "fmi_outbox_oldest_seconds", ("events",), lag.oldest_seconds
    yield "fmi_events_published", (), float(lag.last_position)
    for consumer, behind in lag.consumers.items():
        yield "fmi_consumer_behind", (consumer,), float(behind)
    yield "fmi_dead_letters", (), float(lag.dead_letters)
    yield from _webhooks(now=now)


def _webhooks(*, now: datetime) -> Iterator[Sample]:
    """Count webhook endpoints by whether they are sent to, deliveries, attempts, and what consumers gave up."""
    with connection.cursor() as cursor:
        cursor.execute(WEBHOOKS_SQL, {"now": now})
        for name, label, count in cursor.fetchall():
            yield name, (label,), float(count)
        cursor.execute(PENDING_SQL, {"now": now, "failures_to_open": FAILURES_TO_OPEN})
        waiting, oldest, overdue = cursor.fetchone()
    yield "fmi_webhook_deliveries", ("PENDING",), float(waiting)
    yield "fmi_webhook_oldest_seconds", (), max(float(oldest or 0), 0.0)
    yield "fmi_webhook_overdue_seconds", (), max(float(overdue or 0), 0.0)
