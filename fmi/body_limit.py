"""Refuses a request body that is too large before it fills a disk.

Under ASGI Django writes the whole body to a temporary file before any of its code sees the request,
so the bound must stand in front of Django: the announced length is judged at once, and a body that
announces none is counted as it comes. Nobody knows yet who sends it, so only the addresses of files
take more than a little.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings

from fmi.problems import MEDIA_TYPE, problem_document

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]


# Files that are read as streams; and those, by the beginning of their addresses, that are read into memory.
STREAMED = ("/api/v1/trades/bulk", "/upload/")
WHOLE = ("/api/v1/market-data/", "/api/v1/orders/bulk", "/market/upload/", "/risk/what-if/")


class _BodyTooLarge(Exception):
    """More bytes came than the limit allows."""


def limit_of_address(path: str) -> int:
    """Return how many bytes the body of a request to this address may have."""
    most = int(settings.BODY_LIMIT_BYTES)
    if path in STREAMED:
        return most
    return min(
        most, settings.DATA_UPLOAD_MAX_MEMORY_SIZE if path.startswith(WHOLE) else settings.SMALL_BODY_LIMIT_BYTES
    )


def limit_body(
    *, application: Application, limit_of: Callable[[str], int]
) -> Callable[[Any, Receive, Send], Coroutine[Any, Any, None]]:
    """Wrap an ASGI application so that a request body over its address's limit, in bytes, is answered with 413."""

    async def limited(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        limit_bytes = limit_of(scope["path"])
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit_bytes:
            await _refuse(send, limit_bytes)
            return
        received = 0
        has_answered = False

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit_bytes:
                raise _BodyTooLarge
            return message

        async def watched_send(message: Message) -> None:
            nonlocal has_answered
            has_answered = True
            await send(message)

        try:
            await application(scope, counted_receive, watched_send)
        except _BodyTooLarge:
            if not has_answered:
                await _refuse(send, limit_bytes)

    return limited


async def _refuse(send: Send, limit_bytes: int) -> None:
    document = problem_document(
        code="body-too-large",
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        detail=f"The request body is larger than {limit_bytes} bytes. Send a large file in parts.",
        limit_bytes=limit_bytes,
    )
    body = json.dumps(document).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        # The rest of the body is not read, so the connection cannot serve another request.
        (b"connection", b"close"),
    ]
    await send(
        {
            "type": "http.response.start",
            "status": int(HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
            "headers": headers,
        }
    )
    await send({"type": "http.response.body", "body": body})
