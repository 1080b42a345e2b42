"""What every operation of the API can answer and takes, described in its schema by one mechanism.

An operation's own description says what is its own. What ActorView and the classes under it do for all of them is
added here, from the same attributes of the view that make it so: logins and scopes, refusals, the headers Idempotency-
Key, If-Match and If-None-Match, the headers of answers, and an example where none is written by hand.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework.mixins import ListModelMixin

from reference.api.base import ActorView
from reference.api.conditional import WRITING, has_entity_tag, matched_address
from reference.api.idempotency import AnsweredOnce
from reference.api.problems import ProblemSerializer
from reference.api.rate_limits import RateLimited
from reference.api.scopes import ScopedView
from reference.api.signing import NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, SignedByKeys

Operation = dict[str, Any]

PROBLEM_TYPE = "application/problem+json"
EVERYWHERE = ("X-Request-ID",)
COUNTED = ("RateLimit", "RateLimit-Policy")
# Headers of the answers of one status.
HEADERS_BY_STATUS = {"401": ("WWW-Authenticate",), "429": ("Retry-After",), "503": ("Retry-After",), "405": ("Allow",)}


class ContractSchema(AutoSchema):
    """DEFAULT_SCHEMA_CLASS: an operation as its view describes it, and what all operations share."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Operation | None:
        """Return the operation, completed; None where the view is not described."""
        operation: Operation | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        operation.setdefault("summary", str(operation.get("description", "")).split("\n", 1)[0].rstrip("."))
        if self.get_description_of_access():
            operation["description"] = f"{operation.get('description', '')}\n\n{self.get_description_of_access()}"
        self._add_headers_taken(operation)
        self._add_problems(operation)
        for status, response in operation["responses"].items():
            response["description"] = response.get("description") or HTTPStatus(int(status)).phrase
            self._add_headers_given(status, response)
        return operation

    @property
    def scope(self) -> str:
        """Return the scope that an API key needs; "" where none is asked for."""
        return str(self.view.scope_of(self.method)) if isinstance(self.view, ScopedView) else ""

    def is_deprecated(self) -> bool:
        """Say whether the view has a successor."""
        return bool(getattr(self.view, "deprecated_since", None)) or bool(super().is_deprecated())

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Return how to log in, with the scope that a token needs."""
        found = super().get_auth()
        scopes = [self.scope] if self.scope else []
        return [{name: scopes if name == "bearerToken" else [] for name in login} for login in found]

    def _get_paginator(self) -> Any:
        """Return what cuts a list into pages; a view that is no list answers whole, however many there are."""
        return super()._get_paginator() if self._is_paged else None  # type: ignore[no-untyped-call]

    @property
    def _is_paged(self) -> bool:
        return self.method == "GET" and isinstance(self.view, ListModelMixin)

    def get_description_of_access(self) -> str:
        """Return what an API key needs here."""
        words = [f"Scope of a key: `{self.scope}`."] if self.scope else []
        if self._is_signed:
            words.append("A key signs this request (docs/security.md).")
        return " ".join(words)

    def _add_headers_taken(self, operation: Operation) -> None:
        """Describe the headers of the request that all operations of this kind take."""
        names: list[tuple[str, bool]] = []
        if self.method == "POST" and isinstance(self.view, AnsweredOnce):
            names.append(("Idempotency-Key", self.view.idempotency_key_required))
        if self._is_signed:
            names += ((name, False) for name in (TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER))
        if self._takes_if_match:
            names.append(("If-Match", False))
        if self._has_entity_tag:
            names.append(("If-None-Match", False))
        references = [{"$ref": f"#/components/parameters/{name}{'Required' * needed}"} for name, needed in names]
        if references:
            operation["parameters"] = [*operation.get("parameters", []), *references]

    def _add_problems(self, operation: Operation) -> None:
        """Describe the refusals that any operation of this kind may answer with, where it does not do so itself."""
        # A cursor that is not ours is not found, nor is a form by `?format=` that there is not (DRF's own answer).
        statuses = {400, 404, 406, 503}
        if isinstance(self.view, RateLimited):
            statuses.add(429)
        if isinstance(self.view, ActorView):
            statuses |= {401, 403}
        if self.method in WRITING:
            statuses |= {413, 415}
        if self.method == "POST" and isinstance(self.view, AnsweredOnce):
            statuses |= {409, 422}
        if self._takes_if_match:
            statuses.add(412)
        found = operation["responses"]
        for status in sorted(statuses):
            found.setdefault(str(status), {"content": {PROBLEM_TYPE: {"schema": self._problem_reference()}}})
        if self._has_entity_tag and not getattr(self.view, "untagged", ()):
            found["304"] = {"description": "It is as it was when it had the ETag of If-None-Match."}
        operation["responses"] = dict(sorted(found.items()))

    def _add_headers_given(self, status: str, response: Operation) -> None:
        """Describe the headers of an answer."""
        names = [*EVERYWHERE, *HEADERS_BY_STATUS.get(status, ())]
        if isinstance(self.view, RateLimited):
            names += COUNTED
        if self._has_entity_tag and status in {"200", "304"}:
            names.append("ETag")
        if self.method == "POST" and isinstance(self.view, AnsweredOnce) and status != "401":
            names.append("Idempotent-Replayed")
        if self.is_deprecated() and status != "404":
            # A path whose parameter is not of its kind never comes to the view that says so.
            names += ("Deprecation", "Sunset", "Link")
        added = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        response["headers"] = added | response.get("headers", {})

    @property
    def _has_entity_tag(self) -> bool:
        return self.method == "GET" and has_entity_tag(view=self.view, path=self.path)

    @property
    def _is_signed(self) -> bool:
        return isinstance(self.view, SignedByKeys) and self.method in self.view.signed_methods

    @property
    def _takes_if_match(self) -> bool:
        return matched_address(view=self.view, path=self.path, method=self.method) is not None

    def _problem_reference(self) -> Operation:
        """Return the reference to the shape of a problem document."""
        reference: Operation = self.resolve_serializer(ProblemSerializer, "response").ref
        return reference
