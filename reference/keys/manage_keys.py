"""Making, rotating and ending API keys. A secret is returned once and is not kept."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from reference.audit import record_action
from reference.core.actor import Actor
from reference.core.key_material import (
    CLIENT_ID_BYTES,
    SECRET_BYTES,
    SECRET_PREFIX,
    client_id_from,
    derive_signing_key,
    hash_secret,
    secret_from,
)
from reference.core.scopes import scopes_of_role, unknown_scopes
from reference.keys.encryption import encrypt_secret
from reference.keys.queries import keys_visible_to, working_keys
from reference.keys.refusals import (
    KeyEnded,
    KeyLifeTooLong,
    KeyNotYours,
    ScopeBeyondRole,
    TooManyKeys,
    UnknownKey,
    UnknownScope,
)
from reference.keys.tokens import AccessGrant
from reference.models import ApiKey, ApiSecret

MOST_KEYS = 20
LONGEST_LIFE = timedelta(days=365)
LONGEST_GRACE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A key and its new secret, which nobody can read again."""

    key: ApiKey
    secret: str


def create_key(
    *, owner: User, name: str, scopes: Iterable[str], expires_at: datetime, now: datetime, actor: Actor, at: datetime,
    business_date: date, made_by: AccessGrant | None = None,
) -> NewSecret:  # fmt: skip
    """Make a key that acts as its owner within these scopes until expires_at; return it with its secret.

    now, expires_at: wall-clock time; at, business_date: business time, for the audit log. made_by: the key by which the
    owner acts now: the new one reaches no further and lives no longer.
    Raises KeyNotYours, UnknownScope, ScopeBeyondRole, KeyLifeTooLong, TooManyKeys.
    """
    if owner.get_username() != actor.name:
        raise KeyNotYours
    wanted = sorted(set(scopes))
    _expect_scopes(wanted=wanted, actor=actor, made_by=made_by)
    if not now < expires_at <= now + LONGEST_LIFE:
        raise KeyLifeTooLong("A key ends after now, and within a year.", pointer="/expires_at")
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)
        if working_keys(owner=owner, now=now).count() >= MOST_KEYS:
            raise TooManyKeys
        if made_by is not None and expires_at > ApiKey.objects.get(pk=made_by.key_id).expires_at:
            raise KeyLifeTooLong(pointer="/expires_at")
        client_id = client_id_from(random=secrets.token_bytes(CLIENT_ID_BYTES))
        key = ApiKey.objects.create(
            client_id=client_id, owner=owner, name=name.strip(), scopes=wanted, created_at=now, expires_at=expires_at
        )
        secret = _add_secret(key=key, now=now)
        _record(
            key=key, verb="create", actor=actor, at=at, business_date=business_date,
            owner=actor.name, scopes=wanted, expires_at=expires_at.isoformat(),
        )  # fmt: skip
    return NewSecret(key=key, secret=secret)


def rotate_key(
    *, client_id: str, grace: timedelta, now: datetime, actor: Actor, at: datetime, business_date: date,
    made_by: AccessGrant | None = None,
) -> NewSecret:  # fmt: skip
    """Give a key a new secret; the one before it, and its tokens, work on for `grace`: nothing to seven days.

    made_by: the key by which the owner acts now: it gives no secret of a key that reaches further than itself.
    Raises UnknownKey, KeyNotYours, KeyEnded, KeyLifeTooLong, ScopeBeyondRole.
    """
    if not timedelta() <= grace <= LONGEST_GRACE:
        raise KeyLifeTooLong("The old secret works on for a week at most.", pointer="/grace_hours")
    with transaction.atomic():
        key = _lock(client_id=client_id, actor=actor)
        if key.owner.get_username() != actor.name:
            raise KeyNotYours
        if key.revoked_at is not None or key.expires_at <= now:
            raise KeyEnded
        if made_by is not None:
            _expect_within(wanted=key.scopes, allowed=made_by.scopes)
        ends_at = now + grace
        old = ApiSecret.objects.select_for_update().filter(key=key)
        old.filter(ends_at__isnull=True).update(ends_at=ends_at)
        old.filter(ends_at__gt=ends_at).update(ends_at=ends_at)
        secret = _add_secret(key=key, now=now)
        _record(
            key=key, verb="rotate", actor=actor, at=at, business_date=business_date, old_ends_at=ends_at.isoformat()
        )
    return NewSecret(key=key, secret=secret)


def revoke_key(*, client_id: str, now: datetime, actor: Actor, at: datetime, business_date: date) -> ApiKey:
    """End a key, its secrets and its tokens at once and for ever; doing it again changes nothing. Raises UnknownKey."""
    with transaction.atomic():
        key = _lock(client_id=client_id, actor=actor)
        if key.revoked_at is None:
            key.revoked_at, key.revoked_by = now, actor.name
            key.save(update_fields=["revoked_at", "revoked_by"])
            _record(
                key=key, verb="revoke", actor=actor, at=at, business_date=business_date, owner=key.owner.get_username()
            )
    return key


def _expect_scopes(*, wanted: list[str], actor: Actor, made_by: AccessGrant | None) -> None:
    """Raise UnknownScope, or ScopeBeyondRole for what the owner's role, or the key that acts, does not hold."""
    strange = unknown_scopes(names=wanted)
    if strange or not wanted:
        words = f"There is no scope {strange[0][:40]!r}." if strange else "Name at least one scope."
        raise UnknownScope(words, pointer="/scopes")
    allowed = {scope.value for scope in scopes_of_role(role=actor.role)}
    if made_by is not None:
        allowed &= made_by.scopes
    _expect_within(wanted=wanted, allowed=allowed)


def _expect_within(*, wanted: Iterable[str], allowed: Set[str]) -> None:
    """Raise ScopeBeyondRole, with what is not allowed of what is wanted."""
    beyond = sorted(set(wanted) - allowed)
    if beyond:
        raise ScopeBeyondRole(pointer="/scopes", scopes=beyond)


def _add_secret(*, key: ApiKey, now: datetime) -> str:
    """Draw a secret, keep its hash and its signing key, and return it."""
    secret = secret_from(random=secrets.token_bytes(SECRET_BYTES), prefix=SECRET_PREFIX)
    signing_key = encrypt_secret(secret=derive_signing_key(secret=secret))
    ApiSecret.objects.create(
        key=key, secret_hash=hash_secret(secret=secret), signing_key=signing_key, created_at=now
    )  # fmt: skip
    return secret


def _lock(*, client_id: str, actor: Actor) -> ApiKey:
    """Return a key that the actor sees, locked until the transaction ends. Raises UnknownKey."""
    visible = keys_visible_to(actor=actor).select_for_update(of=("self",)).select_related("owner")
    key = visible.filter(client_id=client_id).first()
    if key is None:
        raise UnknownKey
    return key


def _record(*, key: ApiKey, verb: str, actor: Actor, at: datetime, business_date: date, **detail: Any) -> None:
    """Write what was done with a key into the audit log."""
    record_action(
        actor=actor, action=f"key.{verb}", at=at, business_date=business_date, object_type="api-key", object_id=key.pk,
        summary=f"API key {key.client_id} ({key.name}): {verb}", detail={"client_id": key.client_id} | detail,
    )  # fmt: skip
