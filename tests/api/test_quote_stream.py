"""Live quotes over real connections: scoped, resumable, bounded, and no thread or connection a reader."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.test_real_server import Running, running

__all__ = ["running"]

pytestmark = pytest.mark.slow

EVENT = re.compile(rb"id: (\d+-\d+)\nevent: (\w+)\ndata: (.*)\n\n")


@pytest.fixture
def tape(running: Running, django_db_blocker: Any) -> Iterator[Any]:
    """Publish quotes of one security as the server's database has it; returns a function: minute -> its last id."""
    from datetime import datetime, timedelta
    from decimal import Decimal

    from reference import quote_store
    from reference.core.calendar import BUSINESS_ZONE
    from reference.market_data import SecurityQuote
    from reference.models import Security
    from reference.quote_services import publish_quotes
    from reference.valkey import prefix_of

    with django_db_blocker.unblock():
        # The process's notes are of the database that the tests before it used.
        prefix_of.cache_clear()
        security = Security.objects.get(symbol="EQUITY")

        def publish(minute: int) -> str:
            at = datetime(2008, 9, 8, 9, 0, tzinfo=BUSINESS_ZONE) + timedelta(minutes=minute)
            one = SecurityQuote(security.pk, at, Decimal(100), Decimal(101), Decimal(100) + minute, 1, 1, 1, "TEST")
            publish_quotes(quotes=[one])
            return quote_store.last_on_tape()

        yield publish
        prefix_of.cache_clear()


class Reader:
    """One open stream."""

    def __init__(self, running: Running, *, after: str = "", last_event_id: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        headers = running.headers | ({"Last-Event-ID": last_event_id} if last_event_id else {})
        self.connection.request("GET", f"/stream/quotes?after={after}", headers=headers)
        self.response = self.connection.getresponse()
        self.text = b""

    def events(self, count: int) -> list[tuple[str, str, Any]]:
        """Read until so many events have come; each is (id, name, data)."""
        while len(EVENT.findall(self.text)) < count:
            part = self.response.read1(65_536)
            assert part, self.text
            self.text += part
        return [(key.decode(), name.decode(), json.loads(data)) for key, name, data in EVENT.findall(self.text)]

    def leave(self) -> None:
        """Go away without a word."""
        self.response.close()
        self.connection.close()


def test_a_reader_gets_what_comes_and_only_if_logged_in(running: Running, tape: Any) -> None:
    reader = Reader(running)
    assert (reader.response.status, reader.response.getheader("Content-Type")) == (200, "text/event-stream")
    assert reader.response.getheader("Cache-Control") == "no-store"
    assert "connect-src 'self'" in str(reader.response.getheader("Content-Security-Policy"))
    while b"retry:" not in reader.text:
        reader.text += reader.response.read1(65_536)
    time.sleep(0.5)
    key = tape(1)
    (found,) = reader.events(1)
    assert found[:2] == (key, "quotes")
    assert (found[2][0]["last"], found[2][0]["bid"]) == ("101", "100")
    reader.leave()
    stranger = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    stranger.request("GET", "/stream/quotes")
    assert stranger.getresponse().status == 302


def test_who_comes_back_reads_on_where_it_left(running: Running, tape: Any) -> None:
    first, *told = [tape(minute) for minute in (2, 3, 4)]
    for number, place in enumerate(({"after": first}, {"after": "1-1", "last_event_id": first})):
        reader = Reader(running, **place)
        assert [event[0] for event in reader.events(len(told))] == told
        told.append(tape(10 + number))
        assert [event[0] for event in reader.events(len(told))] == told
        reader.leave()


def test_who_missed_too_much_is_told_so(running: Running, tape: Any) -> None:
    from reference import quote_store

    tape(5_000_000)
    quote_store.forget()
    last = tape(5_000_001)
    (gap,) = Reader(running, after="9999999999999-0").events(1)
    assert gap[:2] == (last, "gap")
    nonsense = Reader(running, after="x'1")
    assert nonsense.response.status == 200
    nonsense.leave()


def test_readers_cost_no_thread_and_leave_no_trace(running: Running, tape: Any) -> None:
    """Ten times as many readers as the process has threads (WEB_THREADS=4): the pages answer as before."""
    readers = [Reader(running) for _ in range(40)]
    assert {reader.response.status for reader in readers} == {200}
    for _ in range(5):
        page = running.connect()
        page.request("GET", "/api/v1/market-data/quotes/latest", headers=running.headers)
        assert page.getresponse().status == 200
    for reader in readers:
        while b"retry:" not in reader.text:
            reader.text += reader.response.read1(65_536)
    time.sleep(0.5)
    key = tape(6_000_000)
    assert {reader.events(1)[0][0] for reader in readers} == {key}
    for reader in readers:
        reader.leave()
    with socket.create_connection(("127.0.0.1", running.port), timeout=5):
        pass
    again = Reader(running, after=key)
    following = tape(6_000_001)
    assert again.events(1)[0][0] == following
    again.leave()
