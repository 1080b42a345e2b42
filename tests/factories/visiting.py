"""Somebody who is logged in and works on, and somebody who follows the events, through whatever goes wrong."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from tests.factories.reporting import TOKEN

HOST = "127.0.0.1"
STREAM = "/api/v1/events/stream"


class Visitor(threading.Thread):
    """Reads a list and a page, reports a trade twice under one key, again and again; expects never to be refused."""

    def __init__(self, *, port: int, headers: Mapping[str, str], mark: str, fields: Mapping[str, Any]) -> None:
        """mark: begins the ids of its reports. fields: the others of each report."""
        super().__init__(name="visitor", daemon=True)
        self.port, self.headers, self.mark, self.fields = port, dict(headers), mark, dict(fields)
        self.over = threading.Event()
        self.answers: Counter[str] = Counter()
        self.reported, self.uncounted, self.slowest_seconds = 0, 0, 0.0
        self.problem: BaseException | None = None

    def run(self) -> None:
        """Ask until told to stop."""
        try:
            while not self.over.is_set():
                self.ask_once()
        except BaseException as problem:
            self.problem = problem

    def ask_once(self) -> None:
        """Ask for each thing once."""
        status, headers, body = self.send("GET", "/api/v1/trades?limit=1")
        assert status == 200, body
        self.uncounted += "RateLimit" not in headers
        status, _, body = self.send("GET", "/trades/")
        assert status == 200, body[:2000]
        trade_id = f"{self.mark}{self.reported}"
        report = json.dumps(self.fields | {"trade_id": trade_id})
        told = [self.send("POST", "/api/v1/trades", report, key=trade_id) for _ in range(2)]
        assert [status for status, _, _ in told] == [201, 201], told
        assert [headers.get("Idempotent-Replayed") for _, headers, _ in told] == [None, "true"]
        assert told[0][2] == told[1][2]
        self.reported += 1

    def send(self, method: str, path: str, body: str | None = None, *, key: str | None = None) -> tuple[int, Any, str]:
        """Send one request, on a connection of its own; return status, headers and body."""
        client = http.client.HTTPConnection(HOST, self.port, timeout=60)
        asked_at = time.monotonic()
        try:
            more = {} if key is None else {"Content-Type": "application/json", "Idempotency-Key": key}
            client.request(method, path, body, self.headers | more)
            answer = client.getresponse()
            text = answer.read().decode()
        finally:
            client.close()
        self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - asked_at)
        self.answers[f"{method} {path.partition('?')[0]} {answer.status}"] += 1
        return answer.status, answer.headers, text


class Follower(threading.Thread):
    """Follows the events from the first one on, and comes back by Last-Event-ID when the stream ends."""

    def __init__(self, *, port: int, headers: Mapping[str, str]) -> None:
        super().__init__(name="follower", daemon=True)
        self.port, self.headers = port, dict(headers)
        self.over = threading.Event()
        self.positions: list[int] = []
        self.last_id, self.streams = 0, 0
        self.problem: BaseException | None = None

    def run(self) -> None:
        """Follow until told to stop."""
        try:
            while not self.over.is_set():
                self.follow()
        except BaseException as problem:
            self.problem = problem

    def follow(self) -> None:
        """Follow one stream to its end."""
        client = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            sent = {"Accept": "text/event-stream", "Last-Event-ID": str(self.last_id)}
            client.request("GET", STREAM, headers=self.headers | sent)
            answer = client.getresponse()
            assert answer.status == 200, answer.read()
            self.streams += 1
            position = self.last_id
            while not self.over.is_set() and (line := answer.readline()):
                if line.startswith(b"id: "):
                    position = int(line[4:])
                elif line.startswith(b"data: "):
                    assert json.loads(line[6:])["position"] == position
                    self.positions.append(position)
                elif line == b"\n":
                    self.last_id = position
        except (OSError, http.client.HTTPException):
            return
        finally:
            client.close()


def log_in(*, port: int, name: str, password: str) -> int:
    """Log in through the page as a browser does; return the status: 302 where it is done."""
    client = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        sent = {"Cookie": f"csrftoken={TOKEN}", "Content-Type": "application/x-www-form-urlencoded"}
        form = {"csrfmiddlewaretoken": TOKEN, "username": name, "password": password}
        client.request("POST", "/login/", urlencode(form), sent)
        return client.getresponse().status
    finally:
        client.close()
