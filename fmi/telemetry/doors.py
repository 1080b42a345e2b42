"""The door of pages, API and admin: where a request comes from, one log line when it is answered."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.utils.functional import SimpleLazyObject

from fmi.api_settings import API_PREFIXES
from fmi.telemetry import active
from fmi.telemetry.correlation import read_correlation_id
from fmi.telemetry.counters import REQUEST_EDGES, counters, note_failure
from reference.origin import Door, Origin, acting_from, current_origin, enter_origin, leave_origin
from reference.public_ids import new_public_id

REQUEST_ID = "X-Request-ID"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

GetResponse = Callable[[HttpRequest], HttpResponseBase]
log = logging.getLogger("fmi.access")


def door_middleware(get_response: GetResponse) -> GetResponse:
    """Middleware, the outermost: all that a request does carries its origin, and its answer names the id."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        origin = origin_of(request)
        token = enter_origin(origin)
        try:
            response = get_response(request) if active.traces is None else traced_answer(request, origin)
            response[REQUEST_ID] = str(origin.correlation_id)
            if isinstance(response, StreamingHttpResponse):
                carry_into_stream(response=response, origin=current_origin())
            seconds = time.perf_counter() - started
            count_request(request=request, response=response, seconds=seconds)
            write_access_line(request=request, response=response, seconds=seconds)
        finally:
            leave_origin(token)
        return response

    def traced_answer(request: HttpRequest, origin: Origin) -> HttpResponseBase:
        from fmi.telemetry.traces import name_request

        assert active.traces is not None
        assert origin.correlation_id is not None
        made_here = brought_id(request.META) is None
        with active.traces.request(
            headers={"traceparent": request.META.get("HTTP_TRACEPARENT", "")},
            correlation_id=origin.correlation_id,
            made_here=made_here,
        ) as span:
            response = get_response(request)
            name_request(span=span, method=str(request.method), route=route_of(request), status=response.status_code)
        return response

    return answer


def brought_id(meta: dict[str, Any]) -> UUID | None:
    """Return the correlation id that a request brings, None where it brings none."""
    return read_correlation_id(
        request_id=meta.get("HTTP_X_REQUEST_ID", ""), trace_parent=meta.get("HTTP_TRACEPARENT", "")
    )


def origin_of(request: HttpRequest) -> Origin:
    """Return where a request comes from: the door by its path, the client's address, the id it brings or a new one."""
    path, meta = request.path, request.META
    door = Door.API if path.startswith(API_PREFIXES) else Door.ADMIN if path.startswith("/admin/") else Door.PAGE
    return Origin(door=door, address=client_address(meta), correlation_id=brought_id(meta) or new_public_id())


def client_address(meta: dict[str, Any]) -> str:
    """Return the client's IP address.

    Behind a proxy it is the last entry of X-Forwarded-For, the one that our own proxy has added: whatever stands
    before it was written by the client. Empty where nothing names an address.
    """
    address = str(meta.get("REMOTE_ADDR") or "")
    if settings.BEHIND_PROXY and (forwarded := meta.get("HTTP_X_FORWARDED_FOR", "")):
        address = forwarded.rpartition(",")[2].strip()
    try:
        return str(ip_address(address)) if address else ""
    except ValueError:
        return ""


def carry_into_stream(*, response: StreamingHttpResponse, origin: Origin) -> None:
    """Have every part of a streamed answer made under its request's origin, in whichever thread; its end too."""
    close = response.close

    def close_under_origin() -> None:
        with acting_from(origin):
            close()

    response.close = close_under_origin  # type: ignore[method-assign]
    if response.is_async:
        response.streaming_content = _carry_async(content=response.streaming_content, origin=origin)  # type: ignore[arg-type]
    else:
        response.streaming_content = _carry(content=iter(response), origin=origin)


def _carry(*, content: Iterator[Any], origin: Origin) -> Iterator[Any]:
    while True:
        with acting_from(origin):
            part = next(content, None)
        if part is None:
            return
        yield part


async def _carry_async(*, content: AsyncIterator[Any], origin: Origin) -> AsyncIterator[Any]:
    while True:
        with acting_from(origin):
            part = await anext(content, None)
        if part is None:
            return
        yield part


def route_of(request: HttpRequest) -> str:
    """Return the pattern of a request's address, "none" where no address of ours fits."""
    return request.resolver_match.route if request.resolver_match is not None else "none"


def count_request(*, request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Count a request under its route, which is one of a few hundred whatever addresses are asked for."""
    route = route_of(request)
    method = str(request.method) if request.method in METHODS else "other"
    counters.add(("fmi_http_requests", method, route, str(response.status_code)))
    counters.observe(name="fmi_http_request_seconds", labels=(method, route), seconds=seconds, edges=REQUEST_EDGES)
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR and route != "ready":
        note_failure(("request", method, route, str(response.status_code)))
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        counters.add(("fmi_rate_limit_denials", current_origin().door.value))


def write_access_line(*, request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Write one line for a request: of the API, and of whatever is refused, at INFO, the rest at DEBUG."""
    told = current_origin().door is Door.API or response.status_code >= HTTPStatus.BAD_REQUEST
    level = logging.INFO if told else logging.DEBUG
    if not log.isEnabledFor(level):
        return
    fields = {
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "ms": round(seconds * 1000, 1),
        "actor": user_name(request),
    }
    log.log(level, "answered", extra={"fields": fields})


def user_name(request: HttpRequest) -> str:
    """Return whose login a request has used, "" where none was asked for: a line in the log reads no database."""
    user = request.__dict__.get("user")
    if type(user) is SimpleLazyObject:
        user = request.__dict__.get("_cached_user")
    return str(user.get_username()) if user is not None else ""
