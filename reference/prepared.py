"""Statements that every request runs, prepared once a connection: PostgreSQL parses and plans them once."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import RawCursor

PLACEHOLDER = re.compile(r"%\((\w+)\)s|%(.)")


def fetch_prepared(*, statement: str, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Run a statement, parameters by name, and return its first row; None where it has none.

    psycopg prepares it once it has come often enough on a connection. Give each parameter its type by a
    cast in the statement: the server binds it. Raises Django's database errors.
    """
    found = fetch_all_prepared(statement=statement, parameters=parameters, most=1)
    return found[0] if found else None


def fetch_all_prepared(
    *, statement: str, parameters: Mapping[str, Any], most: int | None = None
) -> list[tuple[Any, ...]]:
    """Run a statement as fetch_prepared does, and return its rows, `most` of them at the most."""
    numbered, names = _number(statement)
    database = connections[DEFAULT_DB_ALIAS]
    # What connection.cursor() does first, without the cursor.
    database.close_if_health_check_failed()
    database.ensure_connection()
    wrap: Any = database.make_debug_cursor if database.queries_logged else database.make_cursor
    with wrap(RawCursor(database.connection)) as cursor:
        cursor.execute(numbered, [parameters[name] for name in names])
        rows: list[tuple[Any, ...]] = cursor.fetchall() if most is None else cursor.fetchmany(most)
    return rows


def array_of(ids: Iterable[int]) -> str:
    """Return numbers as PostgreSQL writes an array, for a parameter cast to one; psycopg is slow at lists."""
    return f"{{{','.join(map(str, ids))}}}"


@lru_cache(maxsize=256)
def _number(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement as the server reads it, $1 for the first name, and the names in their order.

    psycopg would do it, too, but again on each call where a statement is longer than 4,096 characters.
    """
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name, other = found.groups()
        if name is not None:
            return f"${names.setdefault(name, len(names) + 1)}"
        if other != "%":
            raise ValueError(f"{found[0]!r} is no placeholder: parameters are named, and a per cent sign is doubled")
        return "%"

    text = PLACEHOLDER.sub(number, statement)
    return text.encode(), tuple(names)
