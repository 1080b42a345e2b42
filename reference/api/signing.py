"""Signed requests: what changes limits, keys, defaults, others' margin, settlement or the day is signed by an API key.

`X-Signature` is HMAC-SHA256 by the key's signing key over the request's time, nonce, method, address and body
(reference/core/request_signing.py). A token that was stolen, or a proxy on the way, therefore changes none of these.
A person's session is let through, for its CSRF token says that the page asked; a password by HTTP Basic is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.views import APIView

from reference.api.authentication import BasicLogin
from reference.api.idempotency import Once
from reference.core.request_signing import (
    NONCE,
    SIGNATURE,
    TIMESTAMP,
    SignedParts,
    is_in_time,
    is_signed_by_any,
)
from reference.keys.nonces import take_nonce
from reference.keys.queries import signing_keys_of
from reference.keys.refusals import (
    NonceUsed,
    SignatureMissing,
    SignatureNeedsAKey,
    SignatureWrong,
    TimestampOutside,
)
from reference.keys.tokens import AccessGrant
from reference.refusals import Refusal

TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER = "X-Timestamp", "X-Nonce", "X-Signature"

Handler = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class _Signed:
    """A signature that holds: whose key made it, and the nonce that is yet to be taken."""

    key_id: int
    nonce: str


class SignedByKeys(APIView):
    """A view some of whose methods an API key signs.

    signed_methods: those methods. The nonce is taken in the transaction of the effect, or before one that commits by
    itself: no crash leaves an effect whose nonce is free. A request that is refused has used its nonce up as well, so
    that nobody sends it again when it would be carried out.
    """

    signed_methods: ClassVar[frozenset[str]] = frozenset()
    answered_once: ClassVar[Once] = Once.TOGETHER

    def read_signature(self, request: Request) -> _Signed | None:
        """Check the signature of a request that takes one; None where it takes none.

        Raises SignatureMissing, TimestampOutside, SignatureWrong, SignatureNeedsAKey.
        """
        if request.method not in self.signed_methods:
            return None
        grant = request.auth
        if not isinstance(grant, AccessGrant):
            if isinstance(request.successful_authenticator, BasicLogin):
                raise SignatureNeedsAKey
            return None
        sent = {name: request.headers.get(name, "") for name in (TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER)}
        missing = [name for name, value in sent.items() if not value]
        if missing:
            raise SignatureMissing(f"An API key signs this request; there is no {' and no '.join(missing)}.")
        timestamp, nonce, signature = sent.values()
        if not TIMESTAMP.fullmatch(timestamp) or not is_in_time(timestamp=timestamp, now_seconds=time.time()):
            raise TimestampOutside
        if not NONCE.fullmatch(nonce):
            raise SignatureWrong("X-Nonce is 16 to 64 letters, digits, hyphens and underscores.")
        parts = SignedParts(timestamp, nonce, str(request.method), address_as_sent(request=request), request.body)
        keys = signing_keys_of(key_id=grant.key_id, now=timezone.now())
        if not SIGNATURE.fullmatch(signature) or not is_signed_by_any(keys=keys, parts=parts, signature=signature):
            raise SignatureWrong
        return _Signed(grant.key_id, nonce)

    def sign_handler(self, request: Request, signed: _Signed) -> None:
        """Have the handler called with its nonce taken. The last wrapping, around the Idempotency-Key's."""
        name = str(request.method).lower()
        handler: Handler = getattr(self, name, self.http_method_not_allowed)
        vars(self)[name] = partial(self._call_signed, handler, signed)

    def _call_signed(self, handler: Handler, signed: _Signed, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Take the nonce and call the handler, in one transaction. Raises NonceUsed, and what the handler raises."""
        if self.answered_once is not Once.TOGETHER:
            # Its effects commit by themselves, and so does this.
            _take(signed)
            return handler(*args, **kwargs)
        with transaction.atomic():
            _take(signed)
            answer = _answer_or_error(handler, *args, **kwargs)
        if isinstance(answer, Exception):
            raise answer
        return answer


def address_as_sent(*, request: HttpRequest | Request) -> str:
    """Return path and query of a request as the client wrote them, whatever it escaped; the query where there is one.

    A server that tells no raw path (WSGI) leaves the one that Django would write.
    """
    scope = getattr(request, "scope", {})
    path = scope.get("raw_path")
    if not path:
        return request.get_full_path()
    query = scope.get("query_string", b"")
    return bytes(path + b"?" + query if query else path).decode("latin-1")


def _take(signed: _Signed) -> None:
    """Take the nonce. Raises NonceUsed."""
    if not take_nonce(key_id=signed.key_id, nonce=signed.nonce):
        raise NonceUsed


def _answer_or_error(handler: Handler, *args: Any, **kwargs: Any) -> HttpResponseBase | Exception:
    """Call the handler; return its answer, or its error with what it did undone, but for what a refusal keeps."""
    kept: Refusal | None = None
    try:
        with transaction.atomic():
            try:
                return handler(*args, **kwargs)
            except Refusal as refusal:
                if not refusal.keeps_effect:
                    raise
                kept = refusal
    except Exception as error:
        return error
    return kept
