"""Webhooks over real connections: who is sent what, signed, tried again, left alone, and never to a private host."""

from __future__ import annotations

import json
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from standardwebhooks import Webhook

from events.contracts import Share
from events.models import AuditRecord, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret
from events.queries.outbox import published_facts
from events.services import webhook_calls
from events.services.consume import receive_facts
from events.services.fan_out import fan_out
from events.services.manage_webhooks import (
    change_webhook,
    ping_webhook,
    rotate_secret,
    send_again,
    send_range_again,
)
from events.services.send_webhooks import lease_due, send_due
from events.services.webhook_calls import Message, send_message
from tests.factories.market import Market, make_market
from tests.factories.receiver import Receiver, start_receiver
from tests.factories.webhooks import acting, due_now, subscribe, tell, user
from trades.contracts import TradesCaptured

pytestmark = pytest.mark.django_db


@pytest.fixture
def market(db: None) -> Market:
    return make_market()


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    found = start_receiver()
    yield found
    found.stop()


def test_each_reader_is_sent_its_own_signed(market: Market, receiver: Receiver) -> None:
    operator = user("operator")
    alphas = user("alphas", participant=market.alpha, role="PARTICIPANT")
    secrets = {
        "all": subscribe(operator, receiver.url + "/all").secret,
        "alpha": subscribe(alphas, receiver.url + "/alpha").secret,
        "bravo": subscribe(user("b", participant=market.bravo, role="PARTICIPANT"), receiver.url + "/bravo").secret,
        "named": subscribe(operator, receiver.url + "/named", "TradesCaptured").secret,
    }
    tell(3, {market.alpha.pk: Share(count=2, ids=("x", "y"))})
    tell(1, "*")
    tell(9, fact=TradesCaptured)
    assert send_due(now=timezone.now()) == 7
    assert send_due(now=timezone.now()) == 0
    got: dict[str, list[Any]] = {name: [] for name in secrets}
    for request in receiver.received:
        name = request.path.rsplit("/", 1)[1]
        event = Webhook(secrets[name]).verify(request.body, request.headers)
        with pytest.raises(Exception, match="signature"):
            Webhook(secrets["all" if name != "all" else "bravo"]).verify(request.body, request.headers)
        assert request.headers["content-type"] == "application/cloudevents+json"
        got[name].append((event["position"], event["data"]))
    assert {name: sorted(events, key=str) for name, events in got.items()} == {
        "all": [(1, {"count": 3}), (2, {"count": 1}), (3, {"count": 9})],
        "alpha": [(1, {"count": 2, "ids": ["x", "y"]}), (2, {"count": 1})],
        "bravo": [(2, {"count": 1})],
        "named": [(3, {"count": 9})],
    }
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 7
    # Who may not read any more is sent nothing more.
    alphas.is_active = False
    alphas.save()
    tell(1, "*")
    assert send_due(now=timezone.now()) == 2
    gone = WebhookEndpoint.objects.get(owner=alphas)
    assert (gone.enabled, gone.disabled_because) == (False, "NO_READER")
    assert AuditRecord.objects.get(action="webhook.disable").detail["cancelled"] == 1


def test_what_fails_is_tried_again_and_the_log_says_how(market: Market, receiver: Receiver) -> None:
    operator = user("operator")
    endpoint = subscribe(operator, receiver.url).endpoint
    receiver.answers.extend([500, 302, 429])
    receiver.headers = {"retry-after": "7200", "location": "http://127.0.0.1:1/elsewhere"}
    tell(1)
    assert send_due(now=timezone.now()) == 1
    delivery = WebhookDelivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("PENDING", 1)
    assert delivery.next_attempt_at > timezone.now() + timedelta(hours=1.9)
    assert send_due(now=timezone.now()) == 0
    for _ in range(3):
        due_now()
        assert send_due(now=timezone.now()) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("DELIVERED", 4)
    log = list(WebhookAttempt.objects.order_by("pk").values_list("status", "error", "answer"))
    assert [row[0] for row in log] == [500, 302, 429, 204]
    assert [len(row[2]) for row in log] == [1_000, 1_000, 1_000, 0]
    first = receiver.received[0]
    assert {(request.headers["webhook-id"], request.body) for request in receiver.received} == {
        (str(delivery.public_id), first.body)
    }
    # Asked for again it begins anew, and fails for good after eight attempts.
    send_again(public_id=endpoint.public_id, delivery_id=delivery.public_id, **acting(operator))
    receiver.answers.extend([500] * 8)
    receiver.headers = {}
    for _ in range(8):
        due_now()
        WebhookEndpoint.objects.update(opened_until=None)
        assert send_due(now=timezone.now()) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("FAILED", 8)
    WebhookEndpoint.objects.update(opened_until=None)
    since = timezone.now() - timedelta(hours=1)
    again = {"states": ["FAILED"], "until": timezone.now(), **acting(operator)}
    assert send_range_again(public_id=endpoint.public_id, since=timezone.now(), **again) == 0
    assert send_range_again(public_id=endpoint.public_id, since=since, **again) == 1
    assert send_due(now=timezone.now()) == 1
    assert WebhookDelivery.objects.get().state == "DELIVERED"


