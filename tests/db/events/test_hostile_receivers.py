"""What one receiver does, by malice or mistake, costs its own messages and nobody else's."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from events.contracts import Share
from events.models import OutboxFact, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret
from events.services import send_webhooks, webhook_calls
from events.services.publish import publish_facts
from events.services.send_webhooks import AT_ONCE, AT_ONCE_PER_HOLDER, lease_due, send_due
from events.services.streams import stream_key
from events.services.webhook_calls import Message, Outcome, send_message
from reference.models import Participant
from reference.valkey import valkey
from tests.factories.market import make_market
from tests.factories.receiver import Receiver, start_receiver
from tests.factories.webhooks import subscribe, tell, user

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def good(db: None, settings: Any) -> Iterator[Receiver]:
    make_market()
    settings.WEBHOOK_ALLOW_PRIVATE = True
    found = start_receiver()
    yield found
    found.stop()


@contextmanager
def answering(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Give the port of a server that does with a connection, once its request has come, what it likes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    with client, suppress(OSError):
                        client.recv(65_536)
                        handle(client)

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])


def message(url: str) -> Message:
    return Message(1, 1, "m", url, b"{}", ("whsec_" + "eHh4" * 8,))


LATER = b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\nRetry-After: "
ANSWERS = {
    "an endless year": LATER + b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT\r\n\r\n",
    "an endless zone": LATER + b"Mon, 01 Jan 2024 00:00:00 +99999999999999999999\r\n\r\n",
    "an endless hour": LATER + b"Mon, 01 Jan 2024 99999999999999999999:00:00 GMT\r\n\r\n",
    "nul in the status line": b"\x00\x00evil\r\n\r\n",
    "nul in the reason": b"HTTP/1.1 500 a\x00b\r\nContent-Length: 3\r\n\r\na\x00b",
    "a status that is none": b"HTTP/1.1 1000 Odd\r\n\r\n",
    "a header of 100 KB": b"HTTP/1.1 500 No\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "two hundred headers": b"HTTP/1.1 500 No\r\n" + b"X: x\r\n" * 200 + b"\r\n",
    "a broken chunk": b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    "a length below nothing": b"HTTP/1.1 500 No\r\nContent-Length: -5\r\n\r\nabc",
    "nothing": b"",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_odd_answer_is_a_failure_of_its_own(good: Receiver, answer: bytes) -> None:
    owner = user("operator")
    with answering(lambda client: client.sendall(answer)) as port:
        subscribe(owner, f"http://127.0.0.1:{port}/bad")
        subscribe(owner, good.url)
        tell(1)
        assert send_due(now=timezone.now()) == 2
    bad, well = WebhookDelivery.objects.order_by("endpoint_id")
    assert (well.state, well.attempts) == ("DELIVERED", 1)
    assert (bad.state, bad.attempts, bad.endpoint.failures) == ("PENDING", 1, 1)
    assert bad.next_attempt_at > timezone.now() - timedelta(seconds=1)
    assert WebhookAttempt.objects.count() == 2


def test_what_the_database_refuses_costs_one_message(good: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A last net under the one above: whatever else an outcome may hold, the round is kept without it."""
    owner = user("operator")
    bad = subscribe(owner, good.url + "/bad").endpoint
    subscribe(owner, good.url)
    tell(1)

    def spoil(*, message: Message, **given: Any) -> Outcome:
        outcome = send_message(message=message, **given)
        if message.endpoint_id != bad.pk:
            return outcome
        return Outcome(outcome.delivery_id, outcome.endpoint_id, outcome.at, 1, status=7_000, answer="\x00")

    monkeypatch.setattr(send_webhooks, "send_message", spoil)
    assert send_due(now=timezone.now()) == 2
    assert WebhookDelivery.objects.exclude(endpoint=bad).get().state == "DELIVERED"
    kept = WebhookDelivery.objects.get(endpoint=bad)
    assert (kept.state, kept.attempts) == ("PENDING", 1)
    assert kept.log.get().error == send_webhooks.UNKEPT


