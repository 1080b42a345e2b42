"""The figures of what leaves: what came of webhooks, what waits for the sender, and what each consumer gave up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from events.models import Consumer, DeadLetter, WebhookDelivery, WebhookEndpoint
from events.queries.outbox import published_facts
from events.services.consume import handle_once, note_failure, receive_facts
from events.services.send_webhooks import send_due
from fmi.telemetry.delivery import delivery_figures
from fmi.telemetry.names import METRICS
from tests.factories.market import make_market
from tests.factories.receiver import Receiver, start_receiver
from tests.factories.webhooks import subscribe, tell, user

pytestmark = pytest.mark.django_db


@pytest.fixture
def receiver(db: None, settings: Any) -> Iterator[Receiver]:
    make_market()
    settings.WEBHOOK_ALLOW_PRIVATE = True
    found = start_receiver()
    yield found
    found.stop()


def figures(*, later: timedelta = timedelta()) -> dict[tuple[str, tuple[str, ...]], float]:
    return {(name, labels): value for name, labels, value in delivery_figures(now=timezone.now() + later)}


def test_webhooks_are_counted_by_what_came_of_them(receiver: Receiver) -> None:
    subscribe(user("operator"), receiver.url)
    subscribe(user("second"), "http://127.0.0.1:1/nobody-listens")
    for count in (1, 2, 3):
        tell(count)
    found = figures(later=timedelta(seconds=30))
    assert found["fmi_webhook_deliveries", ("PENDING",)] == 6
    assert 29 < found["fmi_webhook_overdue_seconds", ()] < 35
    receiver.answers.extend([204, 500, 204])
    assert send_due(now=timezone.now()) == 6
    found = figures()
    assert found["fmi_webhook_attempts", ("TAKEN",)] == 2
    assert found["fmi_webhook_attempts", ("REFUSED",)] == 1
    assert found["fmi_webhook_attempts", ("UNANSWERED",)] == 3
    assert found["fmi_webhook_deliveries", ("PENDING",)] == 4
    assert found["fmi_webhook_overdue_seconds", ()] < 5, "they wait for their next attempt, not for the sender"
    assert figures(later=timedelta(minutes=6))["fmi_webhook_attempts", ("TAKEN",)] == 0
    assert {name for name, _ in found} <= set(METRICS)


def test_an_open_circuit_is_told_and_makes_nothing_overdue(receiver: Receiver) -> None:
    endpoint = subscribe(user("operator"), receiver.url).endpoint
    tell(1)
    now = timezone.now()
    WebhookDelivery.objects.update(next_attempt_at=now - timedelta(hours=1))
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        failures=5, failing_since=now, opened_until=now + timedelta(minutes=1)
    )
    found = figures(later=timedelta(minutes=30))
    assert found["fmi_webhooks", ("OPEN",)] == 1
    assert found["fmi_webhook_overdue_seconds", ()] == 0
    assert 1_800 <= found["fmi_webhook_oldest_seconds", ()] < 1_830


@pytest.mark.parametrize(("because", "state"), [("GONE", "GIVEN_UP"), ("FAILING", "GIVEN_UP"), ("ASKED", "DISABLED")])
def test_what_was_given_up_is_told_apart_from_what_was_asked_for(receiver: Receiver, because: str, state: str) -> None:
    endpoint = subscribe(user("operator"), receiver.url).endpoint
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        enabled=False, disabled_at=timezone.now(), disabled_because=because
    )
    found = figures()
    assert {kind for kind in ("CLOSED", "OPEN", "GIVEN_UP", "DISABLED") if found["fmi_webhooks", (kind,)]} == {state}


def test_each_consumers_dead_letters_are_its_own(receiver: Receiver, settings: Any) -> None:
    def fail(_: Any) -> None:
        raise RuntimeError("no")

    settings.EVENT_ATTEMPTS = 1
    tell(1)
    for name in ("desk", "risk"):
        Consumer.objects.create(name=name, position=0)
    receive_facts(consumer="desk", facts=published_facts(after=0, limit=1), handle=fail, now=timezone.now())
    found = figures()
    assert found["fmi_consumer_dead_letters", ("desk",)] == 1
    assert found["fmi_consumer_dead_letters", ("risk",)] == 0
    assert found["fmi_dead_letters", ()] == 1


def test_a_letter_whose_fact_was_handled_meanwhile_is_closed(receiver: Receiver) -> None:
    tell(1)
    Consumer.objects.create(name="desk", position=0)
    (fact,) = published_facts(after=0, limit=1)
    heard: list[int] = []

    def handle(told: Any) -> None:
        heard.append(told.id)

    assert handle_once(consumer="desk", fact=fact, handle=handle, failed_before=False, now=timezone.now()) is None
    note_failure(consumer="desk", fact=fact, problem=RuntimeError("another process, slower"))
    assert handle_once(consumer="desk", fact=fact, handle=handle, failed_before=True, now=timezone.now()) is None
    assert heard == [fact.id]
    assert DeadLetter.objects.get().replayed_at is not None
