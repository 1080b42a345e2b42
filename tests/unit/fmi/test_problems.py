"""Whatever goes wrong in the API becomes a problem document with a stable type."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from rest_framework import exceptions

from fmi.problems import MEDIA_TYPE, handle_exception
from reference.refusals import UnknownSecurity


def answer(error: Exception) -> tuple[int, dict[str, Any]]:
    response = handle_exception(error, {})
    assert response is not None
    assert response.content_type == MEDIA_TYPE
    document = response.data
    assert document["status"] == response.status_code
    return response.status_code, document


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (exceptions.ParseError(), 400, "malformed-body"),
        (exceptions.NotAuthenticated(), 401, "login-required"),
        (exceptions.AuthenticationFailed(), 401, "login-failed"),
        (PermissionDenied("no"), 403, "not-permitted"),
        (Http404(), 404, "not-found"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method-not-allowed"),
        (RequestDataTooBig(), 413, "body-too-large"),
        (exceptions.UnsupportedMediaType("text/x"), 415, "unsupported-media-type"),
        (exceptions.Throttled(wait=2.5), 429, "too-many-requests"),
    ],
)
def test_framework_errors_have_stable_types(error: Exception, status: int, code: str) -> None:
    found_status, document = answer(error)
    assert (found_status, document["code"], document["type"]) == (status, code, f"/problems/{code}")
    assert document["detail"]


def test_a_refusal_keeps_its_words_and_points_at_the_field() -> None:
    status, document = answer(UnknownSecurity("There is no security X.", pointer="/isin", isin="X"))
    assert status == UnknownSecurity.status
    assert document["type"] == "/problems/unknown-security"
    assert document["detail"] == "There is no security X."
    assert document["errors"] == [{"pointer": "/isin", "code": "unknown-security", "detail": "There is no security X."}]
    assert document["isin"] == "X"


def test_invalid_fields_are_listed_with_their_places() -> None:
    error = exceptions.ValidationError(
        {"price": ["Too high."], "legs": [{}, {"a/b": ["Missing."]}], "non_field_errors": ["Both sides."]}
    )
    _, document = answer(error)
    assert [(field["pointer"], field["detail"]) for field in document["errors"]] == [
        ("/price", "Too high."),
        ("/legs/1/a~1b", "Missing."),
        ("", "Both sides."),
    ]


def test_headers_that_tell_what_to_do_are_kept() -> None:
    response = handle_exception(exceptions.Throttled(wait=2.5), {})
    assert response is not None
    assert response["Retry-After"] == "3"


def test_a_fault_of_ours_is_left_to_be_logged() -> None:
    assert handle_exception(ZeroDivisionError(), {}) is None
