"""One handler for all that goes wrong: RFC 9457 problem documents in the API, pages elsewhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.template.loader import get_template
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from fmi.api_settings import API_PREFIXES
from fmi.telemetry.counters import counters
from reference.api.authentication import TokenNotAccepted
from reference.origin import current_origin
from reference.outages import DatabaseUnavailable, outage_of
from reference.refusals import Refusal

MEDIA_TYPE = "application/problem+json"
NUL = "A text holds a NUL character."


class _BodyTooBig(exceptions.APIException):
    """Django's RequestDataTooBig as DRF knows errors."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


# What DRF and Django raise by themselves, under names as stable as those of the refusals.
FRAMEWORK_CODES: dict[type[Exception], str] = {
    exceptions.ParseError: "malformed-body",
    exceptions.AuthenticationFailed: "login-failed",
    TokenNotAccepted: "token-not-accepted",
    exceptions.NotAuthenticated: "login-required",
    exceptions.PermissionDenied: "not-permitted",
    exceptions.NotFound: "not-found",
    exceptions.MethodNotAllowed: "method-not-allowed",
    exceptions.NotAcceptable: "not-acceptable",
    exceptions.UnsupportedMediaType: "unsupported-media-type",
    exceptions.Throttled: "too-many-requests",
    exceptions.ValidationError: "invalid-input",
    _BodyTooBig: "body-too-large",
}


def problem_document(
    *, code: str, status: int, detail: str, errors: Sequence[Mapping[str, Any]] = (), **extra: Any
) -> dict[str, Any]:
    """Return a problem document (RFC 9457, section 3).

    `code` ends the type, a stable address of this product; `errors` are objects with `pointer`
    (RFC 6901), `code` and `detail`; `correlation_id` is what the log, the audit and the trace know the request by.
    """
    counters.add(("fmi_refusals", code))
    correlation_id = current_origin().correlation_id
    document: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        document["errors"] = list(errors)
    if correlation_id is not None:
        document["correlation_id"] = str(correlation_id)
    return document | extra


