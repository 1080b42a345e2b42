"""One at a time works on orders at the venues: the router, or who cancels and replaces."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

KEY = int.from_bytes(hashlib.sha256(b"trades.routing").digest()[:8], "big", signed=True)


@contextmanager
def routing_lock() -> Iterator[None]:
    """Wait for the lock and hold it over several transactions: a venue commits its answer before we record it.

    The lock is the connection's: one that dies gives it back. Call it outside a transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [KEY])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [KEY])
