"""The planner's statistics after a bulk write.

Autovacuum looks for changed tables once a minute; until then the planner takes a table that has just
grown by a million rows for the small one it was, and joins it row by row.
"""

from django.db import connection

MANY_ROWS = 20_000


def refresh_statistics(*, rows: int, tables: tuple[str, ...]) -> None:
    """Analyse tables, named by constants, after a write of so many rows that the planner must know of it."""
    if rows < MANY_ROWS:
        return
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE (SKIP_LOCKED) {', '.join(tables)}")
