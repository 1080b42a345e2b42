"""Named locks: one at a time, whoever comes second waits. Held until the transaction ends."""

import hashlib

from django.db import connection


def take_lock(*, name: str) -> None:
    """Wait for and take the advisory lock of this name, inside the caller's transaction."""
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
