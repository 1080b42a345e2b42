"""One webhook over HTTP: signed (Standard Webhooks 1.0), to an address that was judged, and over within ten seconds.

The host's name is resolved once. All of its addresses must be public, and the connection is made to one of those very
addresses: a name that resolves otherwise a moment later (DNS rebinding) changes nothing. TLS is for the host's name.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.client import HTTPException
from threading import Timer
from typing import Any, Final

from django.conf import settings
from standardwebhooks import Webhook
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from events.core.webhook_targets import Target, is_public, read_address, read_target

CONNECT_SECONDS: Final = 3.0
TOTAL_SECONDS: Final = 10.0
ANSWER_BYTES: Final = 4_096
USER_AGENT: Final = "Mini-FMI-Webhooks/1.0"
NOT_PUBLIC: Final = "not sent: the host has an address that is not public"


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. message_id: the header webhook-id, the same at each attempt. secrets: whsec_…, the newest first."""

    delivery_id: int
    endpoint_id: int
    message_id: str
    url: str
    body: bytes
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt: a status, or an error in words. at: wall time of its beginning."""

    delivery_id: int
    endpoint_id: int
    at: datetime
    duration_ms: int
    status: int | None = None
    answer: str = ""
    error: str = ""
    retry_after_seconds: float | None = None

    @property
    def succeeded(self) -> bool:
        """Tell whether the receiver took it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


def send_message(*, message: Message) -> Outcome:
    """Send a message and return what came of it; raises nothing that a receiver or the network can cause."""
    at, began = datetime.now(UTC), time.monotonic()
    status, answer, error, retry_after = None, "", "", None
    try:
        target = read_target(
            url=message.url,
            allow_http=settings.WEBHOOK_ALLOW_HTTP or settings.WEBHOOK_ALLOW_PRIVATE,
            allow_private=settings.WEBHOOK_ALLOW_PRIVATE,
        )
        addresses = resolve_host(target=target)
        status, answer, retry_after = _post(
            target=target, addresses=addresses, headers=sign_headers(message=message, at=at), body=message.body
        )
    except (HTTPError, HTTPException, OSError, ValueError) as problem:
        late = time.monotonic() - began >= TOTAL_SECONDS
        error = f"no answer within {TOTAL_SECONDS:.0f} seconds" if late else _words_of(problem)
    return Outcome(
        delivery_id=message.delivery_id,
        endpoint_id=message.endpoint_id,
        at=at,
        duration_ms=int((time.monotonic() - began) * 1000),
        status=status,
        answer=answer,
        error=error[:200],
        retry_after_seconds=None if retry_after is None else _seconds_of(retry_after, now=at),
    )


def sign_headers(*, message: Message, at: datetime) -> dict[str, str]:
    """Return the headers of a message: signed by each secret that works (Standard Webhooks, "Webhook Headers")."""
    text = message.body.decode()
    signatures = [Webhook(secret).sign(message.message_id, at, text) for secret in message.secrets]
    return {
        "content-type": "application/cloudevents+json",
        "user-agent": USER_AGENT,
        "accept-encoding": "identity",
        "webhook-id": message.message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def resolve_host(*, target: Target) -> list[str]:
    """Return the addresses of a host, looked up once.

    Raises OSError where it has none, ValueError where one of them is not public: a name with both is a trap.
    """
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for text in addresses:
        address = read_address(text)
        if not settings.WEBHOOK_ALLOW_PRIVATE and (address is None or not is_public(address)):
            raise ValueError(NOT_PUBLIC)
    return addresses


def _post(
    *, target: Target, addresses: list[str], headers: Mapping[str, str], body: bytes
) -> tuple[int, str, str | None]:
    """Return the status, the beginning of the answer and its Retry-After. No redirect is followed.

    Raises HTTPError, HTTPException, OSError: the last address's, where none can be connected to.
    """
    with _time_limit() as sockets:
        connection = _connect(target=target, addresses=addresses, sockets=sockets)
        try:
            connection.request(
                "POST", target.path, body=body, headers={"host": target.authority, **headers},
                preload_content=False, decode_content=False,
            )  # fmt: skip
            response = connection.getresponse()
            answer = b""
            # Whoever answers has taken it, or not, by the status alone.
            with suppress(HTTPError, HTTPException, OSError):
                while len(answer) < ANSWER_BYTES and (part := response.read1(ANSWER_BYTES - len(answer))):
                    answer += part
            text = answer.decode(errors="replace").replace("\x00", "")
            return response.status, text, response.headers.get("Retry-After")
        finally:
            connection.close()


def _connect(*, target: Target, addresses: list[str], sockets: list[socket.socket]) -> HTTPConnection:
    """Return a connection to the first address that takes one. Raises HTTPError, OSError."""
    for place, address in enumerate(addresses):
        connection = _open(target=target, address=address, sockets=sockets)
        try:
            connection.connect()
        except (HTTPError, OSError):
            connection.close()
            if place == len(addresses) - 1:
                raise
        else:
            if connection.sock is not None:
                connection.sock.settimeout(TOTAL_SECONDS)
            return connection
    raise OSError("the host has no address")


def _open(*, target: Target, address: str, sockets: list[socket.socket]) -> HTTPConnection:
    """Return a connection that will be made to an address, for the host's name."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            made = super()._new_conn()
            # TLS takes the socket over; its twin can still end the connection.
            sockets.append(made.dup())
            return made

    class Secured(Plain, HTTPSConnection):
        pass

    if target.scheme == "http":
        return Plain(address, target.port, timeout=CONNECT_SECONDS)
    name = target.host.rstrip(".")
    return Secured(
        address, target.port, timeout=CONNECT_SECONDS, ssl_context=tls_context(), server_hostname=name,
        assert_hostname=name,
    )  # fmt: skip


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Return what TLS is made by: the system's authorities, names checked, TLS 1.2 at least."""
    return ssl.create_default_context()


@contextmanager
def _time_limit() -> Iterator[list[socket.socket]]:
    """Give a list for the sockets of a call, which are shut when its time is over: a drip of bytes never times out."""
    sockets: list[socket.socket] = []

    def shut() -> None:
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    timer = Timer(TOTAL_SECONDS, shut)
    timer.daemon = True
    timer.start()
    try:
        yield sockets
    finally:
        timer.cancel()
        for one in sockets:
            one.close()


def _words_of(problem: Exception) -> str:
    """Return a failure on one line, without the addresses of objects."""
    cause: Any = problem
    if isinstance(problem, ssl.SSLError):
        return f"TLS: {problem.reason or problem}"
    words = str(cause).rsplit(": ", 1)[-1] if isinstance(cause, HTTPError) else str(cause)
    return " ".join(words.split()) or type(problem).__name__


def _seconds_of(retry_after: str, *, now: datetime) -> float | None:
    """Return the seconds that a Retry-After asks for (RFC 9110, section 10.2.3); None where it cannot be read."""
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10:
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp())
