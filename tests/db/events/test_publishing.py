"""The relay: facts are published in one order without a gap, below the commit horizon, and whatever sink fails or is
emptied; consumers do once what is delivered twice or in disorder.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from events.core.envelope import PublishedFact, read_fact
from events.models import Consumer, DeadLetter, InboxEntry, OutboxFact
from events.queries.outbox import outbox_lag, published_facts
from events.services import consume, publish, streams
from events.services.consume import consume_all, consume_events, receive_facts, replay_letters
from events.services.outbox import record_fact
from events.services.publish import mark_published, publish_facts
from events.services.streams import FIELD, read_stream, stream_key, stream_state
from reference.valkey import valkey
from tests.db.events.seen import note_seen, seen_positions
from trades.contracts import TradesCaptured

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def emptied() -> Iterator[None]:
    """Leave no stream behind: positions begin at 1 in each test."""
    valkey().delete(stream_key())
    yield
    valkey().delete(stream_key())


def record(count: int, *, key: str = "trades") -> None:
    record_fact(fact=TradesCaptured(count=count), key=key)


def place_and_publish() -> int:
    """Publish what the test's own transaction recorded, which is below no commit horizon: it is placed by hand."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_outboxfact f SET position = p.place FROM ("
            " SELECT id, (SELECT coalesce(max(position), 0) FROM events_outboxfact) + row_number() OVER (ORDER BY id)"
            " AS place FROM events_outboxfact WHERE position IS NULL) p WHERE f.id = p.id"
        )
        placed: int = cursor.rowcount
    assert publish_facts() == 0
    return placed


def told() -> list[tuple[int, int]]:
    """Return what the stream tells: positions and counts."""
    entries: Any = valkey().xrange(stream_key())
    facts = [read_fact(fields[FIELD]) for _, fields in entries]
    return [(fact.position, fact.payload["count"]) for fact in facts]


def other_connection() -> psycopg.Connection[Any]:
    named = connection.get_connection_params()
    return psycopg.connect(
        **{key: named[key] for key in ("host", "port", "dbname", "user", "password") if named.get(key)}
    )


def insert_elsewhere(other: psycopg.Connection[Any], count: int, key: str = "trades") -> None:
    other.execute(
        "INSERT INTO events_outboxfact (name, version, payload, key)"
        " VALUES ('TradesCaptured', 1, jsonb_build_object('count', %s::int), %s)",
        [count, key],
    )


def check_two_deliveries_at_once() -> None:
    """Deliver one fact to two processes at the same time: it is handled once."""
    Consumer.objects.create(name="seen")
    fact = published_facts(after=0, limit=1)
    inside, go_on = threading.Event(), threading.Event()
    handled: list[str] = []

    def slow(_: PublishedFact) -> None:
        handled.append("first")
        inside.set()
        go_on.wait(timeout=20)

    def first() -> None:
        try:
            receive_facts(consumer="seen", facts=fact, handle=slow, now=timezone.now())
        finally:
            connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(timeout=20)
    release = threading.Timer(0.2, go_on.set)
    release.start()
    # Waits for the other's inbox row, then finds it.
    receive_facts(consumer="seen", facts=fact, handle=lambda _: handled.append("second"), now=timezone.now())
    thread.join(timeout=20)
    assert handled == ["first"]


@pytest.mark.django_db(transaction=True)
def test_a_late_commit_is_not_skipped_and_nothing_after_it_is_told_before() -> None:
    with other_connection() as late:
        record(1)
        insert_elsewhere(late, 2)
        record(3)
        record(4)
        assert publish_facts() == 1
        assert told() == [(1, 1)]
        assert outbox_lag().waiting == 2
        late.commit()
    assert publish_facts() == 3
    assert told() == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert outbox_lag().waiting == 0
    assert not OutboxFact.objects.filter(published_at=None).exists()
    # The older transaction records later: its fact follows one of a younger transaction, which waits for a third.
    with other_connection() as old, other_connection() as young, other_connection() as open_one:
        old.execute("SELECT pg_current_xact_id()")
        open_one.execute("SELECT pg_current_xact_id()")
        insert_elsewhere(young, 5)
        young.commit()
        insert_elsewhere(old, 6)
        old.commit()
        assert publish_facts() == 0
        open_one.commit()
    assert publish_facts() == 2
    assert told() == [(place, place) for place in range(1, 7)]
    check_two_deliveries_at_once()


