"""How a request of the API says who it is: an access token, a key's secret, a password, or the session of the pages.

Tried in this order: `Authorization: Bearer <token>`, `Authorization: Basic` with a key's public id and its secret or a
login's name and password, the session cookie. With a key `request.auth` is an AccessGrant; with a login it is None.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from drf_spectacular.authentication import BasicScheme, SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from rest_framework.authentication import BaseAuthentication, BasicAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from reference.core.key_material import CLIENT_ID
from reference.keys.grants import Found, find_by_secret, find_by_token
from reference.keys.login_waits import Attempt, address_of, refuse_where_waiting
from reference.keys.tokens import AccessGrant, TokenRefused, read_access_token
from reference.origin import note_client

REALM = "Mini FMI"
WRONG_KEY = "The key, or its secret, is not accepted."
ENDED = "The token's key, or the token itself, has been revoked or is over."


class TokenNotAccepted(AuthenticationFailed):
    """The access token is not accepted (RFC 6750, section 3.1: invalid_token)."""


class BearerToken(BaseAuthentication):
    """An access token from /api/v1/auth/token. A revoked key's tokens stop at once: each request asks the database."""

    def authenticate(self, request: Request) -> tuple[User, AccessGrant] | None:
        """Return who acts and what the token allows; None where the request brings none. Raises TokenNotAccepted."""
        scheme, _, token = _authorization_of(request).partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = read_access_token(token=token.strip())
        except TokenRefused as refused:
            raise TokenNotAccepted(str(refused)) from refused
        found = find_by_token(claims=claims, now=timezone.now())
        if found is None:
            raise TokenNotAccepted(ENDED)
        return _acting(found)

    def authenticate_header(self, request: Request) -> str:
        """Return what may be brought instead, and what was wrong with a token (RFC 6750, section 3)."""
        brought = _authorization_of(request)[:7].lower() == "bearer "
        error = ', error="invalid_token", error_description="The token is over, revoked or not valid here."'
        return f'Bearer realm="{REALM}"{error if brought else ""}, Basic realm="{REALM}", charset="UTF-8"'


class BasicLogin(BasicAuthentication):
    """A key's public id and secret: microseconds. Or a login's name and password: a slow hash."""

    www_authenticate_realm = REALM

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> tuple[Any, Any]:
        """Return whose key this is, or whose password. Raises AuthenticationFailed, LoginWaits."""
        if not CLIENT_ID.fullmatch(userid):
            return super().authenticate_credentials(userid, password, request)
        now = timezone.now()
        found = find_by_secret(client_id=userid, secret=password, now=now)
        if found is None:
            refuse_where_waiting(attempt=Attempt(name=userid, address=address_of(request)), now=now)
            raise AuthenticationFailed(WRONG_KEY)
        return _acting(found)


class SessionLogin(SessionAuthentication):
    """The pages' session, with its CSRF token in the header X-CSRFToken or in the form."""

    def enforce_csrf(self, request: Any) -> None:
        """Check the CSRF token. Raises PermissionDenied.

        Django's own request is asked, for it looks into forms only: DRF's would read and parse the whole
        body to see whether the token is in it, and a bulk file is not to be read before its capture.
        """
        super().enforce_csrf(request._request)  # noqa: SLF001 (DRF has no other name for it)


LOGINS: list[type[BaseAuthentication]] = [BearerToken, BasicLogin, SessionLogin]


def basic_credentials_of(request: Request) -> tuple[str, str] | None:
    """Return the name and the secret of `Authorization: Basic` (RFC 7617); None where there are none."""
    scheme, _, encoded = _authorization_of(request).partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (name, secret) if colon else None


def _authorization_of(request: Any) -> str:
    """Return the header Authorization, "" where there is none."""
    return str(request.META.get("HTTP_AUTHORIZATION", ""))


def _acting(found: Found) -> tuple[User, AccessGrant]:
    """Note by which key the request acts, and return what DRF keeps of it."""
    note_client(client=found.grant.client_id)
    return found.user, found.grant


class BearerScheme(OpenApiAuthenticationExtension):
    """Describe the access token."""

    target_class = "reference.api.authentication.BearerToken"
    name = "bearerToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the scheme."""
        scheme: dict[str, Any] = build_bearer_security_scheme_object("Authorization", "Bearer", bearer_format="JWT")
        return scheme | {"description": "An access token from POST /api/v1/auth/token; it lives for 15 minutes."}


class BasicLoginScheme(BasicScheme):
    """Describe HTTP Basic."""

    target_class = "reference.api.authentication.BasicLogin"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the scheme."""
        text = "An API key's public id and its secret, or a login's name and password (slow, by design)."
        return {"type": "http", "scheme": "basic", "description": text}


class SessionLoginScheme(SessionScheme):
    """Describe it as the session cookie that it is."""

    target_class = "reference.api.authentication.SessionLogin"
