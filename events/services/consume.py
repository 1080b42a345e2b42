"""Consumers of events: each handles every fact once, whatever is delivered twice, late or in disorder.

A consumer's place is a row in PostgreSQL, not a group in Valkey: what is lost with Valkey is not a reader's place. What
it does for a fact and the note that it did so (its inbox) commit together. A fact that it cannot handle is tried again
after a while, and ahead of all later ones, so that their order holds; after EVENT_ATTEMPTS failures it is a dead
letter, and the consumer goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from events.core.envelope import PublishedFact
from events.models import Consumer, DeadLetter
from events.queries.outbox import facts_of
from events.services.publish import the_only_one
from events.services.streams import read_stream
from reference.refusals import Refusal

MOST_REASON: Final = 2_000
INBOX_SQL = """
    INSERT INTO events_inboxentry (consumer_id, event_id) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""
FAILURE_SQL = """
    INSERT INTO events_deadletter (consumer_id, event_id, reason, attempts, dead_at)
    VALUES (%(consumer)s, %(event)s, %(reason)s, 1, CASE WHEN %(most)s <= 1 THEN clock_timestamp() END)
    ON CONFLICT ON CONSTRAINT dead_letter_once DO UPDATE
    SET attempts = events_deadletter.attempts + 1, reason = excluded.reason, last_failed_at = clock_timestamp(),
        dead_at = coalesce(events_deadletter.dead_at,
                           CASE WHEN events_deadletter.attempts + 1 >= %(most)s THEN clock_timestamp() END)
    RETURNING dead_at IS NOT NULL
"""
Handle = Callable[[PublishedFact], None]
log = logging.getLogger(__name__)


class UnknownConsumer(Refusal):
    """The product has no consumer of events of this name."""

    code = "unknown-consumer"
    status = 404


def consume_events(*, consumer: str, handle: Handle, now: datetime, limit: int = 500) -> int:
    """Handle the facts after the consumer's place, in their order; return how far it came: how many facts.

    handle runs in the transaction of its inbox row. now: wall time; what is to be tried again later waits. One process
    at a time for each consumer; another returns 0.
    """
    with the_only_one(name=f"events.consume {consumer}") as had:
        if not had:
            return 0
        Consumer.objects.get_or_create(name=consumer)
        after = Consumer.objects.get(name=consumer).position
        facts = read_stream(after=after, limit=limit)
        done = receive_facts(consumer=consumer, facts=facts, handle=handle, now=now)
        if done:
            Consumer.objects.filter(name=consumer).update(position=after + done, moved_at=now)
        return done


def consume_all(*, now: datetime) -> int:
    """Let every consumer of the product handle what is new; return how many facts were handled. now: wall time."""
    count = 0
    for consumer in settings.EVENT_CONSUMERS:
        while done := consume_events(consumer=consumer, handle=handler_of(consumer=consumer), now=now):
            count += done
    return count


def handler_of(*, consumer: str) -> Handle:
    """Return what a consumer does with a fact. Raises UnknownConsumer."""
    if consumer not in settings.EVENT_CONSUMERS:
        raise UnknownConsumer
    handle: Handle = import_string(settings.EVENT_CONSUMERS[consumer])
    return handle


def receive_facts(*, consumer: str, facts: Sequence[PublishedFact], handle: Handle, now: datetime) -> int:
    """Handle facts as delivered, each at most once ever; return how many of them, from the first one on, are settled.

    Stops at a fact that failed and will be tried again, or whose time to be tried has not come.
    """
    letters = {
        letter.event_id: letter
        for letter in DeadLetter.objects.filter(consumer_id=consumer, event_id__in=[fact.id for fact in facts])
    }
    for place, fact in enumerate(facts):
        letter = letters.get(fact.id)
        if letter is not None and letter.dead_at is not None:
            continue
        if letter is not None and letter.replayed_at is None and now < next_attempt(letter=letter):
            return place
        failed_before = letter is not None
        problem = handle_once(consumer=consumer, fact=fact, handle=handle, failed_before=failed_before, now=now)
        if problem is not None and not note_failure(consumer=consumer, fact=fact, problem=problem):
            return place
    return len(facts)


def handle_once(
    *, consumer: str, fact: PublishedFact, handle: Handle, failed_before: bool, now: datetime
) -> Exception | None:  # fmt: skip
    """Handle a fact and note it in the inbox, in one transaction, unless that was done; return what went wrong."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(INBOX_SQL, [consumer, fact.id])
            if cursor.rowcount:
                handle(fact)
            if failed_before:  # By this call, or by another one meanwhile.
                letters = DeadLetter.objects.filter(consumer_id=consumer, event_id=fact.id, replayed_at=None)
                letters.update(replayed_at=now)
    except Exception as problem:
        log.warning("consumer %s failed on event %s (%s)", consumer, fact.id, fact.name, exc_info=True)
        return problem
    return None


def note_failure(*, consumer: str, fact: PublishedFact, problem: Exception) -> bool:
    """Count a failure; return whether the fact is now a dead letter."""
    reason = f"{type(problem).__name__}: {problem}"[:MOST_REASON].replace("\x00", "")
    with connection.cursor() as cursor:
        cursor.execute(
            FAILURE_SQL,
            {"consumer": consumer, "event": fact.id, "reason": reason, "most": settings.EVENT_ATTEMPTS},
        )
        return bool(cursor.fetchone()[0])


def next_attempt(*, letter: DeadLetter) -> datetime:
    """Return when a failed fact is tried again: each time after twice as long."""
    wait = settings.EVENT_RETRY_SECONDS * 2 ** (letter.attempts - 1)
    return letter.last_failed_at + timedelta(seconds=wait)


def replay_letters(*, letter_ids: Collection[int], now: datetime) -> tuple[int, int]:
    """Handle open dead letters again, in the order of their facts; return how many succeeded and how many failed.

    Their facts come after later ones: a consumer for which that matters reads the position. One that fails stays open
    with its new reason. now: wall time. Raises UnknownConsumer.
    """
    letters = list(
        DeadLetter.objects.filter(pk__in=letter_ids, dead_at__isnull=False, replayed_at=None).order_by("event_id")
    )
    facts = facts_of(ids=[letter.event_id for letter in letters])
    handlers = {name: handler_of(consumer=name) for name in {letter.consumer_id for letter in letters}}
    failed = 0
    for letter in letters:
        fact, name = facts[letter.event_id], letter.consumer_id
        problem = handle_once(consumer=name, fact=fact, handle=handlers[name], failed_before=True, now=now)
        if problem is not None:
            note_failure(consumer=name, fact=fact, problem=problem)
            failed += 1
    return len(letters) - failed, failed
