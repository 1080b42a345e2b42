"""Reads of the outbox: what waits, what is published, how far each reader is behind."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Min, QuerySet
from django.utils import timezone

from events.core.envelope import EVERYBODY, PublishedFact
from events.models import Consumer, OutboxFact
from reference.core.actor import Actor

# Positions have no gap and are published in their order, so a long backlog is known by its two ends, not counted. The
# oldest by id are nearly the oldest by position: two facts at the same moment may change places, no thousand does.
LAG_SQL = """
    WITH oldest AS (
        SELECT id, position, recorded_at FROM events_outboxfact WHERE published_at IS NULL ORDER BY id LIMIT 1000
    ), last AS (SELECT max(position) AS position FROM events_outboxfact)
    SELECT (SELECT count(*) FROM events_outboxfact WHERE position IS NULL)
            + coalesce((SELECT position FROM last) + 1 - (SELECT min(position) FROM oldest), 0),
        (SELECT recorded_at FROM oldest ORDER BY id LIMIT 1),
        (SELECT position FROM last),
        (SELECT count(*) FROM events_deadletter WHERE dead_at IS NOT NULL AND replayed_at IS NULL)
"""


def waiting_facts() -> int:
    """Return how many facts wait for delivery."""
    return OutboxFact.objects.filter(delivered_at__isnull=True).count()


def waiting_since() -> tuple[int, datetime | None]:
    """Return how many facts wait for delivery, and when the oldest was recorded (None where none waits)."""
    totals = OutboxFact.objects.filter(delivered_at__isnull=True).aggregate(n=Count("pk"), oldest=Min("recorded_at"))
    return totals["n"], totals["oldest"]


@dataclass(frozen=True)
class OutboxLag:
    """How far publishing is behind: facts that not every sink has, and readers that have not come so far.

    waiting: facts; oldest_seconds: age of the oldest of them, 0 where none waits. consumers: name -> facts between its
    position and the last one, Kafka among them where it is a sink. dead_letters: open ones.
    """

    waiting: int
    oldest_seconds: float
    last_position: int
    consumers: dict[str, int]
    dead_letters: int


def outbox_lag(*, now: datetime | None = None) -> OutboxLag:
    """Return how far publishing is behind, from PostgreSQL alone. now: wall time."""
    waiting, oldest, last, dead = _read_lag()
    behind = {
        name: max(0, (last or 0) - position)
        for name, position in Consumer.objects.order_by("name").values_list("name", "position")
    }
    age = _seconds_since(oldest, now=now or timezone.now())
    return OutboxLag(waiting=waiting, oldest_seconds=age, last_position=last or 0, consumers=behind, dead_letters=dead)


def late_events() -> int:
    """Return how much needs a hand: open dead letters, and facts that wait for longer than they should. One query."""
    waiting, oldest, _, dead = _read_lag()
    late = _seconds_since(oldest, now=timezone.now()) > settings.EVENT_LAG_WARNING_SECONDS
    return dead + (waiting if late else 0)


def _read_lag() -> tuple[int, datetime | None, int | None, int]:
    """Return what LAG_SQL reads: facts waiting, since when, the last position given, open dead letters."""
    with connection.cursor() as cursor:
        cursor.execute(LAG_SQL)
        waiting, oldest, last, dead = cursor.fetchone()
    return waiting, oldest, last, dead


def _seconds_since(moment: datetime | None, *, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())


def last_position() -> int:
    """Return the last position that was given, 0 where none was."""
    found: int | None = OutboxFact.objects.aggregate(last=Max("position"))["last"]
    return found or 0


def published_fact(row: OutboxFact) -> PublishedFact:
    """Return a row as what it publishes. The row has a position."""
    assert row.position is not None
    return PublishedFact(
        id=row.pk,
        name=row.name,
        version=row.version,
        key=row.key,
        payload=row.payload,
        shares=row.shares,
        correlation_id=None if row.correlation_id is None else str(row.correlation_id),
        position=row.position,
        recorded_at=row.recorded_at,
    )


def published_facts(
    *, after: int, limit: int, until: int | None = None, participant_id: int | None = None,
    names: Set[str] = frozenset(),
) -> list[PublishedFact]:  # fmt: skip
    """Return facts by position, those after one, up to another one included.

    participant_id: only those in which it has a share. names: only those, unless it is empty.
    """
    rows = OutboxFact.objects.filter(position__gt=after).order_by("position")
    if until is not None:
        rows = rows.filter(position__lte=until)
    if participant_id is not None:
        rows = rows.filter(shares__has_any_keys=[str(participant_id), EVERYBODY])
    if names:
        rows = rows.filter(name__in=names)
    return [published_fact(row) for row in rows[:limit]]


def facts_of(*, ids: Sequence[int]) -> dict[int, PublishedFact]:
    """Return published facts by their ids."""
    return {row.pk: published_fact(row) for row in OutboxFact.objects.filter(pk__in=ids, position__isnull=False)}


def visible_facts(*, actor: Actor) -> QuerySet[OutboxFact]:
    """Return the published facts of which the actor may read something; a participant only what it has a share in."""
    placed = OutboxFact.objects.filter(position__isnull=False)
    if actor.sees_all:
        return placed
    return placed.filter(shares__has_any_keys=[str(actor.participant_id), EVERYBODY])
