"""Figures of what leaves: the outbox and its readers, dead letters, webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db import connection

from events.queries.outbox import outbox_lag, waiting_since

# CLOSED: sent to; OPEN: the circuit is open, nothing is sent for a while; DISABLED: its owner or too many failures.
WEBHOOKS_SQL = """
SELECT 'fmi_webhooks', state, count(e.id)
FROM (VALUES ('CLOSED'), ('OPEN'), ('DISABLED')) s (state)
LEFT JOIN events_webhookendpoint e ON s.state = CASE WHEN NOT e.enabled THEN 'DISABLED'
    WHEN e.opened_until > clock_timestamp() THEN 'OPEN' ELSE 'CLOSED' END
GROUP BY state
UNION ALL SELECT 'fmi_webhook_deliveries', 'PENDING', count(*) FROM events_webhookdelivery WHERE state = 'PENDING'
UNION ALL SELECT 'fmi_webhook_deliveries', 'FAILED', count(*) FROM events_webhookdelivery WHERE state = 'FAILED'
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
    yield from _webhooks()


def _webhooks() -> Iterator[Sample]:
    """Count webhook endpoints by whether they are sent to, and the deliveries that wait or were given up."""
    with connection.cursor() as cursor:
        cursor.execute(WEBHOOKS_SQL)
        for name, state, count in cursor.fetchall():
            yield name, (state,), float(count)
