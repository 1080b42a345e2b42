"""Statements that every request runs, prepared once a connection: PostgreSQL parses and plans them once."""

from collections.abc import Mapping
from typing import Any

from django.db import connection
from psycopg import Cursor


def fetch_prepared(*, statement: str, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Run a statement, parameters by name, and return its first row; None where it has none.

    psycopg prepares it once it has come often enough on a connection. Give each parameter its type by a
    cast in the statement: the server binds it. Raises Django's database errors.
    """
    wrap: Any = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with connection.cursor() as checked, wrap(Cursor(checked.connection)) as cursor:
        cursor.execute(statement, parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row
