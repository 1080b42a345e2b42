"""A consumer of events for tests: it notes positions in the database, so that its effect commits or not."""

from __future__ import annotations

from django.db import connection

from events.core.envelope import PublishedFact

_state: dict[str, int] = {"refuse": 0}


def note_seen(fact: PublishedFact | None = None, *, clear: bool = False, refuse: int = 0) -> None:
    """Note a fact's position, unless it is the refused one; clear: forget all, and refuse another position."""
    with connection.cursor() as cursor:
        if clear:
            _state["refuse"] = refuse
            cursor.execute("CREATE TEMPORARY TABLE IF NOT EXISTS seen_by_test (position bigint)")
            cursor.execute("TRUNCATE seen_by_test")
        if fact is not None:
            cursor.execute("INSERT INTO seen_by_test VALUES (%s)", [fact.position])
            if fact.position == _state["refuse"]:
                raise ValueError(f"position {fact.position} is refused")


def seen_positions() -> list[int]:
    """Return the positions noted, in that order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT position FROM seen_by_test ORDER BY ctid")
        return [position for (position,) in cursor.fetchall()]
