"""The stream of events over real connections: in order, without gap or double, each reader its own share, and ended."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api.test_real_server import Running, running
from tests.factories.signing import by_basic

__all__ = ["running"]

pytestmark = pytest.mark.slow
EVENT = re.compile(rb"id: (\d+)\ndata: (.*)\n\n")
Tell = Callable[..., int]


@pytest.fixture
def tell(running: Running, django_db_blocker: Any) -> Iterator[Tell]:
    """Return what records facts and publishes them, as the server's database has them; it returns the last position."""
    from events.contracts import Share
    from events.queries.outbox import last_position
    from events.services.outbox import record_fact
    from events.services.publish import publish_facts
    from reference.models import Participant
    from reference.valkey import prefix_of
    from trades.contracts import TradesMatched

    with django_db_blocker.unblock():
        prefix_of.cache_clear()
        alpha = Participant.objects.get(code="ALPHA").pk
        bravo = Participant.objects.get(code="BRAVO").pk

        def told(count: int = 1, *, participant: int = alpha, publishes: bool = True) -> int:
            for _ in range(count):
                record_fact(fact=TradesMatched(count=7), shares={participant: Share(count=1, ids=("x",))})
            if publishes:
                publish_facts()
            return last_position()

        told.alpha, told.bravo = alpha, bravo  # type: ignore[attr-defined]
        yield told
        prefix_of.cache_clear()


