"""The API behind granian, as it runs in production: streams, limits, broken connections."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.factories.serving import serving

LIMIT_BYTES = 4 * 1024 * 1024
TOKEN = "t" * 32
NDJSON = "application/x-ndjson"

pytestmark = pytest.mark.slow


@dataclass
class Running:
    """A server on a database of its own, and a login's cookie."""

    port: int
    headers: dict[str, str]
    report: dict[str, Any]

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def post(self, path: str, body: Any, content_type: str, **options: Any) -> http.client.HTTPResponse:
        connection = self.connect()
        connection.request("POST", path, body, self.headers | {"Content-Type": content_type}, **options)
        return connection.getresponse()


@pytest.fixture(scope="module")
def running(django_db_setup: None, django_db_blocker: Any) -> Iterator[Running]:
    """Put a market in a database of its own, and serve it."""
    limit = {"BODY_LIMIT_BYTES": str(LIMIT_BYTES)}
    with serving(name="test_real_server", prepare=prepare, blocker=django_db_blocker, **limit) as (port, made):
        headers, report = made
        yield Running(port=port, headers=headers, report=report)


def prepare() -> tuple[dict[str, str], dict[str, Any]]:
    """Make the market and ALPHA's session; return its headers and a good report."""
    from django.conf import settings

    from reference.queries import forget_directory
    from tests.factories.market import login, make_market

    forget_directory()
    market = make_market()
    client = login(participant=market.alpha, name="alpha")
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookie = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={TOKEN}"
    forget_directory()
    return {"Cookie": cookie, "X-CSRFToken": TOKEN}, market.report()


def lines_of(running: Running, prefix: str, count: int) -> bytes:
    return b"".join(
        json.dumps(running.report | {"trade_id": f"{prefix}-{number}"}).encode() + b"\n" for number in range(count)
    )


def test_one_report(running: Running) -> None:
    body = json.dumps(running.report | {"trade_id": "ONE"}).encode()
    answer = running.post("/api/v1/trades", body, "application/json")
    assert answer.status == 201
    identity = json.load(answer)["id"]
    connection = running.connect()
    connection.request("GET", f"/api/v1/trades/{identity}", headers=running.headers)
    assert json.load(connection.getresponse())["trade_id"] == "ONE"


def test_without_the_csrf_token_nothing_is_done(running: Running) -> None:
    connection = running.connect()
    headers = {"Cookie": running.headers["Cookie"], "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/trades", b"{}", headers)
    answer = connection.getresponse()
    assert answer.status == 403
    assert json.load(answer)["type"] == "/problems/not-permitted"


@pytest.mark.parametrize(
    ("body", "code"), [(b"\xff", "broken-encoding"), (b"[", "malformed-report"), (b"", "malformed-report")]
)
def test_broken_reports(running: Running, body: bytes, code: str) -> None:
    answer = running.post("/api/v1/trades", body, "application/json")
    assert (answer.status, json.load(answer)["code"]) == (400, code)


@pytest.mark.parametrize("form_type", ["urlencoded", "multipart"])
def test_forms_with_the_token_in_them(running: Running, form_type: str) -> None:
    fields = running.report | {"trade_id": f"FORM-{form_type}", "csrfmiddlewaretoken": TOKEN}
    if form_type == "urlencoded":
        body, content_type = urlencode(fields).encode(), "application/x-www-form-urlencoded"
    else:
        parts = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
        )
        body, content_type = f"{parts}--b--\r\n".encode(), "multipart/form-data; boundary=b"
    connection = running.connect()
    connection.request(
        "POST", "/api/v1/trades", body, {"Cookie": running.headers["Cookie"], "Content-Type": content_type}
    )
    assert connection.getresponse().status == 201


def test_bulk_of_unknown_length_is_streamed_both_ways(running: Running) -> None:
    body = lines_of(running, "CHUNKED", 500)
    blocks = (body[place : place + 1000] for place in range(0, len(body), 1000))
    answer = running.post("/api/v1/trades/bulk", blocks, NDJSON, encode_chunked=True)
    assert (answer.status, answer.headers["Content-Type"]) == (200, NDJSON)
    outcomes = [json.loads(line) for line in answer.read().splitlines()]
    assert [item["line"] for item in outcomes] == list(range(1, 501))
    assert {item["outcome"] for item in outcomes} == {"ACCEPTED"}


def test_two_gigabytes_are_refused_before_they_are_sent(running: Running) -> None:
    connection = running.connect()
    connection.putrequest("POST", "/api/v1/trades/bulk")
    for name, value in (running.headers | {"Content-Type": NDJSON, "Content-Length": str(2 * 1024**3)}).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.load(answer)["type"] == "/problems/body-too-large"


def test_who_logs_in_sends_no_file(running: Running) -> None:
    for path in ("/login/", "/api/v1/auth/token"):
        connection = running.connect()
        connection.putrequest("POST", path)
        connection.putheader("Content-Length", str(1024**2 + 1))
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["limit_bytes"]) == (413, 1024**2)
    assert running.post("/api/v1/auth/token", b" " * 1024**2, "application/json").status == 400


def test_a_body_that_hides_its_length_is_refused_too(running: Running) -> None:
    connection = running.connect()
    block = b"x" * 65_536

    def endless() -> Iterator[bytes]:
        for _ in range(4 * LIMIT_BYTES // len(block)):
            yield block

    try:
        connection.request(
            "POST", "/api/v1/trades/bulk", endless(), running.headers | {"Content-Type": NDJSON}, encode_chunked=True
        )
    except (BrokenPipeError, ConnectionResetError):
        return
    answer = connection.getresponse()
    assert answer.status == 413


def test_a_client_that_breaks_off_leaves_no_half_written_submission(running: Running) -> None:
    from trades.models import Submission, Trade

    body = lines_of(running, "GONE", 1000)
    with socket.create_connection(("127.0.0.1", running.port)) as raw:
        head = f"POST /api/v1/trades/bulk HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {NDJSON}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in running.headers.items())
        raw.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2])
    time.sleep(1)
    accepted = Trade.objects.filter(trade_id__startswith="GONE").count()
    assert accepted == sum(Submission.objects.filter(trades__trade_id="GONE-0").values_list("accepted", flat=True))
    assert not Submission.objects.filter(finished_at=None).exists()
    answer = running.post("/api/v1/trades/bulk", body, NDJSON)
    assert answer.status == 200
    assert len(answer.read().splitlines()) == 1000
    assert Trade.objects.filter(trade_id__startswith="GONE").count() == 1000


def test_a_header_refusal_is_a_problem_document(running: Running) -> None:
    answer = running.post("/api/v1/trades/bulk", b"price\n1\n", "text/csv")
    assert (answer.status, json.load(answer)["code"]) == (422, "missing-column")
