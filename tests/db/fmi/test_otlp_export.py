"""Spans arrive where OTEL_EXPORTER_OTLP_ENDPOINT says: from a web process and a worker, over HTTP, as protobuf."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.db import connection
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.factories.chain import Chain, make_chain
from tests.factories.market import login
from tests.factories.processes import Processes, environment_of_workers, wait_until
from tests.factories.real_time import enter_day
from trades.models import Trade

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
TOKEN = "t" * 32


@dataclass
class Collector:
    """What was received: each span with the name of the service that sent it."""

    server: ThreadingHTTPServer
    requests: list[tuple[str, str]] = field(default_factory=list)
    spans: list[tuple[str, Span]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def of_trace(self, trace_id: UUID) -> dict[bytes, Span]:
        return {span.span_id: span for _, span in list(self.spans) if span.trace_id == trace_id.bytes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Receive OTLP over HTTP on the loopback address (OTLP 1.x, section "OTLP/HTTP", binary protobuf)."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            told = ExportTraceServiceRequest()
            told.ParseFromString(body)
            found.requests.append((self.path, self.headers["content-type"]))
            for resource in told.resource_spans:
                named = {one.key: one.value.string_value for one in resource.resource.attributes}
                for scope in resource.scope_spans:
                    found.spans.extend((named["service.name"], span) for span in scope.spans)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(server)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def processes(tmp_path: Path, collector: Collector) -> Iterator[Processes]:
    """Web, worker and beat that send their spans to the collector, and leave nothing of them behind."""
    made = Processes(
        directory=tmp_path, web_processes=1,
        environment=environment_of_workers(
            database_name=str(connection.settings_dict["NAME"]), broker_database=6,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="200",
        ),
    )  # fmt: skip
    yield made
    made.stop()


def settles_at_once() -> Chain:
    """Make a market in its day, where what is instructed settles at once, and both sides have what they need."""
    chain = make_chain()
    enter_day(chain, chain.day, chain.at.hour)
    chain.give("ALPHA", "EUR", 1_000_000)
    chain.give("BRAVO", "STOCK", 1_000)
    return chain


def report(chain: Chain, port: int) -> UUID:
    """Report both sides of a gross trade to the web process; return the request's id."""
    client = login(name="operator")
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    cookie = f"{django_settings.SESSION_COOKIE_NAME}={session}; {django_settings.CSRF_COOKIE_NAME}={TOKEN}"
    fields = chain.fields("T-1", "ALPHA", "BRAVO", cleared=False, settlement_date=chain.day.isoformat())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Cookie": cookie, "X-CSRFToken": TOKEN, "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/trades", json.dumps(fields), headers)
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    return UUID(answer.headers["X-Request-ID"])


def test_one_trace_arrives_from_the_request_to_the_posting(processes: Processes, collector: Collector) -> None:
    chain = settles_at_once()
    for name in ("web", "worker", "beat"):
        processes.start(name)
    wait_until(lambda: processes.ask("/health") == 200, seconds=30, processes=processes, what="web")
    own_id = report(chain, processes.port)

    def arrived() -> bool:
        return any(span.name == "ledger.post" for span in collector.of_trace(own_id).values())

    wait_until(arrived, seconds=60, processes=processes, what="the posting's span")
    wait_until(lambda: Trade.objects.get().status == "SETTLED", seconds=30, processes=processes, what="SETTLED")
    request = "POST api/v1/trades"
    wait_until(
        lambda: any(span.name == request for span in collector.of_trace(own_id).values()),
        seconds=10, processes=processes, what="the request's span",
    )  # fmt: skip
    found = collector.of_trace(own_id)
    posting = next(span for span in found.values() if span.name == "ledger.post")
    path = [posting.name]
    while posting.parent_span_id:
        posting = found[posting.parent_span_id]
        path.append(posting.name)
    assert path == ["ledger.post", "settlement.cycle", "settlement.settle_now", request]
    assert posting.kind == Span.SPAN_KIND_SERVER
    assert {service for service, _ in collector.spans} == {"mini-fmi"}
    assert set(collector.requests) == {("/v1/traces", "application/x-protobuf")}
    assert all(span.start_time_unix_nano < span.end_time_unix_nano for span in found.values())
