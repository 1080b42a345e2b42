"""From a published fact to what is sent of it: a row for each endpoint that asks for it and may read of it."""

from __future__ import annotations

from django.db import connection

from events.core.envelope import EVERYBODY, PublishedFact

FAN_OUT_SQL = """
    INSERT INTO events_webhookdelivery (endpoint_id, event_id)
    SELECT e.id, %(event)s FROM events_webhookendpoint e
    WHERE e.enabled AND (e.events = '{}' OR %(name)s = ANY (e.events))
        AND (e.participant_id IS NULL OR e.participant_id::text = ANY (%(readers)s) OR %(everybody)s)
    ORDER BY e.id
    ON CONFLICT DO NOTHING
"""


def fan_out(fact: PublishedFact) -> None:
    """Have a fact delivered to every endpoint that subscribes to it: the consumer `webhooks` of EVENT_CONSUMERS."""
    readers = list(fact.shares or ())
    with connection.cursor() as cursor:
        cursor.execute(
            FAN_OUT_SQL,
            {"event": fact.id, "name": fact.name, "readers": readers, "everybody": EVERYBODY in readers},
        )
