"""Access tokens: JSON Web Tokens (RFC 7519, RFC 9068's claims) signed by HS256 under a ring of keys.

The algorithm is pinned, so a token that names none, or another, is refused whatever it says. What a token says is not
enough: `reference/keys/grants.py` asks the database whether its key and its family still stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings

from reference.core.actor import Actor
from reference.public_ids import new_public_id

ALGORITHM = "HS256"
TOKEN_TYPE = "at+jwt"  # noqa: S105 (RFC 9068, section 2.1)
LIFE = timedelta(minutes=15)
# Clocks of two servers differ by less.
LEEWAY = timedelta(seconds=5)
REQUIRED_CLAIMS = ["iss", "aud", "sub", "client_id", "iat", "nbf", "exp", "jti", "sid"]


@dataclass(frozen=True, slots=True)
class AccessGrant:
    """What `request.auth` is for an API key, by its token or by its secret; None for a person's own login.

    client_id: the key's public id. scopes: what the key allows, never more than its owner's role. key_id: its row.
    """

    client_id: str
    scopes: frozenset[str]
    key_id: int

    def allows(self, *, scope: str) -> bool:
        """Say whether the key was given this scope."""
        return scope in self.scopes


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token that holds says of itself."""

    client_id: str
    sid: UUID
    scopes: frozenset[str]


class TokenRefused(Exception):
    """The access token is not accepted."""


def issue_access_token(
    *, actor: Actor, participant: str | None, client_id: str, sid: UUID, scopes: Sequence[str], now: datetime,
    expires_at: datetime,
) -> tuple[str, int]:  # fmt: skip
    """Return a token signed by the ring's first key, and the seconds it lives: 15 minutes, or until expires_at."""
    key_id, secret = next(iter(settings.JWT_SIGNING_KEYS.items()))
    issued = int(now.timestamp())
    ends = min(issued + int(LIFE.total_seconds()), int(expires_at.timestamp()))
    claims = {
        "iss": settings.JWT_ISSUER, "aud": settings.JWT_AUDIENCE, "sub": actor.name, "client_id": client_id,
        "permissions": list(scopes), "scope": " ".join(scopes), "role": actor.role.value, "participant": participant,
        "iat": issued, "nbf": issued, "exp": ends, "jti": str(new_public_id()), "sid": str(sid),
    }  # fmt: skip
    token = jwt.encode(claims, secret, algorithm=ALGORITHM, headers={"kid": key_id, "typ": TOKEN_TYPE})
    return token, ends - issued


def read_access_token(*, token: str, expired_too: bool = False) -> Claims:
    """Return what a token says once its signature, times, issuer and audience hold.

    expired_too: whether one that is over will do, as for revoking it. Raises TokenRefused, whose words tell no secret.
    """
    try:
        header = jwt.get_unverified_header(token)
        secret = settings.JWT_SIGNING_KEYS.get(str(header.get("kid")))
        if secret is None or header.get("typ") != TOKEN_TYPE:
            raise TokenRefused("The token was not issued here, or the key that signed it is no longer used.")
        claims = jwt.decode(
            token, secret, algorithms=[ALGORITHM], audience=settings.JWT_AUDIENCE, issuer=settings.JWT_ISSUER,
            leeway=LEEWAY, options={"require": REQUIRED_CLAIMS, "verify_exp": not expired_too},
        )  # fmt: skip
        return _claims_of(claims)
    except jwt.ExpiredSignatureError as error:
        raise TokenRefused("The token is over; get another with the refresh token.") from error
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise TokenRefused("The token is not valid here.") from error


def _claims_of(claims: Mapping[str, Any]) -> Claims:
    """Return the claims that are acted upon. Raises ValueError, TypeError."""
    scopes = frozenset(str(scope) for scope in claims.get("permissions") or ())
    return Claims(client_id=str(claims["client_id"]), sid=UUID(str(claims["sid"])), scopes=scopes)