def test_a_circuit_opens_and_closes_and_410_ends_it(market: Market, receiver: Receiver) -> None:
    operator = user("operator")
    endpoint = subscribe(operator, receiver.url).endpoint
    other = subscribe(operator, receiver.url + "/other").endpoint
    for count in range(12):
        tell(count)
    # Four at once, and of those under way none more is begun once the fifth failed.
    WebhookDelivery.objects.filter(endpoint=other).update(next_attempt_at=timezone.now() + timedelta(days=1))
    receiver.answers.extend([503] * 8)
    sent = send_due(now=timezone.now())
    assert 5 <= sent <= 8
    endpoint.refresh_from_db()
    assert endpoint.failures == sent
    assert endpoint.opened_until is not None
    due_now()
    WebhookDelivery.objects.filter(endpoint=endpoint).update(next_attempt_at=timezone.now())
    receiver.answers.clear()
    assert send_due(now=timezone.now()) == 12, "the other endpoint's alone"
    # The probe, then all that waited.
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(opened_until=timezone.now())
    assert len(lease_due(limit=16, under_way=Counter(), now=timezone.now())) == 1
    due_now()
    assert send_due(now=timezone.now()) == 12
    assert WebhookEndpoint.objects.filter(pk=endpoint.pk, failures=0, opened_until=None).exists()
    receiver.answers.append(410)
    tell(1)
    WebhookDelivery.objects.filter(endpoint=other, state="PENDING").update(
        next_attempt_at=timezone.now() + timedelta(days=1)
    )
    send_due(now=timezone.now())
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.disabled_because) == (False, "GONE")
    assert list(WebhookDelivery.objects.filter(endpoint=endpoint).exclude(state="DELIVERED").values_list("state")) == [
        ("CANCELLED",)
    ]
    tell(1)
    assert not WebhookDelivery.objects.filter(endpoint=endpoint, state="PENDING").exists()
    change_webhook(public_id=endpoint.public_id, changes={"enabled": True}, **acting(operator))
    ping_webhook(public_id=endpoint.public_id, **acting(operator))
    assert send_due(now=timezone.now()) == 2
    assert {json.loads(got.body)["type"] for got in receiver.received[-2:]} == {"fmi.Ping", "fmi.TradesMatched"}


def test_rotation_signs_twice_until_the_old_secret_ends(market: Market, receiver: Receiver) -> None:
    operator = user("operator")
    made = subscribe(operator, receiver.url)
    fresh = rotate_secret(public_id=made.endpoint.public_id, grace=timedelta(hours=1), **acting(operator))
    tell(1)
    send_due(now=timezone.now())
    for secret in (made.secret, fresh.secret):
        Webhook(secret).verify(receiver.received[0].body, receiver.received[0].headers)
    assert all(made.secret.encode() not in bytes(row.secret) for row in WebhookSecret.objects.all())
    WebhookSecret.objects.filter(ends_at__isnull=False).update(ends_at=timezone.now())
    tell(2)
    send_due(now=timezone.now())
    Webhook(fresh.secret).verify(receiver.received[1].body, receiver.received[1].headers)
    with pytest.raises(Exception, match="signature"):
        Webhook(made.secret).verify(receiver.received[1].body, receiver.received[1].headers)


def message(url: str) -> Message:
    return Message(1, 1, "m", url, b"{}", ("whsec_" + "eHh4" * 8,))


def test_no_call_takes_longer_than_it_may(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_calls, "TOTAL_SECONDS", 0.3)
    receiver.answers.append("drip")
    outcome = send_message(message=message(receiver.url), at=timezone.now())
    assert outcome.status is None
    assert outcome.error.startswith("no answer within")
    assert outcome.duration_ms < 2_000
    # A receiver that takes the connection and never says a word of TLS.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        outcome = send_message(message=message(url), at=timezone.now())
    assert outcome.error
    assert outcome.duration_ms < 2_000
    assert "refused" in send_message(message=message(url), at=timezone.now()).error


