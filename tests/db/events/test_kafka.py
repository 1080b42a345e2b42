"""Kafka: the same facts, as CloudEvents, keyed and in order; brokers that do not answer delay and lose nothing.

The brokers are librdkafka's own mock cluster, which speaks the real protocol over real sockets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import Producer

from events.models import Consumer
from events.queries.outbox import outbox_lag, published_facts
from events.services import kafka
from events.services.publish import publish_facts
from events.services.streams import stream_key
from reference.valkey import valkey
from tests.db.events.test_publishing import place_and_publish, record

pytestmark = pytest.mark.django_db


@pytest.fixture
def brokers(settings: Any) -> Iterator[str]:
    """Name the brokers of a cluster that lives in this process."""
    cluster = Producer({"test.mock.num.brokers": 3, "bootstrap.servers": "ignored"})
    metadata = cluster.list_topics(timeout=10)
    settings.KAFKA_BROKERS = ",".join(f"{broker.host}:{broker.port}" for broker in metadata.brokers.values())
    valkey().delete(stream_key())
    yield settings.KAFKA_BROKERS
    kafka.forget_producer()
    valkey().delete(stream_key())
    del cluster


def read_topic(brokers: str, *, count: int) -> list[tuple[str, dict[str, Any], int]]:
    """Return what the topic holds: key, event, partition."""
    reader = KafkaConsumer({"bootstrap.servers": brokers, "group.id": "test", "auto.offset.reset": "earliest"})
    reader.subscribe(["fmi.events"])
    found: list[tuple[str, dict[str, Any], int]] = []
    try:
        for _ in range(100):
            for message in reader.consume(num_messages=count, timeout=0.2):
                key, value, partition = message.key(), message.value(), message.partition()
                if message.error() is None and key is not None and value is not None and partition is not None:
                    found.append((key.decode(), json.loads(value), partition))
            if len(found) >= count:
                return found
    finally:
        reader.close()
    raise AssertionError(f"only {len(found)} of {count} events came")


def test_kafka_gets_every_fact_once_more_after_a_crash_and_none_is_lost(brokers: str, settings: Any) -> None:
    for count in range(1, 7):
        record(count, key=f"key-{count % 2}")
    place_and_publish()
    assert outbox_lag().waiting == 0
    assert outbox_lag().consumers == {"kafka": 0}
    # A crash between the acknowledgement and its note: the place is that of an earlier moment, and all comes again.
    again = published_facts(after=4, limit=10)
    kafka.KafkaSink().send(again)
    found = read_topic(brokers, count=8)
    for key in ("key-0", "key-1"):
        of_key = [event for told_key, event, _ in found if told_key == key]
        counts = [event["data"]["count"] for event in of_key]
        # The first time each, in order; then the doubled one, with the same id.
        assert counts == sorted(set(counts)) + counts[-1:]
        assert of_key[-1]["id"] == of_key[-2]["id"]
        assert len({partition for told_key, _, partition in found if told_key == key}) == 1
    assert all(event["specversion"] == "1.0" and event["subject"] == key for key, event, _ in found)


def test_brokers_that_do_not_answer_delay_kafka_alone(
    brokers: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KAFKA_BROKERS = "127.0.0.1:1"
    settings.KAFKA_CONFIGURATION = json.dumps({"delivery.timeout.ms": 250, "linger.ms": 0, "log_level": 0})
    record(1)
    with monkeypatch.context() as patch:
        patch.setattr(kafka, "FLUSH_SECONDS", 0.3)
        place_and_publish()
    lag = outbox_lag()
    assert (lag.waiting, lag.last_position) == (1, 1)
    assert valkey().xlen(stream_key()) == 1
    assert not Consumer.objects.filter(name="kafka").exists()
    kafka.forget_producer()
    settings.KAFKA_BROKERS, settings.KAFKA_CONFIGURATION = brokers, "{}"
    publish_facts()
    assert outbox_lag().waiting == 0
    ((key, event, _),) = read_topic(brokers, count=1)
    assert (key, event["position"], event["data"]) == ("trades", 1, {"count": 1})
