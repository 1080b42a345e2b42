"""The relay: gives facts their place in one order and hands them to the sinks.

Order. A fact is placed only when every transaction that could still commit a fact ahead of it is over. The row's own
`xmin` says which transaction wrote it, `pg_snapshot_xmin` the oldest one still running (the commit horizon): where the
row's is not below it, it and all facts after it by id wait. So whatever a transaction could see when it recorded its
fact (the fact of another transaction on the same order, say) has a smaller id, was committed, and is placed before it:
facts of one key keep the order of what made them true. `xmin` is a system column: nothing is written for it, a dump
and restore writes the rows anew in a transaction that is over, and rows delivered meanwhile wait a moment longer at
most. Two ages are compared, so that a wrapped transaction counter changes nothing.

A position is written down before the fact is told to anybody, once and without a gap: whoever has read up to a
position can miss nothing. Told are facts at least once: after a crash between a sink and its note again, with the same
id and position.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from confluent_kafka import KafkaException
from django.conf import settings
from django.db import connection, transaction
from redis.exceptions import RedisError

from events.core.envelope import PublishedFact
from events.queries.outbox import last_position, published_facts
from events.services.kafka import KafkaRefused, KafkaSink
from events.services.streams import StreamSink
from reference.locks import lock_key

BATCH: Final = 1_000
LOCK_NAME: Final = "events.publish"
PLACE_SQL = """
    WITH waiting AS (
        SELECT id, age(xmin) <= age(pg_snapshot_xmin(pg_current_snapshot())::xid) AS is_early
        FROM events_outboxfact WHERE position IS NULL ORDER BY id LIMIT %(limit)s
    ), placed AS (
        SELECT id, (SELECT coalesce(max(position), 0) FROM events_outboxfact) + row_number() OVER (ORDER BY id) AS place
        FROM waiting
        WHERE id < coalesce((SELECT min(id) FROM waiting WHERE is_early), 9223372036854775807)
    )
    UPDATE events_outboxfact f SET position = p.place FROM placed p WHERE f.id = p.id
"""
# The bound on ids keeps it from looking through all that waits for a sink that is away: ids and positions rise together
# but for facts of the same moment.
MARK_SQL = """
    UPDATE events_outboxfact SET published_at = clock_timestamp()
    WHERE published_at IS NULL AND position <= %(until)s AND id <= (
        SELECT max(id) FROM (
            SELECT id FROM events_outboxfact WHERE position <= %(until)s ORDER BY position DESC LIMIT 1000
        ) newest
    )
"""
log = logging.getLogger(__name__)


class Sink(Protocol):
    """Something that facts are published to."""

    name: str

    def held_position(self) -> int:
        """Return the position up to which it has every fact."""

    def send(self, facts: Sequence[PublishedFact]) -> None:
        """Take facts in their order; return only when they are safe there."""


def sinks() -> list[Sink]:
    """Return what facts are published to: the stream, and Kafka where brokers are named."""
    return [StreamSink(), KafkaSink()] if settings.KAFKA_BROKERS else [StreamSink()]


def publish_facts() -> int:
    """Place what may be placed, hand it to every sink, note what all of them have; return how many facts were placed.

    One process at a time; any other returns 0 at once. A sink that fails holds up neither the others nor the caller:
    it is tried again by the next call, and until then the facts count as waiting.
    """
    count = 0
    with the_only_one(name=LOCK_NAME) as had:
        if not had:
            return 0
        while True:
            placed = place_facts(limit=BATCH)
            count += placed
            held = [push(sink=sink) for sink in sinks()]
            mark_published(until=min(held))
            if placed < BATCH:
                return count


def place_facts(*, limit: int) -> int:
    """Give facts below the commit horizon their positions; return how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PLACE_SQL, {"limit": limit})
        return int(cursor.rowcount)


def push(*, sink: Sink) -> int:
    """Hand a sink what it does not have yet; return the position up to which it has everything, 0 when unknown."""
    held = 0
    try:
        held = sink.held_position()
        if held >= last_position():
            return held
        while facts := published_facts(after=held, limit=BATCH):
            sink.send(facts)
            held = facts[-1].position
    except (RedisError, KafkaRefused, KafkaException):
        log.warning("events wait: %s takes none", sink.name, exc_info=True)
    return held


def mark_published(*, until: int) -> int:
    """Note that every sink has the facts up to a position; return how many that is news for."""
    with connection.cursor() as cursor:
        cursor.execute(MARK_SQL, {"until": until})
        return int(cursor.rowcount)


@contextmanager
def the_only_one(*, name: str) -> Iterator[bool]:
    """Hold the lock of a name while the block runs, over several transactions; give whether it was had."""
    key = lock_key(name=name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s::bigint)", [key])
        had = bool(cursor.fetchone()[0])
    try:
        yield had
    finally:
        if had:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s::bigint)", [key])
