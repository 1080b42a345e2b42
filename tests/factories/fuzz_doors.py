"""How a case of the fuzzer comes to the product in this process, so that all it does can be undone."""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes
from uuid import uuid4

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import got_request_exception
from django.db import DEFAULT_DB_ALIAS, connections
from requests import PreparedRequest
from requests.structures import CaseInsensitiveDict
from schemathesis.core.transport import Response
from schemathesis.transport.prepare import prepare_cookies
from schemathesis.transport.wsgi import WSGI_TRANSPORT
from werkzeug.test import Client, EnvironBuilder

from fmi.one_hop import OneHopHandler
from reference.core.request_signing import SignedParts, sign_request

STREAM_SECONDS = 10.0


@WSGI_TRANSPORT.serializer("application/x-ndjson")
def write_lines(_context: Any, value: Any) -> dict[str, bytes]:
    """Write a body as lines of JSON; without this schemathesis makes no such body."""
    lines = value if isinstance(value, list) else [value]
    return {"data": b"".join(json.dumps(line, default=str).encode() + b"\n" for line in lines)}


class _InThisThread(Executor):
    """The web server's threads, but for this one, which has the connection with what is undone."""

    def __init__(self) -> None:
        self.connection = connections[DEFAULT_DB_ALIAS]

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Call at once."""
        # A task of an event loop has connections of its own.
        connections[DEFAULT_DB_ALIAS] = self.connection
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments, **named))
        except BaseException as error:
            future.set_exception(error)
        return future


class Signing:
    """The WSGI application, before which the programs sign what changes anything: keys by their Authorization."""

    def __init__(self) -> None:
        """Load the middleware."""
        self.application = WSGIHandler()
        self.keys: dict[str, bytes] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Sign a request and answer it."""
        key, method = self.keys.get(environ.get("HTTP_AUTHORIZATION", "")), environ["REQUEST_METHOD"]
        if key is not None and method != "GET":
            body = environ["wsgi.input"].read()
            environ["wsgi.input"] = BytesIO(body)
            # Django writes into what it makes a request of.
            path = WSGIRequest(dict(environ)).get_full_path()
            parts = SignedParts(str(int(time.time())), uuid4().hex, method, path, body)
            environ |= {
                "HTTP_X_TIMESTAMP": parts.timestamp, "HTTP_X_NONCE": parts.nonce,
                "HTTP_X_SIGNATURE": sign_request(key=key, parts=parts),
            }  # fmt: skip
        return self.application(environ, start_response)


class Doors:
    """What takes requests: WSGI, and for streams the ASGI application, whose first part is read."""

    def __init__(self) -> None:
        """Load the middleware."""
        self.application = Signing()
        self.plain = Client(self.application, use_cookies=False)
        self.streaming = OneHopHandler()
        self.streaming.threads = _InThisThread()  # type: ignore[assignment]
        self.fault = ""
        got_request_exception.connect(self._note_fault)

    def _note_fault(self, **_signal: Any) -> None:
        self.fault = traceback.format_exc()

    def send(self, case: Any, *, headers: dict[str, str], streams: bool) -> Response:
        """Answer a case as schemathesis' own transport would, without the request's second form for its reports."""
        self.fault = ""
        sent = WSGI_TRANSPORT.serialize_case(case, headers=headers)
        if case.cookies:
            invented = prepare_cookies(case.cookies).items()
            sent["headers"].setdefault("Cookie", "; ".join(f"{name}={text}" for name, text in invented))
        if streams:
            return asyncio.run(asyncio.wait_for(self._read_first_part(EnvironBuilder(**sent)), STREAM_SECONDS))
        response = self.plain.open(**sent)
        return _response(response.status_code, response.headers, response.get_data())

    async def _read_first_part(self, request: EnvironBuilder) -> Response:
        """Answer a request through ASGI; the client leaves once it has a part of the answer."""
        environ = request.get_environ()
        given = {"type": "http.request", "body": environ["wsgi.input"].read(), "more_body": False}
        left, started, parts = asyncio.Event(), {}, []

        async def receive() -> dict[str, Any]:
            nonlocal given
            if given["type"] == "http.request":
                message, given = given, {"type": "http.disconnect"}
                return message
            await left.wait()
            return given

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            elif message.get("body"):
                parts.append(message["body"])
                left.set()

        await self.streaming(_scope_of(environ), receive, send)
        headers = [(name.decode("latin-1"), text.decode("latin-1")) for name, text in started["headers"]]
        return _response(started["status"], headers, b"".join(parts), stream_cut_short=True)


def _scope_of(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the ASGI scope of a WSGI environment."""
    headers = [(name[5:].replace("_", "-").lower(), text) for name, text in environ.items() if name.startswith("HTTP_")]
    headers += [(name.replace("_", "-").lower(), environ[name]) for name in ("CONTENT_TYPE", "CONTENT_LENGTH")
                if environ.get(name)]  # fmt: skip
    path = environ["PATH_INFO"].encode("latin-1")
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": environ["REQUEST_METHOD"], "path": unquote_to_bytes(path).decode(errors="replace"), "raw_path": path,
        "query_string": environ["QUERY_STRING"].encode("latin-1"), "server": ("localhost", 80),
        "client": ("127.0.0.1", 1), "headers": [(name.encode(), text.encode("latin-1")) for name, text in headers],
    }  # fmt: skip


def _response(status: int, headers: Iterable[tuple[str, str]], content: bytes, **more: Any) -> Response:
    request = PreparedRequest()
    request.headers = CaseInsensitiveDict()
    found: dict[str, list[str]] = {}
    for name, text in headers:
        found.setdefault(name.lower(), []).append(text)
    return Response(status, found, content, request, elapsed=0.0, verify=False, **more)