class Reader:
    """One open stream."""

    def __init__(self, running: Running, query: str = "", **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        sent = {"Accept": "text/event-stream", **(headers or running.headers)}
        self.connection.request("GET", f"/api/v1/events/stream{query}", headers=sent)
        self.response = self.connection.getresponse()
        self.text = b""

    def until(self, done: Callable[[bytes], bool]) -> None:
        while not done(self.text):
            part = self.response.read1(65_536)
            assert part, self.text
            self.text += part

    def begun(self) -> Reader:
        self.until(lambda text: b"retry:" in text)
        return self

    def events(self, count: int) -> list[dict[str, Any]]:
        """Read until so many events have come."""
        self.until(lambda text: len(EVENT.findall(text)) >= count)
        found = [(int(position), json.loads(data)) for position, data in EVENT.findall(self.text)]
        assert all(position == data["position"] for position, data in found)
        return [data for _, data in found]

    def leave(self) -> None:
        self.response.close()
        self.connection.close()


def test_a_reader_gets_its_own_in_order_and_goes_on_where_it_left(running: Running, tell: Tell) -> None:
    from events.services.streams import stream_key
    from reference.valkey import valkey

    start = tell(3)
    live = Reader(running).begun()
    assert live.response.getheader("Content-Type") == "text/event-stream"
    assert live.response.getheader("Cache-Control") == "no-store"
    assert f"id: {start}\n".encode() in live.text
    time.sleep(0.3)
    tell(2, participant=tell.bravo)  # type: ignore[attr-defined]
    last = tell(2)
    found = live.events(2)
    assert [event["position"] for event in found] == [last - 1, last]
    assert found[0]["data"] == {"count": 1, "ids": ["x"]}
    assert b"BRAVO" not in live.text
    # From the table, from the stream, and on with what comes: each once. The stream is trimmed to its last event.
    valkey().xtrim(stream_key(), maxlen=1, approximate=False)
    back = Reader(running, f"?after={start - 2}")
    again = Reader(running, "?after=0", **running.headers, **{"Last-Event-ID": str(start - 2)})
    wanted = [start - 1, start, last - 1, last]
    for reader in (back, again):
        assert [event["position"] for event in reader.events(4)] == wanted
    # Laid down while the stream was lost: what follows leaves a gap there, which the outbox fills.
    valkey().delete(stream_key())
    tell(3, publishes=False)
    newest = tell(1)
    for reader in (live, back, again):
        assert [event["position"] for event in reader.events(4)][-1] <= newest
        reader.until(lambda text: f"id: {newest}\n".encode() in text)
        positions = [event["position"] for event in reader.events(4)]
        assert positions[-4:] == [newest - 3, newest - 2, newest - 1, newest]
        assert positions == sorted(set(positions))
        reader.leave()


def test_what_is_refused(running: Running, tell: Tell) -> None:
    last = tell(1)
    for query, status, code in (
        ("?after=x", 400, "invalid-input"),
        ("?name=Nothing", 400, "invalid-input"),
        ("?mame=TradesMatched", 400, "invalid-input"),
        (f"?after={last + 5}", 409, "position-not-reached"),
    ):
        reader = Reader(running, query)
        assert (reader.response.status, json.load(reader.response)["code"]) == (status, code)
        assert reader.response.getheader("Content-Type") == "application/problem+json"
    assert Reader(running, Cookie="x=y").response.status == 401
    readers = [Reader(running, "?name=TradesMatched").begun() for _ in range(20)]
    refused = Reader(running)
    assert (refused.response.status, json.load(refused.response)["code"]) == (429, "too-many-own-streams")
    last = tell(1)
    assert {reader.events(1)[0]["position"] for reader in readers} == {last}
    for reader in readers:
        reader.leave()


def test_a_stream_ends_soon_after_its_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks every fifteen seconds whether logins stand looks more often here."""
    from events.services import follow_events as module

    monkeypatch.setattr(module, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(module, "last_position", lambda: 4)
    stands = [True]
    reader = module.EventReader("one", None, frozenset(), lambda: stands[0])

    async def read() -> list[bytes]:
        parts = []
        stream = module.follow_events(
            key="events:of-no-database", reader=reader, after=4, newest=4, heartbeat_seconds=0.1
        )
        async for part in stream:
            parts.append(part)
            assert module.streams_of(client="one") == 1
            stands[0] = len(parts) < 3
        return parts

    parts = asyncio.run(asyncio.wait_for(read(), timeout=10))
    assert parts[:2] == [b"retry: 2000\nid: 4\n\n", b": still here\nid: 4\n\n"]
    assert module.streams_of(client="one") == 0


def test_a_long_way_back_is_told_in_steps_and_heartbeats_ask_the_outbox(
    running: Running, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has no share in what was hears how far it is; an ended stream says no more; Valkey is not needed."""
    from events.services import follow_events as module
    from reference.tape_listener import listener_of

    monkeypatch.setattr(module, "STRETCH", 5)
    start = tell(0)
    tell(12, participant=tell.bravo)  # type: ignore[attr-defined]
    last = tell(1)
    reader = module.EventReader("one", tell.alpha, frozenset(), lambda: True)  # type: ignore[attr-defined]
    # No stream has this name, so nothing comes but by the outbox.
    key = "events:of-no-database"

    async def read(*, after: int, act: Callable[[int], bool]) -> list[bytes]:
        parts: list[bytes] = []
        async for part in module.follow_events(
            key=key, reader=reader, after=after, newest=last, heartbeat_seconds=0.1, most_seconds=8
        ):
            parts.append(part)
            if act(len(parts)):
                listener_of(key=key, frame_of=module._frame).end_all()
        return parts

    def ids(parts: list[bytes]) -> list[int]:
        return [int(found) for found in re.findall(rb"id: (\d+)", b"".join(parts))]

    def run(*, after: int, act: Callable[[int], bool]) -> list[bytes]:
        return asyncio.run(asyncio.wait_for(read(after=after, act=act), timeout=20))

    parts = run(after=start, act=lambda count: count == 4)
    assert ids(parts) == [start, start + 5, start + 10, last]
    assert [b"passed" in part for part in parts] == [False, True, True, False]
    assert ids(run(after=start, act=lambda count: count == 2)) == [start, start + 5]

    told: list[int] = []

    def tell_meanwhile(count: int) -> bool:
        if count == 2:
            told.append(tell(1))
        # Newest positions are asked for once a second, heartbeats come every tenth.
        return count == 16

    parts = run(after=last, act=tell_meanwhile)
    assert told == [last + 1]
    assert [int(position) for position, _ in EVENT.findall(b"".join(parts))] == told
    assert ids(parts) == sorted(ids(parts))


def test_a_login_that_ended_is_found_to_have(running: Running, tell: Tell) -> None:
    from types import SimpleNamespace

    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.cached_db import SessionStore
    from django.test import RequestFactory
    from django.utils import timezone
    from rest_framework.request import Request

    from reference.access import actor_of_user
    from reference.api.authentication import LOGINS
    from reference.api.entry import now
    from reference.api.lasting_login import lasting_login
    from reference.keys.manage_keys import revoke_key
    from tests.factories.signing import make_key

    def request_of(**headers: str) -> Request:
        return Request(RequestFactory().get("/", headers=headers), authenticators=[login() for login in LOGINS])

    key = make_key("events:read", name="alpha")
    request = request_of(**by_basic(key.key.client_id, key.secret))
    stands = lasting_login(request=request, scope="events:read")
    assert stands()
    assert not lasting_login(request=request, scope="trades:read")()
    user = User.objects.get(username="alpha")
    actor = actor_of_user(User.objects.get(pk=user.pk))
    assert actor is not None
    revoke_key(client_id=key.key.client_id, now=timezone.now(), actor=actor, **now())
    assert not stands()
    session_key = running.headers["Cookie"].partition("=")[2].partition(";")[0]
    asked: Any = SimpleNamespace(user=user, auth=None, META={}, session=SimpleNamespace(session_key=session_key))
    stands = lasting_login(request=asked, scope="events:read")
    assert stands()
    SessionStore(session_key).delete()
    assert not stands()