def handle_exception(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER: answer a refusal or a framework's error as a problem document.

    Anything else returns None and becomes a logged 500.
    """
    refusal = error if isinstance(error, Refusal) else outage_of(error)
    if refusal is not None:
        response = Response(refusal_document(refusal), status=refusal.status, headers=refusal.headers())
        _leave_log_as_it_is(response, refusal)
    else:
        in_address = "\x00" in getattr(context.get("request"), "path", "")
        found = exceptions.NotFound() if holds_nul(error) and in_address else _as_framework_error(error)
        if found is None:
            return None
        response = Response(_framework_document(found), status=found.status_code)
        for header, value in _headers_of(found).items():
            response[header] = value
    renderer = getattr(context.get("request"), "accepted_renderer", None)
    if getattr(renderer, "format", "json") != "api":
        response.content_type = MEDIA_TYPE
    set_rollback()
    return response


def holds_nul(error: Exception) -> bool:
    """Tell whether the database was asked for or given a text with a NUL character, which it cannot hold."""
    return isinstance(error, DataError) and "NUL (0x00)" in str(error)


def refusal_document(refusal: Refusal) -> dict[str, Any]:
    """Return the problem document of a named refusal."""
    errors = []
    if refusal.pointer is not None:
        errors.append({"pointer": refusal.pointer, "code": refusal.code, "detail": refusal.message})
    extra = {"errors": errors, **refusal.extra}
    return problem_document(code=refusal.code, status=refusal.status, detail=refusal.message, **extra)


def _as_framework_error(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied(*error.args)
    if isinstance(error, RequestDataTooBig):
        return _BodyTooBig("The request body is larger than this operation reads.")
    if holds_nul(error):
        return exceptions.ValidationError(NUL)
    return error if isinstance(error, exceptions.APIException) else None


def _framework_document(error: exceptions.APIException) -> dict[str, Any]:
    code = next((FRAMEWORK_CODES[kind] for kind in type(error).__mro__ if kind in FRAMEWORK_CODES), "server-error")
    if isinstance(error, exceptions.ValidationError):
        errors = list(_field_errors(error.detail, ""))
        detail = "; ".join(str(field["detail"]) for field in errors[:3]) or "The input is invalid."
        return problem_document(code=code, status=error.status_code, detail=detail, errors=errors)
    return problem_document(code=code, status=error.status_code, detail=str(error.detail))


def _field_errors(detail: Any, pointer: str) -> Iterator[dict[str, Any]]:
    """Flatten DRF's tree of messages into one object a message, with its place in the body."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            place = "" if name == "non_field_errors" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _field_errors(inner, pointer + place)
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        for position, inner in enumerate(detail):
            place = f"/{position}" if isinstance(inner, Mapping) else ""
            yield from _field_errors(inner, pointer + place)
    else:
        code = str(getattr(detail, "code", None) or "invalid").replace("_", "-")
        yield {"pointer": pointer, "code": code, "detail": str(detail)}


def _headers_of(error: exceptions.APIException) -> dict[str, str]:
    """Return the headers that DRF hangs on an error: how to log in, how long to wait."""
    headers = {}
    auth_header = getattr(error, "auth_header", None)
    if auth_header:
        headers["WWW-Authenticate"] = str(auth_header)
    wait_seconds = getattr(error, "wait", None)
    if wait_seconds:
        headers["Retry-After"] = str(math.ceil(wait_seconds))
    return headers


def problem_response(*, code: str, status: int, detail: str) -> JsonResponse:
    """Return a problem document from outside DRF."""
    document = problem_document(code=code, status=status, detail=detail)
    return JsonResponse(document, status=status, content_type=MEDIA_TYPE)


def refusal_response(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Return a refusal from outside DRF: a page, or a problem document to who asks the API for none."""
    if _wants_problem(request):
        response: HttpResponse = JsonResponse(refusal_document(refusal), status=refusal.status, content_type=MEDIA_TYPE)
    else:
        counters.add(("fmi_refusals", refusal.code))
        page = get_template("refused.html").render({"refusal": refusal})
        response = HttpResponse(page, status=refusal.status)
    for name, value in refusal.headers().items():
        response[name] = value
    _leave_log_as_it_is(response, refusal)
    return response


def _leave_log_as_it_is(response: Any, refusal: Refusal) -> None:
    """Have Django write no traceback for each request that comes while the database is away: a line of it is there."""
    if isinstance(refusal, DatabaseUnavailable):
        response._has_been_logged = True  # noqa: SLF001 (how Django's own views say so)


def _wants_problem(request: HttpRequest) -> bool:
    return request.path.startswith(API_PREFIXES) and "text/html" not in request.headers.get("Accept", "")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400: the request cannot be read, or its body is too large."""
    too_large = isinstance(exception, RequestDataTooBig)
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST
    if _wants_problem(request):
        detail = "The request body is too large." if too_large else "The request cannot be read."
        return problem_response(code="body-too-large" if too_large else "bad-request", status=status, detail=detail)
    template = "413.html" if too_large else "400.html"
    response: HttpResponse = defaults.bad_request(request, exception, template_name=template)
    response.status_code = status
    return response


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403: this login may not do that."""
    if _wants_problem(request):
        return problem_response(
            code="not-permitted",
            status=HTTPStatus.FORBIDDEN,
            detail=str(exception) or "Your login may not do this.",
        )
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: nothing lives at this address."""
    if _wants_problem(request):
        return problem_response(code="not-found", status=HTTPStatus.NOT_FOUND, detail="Nothing lives at this address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: a fault of ours, which is in the log under the id that the answer shows; or the database is away."""
    outage = outage_of(sys.exc_info()[1])
    if outage is not None:
        return refusal_response(request, outage)
    if _wants_problem(request):
        return problem_response(
            code="server-error",
            status=HTTPStatus.INTERNAL_SERVER_ERROR,
            detail="Something failed on our side; it is in the log. Nothing was half-written.",
        )
    page = get_template("500.html").render({"correlation_id": current_origin().correlation_id})
    return HttpResponseServerError(page)
