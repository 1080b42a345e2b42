"""Which keys an actor sees, how they stand, and the keys that sign their requests."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from reference.core.actor import Actor
from reference.keys.encryption import decrypt_secret
from reference.keys.refusals import UnknownKey
from reference.models import ApiKey
from reference.prepared import fetch_all_prepared

SOON = timedelta(days=14)

SIGNING_KEYS_SQL = """
    SELECT s.signing_key FROM reference_apisecret s
    WHERE s.key_id = %(key_id)s::bigint AND (s.ends_at IS NULL OR s.ends_at > %(now)s::timestamptz)
    ORDER BY s.id DESC
"""


class KeyState(StrEnum):
    """How a key stands."""

    ACTIVE = "ACTIVE"
    EXPIRING = "EXPIRING"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


def keys_visible_to(*, actor: Actor) -> QuerySet[ApiKey]:
    """Return the keys an actor sees: its own login's; an operator sees all."""
    return ApiKey.objects.all() if actor.is_operator else ApiKey.objects.filter(owner__username=actor.name)


def working_keys(*, owner: User, now: datetime) -> QuerySet[ApiKey]:
    """Return a login's keys that are neither revoked nor over."""
    return ApiKey.objects.filter(owner=owner).filter(in_state(state=KeyState.ACTIVE, now=now))


def get_key(*, actor: Actor, client_id: str) -> ApiKey:
    """Return one key. Raises UnknownKey where there is none this actor may see."""
    found = keys_visible_to(actor=actor).select_related("owner").filter(client_id=client_id).first()
    if found is None:
        raise UnknownKey
    return found


def in_state(*, state: KeyState, now: datetime) -> Q:
    """Return the condition of the keys in a state; those that expire soon are active, too."""
    stands = Q(revoked_at__isnull=True)
    return {
        KeyState.ACTIVE: stands & Q(expires_at__gt=now),
        KeyState.EXPIRING: stands & Q(expires_at__gt=now, expires_at__lte=now + SOON),
        KeyState.EXPIRED: stands & Q(expires_at__lte=now),
        KeyState.REVOKED: ~stands,
    }[state]


def state_of(*, key: ApiKey, now: datetime) -> KeyState:
    """Return how a key stands."""
    if key.revoked_at is not None:
        return KeyState.REVOKED
    if key.expires_at <= now:
        return KeyState.EXPIRED
    return KeyState.EXPIRING if key.expires_at <= now + SOON else KeyState.ACTIVE


def signing_keys_of(*, key_id: int, now: datetime) -> list[bytes]:
    """Return the keys by which a key's requests may be signed, 32 bytes each, the newest first.

    There is one for each secret that works: two during the grace of a rotation. The client derives the same from its
    secret (reference/core/key_material.py: derive_signing_key).
    """
    rows = fetch_all_prepared(statement=SIGNING_KEYS_SQL, parameters={"key_id": key_id, "now": now})
    return [decrypt_secret(encrypted=row[0]) for row in rows]
