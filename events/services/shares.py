"""What each participant reads of a fact: counted from what is at hand, or by one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django.db import connection

from events.contracts import MOST_IDS, Share

# A fact about more things than this names none of them: a participant finds them in its lists.
MOST_NAMED: Final = 1_000


def share_out(*, things: Iterable[tuple[int, object]]) -> dict[int, Share]:
    """Return the shares in things. things: (participant's id, the thing's public id), in order; a pair counts once."""
    found: dict[int, dict[str, None]] = {}
    for participant_id, public_id in things:
        found.setdefault(participant_id, {})[str(public_id)] = None
    return {who: Share(count=len(ids), ids=tuple(ids)[:MOST_IDS]) for who, ids in found.items()}


def read_shares(*, sql: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> dict[int, Share]:
    """Return the shares that a statement counts: rows of (participant's id, count)."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return {who: Share(count=count) for who, count in cursor.fetchall()}


def read_named_shares(*, sql: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> dict[int, Share]:
    """Return the shares in the things that a statement lists: rows of (participant's id, public id), in order."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return share_out(things=cursor.fetchall())
