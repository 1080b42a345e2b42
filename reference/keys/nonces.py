"""Taking a nonce once, and forgetting those whose requests are too old to come again."""

from __future__ import annotations

from django.db import connection

from reference.models.signed_request import KEPT_SECONDS
from reference.prepared import fetch_prepared

# Another transaction that takes the same nonce just now is waited for.
TAKE_SQL = """
INSERT INTO reference_signedrequest (key_id, nonce) VALUES (%(key_id)s::bigint, %(nonce)s::text)
ON CONFLICT (key_id, nonce) DO NOTHING RETURNING id
"""
FORGET_SQL = f"DELETE FROM reference_signedrequest WHERE created_at <= now() - interval '{KEPT_SECONDS} seconds'"


def take_nonce(*, key_id: int, nonce: str) -> bool:
    """Take a nonce for a key, in the caller's transaction; say whether it was new."""
    return fetch_prepared(statement=TAKE_SQL, parameters={"key_id": key_id, "nonce": nonce}) is not None


def forget_old_nonces() -> int:
    """Delete the nonces whose requests are outside every window by now; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET_SQL)
        return int(cursor.rowcount)
