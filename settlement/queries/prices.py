"""Reference prices."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from django.db import connection

PRICES_SQL = """
    SELECT DISTINCT ON (p.security_id) p.security_id, p.close
    FROM reference_dailyprice p
    WHERE p.security_id = ANY(%s) AND p.date <= %s
    ORDER BY p.security_id, p.date DESC
"""


def reference_prices(*, security_ids: Iterable[int], day: date) -> dict[int, Decimal]:
    """Return security id -> its reference price: the last close on or before the day, in its quotation."""
    with connection.cursor() as cursor:
        cursor.execute(PRICES_SQL, [sorted(set(security_ids)), day])
        return dict(cursor.fetchall())
