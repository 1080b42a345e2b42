"""From a token or a secret to who acts and what the key allows: one prepared statement a request."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from redis.exceptions import RedisError

from reference.access import actor_of_user
from reference.backends import MEMBERSHIP_COLUMNS, MEMBERSHIP_FIELDS, USER_COLUMNS, USER_FIELDS, user_of_row
from reference.core.key_material import CLIENT_ID, hash_secret
from reference.core.scopes import granted_scopes
from reference.keys.tokens import AccessGrant, Claims
from reference.prepared import fetch_all_prepared, fetch_prepared
from reference.valkey import database_prefix, valkey

NOTED_EVERY_SECONDS = 60
STRANGER = bytes(32)

# A key that stands: neither it nor its secret is over.
OF_A_LIVE_KEY = f"""
    {USER_COLUMNS}, {MEMBERSHIP_COLUMNS}, k.id, k.scopes, k.expires_at, s.id, s.secret_hash
    FROM reference_apikey k JOIN reference_apisecret s ON s.key_id = k.id
    JOIN auth_user u ON u.id = k.owner_id AND u.is_active
    LEFT JOIN reference_membership m ON m.user_id = u.id
    WHERE k.client_id = %(client_id)s::text AND k.revoked_at IS NULL AND k.expires_at > %(now)s::timestamptz
    AND (s.ends_at IS NULL OR s.ends_at > %(now)s::timestamptz)
"""
BY_TOKEN_SQL = f"""
    SELECT {OF_A_LIVE_KEY} AND EXISTS (
        SELECT 1 FROM reference_tokenfamily f WHERE f.sid = %(sid)s::uuid AND f.secret_id = s.id
        AND f.revoked_at IS NULL AND f.expires_at > %(now)s::timestamptz
    )
"""
BY_CLIENT_SQL = f"SELECT {OF_A_LIVE_KEY}"
KEY_PLACE = len(USER_FIELDS) + len(MEMBERSHIP_FIELDS)

log = logging.getLogger(__name__)
_noted: dict[int, float] = {}  # Key -> seconds since 1970 of its last use that was left in Valkey.


@dataclass(frozen=True, slots=True)
class Found:
    """A key that stands: whose, what it allows now, until when, and the secret by which it was proved."""

    user: User
    grant: AccessGrant
    expires_at: datetime
    secret_id: int


def find_by_token(*, claims: Claims, now: datetime) -> Found | None:
    """Return what stands behind a token that holds; None where its key, secret, family or owner does not any more."""
    row = fetch_prepared(
        statement=BY_TOKEN_SQL, parameters={"client_id": claims.client_id, "sid": claims.sid, "now": now}
    )
    return None if row is None else _found(row=row, client_id=claims.client_id, held=claims.scopes, now=now)


def find_by_secret(*, client_id: str, secret: str, now: datetime) -> Found | None:
    """Return what stands behind a key's public id and its secret; None where they do not fit.

    An unknown key costs what a wrong secret costs: the same statement, one hash, one comparison in constant time.
    """
    known = client_id if CLIENT_ID.fullmatch(client_id) else ""
    rows = fetch_all_prepared(statement=BY_CLIENT_SQL, parameters={"client_id": known, "now": now})
    offered = hash_secret(secret=secret)
    matching = [row for row in rows if hmac.compare_digest(bytes(row[KEY_PLACE + 4]), offered)]
    if not rows:
        hmac.compare_digest(STRANGER, offered)
    if not matching:
        return None
    return _found(row=matching[0], client_id=client_id, held=matching[0][KEY_PLACE + 1], now=now)


def _found(*, row: Sequence[Any], client_id: str, held: Iterable[str], now: datetime) -> Found:
    """Return what a row says, the scopes cut to those that the owner's role still allows."""
    user = user_of_row(row=row[:KEY_PLACE])
    actor = actor_of_user(user)
    key_id, scopes, expires_at, secret_id, _ = row[KEY_PLACE:]
    allowed = granted_scopes(held=set(held) & set(scopes), role=actor.role) if actor else frozenset()
    note_use(key_id=key_id, now=now)
    return Found(user, AccessGrant(client_id=client_id, scopes=allowed, key_id=key_id), expires_at, secret_id)


def used_key() -> str:
    """Return the name of the hash in Valkey: key -> seconds since 1970 of its last use."""
    return f"keys:{database_prefix()}:used"


def note_use(*, key_id: int, now: datetime) -> None:
    """Leave in Valkey that a key was used, once a minute in each process; `write_last_use` takes it from there."""
    seconds = now.timestamp()
    # Either way: a machine's clock that was set back would else keep this process silent until it has caught up.
    if abs(seconds - _noted.get(key_id, 0.0)) < NOTED_EVERY_SECONDS:
        return
    _noted[key_id] = seconds
    try:
        valkey().hset(used_key(), str(key_id), str(int(seconds)))
    except RedisError:
        log.warning("Valkey does not answer: the last use of key %s is not noted", key_id, exc_info=True)