def test_nothing_is_sent_to_a_host_with_a_private_address(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """And the address that was judged is the one that is called: what the name says a moment later changes nothing."""
    settings.WEBHOOK_ALLOW_PRIVATE = False
    settings.WEBHOOK_ALLOW_HTTP = True
    asked: list[str] = []
    answers: list[list[str]] = [["93.184.216.34", "127.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"]]
    real = socket.getaddrinfo

    def resolve(host: str, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "hooks.example":
            return real(host, port, *args, **kwargs)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in answers.pop(0)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for _ in range(3):
        outcome = send_message(message=message(f"http://hooks.example:{receiver.port}/"), at=timezone.now())
        assert outcome.error == webhook_calls.NOT_PUBLIC
    assert "not a public one" in send_message(message=message(receiver.url), at=timezone.now()).error
    assert receiver.received == []
    settings.WEBHOOK_ALLOW_PRIVATE = True
    answers[:] = [["127.0.0.1"], ["10.255.255.1"]]
    assert send_message(message=message(f"http://hooks.example:{receiver.port}/"), at=timezone.now()).status == 204
    assert receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"
    assert len(asked) == 4, "looked up once a call"


def test_tls_is_for_the_hosts_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    receiver = start_receiver(tls=tls)
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: real(host.replace("hooks.example", "127.0.0.1"), *rest, **more),
    )
    good = f"https://hooks.example:{receiver.port}/"
    try:
        webhook_calls.tls_context.cache_clear()
        assert "certificate" in send_message(message=message(good), at=timezone.now()).error.lower()
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        webhook_calls.tls_context.cache_clear()
        assert send_message(message=message(good), at=timezone.now()).status == 204
        assert "match" in send_message(message=message(f"https://127.0.0.1:{receiver.port}/"), at=timezone.now()).error
        assert len(receiver.received) == 1
    finally:
        webhook_calls.tls_context.cache_clear()
        receiver.stop()


ATTACKS = (
    "DELETE FROM events_webhookendpoint",
    "DELETE FROM events_webhooksecret",
    "DELETE FROM events_webhookdelivery",
    "DELETE FROM events_webhookattempt",
    "TRUNCATE events_webhookattempt",
    "UPDATE events_webhookattempt SET status = 200",
    "UPDATE events_webhookendpoint SET participant_id = NULL",
    "UPDATE events_webhookendpoint SET owner_id = owner_id + 1",
    "UPDATE events_webhookendpoint SET url = 'file:///etc/passwd'",
    "UPDATE events_webhookendpoint SET enabled = false",
    "UPDATE events_webhookendpoint SET failures = 0, failing_since = now()",
    "INSERT INTO events_webhookendpoint (owner_id, url, description, events, enabled, disabled_because, failures)"
    " SELECT owner_id, url, '', '{}', true, '', 0 FROM events_webhookendpoint",
    "INSERT INTO events_webhooksecret (endpoint_id, secret) SELECT id, 'x' FROM events_webhookendpoint",
    "UPDATE events_webhooksecret SET endpoint_id = endpoint_id",
    "INSERT INTO events_webhookdelivery (endpoint_id, event_id) SELECT e.id, f.id FROM events_webhookendpoint e,"
    " events_outboxfact f WHERE f.shares IS NULL",
    "INSERT INTO events_webhookdelivery (endpoint_id, event_id)"
    " SELECT endpoint_id, event_id FROM events_webhookdelivery",
    "INSERT INTO events_webhookdelivery (endpoint_id, state, ended_at) SELECT id, 'DELIVERED', now()"
    " FROM events_webhookendpoint",
    "UPDATE events_webhookdelivery SET event_id = NULL",
    "UPDATE events_webhookdelivery SET state = 'DELIVERED', ended_at = now()",
    "UPDATE events_webhookdelivery SET state = 'FAILED'",
    "UPDATE events_webhookdelivery SET attempts = 9",
    "INSERT INTO events_webhookattempt (delivery_id, duration_ms, answer, error) SELECT id, 1, '', ''"
    " FROM events_webhookdelivery",
)  # fmt: skip


def test_the_database_refuses_what_must_never_be(market: Market, receiver: Receiver) -> None:
    """Whoever writes past the services: nobody is sent what he may not read, and the log stays as it was written."""
    alphas = user("alphas", participant=market.alpha, role="PARTICIPANT")
    endpoint = subscribe(alphas, receiver.url).endpoint
    tell(1, {market.alpha.pk: Share(count=1, ids=())})
    receiver.answers.append(500)
    send_due(now=timezone.now())
    tell(2)
    assert WebhookDelivery.objects.count() == 1
    for attack in ATTACKS:
        refused = False
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(attack)
        except DatabaseError:
            refused = True
        assert refused, attack
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_webhookendpoint SET enabled = false, disabled_at = now(), disabled_because = 'REMOVED'"
        )
    with pytest.raises(DatabaseError), transaction.atomic():
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(enabled=True, disabled_at=None, disabled_because="")


def test_a_fact_that_was_handled_is_not_sent_again(market: Market, receiver: Receiver) -> None:
    """The consumer's inbox and the row of the delivery both say so."""
    from events.models import Consumer

    subscribe(user("operator"), receiver.url)
    tell(1)
    Consumer.objects.create(name="webhooks")
    facts = published_facts(after=0, limit=10)
    for _ in range(2):
        assert receive_facts(consumer="webhooks", facts=facts, handle=fan_out, now=timezone.now()) == len(facts)
    assert WebhookDelivery.objects.count() == 1