@pytest.mark.django_db(transaction=True)
def test_the_order_of_a_key_holds_while_many_write_and_two_publish() -> None:
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE key_of_test (key text PRIMARY KEY, step integer NOT NULL)")
        cursor.execute("INSERT INTO key_of_test SELECT 'key-' || n, 0 FROM generate_series(0, 2) n")
    stop = threading.Event()

    def write(seed: int) -> None:
        draw = random.Random(seed)
        with other_connection() as own:
            for _ in range(25):
                key = f"key-{draw.randrange(3)}"
                if draw.random() < 0.5:
                    own.execute("SELECT pg_current_xact_id()")
                step = own.execute(
                    "UPDATE key_of_test SET step = step + 1 WHERE key = %s RETURNING step", [key]
                ).fetchone()
                assert step is not None
                insert_elsewhere(own, step[0], key)
                own.commit() if draw.random() < 0.9 else own.rollback()

    def relay() -> None:
        try:
            while not stop.is_set():
                publish_facts()
        finally:
            connection.close()

    try:
        writers = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
        relays = [threading.Thread(target=relay) for _ in range(2)]
        for thread in (*writers, *relays):
            thread.start()
        for thread in writers:
            thread.join(timeout=60)
        stop.set()
        for thread in relays:
            thread.join(timeout=60)
        publish_facts()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE key_of_test")
    entries: Any = valkey().xrange(stream_key())
    facts = [read_fact(fields[FIELD]) for _, fields in entries]
    assert [fact.position for fact in facts] == list(range(1, OutboxFact.objects.count() + 1))
    for key in ("key-0", "key-1", "key-2"):
        steps = [fact.payload["count"] for fact in facts if fact.key == key]
        assert steps == list(range(1, len(steps) + 1))
        assert len(steps) > 3


def test_a_sink_that_fails_delays_and_loses_nothing(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    address = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    record(1)
    assert place_and_publish() == 1
    lag = outbox_lag()
    assert (lag.waiting, lag.last_position) == (1, 1)
    assert lag.oldest_seconds > 0
    assert stream_state() is None
    # Who reads events goes on: what Valkey does not give comes from the outbox.
    assert [fact.position for fact in read_stream(after=0, limit=10)] == [1]
    settings.REDIS_URL = address
    record(2)
    place_and_publish()
    assert told() == [(1, 1), (2, 2)]
    assert outbox_lag().waiting == 0


def test_a_crash_between_the_sink_and_the_note_tells_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    record(1)

    def crash(*, until: int) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publish, "mark_published", crash)
        with pytest.raises(KeyboardInterrupt):
            place_and_publish()
    assert told() == [(1, 1)]
    assert outbox_lag().waiting == 1
    record(2)
    place_and_publish()
    assert told() == [(1, 1), (2, 2)]
    # The same entries sent once more, by a relay that lost its lock, say: the stream refuses them by their ids.
    streams.StreamSink().send(published_facts(after=0, limit=10))
    assert told() == [(1, 1), (2, 2)]


def test_an_emptied_stream_and_one_of_another_history_are_laid_down_again(settings: Any) -> None:
    for count in range(1, 6):
        record(count)
    place_and_publish()
    valkey().flushdb()
    place_and_publish()
    assert told() == [(place, place) for place in range(1, 6)]
    # PostgreSQL was taken back in time: the stream knows a position that this history never gave.
    entry: Any = valkey().xrevrange(stream_key(), count=1)
    valkey().xadd(stream_key(), entry[0][1], id="9-0")
    record(6)
    place_and_publish()
    assert told() == [(place, place) for place in range(1, 7)]
    # A stream kept short is no loss either.
    settings.EVENT_STREAM_LENGTH = 2
    valkey().flushdb()
    place_and_publish()
    assert told() == [(5, 5), (6, 6)]
    assert [fact.position for fact in read_stream(after=0, limit=3)] == [1, 2, 3]


def test_doubled_and_shuffled_deliveries_have_their_effect_once() -> None:
    note_seen(clear=True)
    for count in range(1, 21):
        record(count)
    place_and_publish()
    Consumer.objects.create(name="seen")
    facts = published_facts(after=0, limit=100)
    deliveries = facts * 3
    random.Random(7).shuffle(deliveries)
    assert receive_facts(consumer="seen", facts=deliveries, handle=note_seen, now=timezone.now()) == 60
    assert sorted(seen_positions()) == list(range(1, 21))
    # The regular reading comes from the beginning, and finds all done.
    assert consume_events(consumer="seen", handle=note_seen, now=timezone.now()) == 20
    assert len(seen_positions()) == 20
    assert InboxEntry.objects.count() == 20


def test_what_fails_is_tried_again_then_a_dead_letter_and_can_be_replayed(settings: Any) -> None:
    settings.EVENT_ATTEMPTS, settings.EVENT_RETRY_SECONDS = 3, 0.0
    settings.EVENT_CONSUMERS = {"seen": "tests.db.events.seen.note_seen"}
    note_seen(clear=True, refuse=2)
    for count in (1, 2, 3):
        record(count)
    place_and_publish()
    # Its order holds while it is tried: nothing after it is handled.
    consume_events(consumer="seen", handle=note_seen, now=timezone.now())
    assert seen_positions() == [1]
    letter = DeadLetter.objects.get()
    assert (letter.attempts, letter.state) == (1, "RETRYING")
    assert letter.reason == "ValueError: position 2 is refused"
    consume_events(consumer="seen", handle=note_seen, now=timezone.now())
    consume_all(now=timezone.now())
    assert seen_positions() == [1, 3]
    letter.refresh_from_db()
    assert (letter.attempts, letter.state) == (3, "DEAD")
    assert outbox_lag().dead_letters == 1
    assert outbox_lag().consumers == {"seen": 0}
    # Delivered again, a dead letter stays one; replayed while its cause stands, it stays open.
    receive_facts(
        consumer="seen", facts=published_facts(after=1, until=2, limit=1), handle=note_seen, now=timezone.now()
    )
    assert replay_letters(letter_ids=[letter.pk], now=timezone.now()) == (0, 1)
    note_seen(clear=True)
    assert replay_letters(letter_ids=[letter.pk], now=timezone.now()) == (1, 0)
    assert replay_letters(letter_ids=[letter.pk], now=timezone.now()) == (0, 0)
    assert seen_positions() == [2]
    letter.refresh_from_db()
    assert (letter.attempts, letter.state) == (4, "REPLAYED")
    assert outbox_lag().dead_letters == 0


