"""Requests of an API key, signed as its holder signs them."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from reference.access import actor_of_user
from reference.api.entry import now
from reference.core.key_material import derive_signing_key
from reference.core.request_signing import SignedParts, sign_request
from reference.keys.manage_keys import NewSecret, create_key


def make_key(*scopes: str, name: str = "operator", **more: Any) -> NewSecret:
    """Return a key, and its secret, of the login of this name."""
    user, moment = User.objects.get(username=name), timezone.now()
    actor = actor_of_user(user)
    assert actor is not None
    return create_key(
        owner=user, name=f"{name}'s", scopes=scopes, expires_at=moment + timedelta(days=1), now=moment, actor=actor,
        **now(), **more,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _client() -> Client:
    """Return a client without a session; making one loads the middleware anew."""
    return Client()


def by_basic(name: str, secret: str) -> dict[str, str]:
    """Return the header of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def signature_of(
    secret: str, method: str, path: str, body: str = "", *, timestamp: int | None = None, nonce: str | None = None
) -> dict[str, str]:
    """Return the three headers of a signed request."""
    parts = SignedParts(
        timestamp=str(int(time.time()) if timestamp is None else timestamp), nonce=nonce or uuid4().hex,
        method=method, path=path, body=body.encode(),
    )  # fmt: skip
    signature = sign_request(key=derive_signing_key(secret=secret), parts=parts)
    return {"X-Timestamp": parts.timestamp, "X-Nonce": parts.nonce, "X-Signature": signature}


def send(made: NewSecret, method: str, path: str, fields: Any = None, **options: Any) -> Any:
    """Send a request of a key; options: signed=False, and headers, others or in place of those that are sent."""
    body = "" if fields is None else json.dumps(fields)
    sent: dict[str, str | None] = {**by_basic(made.key.client_id, made.secret), "Idempotency-Key": str(uuid4())}
    if options.pop("signed", True):
        sent |= signature_of(made.secret, method, path, body)
    sent |= {name.replace("_", "-"): value for name, value in options.items()}
    kept = {name: value for name, value in sent.items() if value is not None}
    return _client().generic(method, path, body, content_type="application/json", headers=kept)


class SigningClient(Client):
    """A client with a key's access token, which signs whatever changes anything. signed: how many it has signed."""

    def __init__(self, *, made: NewSecret) -> None:
        """Exchange the key's secret for a token."""
        super().__init__()
        self.signed = 0
        self._secret, self._token = made.secret, ""
        answer = self.post(
            "/api/v1/auth/token", {"api_key": made.key.client_id, "api_secret": made.secret}, "application/json"
        )
        self._token = answer.json()["access_token"]

    def generic(self, method: str, path: str, data: Any = "", *args: Any, headers: Any = None, **extra: Any) -> Any:  # type: ignore[override]
        """Send a request."""
        sent = dict(headers or {})
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
            if method not in ("GET", "HEAD"):
                sent |= signature_of(self._secret, method, path, data if isinstance(data, str) else data.decode())
                self.signed += 1
        return super().generic(method, path, data, *args, headers=sent, **extra)
