"""The Kafka topic of events, where KAFKA_BROKERS is set: every fact as a CloudEvents event, keyed by its ordering key.

The producer is idempotent (KIP-98): within its session the broker drops what it sends twice, and keeps one key's order
through retries. Between sessions a fact may come twice, with the same id: how far the topic has come is written down
only after the broker has acknowledged it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from confluent_kafka import KafkaException, Producer
from django.conf import settings
from django.db.models.functions import Now

from events.core.envelope import PublishedFact, build_event
from events.models import Consumer

FLUSH_SECONDS: Final = 30.0
DELIVERY_MILLISECONDS: Final = 25_000
CONTENT_TYPE: Final[list[tuple[str, str | bytes | None]]] = [
    ("content-type", b"application/cloudevents+json; charset=UTF-8")
]


class KafkaRefused(Exception):
    """The brokers did not acknowledge events; they are sent again."""


class KafkaSink:
    """Publishes to the topic. A row of Consumer says how far it has come."""

    name = "kafka"

    def held_position(self) -> int:
        """Return the position up to which the brokers have acknowledged every fact."""
        found = Consumer.objects.filter(name=self.name).values_list("position", flat=True).first()
        return found or 0

    def send(self, facts: Sequence[PublishedFact]) -> None:
        """Send facts and wait for all acknowledgements. Raises KafkaRefused."""
        refused: list[str] = []

        def note(error: Any, _message: Any) -> None:
            if error is not None:
                refused.append(str(error))

        maker = producer(settings.KAFKA_BROKERS, settings.KAFKA_CONFIGURATION)
        try:
            for fact in facts:
                event = build_event(fact=fact, source=settings.EVENT_SOURCE)
                maker.produce(
                    settings.KAFKA_TOPIC,
                    key=fact.key.encode(),
                    value=json.dumps(event, separators=(",", ":")).encode(),
                    headers=CONTENT_TYPE,
                    on_delivery=note,
                )
            left = maker.flush(FLUSH_SECONDS)
        except (KafkaException, BufferError) as error:
            raise KafkaRefused(str(error)) from error
        finally:
            if refused:
                forget_producer()
        if left or refused:
            # What still waits in the producer must not overtake what is sent again.
            forget_producer()
            raise KafkaRefused(refused[0] if refused else f"{left} events were not acknowledged in {FLUSH_SECONDS} s")
        Consumer.objects.get_or_create(name=self.name)
        Consumer.objects.filter(name=self.name).update(position=facts[-1].position, moved_at=Now())


@lru_cache(maxsize=1)
def producer(brokers: str, configuration: str) -> Producer:
    """Return the process's producer. configuration: further properties of librdkafka as a JSON object."""
    return Producer(
        {
            "bootstrap.servers": brokers,
            "client.id": "mini-fmi",
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "delivery.timeout.ms": DELIVERY_MILLISECONDS,
            **json.loads(configuration),
        }
    )


def forget_producer() -> None:
    """Drop the process's producer and whatever still waits in it; the next one begins a session of its own."""
    if producer.cache_info().currsize:
        producer(settings.KAFKA_BROKERS, settings.KAFKA_CONFIGURATION).purge()
        producer.cache_clear()
