"""Whether the login behind a request still stands while its answer goes on: a stream lives longer than a request.

Asked again is what let the request in: the token and its key, the secret and its key, the session, or, for a password,
that it is still the same.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.utils import timezone
from rest_framework.request import Request

from reference.access import actor_of, actor_of_user
from reference.api.authentication import basic_credentials_of
from reference.backends import MembershipBackend
from reference.keys.grants import Found, find_by_secret, find_by_token
from reference.keys.tokens import AccessGrant, TokenRefused, read_access_token

Stands = Callable[[], bool]


def lasting_login(*, request: Request, scope: str) -> Stands:
    """Return what tells, whenever it is asked, whether the request would still be let in as the same actor.

    scope: what its key must allow. What is returned asks the database: not for an event loop.
    """
    actor = actor_of(request)
    find = _finder_of(request)

    def stands() -> bool:
        found = find()
        if isinstance(found, Found):
            return actor_of_user(found.user) == actor and found.grant.allows(scope=scope)
        return found is not None and actor_of_user(found) == actor

    return stands


def _finder_of(request: Request) -> Callable[[], Any]:
    """Return what finds who acts again: a Found for a key, a user for a person, None where it stands no more."""
    if isinstance(request.auth, AccessGrant):
        credentials = basic_credentials_of(request)
        if credentials is not None:
            client_id, secret = credentials
            return lambda: find_by_secret(client_id=client_id, secret=secret, now=timezone.now())
        token = str(request.META["HTTP_AUTHORIZATION"]).partition(" ")[2].strip()
        return lambda: _by_token(token)
    user: Any = request.user
    session_key = getattr(request.session, "session_key", None) if "HTTP_AUTHORIZATION" not in request.META else None
    user_id, proof = user.pk, user.get_session_auth_hash()

    def person() -> Any:
        found: Any = MembershipBackend().get_user(user_id)
        if found is None or found.get_session_auth_hash() != proof:
            return None
        if session_key is not None:
            store = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
            if store.get(HASH_SESSION_KEY) != proof:
                return None
        return found

    return person


def _by_token(token: str) -> Found | None:
    try:
        claims = read_access_token(token=token)
    except TokenRefused:
        return None
    return find_by_token(claims=claims, now=timezone.now())