def test_a_failed_fact_waits_longer_each_time(settings: Any) -> None:
    settings.EVENT_ATTEMPTS, settings.EVENT_RETRY_SECONDS = 5, 3600.0
    note_seen(clear=True, refuse=1)
    record(1)
    place_and_publish()
    for _ in range(3):
        assert consume_events(consumer="seen", handle=note_seen, now=timezone.now()) == 0
    letter = DeadLetter.objects.get()
    assert letter.attempts == 1
    assert (consume.next_attempt(letter=letter) - letter.last_failed_at).total_seconds() == 3600
    letter.attempts = 3
    assert (consume.next_attempt(letter=letter) - letter.last_failed_at).total_seconds() == 4 * 3600


ATTACKS = (
    ("UPDATE events_outboxfact SET payload = '{}'", "never change"),
    ("UPDATE events_outboxfact SET shares = '{}'", "never change"),
    ("UPDATE events_outboxfact SET key = 'x', correlation_id = NULL", "never change"),
    ("UPDATE events_outboxfact SET position = position + 100", "delivered once"),
    ("UPDATE events_outboxfact SET position = NULL, published_at = NULL", "delivered once"),
    (
        "UPDATE events_outboxfact SET published_at = now() + interval '1 day'",
        "delivered once",
    ),
    ("INSERT INTO events_outboxfact (name, version, payload, position) VALUES ('X', 1, '{}', 1)", "one_fact"),
    ("INSERT INTO events_outboxfact (name, version, payload, position) VALUES ('X', 1, '{}', 0)", "positive"),
    (
        "INSERT INTO events_outboxfact (name, version, payload, published_at) VALUES ('X', 1, '{}', now())",
        "in_place",
    ),
    ("DELETE FROM events_outboxfact", "never deleted"),
    ("DELETE FROM events_inboxentry", "until its consumer has passed it"),
    ("UPDATE events_inboxentry SET handled_at = now()", "append-only"),
    ("INSERT INTO events_inboxentry (consumer_id, event_id) SELECT 'seen', min(id) FROM events_outboxfact", "pkey"),
    ("UPDATE events_consumer SET position = 0", "does not go back"),
    ("DELETE FROM events_consumer", "never deleted"),
    ("DELETE FROM events_deadletter", "never deleted"),
    ("UPDATE events_deadletter SET attempts = 0", "never|dies|attempts"),
    ("UPDATE events_deadletter SET dead_at = NULL", "dies and is replayed once"),
)


def test_the_tables_refuse_what_must_never_be(settings: Any) -> None:
    settings.EVENT_ATTEMPTS = 1
    note_seen(clear=True, refuse=2)
    record(1)
    record(2)
    place_and_publish()
    consume_events(consumer="seen", handle=note_seen, now=timezone.now())
    for attack, why in ATTACKS:
        with pytest.raises(DatabaseError, match=why), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(attack)


def test_the_lag_is_what_a_count_would_say(settings: Any) -> None:
    """Three published, two placed, two not yet: the first two of those in the other order of their ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_outboxfact (name, payload, version, position, published_at) SELECT 'TradesMatched',"
            " '{}', 1, p, CASE WHEN p <= 3 THEN now() END FROM unnest(ARRAY[1, 2, 3, 5, 4, NULL, NULL]) p"
        )
    lag = outbox_lag()
    assert (lag.waiting, lag.last_position) == (4, 5)
    mark_published(until=3)
    assert outbox_lag().waiting == 4
    mark_published(until=4)
    assert OutboxFact.objects.filter(published_at=None).count() == outbox_lag().waiting == 3
    mark_published(until=5)
    assert outbox_lag().waiting == 2


def test_a_letter_whose_fact_was_handled_meanwhile_is_closed() -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("not now")

    record(1)
    place_and_publish()
    Consumer.objects.get_or_create(name="seen")
    facts = published_facts(after=0, limit=1)
    assert receive_facts(consumer="seen", facts=facts, handle=fail, now=timezone.now()) == 0
    InboxEntry.objects.create(consumer_id="seen", event_id=facts[0].id)
    later = timezone.now() + timedelta(minutes=5)
    assert receive_facts(consumer="seen", facts=facts, handle=fail, now=later) == 1
    assert DeadLetter.objects.get().replayed_at == later
