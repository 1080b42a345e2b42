"""The database role that web, worker and beat use: what the product does, and nothing more.

It owns nothing, so it can neither disable a trigger nor change a table. Rows that are only ever added it may read and
add; rows that never vanish it may not delete. Which those are the triggers say that also refuse it (reference/
triggers.py), so that a new table of facts is protected by having its trigger. It truncates nothing.
"""

from __future__ import annotations

from typing import Final, LiteralString
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import connection
from psycopg import sql

# Statistics are gathered after big loads (reference/statistics.py).
ALWAYS: Final = "SELECT, INSERT, MAINTAIN"
# pg_trigger.tgtype: 8 is DELETE, 16 UPDATE. Only a trigger that refuses every row of the table takes the right away.
KINDS_SQL = """
    SELECT c.relname,
           coalesce(bool_or(t.tgtype & 16 <> 0 AND t.tgname LIKE '%%append_only%%'), false),
           coalesce(bool_or(t.tgtype & 8 <> 0 AND t.tgname ~ 'append_only|no_delete'), false)
    FROM pg_class c LEFT JOIN pg_trigger t
        ON t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgqual IS NULL AND t.tgattr = ''::int2vector
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    GROUP BY 1 ORDER BY 1
"""


def grant_app_role() -> str | None:
    """Make the role that DATABASE_URL names, with its password and its rights; return its name.

    None where the owner and the product are the same role: then there is nobody to grant to. Safe to repeat.
    """
    given = urlsplit(settings.DATABASE_URL)
    role, password = unquote(given.username or ""), unquote(given.password or "")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_database()")
        owner, database = cursor.fetchone()
        if role in ("", owner):
            return None
        name = sql.Identifier(role)
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
        login = sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {}")
        cursor.execute(login.format(verb, name, sql.Literal(password)))
        # A transaction left open holds up every event behind it (events/services/publish.py): none waits longer for its
        # client than any task may run.
        idle = sql.SQL("ALTER ROLE {} SET idle_in_transaction_session_timeout = {}")
        cursor.execute(idle.format(name, sql.Literal(f"{2 * settings.WORKER_TASK_TIME_LIMIT_SECONDS}s")))
        cursor.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(sql.Identifier(database), name))
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name))
        cursor.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(name))
        for rights, tables in _tables_by_rights().items():
            names = sql.SQL(", ").join(sql.Identifier(table) for table in tables)
            cursor.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(rights), names, name))
        cursor.execute(sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(name))
    return role


def _tables_by_rights() -> dict[LiteralString, list[str]]:
    """Return the tables by what the role may do with them."""
    found: dict[LiteralString, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(KINDS_SQL, [])
        for table, never_changed, never_deleted in cursor.fetchall():
            rights = ALWAYS + ("" if never_changed else ", UPDATE") + ("" if never_deleted else ", DELETE")
            found.setdefault("SELECT" if table == "django_migrations" else rights, []).append(table)
    return found
