"""How many facts of which kind come: for the chart of the events page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

MINUTES: Final = 30
MOST_NAMES: Final = 4
OTHERS: Final = "Others"
# Bounded by rows as well, so that a million facts in the last half hour are not counted each time.
RATES_SQL = """
    SELECT date_trunc('minute', recorded_at), name, count(*)
    FROM (SELECT recorded_at, name FROM events_outboxfact ORDER BY id DESC LIMIT 20000) newest
    WHERE recorded_at >= %s GROUP BY 1, 2
"""


def facts_per_minute(*, now: datetime) -> tuple[list[datetime], dict[str, list[int]]]:
    """Return the last half hour's minutes, and the facts recorded in each by name; rare names count as others.

    now: wall time.
    """
    last = now.replace(second=0, microsecond=0)
    minutes = [last - timedelta(minutes=back) for back in reversed(range(MINUTES))]
    with connection.cursor() as cursor:
        cursor.execute(RATES_SQL, [minutes[0]])
        rows = cursor.fetchall()
    totals: dict[str, int] = {}
    for _, name, count in rows:
        totals[name] = totals.get(name, 0) + count
    shown = sorted(totals, key=lambda name: (-totals[name], name))[:MOST_NAMES]
    names = [*shown, *([OTHERS] if len(totals) > len(shown) else [])]
    counts = {name: [0] * MINUTES for name in names}
    places = {minute: place for place, minute in enumerate(minutes)}
    for minute, name, count in rows:
        if minute in places:
            counts[name if name in counts else OTHERS][places[minute]] += count
    return minutes, counts
