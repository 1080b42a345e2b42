"""One id from the request to its answer, its problem document, its log line and what its streamed parts write."""

from __future__ import annotations

import json
import logging
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from reference.origin import Door, Origin, current_origin
from tests.factories.market import Market, login
from trades.services import capture_submission

GIVEN = "01988a4e-0000-7000-8000-00000000abcd"


def test_the_id_is_echoed_told_with_a_problem_and_written_with_the_line(
    alpha: Client, market: Market, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="fmi.access")
    answer: Any = alpha.post(
        "/api/v1/trades", {"trade_id": 1}, content_type="application/json", headers={"x-request-id": GIVEN}
    )
    assert (answer.status_code, answer["X-Request-ID"], answer.json()["correlation_id"]) == (422, GIVEN, GIVEN)
    assert caplog.records[-1].__dict__["fields"].items() >= {
        "method": "POST", "path": "/api/v1/trades", "status": 422, "actor": "alpha",
    }.items()  # fmt: skip
    made = alpha.get("/api/v1/trades", headers={"x-request-id": "no uuid"})["X-Request-ID"]
    assert UUID(made).version == 7
    assert current_origin() == Origin()


def test_an_error_of_ours_shows_the_id_that_the_log_has(
    alpha: Client, market: Market, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    settings.DEBUG = False
    monkeypatch.setattr("trades.pages.trades.TradeFilter", fail)
    alpha.raise_request_exception = False
    page = alpha.get("/trades/", headers={"x-request-id": GIVEN})
    assert page.status_code == 500
    assert f"<code>{GIVEN}</code>" in page.content.decode()


def test_the_parts_of_a_streamed_answer_are_made_under_its_request(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Origin] = []
    write_chunk, close = capture_submission._write_chunk, capture_submission._close

    def watch(**arguments: Any) -> Any:
        seen.append(current_origin())
        return write_chunk(**arguments)

    def watch_close(**arguments: Any) -> None:
        seen.append(current_origin())
        close(**arguments)

    monkeypatch.setattr(capture_submission, "_write_chunk", watch)
    monkeypatch.setattr(capture_submission, "_close", watch_close)
    lines = b"".join(json.dumps(market.report(trade_id=f"T-{number}")).encode() + b"\n" for number in range(3))
    answer: Any = login(participant=market.alpha, name="alpha").post(
        "/api/v1/trades/bulk", lines, content_type="application/x-ndjson", headers={"x-request-id": GIVEN}
    )
    assert len(b"".join(answer.streaming_content).splitlines()) == 3
    assert len(seen) == 2
    assert {(origin.door, str(origin.correlation_id)) for origin in seen} == {(Door.API, GIVEN)}
