"""Clients of the API that report trades as they are told to: what got no answer is sent again under the same key."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.conf import settings

TOKEN = "t" * 32
PATIENCE_SECONDS = 180.0
NDJSON, CSV, JSON = "application/x-ndjson", "text/csv", "application/json"
# What a client may be told while something is away: to come back, and when.
COME_BACK = {(503, "database-unavailable"), (409, "idempotency-key-in-flight")}

Fields = Mapping[str, Any]


def session_headers(client: Any) -> dict[str, str]:
    """Return what a browser sends that is logged in as this client of Django's."""
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookie = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={TOKEN}"
    return {"Cookie": cookie, "X-CSRFToken": TOKEN}


class Series:
    """Things that several clients each report, one after another, until all of them have reported the same ones."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.begun: Counter[int] = Counter()
        self.end: int | None = None

    def places_of(self, client: int) -> Iterator[int]:
        """Yield the places of what a client is to report."""
        while True:
            with self.lock:
                place = self.begun[client]
                if self.end is not None and place >= self.end:
                    return
                self.begun[client] += 1
            yield place

    def stop(self) -> None:
        """Begin nothing that nobody has begun."""
        with self.lock:
            self.end = max(self.begun.values(), default=0)


class Reporter(threading.Thread):
    """A client of one login: reports of one series, each on a connection of its own."""

    def __init__(
        self, *, port: int, headers: Mapping[str, str], name: str, series: Series, fields: Callable[[str], Fields],
        lines: int = 1, form: str = JSON,
    ) -> None:  # fmt: skip
        """lines: of an upload, in the form NDJSON or CSV; JSON reports them one by one."""
        super().__init__(name=name, daemon=True)
        self.port, self.headers, self.series, self.fields = port, dict(headers), series, fields
        self.lines, self.form = lines, form
        self.answers: Counter[str] = Counter()
        # The report's id by its trade_id, of everything that was acknowledged; the uploads by their key.
        self.acknowledged: dict[str, str] = {}
        self.uploads: dict[str, str] = {}
        self.slowest_seconds = 0.0
        self.problem: BaseException | None = None

    def run(self) -> None:
        """Report until the series ends."""
        try:
            for place in self.series.places_of(id(self)):
                self.report(place)
        except BaseException as problem:
            self.problem = problem

    def report(self, place: int) -> None:
        """Report one thing, as often as it takes."""
        trade_ids = [f"{self.series_name}-{place}-{line}" for line in range(self.lines)]
        if self.form == JSON:
            answer = self.send(path="/api/v1/trades", body=json.dumps(self.fields(trade_ids[0])), key=trade_ids[0])
            self.acknowledged[trade_ids[0]] = json.loads(answer)["id"]
            return
        key = f"{self.series_name}-{place}"
        answer = self.send(path="/api/v1/trades/bulk", body=self.write(trade_ids), key=key)
        told = [json.loads(line) for line in answer.splitlines()]
        # An upload that goes on answers what was taken the first time as it did then.
        assert {line["outcome"] for line in told} == {"ACCEPTED"}, told[:3]
        self.acknowledged |= {trade_id: line["id"] for trade_id, line in zip(trade_ids, told, strict=True)}

    @property
    def series_name(self) -> str:
        """Return what the things of the series are called: the same for all clients that report them."""
        return self.name.partition("@")[0]

    def write(self, trade_ids: list[str]) -> str:
        """Return the body of an upload."""
        rows = [self.fields(trade_id) for trade_id in trade_ids]
        if self.form == NDJSON:
            return "\n".join([*map(json.dumps, rows), ""])
        return "\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows), ""])

    def send(self, *, path: str, body: str, key: str) -> bytes:
        """Send until it is answered in full; fail on any answer that a client was not promised."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            asked_at = time.monotonic()
            try:
                sent = self.headers | {"Content-Type": self.form, "Idempotency-Key": key}
                client.request("POST", path, body, sent)
                response = client.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.answers[type(error).__name__] += 1
                time.sleep(0.05)
                continue
            finally:
                client.close()
                self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - asked_at)
            if response.status in (200, 201):
                if self.form != JSON and answer.count(b"\n") < self.lines:
                    self.answers["cut short"] += 1
                    continue
                self.answers[str(response.status)] += 1
                if self.form != JSON:
                    self.uploads[key] = str(response.headers["Location"])
                return answer
            self.come_back(response=response, answer=answer)
        raise AssertionError(f"{key} was not answered in {PATIENCE_SECONDS:.0f} seconds: {dict(self.answers)}")

    def come_back(self, *, response: http.client.HTTPResponse, answer: bytes) -> None:
        """Wait as a refusal asks; fail on one that does not ask to come back."""
        assert response.headers["Content-Type"] == "application/problem+json", (response.status, answer[:500])
        document = json.loads(answer)
        assert (response.status, document["code"]) in COME_BACK, document
        self.answers[f"{response.status} {document['code']}"] += 1
        time.sleep(int(response.headers["Retry-After"]))


class Load:
    """Several reporters at once."""

    def __init__(self) -> None:
        self.reporters: list[Reporter] = []
        self.series: dict[str, Series] = {}

    def add(self, **reporter: Any) -> Reporter:
        """Add a reporter; those whose name is the same up to an @ report the same things."""
        series = self.series.setdefault(str(reporter["name"]).partition("@")[0], Series())
        self.reporters.append(Reporter(series=series, **reporter))
        return self.reporters[-1]

    def start(self) -> None:
        """Let all of them report."""
        for reporter in self.reporters:
            reporter.start()

    def check(self) -> None:
        """Fail where one of them was answered what nobody was promised."""
        for reporter in self.reporters:
            if reporter.problem is not None:
                raise AssertionError(f"{reporter.name}: {dict(reporter.answers)}") from reporter.problem

    def end(self) -> None:
        """Let all of them begin nothing more."""
        for series in self.series.values():
            series.stop()

    def stop(self) -> None:
        """Let all of them end what they have begun, and wait for it."""
        self.end()
        for reporter in self.reporters:
            reporter.join(timeout=PATIENCE_SECONDS)
            assert not reporter.is_alive(), reporter.name
        self.check()

    def acknowledged(self) -> int:
        """Return how many reports were acknowledged so far."""
        return sum(len(reporter.acknowledged) for reporter in self.reporters)

    def answers(self) -> Counter[str]:
        """Return how often each answer was given."""
        return sum((reporter.answers for reporter in self.reporters), Counter())


def assert_kept(*, load: Load, reporter_ids: Mapping[str, int]) -> int:
    """Assert that the trades are those that were acknowledged, each exactly once; return how many.

    reporter_ids: the reporter's name after its @ (or the name) -> the participant that it reports for.
    """
    from trades.models import Trade

    standing = {
        (row[0], row[1]): str(row[2]) for row in Trade.objects.values_list("reporter_id", "trade_id", "public_id")
    }
    assert len(standing) == Trade.objects.count()
    told: dict[tuple[int, str], str] = {}
    for reporter in load.reporters:
        owner = reporter_ids[reporter.name.partition("@")[2]]
        told |= {(owner, trade_id): public_id for trade_id, public_id in reporter.acknowledged.items()}
    assert told == standing, (len(told), len(standing), list(told.items() - standing.items())[:5])
    return len(standing)
