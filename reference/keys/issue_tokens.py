"""Exchanging a key's secret for tokens, and refreshing and revoking them.

A family is what comes of one exchange. Its refresh token works once and brings the next; one that comes a second time
was copied, so the whole family ends, whoever brings it (RFC 9700, section 4.14.2).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from reference.access import actor_of_user
from reference.audit import record_action
from reference.core.actor import SYSTEM, Actor
from reference.core.key_material import REFRESH_PREFIX, SECRET_BYTES, hash_secret, secret_from
from reference.keys.grants import Found, find_by_secret, find_by_token
from reference.keys.refusals import InvalidClient, InvalidGrant, InvalidScope
from reference.keys.tokens import Claims, TokenRefused, issue_access_token, read_access_token
from reference.models import RefreshToken, TokenFamily
from reference.public_ids import new_public_id
from reference.queries import directory

FAMILY_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a program gets: an access token, the seconds it lives, its scopes, and what brings the next one."""

    access_token: str
    expires_in: int
    scopes: tuple[str, ...]
    refresh_token: str | None


def exchange_secret(
    *, client_id: str, secret: str, scopes: Sequence[str] | None, with_refresh: bool, now: datetime, **when: Any
) -> Tokens:
    """Return tokens for a key's secret, all its scopes or fewer.

    when: business time, `at` and `business_date`. An unknown key and a wrong secret are the same refusal, after the
    same work. Raises InvalidClient, InvalidScope.
    """
    found = find_by_secret(client_id=client_id, secret=secret, now=now)
    actor = None if found is None else actor_of_user(found.user)
    if found is None or actor is None:
        raise InvalidClient
    granted = _narrowed(asked=scopes, held=found.grant.scopes)
    expires_at = min(now + FAMILY_LIFE, found.expires_at)
    with transaction.atomic():
        family = TokenFamily.objects.create(
            sid=new_public_id(), secret_id=found.secret_id, scopes=list(granted), created_at=now, expires_at=expires_at
        )
        refresh_token = _add_refresh_token(family_id=family.pk, now=now) if with_refresh else None
        record_action(
            actor=actor, action="token.issue", object_type="api-key", object_id=found.grant.key_id,
            summary=f"Tokens for API key {client_id}",
            detail={"client_id": client_id, "sid": str(family.sid), "scopes": list(granted)}, **when,
        )  # fmt: skip
    return _tokens(
        found=found, actor=actor, sid=family.sid, scopes=granted, now=now, expires_at=expires_at,
        refresh_token=refresh_token,
    )  # fmt: skip


def refresh_tokens(*, refresh_token: str, scopes: Sequence[str] | None, now: datetime, **when: Any) -> Tokens:
    """Return the next tokens of a family, and use the refresh token up; the family keeps its scopes and its end.

    when: business time, `at` and `business_date`. Raises InvalidGrant, InvalidScope. One that was used before ends the
    family, which stays done although this raises.
    """
    with transaction.atomic():
        token = (
            RefreshToken.objects.select_for_update(of=("self", "family"))
            .select_related("family__secret__key").filter(token_hash=hash_secret(secret=refresh_token)).first()
        )  # fmt: skip
        if token is not None and token.used_at is None:
            return _refreshed(token=token, scopes=scopes, now=now, **when)
        if token is not None:
            _end_family(family=token.family, because="REUSED", now=now, actor=SYSTEM, **when)
    raise InvalidGrant


def _refreshed(*, token: RefreshToken, scopes: Sequence[str] | None, now: datetime, **when: Any) -> Tokens:
    """Use a refresh token up. Raises InvalidGrant, InvalidScope."""
    family = token.family
    client_id = family.secret.key.client_id
    found = find_by_token(claims=Claims(client_id, family.sid, frozenset(family.scopes)), now=now)
    actor = None if found is None else actor_of_user(found.user)
    if found is None or actor is None:
        raise InvalidGrant
    granted = _narrowed(asked=scopes, held=found.grant.scopes)
    token.used_at = now
    token.save(update_fields=["used_at"])
    record_action(
        actor=actor, action="token.refresh", object_type="api-key", object_id=found.grant.key_id,
        summary=f"Tokens for API key {client_id}, refreshed",
        detail={"client_id": client_id, "sid": str(family.sid), "scopes": list(granted)}, **when,
    )  # fmt: skip
    return _tokens(
        found=found, actor=actor, sid=family.sid, scopes=granted, now=now, expires_at=family.expires_at,
        refresh_token=_add_refresh_token(family_id=family.pk, now=now),
    )  # fmt: skip


