"""Named locks: one at a time, whoever comes second waits. Held until the transaction ends."""

import hashlib

from reference.prepared import fetch_prepared

LOCK_SQL = "SELECT pg_advisory_xact_lock(%(key)s::bigint)"
SHARE_SQL = "SELECT pg_advisory_xact_lock_shared(%(key)s::bigint)"


def take_lock(*, name: str, shared: bool = False) -> None:
    """Wait for and take the advisory lock of this name, inside the caller's transaction.

    shared: beside others that share it, while nobody has it alone.
    """
    fetch_prepared(statement=SHARE_SQL if shared else LOCK_SQL, parameters={"key": lock_key(name=name)})


def lock_key(*, name: str) -> int:
    """Return the number by which PostgreSQL knows the lock of a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
