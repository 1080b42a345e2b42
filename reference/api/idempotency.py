"""Idempotency-Key on every POST of the API: asked again under the same key, the same answer and no second effect.

After the IETF draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header): another body
or address under a key is 422, a request under way 409, no key where money moves 400. A key is its client's own, and
holds for a day. What is refused before anything was done is not kept: the same key may be used again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar

from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request, is_form_media_type
from rest_framework.response import Response
from rest_framework.views import APIView

from reference.access import actor_of
from reference.keys.tokens import AccessGrant
from reference.refusals import (
    AnswerNotKept,
    IdempotencyKeyInFlight,
    IdempotencyKeyMalformed,
    IdempotencyKeyMissing,
    Refusal,
)
from reference.stored_answers import Answer, Asked, claim_answer, holding_key, store_answer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEY_SHAPE = re.compile(r"[ -~]{1,255}")
CSRF_FIELD = "csrfmiddlewaretoken"
KEPT_HEADERS = ("Content-Type", "Location", "ETag")
PROBLEM_TYPE = "application/problem+json"
RETRY_SECONDS = 1

Handler = Callable[..., HttpResponseBase]


class Once(StrEnum):
    """How a view keeps a repeated POST from doing anything again."""

    # The handler's effect and its answer are one transaction.
    TOGETHER = "TOGETHER"
    # The effect commits by itself, with a reference by which the same request finds it again; the answer follows.
    APART = "APART"
    # The view does it itself: a stream is no answer that could be kept.
    BY_THE_VIEW = "BY_THE_VIEW"


class AnsweredOnce(APIView):
    """A view whose POST under an Idempotency-Key is done once.

    idempotency_key_required: refuse a POST without a key, where repeating it would move money or securities again and
    no reference of its own prevents it. keeps_answer: False where the answer holds a secret.
    """

    idempotency_key_required: ClassVar[bool] = False
    answered_once: ClassVar[Once] = Once.TOGETHER
    keeps_answer: ClassVar[bool] = True
    asked: Asked | None = None

    @property
    def own_reference(self) -> str:
        """Return what an effect without a reference of its client's own may be known by: "" without a key."""
        return self.asked.reference if self.asked is not None else ""

    def expect_key(self, request: Request) -> None:
        """Read the key of a POST, and have the handler called under it. The last step before the handler.

        Raises IdempotencyKeyMissing, IdempotencyKeyMalformed, and what reading the body raises.
        """
        if request.method != "POST":
            return
        self.asked = _read_asked(request=request, by_view=self.answered_once is Once.BY_THE_VIEW)
        if self.asked is None:
            if self.idempotency_key_required:
                raise IdempotencyKeyMissing
        elif self.answered_once is not Once.BY_THE_VIEW:
            handler: Handler = getattr(self, "post", self.http_method_not_allowed)
            vars(self)["post"] = partial(self._post_once, handler, self.asked)

    def _post_once(
        self, handler: Handler, asked: Asked, request: Request, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Call the handler and keep its answer, or answer what is kept."""
        with self.telling_when_to_retry():
            if self.answered_once is Once.APART:
                with holding_key(asked=asked) as found:
                    return self._replay(found) if found else self._answer(handler, asked, request, *args, **kwargs)
            with transaction.atomic():
                found = claim_answer(asked=asked)
                return self._replay(found) if found else self._answer(handler, asked, request, *args, **kwargs)

    def _answer(self, handler: Handler, asked: Asked, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Call the handler and keep its answer; a refusal that tells of what was kept is an answer as well."""
        try:
            response = handler(request, *args, **kwargs)
        except Refusal as refusal:
            if not refusal.keeps_effect:
                raise
            response = self.handle_exception(refusal)
        body = self._render(response) if self.keeps_answer else None
        headers = {name: response[name] for name in KEPT_HEADERS if name in response}
        if request.accepted_renderer.format == "api":
            headers["Content-Type"] = PROBLEM_TYPE if response.status_code >= 400 else JSONRenderer.media_type
        store_answer(asked=asked, answer=Answer(response.status_code, body, headers))
        return response

    def _render(self, response: HttpResponseBase) -> bytes:
        """Return an answer as JSON, rendered as it will be sent; to the browsable API it is sent as a page."""
        made: Any = response
        request = self.request
        if request.accepted_renderer.format == "api":
            return bytes(JSONRenderer().render(made.data))
        if isinstance(made, Response):
            made.accepted_renderer = request.accepted_renderer
            made.accepted_media_type = request.accepted_media_type
            vars(made)["renderer_context"] = self.get_renderer_context()
            made.render()
        return bytes(made.content)

    def _replay(self, answer: Answer) -> HttpResponseBase:
        """Answer what is kept. Raises AnswerNotKept."""
        if answer.body is None:
            raise AnswerNotKept
        headers = {**answer.headers, REPLAYED: "true"}
        if self.request.accepted_renderer.format != "api":
            return HttpResponse(answer.body, status=answer.status, headers=headers)
        del headers["Content-Type"]
        response = Response(json.loads(answer.body or b"null"), status=answer.status, headers=headers)
        response.exception = answer.status >= 400
        return response

    @contextmanager
    def telling_when_to_retry(self) -> Iterator[None]:
        """Send Retry-After with IdempotencyKeyInFlight."""
        try:
            yield
        except IdempotencyKeyInFlight:
            self.headers["Retry-After"] = str(RETRY_SECONDS)
            raise


def _read_asked(*, request: Request, by_view: bool) -> Asked | None:
    """Return who asks what under which key; None without a key. Raises IdempotencyKeyMalformed.

    A form of the browsable API has no header: its key is made of the form's own CSRF token, which is new on every
    rendered page, and of what is filled in. Sent twice from one page it is done once.
    """
    raw, token = request.headers.get(HEADER), ""
    if raw is None and request.accepted_renderer.format == "api" and request.auth is None:
        token = str(request.POST.get(CSRF_FIELD) or request.headers.get("X-CSRFToken") or "")
    if raw is None and not token:
        return None
    fingerprint = b"" if by_view else _fingerprint_of(request)
    if raw is None:
        key = f"page-{hashlib.sha256(token.encode() + fingerprint).hexdigest()}"
    else:
        key = raw[1:-1] if len(raw) > 1 and raw[0] == raw[-1] == '"' else raw
        if not KEY_SHAPE.fullmatch(key):
            raise IdempotencyKeyMalformed
    grant = request.auth.client_id if isinstance(request.auth, AccessGrant) else ""
    # A login that now acts for another asks anew.
    actor = actor_of(request)
    return Asked(f"{request.user.pk}:{grant}:{actor.role.value}:{actor.participant_id or ''}", key, fingerprint)


def _fingerprint_of(request: Request) -> bytes:
    """Return the SHA-256 of the method, the address with its query, the media type and the body.

    Of a form it is that of its fields: another boundary, or another CSRF token, is not another form.
    """
    media_type = str(request.content_type or "").partition(";")[0].strip().lower()
    digest = begin_fingerprint(request=request)
    if not is_form_media_type(media_type):
        digest.update(request.body)
        return bytes(digest.digest())
    fields = sorted((name, values) for name, values in request.POST.lists() if name != CSRF_FIELD)
    digest.update(json.dumps(fields).encode())
    for name, files in sorted(request.FILES.lists()):
        for file in files:
            content = hashlib.sha256(b"".join(file.chunks())).hexdigest()
            file.seek(0)
            digest.update(json.dumps([name, file.name, content]).encode())
    return bytes(digest.digest())


def begin_fingerprint(*, request: Request) -> Any:
    """Return a SHA-256 that has taken in the method, the address with its query, and the media type."""
    media_type = str(request.content_type or "").partition(";")[0].strip().lower()
    return hashlib.sha256(f"{request.method} {request.get_full_path()}\n{media_type}\n".encode())