def revoke_token(*, token: str, now: datetime, **when: Any) -> bool:
    """End the family of an access or a refresh token (RFC 7009); return whether there was one that lived.

    Who holds a token may end it: to do so takes nothing that using it does not. when: `at`, `business_date`.
    """
    with transaction.atomic():
        families = TokenFamily.objects.select_for_update(of=("self",)).select_related("secret__key__owner")
        try:
            wanted = {"sid": read_access_token(token=token, expired_too=True).sid}
            family = families.filter(**wanted).first()
        except TokenRefused:
            family = families.filter(refresh_tokens__token_hash=hash_secret(secret=token)).first()
        if family is None or family.revoked_at is not None:
            return False
        owner = actor_of_user(family.secret.key.owner)
        _end_family(family=family, because="REVOKED", now=now, actor=owner or SYSTEM, **when)
    return True


def holder_of_token(*, token: str, now: datetime) -> str | None:
    """Return the public id of the key whose access token, or whose living refresh token, this is; None: nobody's."""
    try:
        return read_access_token(token=token, expired_too=True).client_id
    except TokenRefused:
        living = RefreshToken.objects.filter(
            token_hash=hash_secret(secret=token), used_at=None, family__revoked_at=None, family__expires_at__gt=now
        )
        return living.values_list("family__secret__key__client_id", flat=True).first()


def _end_family(*, family: TokenFamily, because: str, now: datetime, actor: Actor, **when: Any) -> None:
    """End all tokens of a family, unless they have ended before."""
    if family.revoked_at is not None:
        return
    family.revoked_at, family.revoked_because = now, because
    family.save(update_fields=["revoked_at", "revoked_because"])
    key = family.secret.key
    said = "a used refresh token came again" if because == "REUSED" else "revoked"
    record_action(
        actor=actor, action="token.revoke", object_type="api-key", object_id=key.pk,
        summary=f"Tokens of API key {key.client_id}: {said}",
        detail={"client_id": key.client_id, "sid": str(family.sid), "because": because}, **when,
    )  # fmt: skip


def _narrowed(*, asked: Sequence[str] | None, held: frozenset[str]) -> tuple[str, ...]:
    """Return the scopes of a token, sorted: those asked for, else all. Raises InvalidScope where one is not held."""
    wanted = set(held if asked is None else asked)
    beyond = sorted(wanted - held)
    if beyond or not wanted:
        raise InvalidScope(scopes=[scope[:40] for scope in beyond[:10]])
    return tuple(sorted(wanted))


def _add_refresh_token(*, family_id: int, now: datetime) -> str:
    """Draw a refresh token, keep its hash, and return it."""
    token = secret_from(random=secrets.token_bytes(SECRET_BYTES), prefix=REFRESH_PREFIX)
    RefreshToken.objects.create(family_id=family_id, token_hash=hash_secret(secret=token), created_at=now)
    return token


def _tokens(
    *, found: Found, actor: Actor, sid: UUID, scopes: tuple[str, ...], now: datetime, expires_at: datetime,
    refresh_token: str | None,
) -> Tokens:  # fmt: skip
    """Sign an access token and return it with the rest."""
    participant = directory().participants.get(actor.participant_id) if actor.participant_id else None
    access_token, expires_in = issue_access_token(
        actor=actor, participant=participant.code if participant else None, client_id=found.grant.client_id, sid=sid,
        scopes=scopes, now=now, expires_at=expires_at,
    )  # fmt: skip
    return Tokens(access_token, expires_in, scopes, refresh_token)
