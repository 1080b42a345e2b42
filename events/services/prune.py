"""What was delivered to whom is bookkeeping: after a while it goes, in small transactions. Facts and audit never go."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

BATCH: Final = 5_000

# The attempts go after their delivery (a trigger says so) and in its transaction: the foreign key is asked at its end.
DELIVERIES_SQL = """
    WITH old AS (
        SELECT id FROM events_webhookdelivery WHERE ended_at < %(before)s ORDER BY ended_at LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM events_webhookdelivery d USING old WHERE d.id = old.id RETURNING d.id
"""
ATTEMPTS_SQL = "DELETE FROM events_webhookattempt WHERE delivery_id = ANY (%(ids)s)"
# A consumer reads on from its place: an entry at or below it keeps nothing from being handled twice any more.
INBOX_SQL = """
    DELETE FROM events_inboxentry i USING (
        SELECT c.name, e.event_id FROM events_consumer c CROSS JOIN LATERAL (
            SELECT event_id, handled_at FROM events_inboxentry WHERE consumer_id = c.name
            ORDER BY event_id LIMIT %(limit)s
        ) e JOIN events_outboxfact f ON f.id = e.event_id AND f.position <= c.position
        WHERE e.handled_at < %(before)s
    ) old WHERE i.consumer_id = old.name AND i.event_id = old.event_id
"""


def prune_deliveries(*, before: datetime, limit: int = BATCH) -> int:
    """Delete the webhook deliveries that ended before a wall time, with their attempts; return how many deliveries.

    limit: of one transaction. What waits, and what ended within a day, the database keeps in any case.
    """
    count = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(DELIVERIES_SQL, {"before": before, "limit": limit})
            ids: list[Any] = [row[0] for row in cursor.fetchall()]
            if ids:
                cursor.execute(ATTEMPTS_SQL, {"ids": ids})
        count += len(ids)
        if len(ids) < limit:
            return count


def prune_inbox(*, before: datetime, limit: int = BATCH) -> int:
    """Delete what consumers noted as handled before a wall time and have passed; return how many entries.

    limit: of one transaction and consumer.
    """
    count = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(INBOX_SQL, {"before": before, "limit": limit})
            deleted: int = cursor.rowcount
        count += deleted
        if not deleted:
            return count
