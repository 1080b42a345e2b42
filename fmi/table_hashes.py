"""Hashes of whole tables: the same rows have the same hash, in whatever order and wherever they are stored."""

from __future__ import annotations

from django.db import connection, transaction
from psycopg import sql

# Text of a row depends on these alone; the session's own may be others.
SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
}
TABLES_SQL = """
    SELECT c.relname,
           (SELECT array_agg(a.attname ORDER BY a.attname) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY 1
"""


def hash_tables() -> list[tuple[str, int, str]]:
    """Return (table, rows, hash) of every table, all of one moment.

    A row's hash is SHA-256 of its columns by name; a table's is that of up to 256 hashes, each of those of its rows'
    hashes that begin with the same byte, in their own order: PostgreSQL's values end at a gigabyte, which the hashes
    of 33.5 million rows fill.
    """
    found = []
    with transaction.atomic(), connection.cursor() as cursor:
        if not transaction.get_connection().savepoint_ids:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for name, value in SETTINGS.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        cursor.execute(TABLES_SQL)
        for table, columns in cursor.fetchall():
            row = sql.SQL("ROW({})::text").format(sql.SQL(", ").join(sql.Identifier(column) for column in columns))
            cursor.execute(
                sql.SQL(
                    "SELECT coalesce(sum(n), 0)::bigint,"
                    " encode(sha256(coalesce(string_agg(g, ''::bytea ORDER BY first), ''::bytea)), 'hex') FROM"
                    " (SELECT get_byte(h, 0) AS first, count(*) AS n, sha256(string_agg(h, ''::bytea ORDER BY h)) AS g"
                    " FROM (SELECT sha256(convert_to({}, 'UTF8')) AS h FROM {}) hashed GROUP BY 1) grouped"
                ).format(row, sql.Identifier(table))
            )
            rows, digest = cursor.fetchone()
            found.append((table, rows, digest))
    return found