def test_a_call_is_over_in_time_whatever_the_name_leads_to(good: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses that never take a connection, then one that answers a byte at a time."""

    def drip(client: socket.socket) -> None:
        for _ in range(200):
            client.sendall(b"H")
            time.sleep(0.05)

    monkeypatch.setattr(webhook_calls, "TOTAL_SECONDS", 1.0)
    monkeypatch.setattr(webhook_calls, "CONNECT_SECONDS", 0.3)
    with ExitStack() as held, answering(drip) as port:
        hole = held.enter_context(socket.create_server(("127.0.0.2", 0), backlog=0))
        for _ in range(4):  # Its queue is full: nothing more is answered.
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(hole.getsockname())
        ports = {"127.0.0.2": hole.getsockname()[1], "127.0.0.1": port}
        for addresses in (["127.0.0.2"] * 300, ["127.0.0.2"] * 2 + ["127.0.0.1"]):
            monkeypatch.setattr(webhook_calls, "resolve_host", lambda addresses=addresses, **_: addresses)
            real = webhook_calls._open

            def opened(*, address: str, real: Any = real, **given: Any) -> Any:
                made = real(address=address, **given)
                made.port = ports[address]
                return made

            monkeypatch.setattr(webhook_calls, "_open", opened)
            outcome = send_message(message=message("http://hooks.example:8000/"), at=timezone.now())
            monkeypatch.setattr(webhook_calls, "_open", real)
            assert outcome.error
            assert outcome.duration_ms < 1_500, addresses[-1]


def test_a_name_server_that_is_silent_costs_the_calls_time_and_no_more(
    good: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty of them at once leave every place free, and other names are answered meanwhile."""
    answer, asked = threading.Event(), threading.Semaphore(0)
    real = socket.getaddrinfo

    def resolve(host: str, *rest: Any, **more: Any) -> Any:
        if host == "silent.example":
            asked.release()
            answer.wait(60)
        return real("127.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(webhook_calls, "TOTAL_SECONDS", 1.0)
    silent = f"http://silent.example:{good.port}/"
    began = time.monotonic()
    try:
        with ThreadPoolExecutor(40) as places:
            outcomes = list(places.map(lambda _: send_message(message=message(silent), at=timezone.now()), range(40)))
        assert time.monotonic() - began < 2.5
        for outcome in outcomes:
            assert "no answer within" in outcome.error
            assert 990 <= outcome.duration_ms < 2_000
        assert send_message(message=message(f"http://other.example:{good.port}/"), at=timezone.now()).status == 204
        assert len(good.received) == 1, "what is resolved too late is not called"
    finally:
        answer.set()
    assert all(asked.acquire(timeout=5) for _ in range(40)), "each call has asked once"
    assert not asked.acquire(blocking=False)


HANGS = """
import socket, time
from events.services.host_lookup import look_up_host
socket.getaddrinfo = lambda *rest, **more: time.sleep(60)
try:
    look_up_host(host="silent.example", port=443, seconds=0.2)
except TimeoutError as problem:
    print(problem)
"""


def test_a_question_that_hangs_does_not_keep_the_process_from_ending() -> None:
    given = [sys.executable, "-c", HANGS]
    done = subprocess.run(given, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "the name server does not answer\n"


def test_a_stream_without_room_takes_all_or_nothing(settings: Any) -> None:
    """Room for some of them: were those kept, and room made in between, there would be a hole that nobody fills."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_outboxfact (name, payload, version, position)"
            " SELECT 'TradesMatched', jsonb_build_object('count', n, 'words', repeat('x', 20000)), 1, n"
            " FROM generate_series(1, 30) n"
        )
    store: Any = valkey()
    store.delete(stream_key())
    store.config_set("maxmemory", store.info("memory")["used_memory"] + 300_000)
    try:
        publish_facts()
        assert store.xlen(stream_key()) == 0
        assert OutboxFact.objects.filter(published_at=None).count() == 30
    finally:
        store.config_set("maxmemory", 0)
    publish_facts()
    assert [entry_id for entry_id, _ in store.xrange(stream_key())] == [f"{position}-0" for position in range(1, 31)]


def test_a_secret_that_no_key_opens_costs_its_own_endpoint_only(good: Receiver) -> None:
    odd, owner = user("odd"), user("operator")
    spoilt = subscribe(odd, good.url + "spoilt").endpoint
    bare = subscribe(odd, good.url + "bare").endpoint
    subscribe(owner, good.url)
    WebhookSecret.objects.filter(endpoint=spoilt).update(secret=b"gAAAA-of-a-key-that-was-thrown-away")
    WebhookSecret.objects.filter(endpoint=bare).update(ends_at=timezone.now() - timedelta(seconds=1))
    tell(1)
    assert send_due(now=timezone.now()) == 3
    assert [row.state for row in WebhookDelivery.objects.order_by("endpoint_id")] == ["PENDING", "PENDING", "DELIVERED"]
    errors = WebhookAttempt.objects.order_by("delivery__endpoint_id").values_list("error", flat=True)
    assert list(errors) == [send_webhooks.UNOPENED, send_webhooks.UNSIGNED, ""]
    spoilt.refresh_from_db()
    assert spoilt.failures == 1


def test_one_holder_never_has_all_places(good: Receiver) -> None:
    """Messages of one login take half of the places, and a place that is free goes to whoever holds fewest."""
    greedy, modest = user("greedy"), user("modest")
    for name in range(6):
        subscribe(greedy, f"{good.url}{name}")
    for _ in range(4):
        tell(1)
    subscribe(modest, good.url)
    tell(1)
    first = lease_due(limit=AT_ONCE, under_way=Counter(), now=timezone.now())
    owner_of = dict(WebhookEndpoint.objects.values_list("pk", "owner__username"))
    assert Counter(owner_of[sent.endpoint_id] for sent in first) == {"greedy": AT_ONCE_PER_HOLDER, "modest": 1}
    flying = Counter(sent.endpoint_id for sent in first)
    assert lease_due(limit=AT_ONCE, under_way=flying, now=timezone.now()) == []
    WebhookDelivery.objects.update(next_attempt_at=timezone.now() - timedelta(hours=1))
    (chosen,) = lease_due(limit=1, under_way=Counter({first[0].endpoint_id: 1}), now=timezone.now())
    assert owner_of[chosen.endpoint_id] == "modest"


def test_a_participant_that_left_is_sent_nothing(good: Receiver) -> None:
    alpha = Participant.objects.get(code="ALPHA")
    endpoint = subscribe(user("alpha", role="PARTICIPANT", participant=alpha), good.url).endpoint
    tell(1, {alpha.pk: Share(count=1)})
    Participant.objects.filter(pk=alpha.pk).update(active=False)
    assert lease_due(limit=AT_ONCE, under_way=Counter(), now=timezone.now()) == []
    assert send_due(now=timezone.now()) == 0
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.disabled_because) == (False, "NO_READER")
    assert not good.received
