"""A body over the limit is refused before the application behind keeps a byte of it."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import LazySettings
from django.urls import resolve

from fmi.body_limit import STREAMED, WHOLE, limit_body, limit_of_address

LIMIT_BYTES = 10


async def echo_length(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads the whole body and answers its length."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def ask(*parts: bytes, announced: int | None = None, path: str = "/") -> tuple[int, bytes, int]:
    """Send the parts and return the status, the body of the answer and how many parts were read."""
    headers = [] if announced is None else [(b"content-length", str(announced).encode())]
    waiting = [
        {"type": "http.request", "body": part, "more_body": position < len(parts) - 1}
        for position, part in enumerate(parts)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(dict(message))

    limited = limit_body(application=echo_length, limit_of=lambda path: LIMIT_BYTES * len(path))
    # In a thread of its own: browser tests leave an event loop running in this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, limited({"type": "http", "path": path, "headers": headers}, receive, send)).result()
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], body, len(parts) - len(waiting)


def test_a_body_at_the_limit_passes() -> None:
    assert ask(b"12345", b"67890", announced=10) == (200, b"10", 2)


def test_an_announced_body_over_the_limit_is_refused_unread() -> None:
    status, body, parts_read = ask(b"x" * 11, announced=2_000_000_000)
    assert (status, parts_read) == (413, 0)
    problem = json.loads(body)
    assert problem["type"] == "/problems/body-too-large"
    assert problem["limit_bytes"] == LIMIT_BYTES


def test_a_body_of_unknown_length_is_refused_where_it_passes_the_limit() -> None:
    status, _, parts_read = ask(b"12345", b"67890", b"1", b"never read")
    assert (status, parts_read) == (413, 3)


def test_a_length_that_lies_is_found_by_counting() -> None:
    assert ask(b"x" * 11, announced=5)[0] == 413


def test_each_address_has_its_own_limit() -> None:
    assert ask(b"x" * 11, announced=11, path="/b") == (200, b"11", 1)
    assert ask(b"x" * 21, path="/b")[0] == 413


def test_only_the_addresses_of_files_take_much(settings: LazySettings) -> None:
    small, whole, most = 1024**2, settings.DATA_UPLOAD_MAX_MEMORY_SIZE, 256 * 1024**2
    assert [limit_of_address(path) for path in ("/login/", "/api/v1/trades", "/upload/x", "/nowhere")] == [small] * 4
    assert {limit_of_address(path) for path in WHOLE} == {whole}
    assert {limit_of_address(path) for path in STREAMED} == {most}
    # They are where the product has them.
    assert resolve("/api/v1/market-data/prices")
    for path in (*STREAMED, *WHOLE[1:]):
        assert resolve(path)
