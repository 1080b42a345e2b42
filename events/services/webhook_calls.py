"""One webhook over HTTP: signed (Standard Webhooks 1.0), to an address that was judged, and over within ten seconds.

The host's name is resolved once. All of its addresses must be public, and the connection is made to one of those very
addresses: a name that resolves otherwise a moment later (DNS rebinding) changes nothing. TLS is for the host's name.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
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
from events.services.host_lookup import look_up_host

CONNECT_SECONDS: Final = 3.0
# A name may have hundreds of addresses, none of which answers.
MOST_ADDRESSES: Final = 4
TOTAL_SECONDS: Final = 10.0
ANSWER_BYTES: Final = 4_096
USER_AGENT: Final = "Mini-FMI-Webhooks/1.0"
NOT_PUBLIC: Final = "not sent: the host has an address that is not public"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. message_id: the header webhook-id, the same at each attempt. secrets: whsec_…, the newest first.

    problem: what keeps it from being sent at all, in words; empty as a rule.
    """

    delivery_id: int
    endpoint_id: int
    message_id: str
    url: str
    body: bytes
    secrets: tuple[str, ...]
    problem: str = ""


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


def send_message(*, message: Message, at: datetime) -> Outcome:
    """Send a message and return what came of it; raises nothing that a receiver or the network can cause.

    at: wall time, which is signed with it.
    """
    if message.problem:
        return Outcome(message.delivery_id, message.endpoint_id, at, duration_ms=0, error=message.problem)
    began = time.monotonic()
    status, answer, error, retry_after, wait = None, "", "", None, None
    try:
        target = read_target(
            url=message.url,
            allow_http=settings.WEBHOOK_ALLOW_HTTP or settings.WEBHOOK_ALLOW_PRIVATE,
            allow_private=settings.WEBHOOK_ALLOW_PRIVATE,
        )
        with _time_limit(ends_at=began + TOTAL_SECONDS) as limit:
            addresses = resolve_host(target=target, limit=limit)
            headers = sign_headers(message=message, at=at)
            status, answer, retry_after = _post(
                target=target, addresses=addresses, headers=headers, body=message.body, limit=limit
            )
        if retry_after is not None:
            wait = _seconds_of(retry_after, now=at)
    except Exception as problem:  # Whatever one receiver can cause costs its own message and no other.
        if not isinstance(problem, HTTPError | HTTPException | OSError | ValueError):
            log.exception("webhook %s failed in a way of its own", message.message_id)
        status, answer = None, ""
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
        retry_after_seconds=wait,
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


def resolve_host(*, target: Target, limit: TimeLimit) -> list[str]:
    """Return the addresses of a host, looked up once, in the time that the call has left.

    Raises OSError where it has none or none in time, ValueError where one of them is not public: a name with both is a
    trap.
    """
    addresses = look_up_host(host=target.host, port=target.port, seconds=limit.seconds_left())
    for text in addresses:
        address = read_address(text)
        if not settings.WEBHOOK_ALLOW_PRIVATE and (address is None or not is_public(address)):
            raise ValueError(NOT_PUBLIC)
    return addresses


def _post(
    *, target: Target, addresses: list[str], headers: Mapping[str, str], body: bytes, limit: TimeLimit
) -> tuple[int, str, str | None]:
    """Return the status, the beginning of the answer and its Retry-After. No redirect is followed.

    Raises HTTPError, HTTPException, OSError: the last address's, where none can be connected to.
    """
    connection = _connect(target=target, addresses=addresses, limit=limit)
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


def _connect(*, target: Target, addresses: list[str], limit: TimeLimit) -> HTTPConnection:
    """Return a connection to the first address that takes one, of four at most. Raises HTTPError, OSError."""
    tried = addresses[:MOST_ADDRESSES]
    for place, address in enumerate(tried):
        connection = _open(target=target, address=address, limit=limit)
        try:
            connection.connect()
        except (HTTPError, OSError):
            connection.close()
            if place == len(tried) - 1:
                raise
        else:
            if connection.sock is not None:
                connection.sock.settimeout(limit.seconds_left())
            return connection
    raise OSError("the host has no address")


def _open(*, target: Target, address: str, limit: TimeLimit) -> HTTPConnection:
    """Return a connection that will be made to an address, for the host's name. Raises TimeoutError: it is too late."""
    timeout = min(CONNECT_SECONDS, limit.seconds_left())

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            made = super()._new_conn()
            # TLS takes the socket over; its twin can still end the connection.
            limit.sockets.append(made.dup())
            try:
                limit.seconds_left()
            except TimeoutError:
                made.close()
                raise
            return made

    class Secured(Plain, HTTPSConnection):
        pass

    if target.scheme == "http":
        return Plain(address, target.port, timeout=timeout)
    name = target.host.rstrip(".")
    return Secured(
        address, target.port, timeout=timeout, ssl_context=tls_context(), server_hostname=name,
        assert_hostname=name,
    )  # fmt: skip


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Return what TLS is made by: the system's authorities, names checked, TLS 1.2 at least."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """When a call is over, by the monotonic clock; its sockets are shut then, and none is opened after."""

    ends_at: float
    sockets: list[socket.socket] = field(default_factory=list)

    def seconds_left(self) -> float:
        """Return how long the call may still take. Raises TimeoutError where it is over."""
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's time is over")
        return left

    def shut(self) -> None:
        """End every connection of the call."""
        for one in self.sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def _time_limit(*, ends_at: float) -> Iterator[TimeLimit]:
    """Give a call's limit, which shuts its sockets when the time is over: a drip of bytes never times out."""
    limit = TimeLimit(ends_at)
    timer = Timer(limit.seconds_left(), limit.shut)
    timer.daemon = True
    timer.start()
    try:
        yield limit
    finally:
        timer.cancel()
        for one in limit.sockets:
            one.close()


def _words_of(problem: Exception) -> str:
    """Return a failure on one line, without the addresses of objects."""
    cause: Any = problem
    if isinstance(problem, ssl.SSLError):
        return f"TLS: {problem.reason or problem}"
    words = str(cause).rsplit(": ", 1)[-1] if isinstance(cause, HTTPError) else str(cause)
    # A receiver may have written the words; the database keeps no NUL, a page no control characters.
    shown = "".join(letter if letter.isprintable() else " " for letter in words)
    return " ".join(shown.split()) or type(problem).__name__


def _seconds_of(retry_after: str, *, now: datetime) -> float | None:
    """Return the seconds that a Retry-After asks for (RFC 9110, section 10.2.3); None where it cannot be read."""
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10:
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp())
    except (TypeError, ValueError, OverflowError):
        return None
