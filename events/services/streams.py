"""The stream of events in Valkey (or Redis): the newest facts, each under the id `position-0`.

Positions have no gap and never change, so the id says whether an entry is missing, an entry sent twice is refused by
the stream itself, and a reader's place is a number that means the same in PostgreSQL. Nothing here is the truth: what
was trimmed, flushed or lost with the server is read from the outbox or laid down again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final, cast

from django.conf import settings
from redis.exceptions import RedisError, ResponseError

from events.core.envelope import PublishedFact, read_fact, write_fact
from events.queries.outbox import last_position, published_facts
from reference.valkey import database_prefix, valkey

FIELD: Final = "fact"
ALREADY_THERE: Final = "equal or smaller than the target stream top item"
log = logging.getLogger(__name__)
Entry = tuple[str, dict[str, str]]


def stream_key() -> str:
    """Return the stream's name."""
    return f"events:{database_prefix()}:facts"


class StreamSink:
    """Publishes to the stream. Its last entry says how far it has come."""

    name = "stream"

    def held_position(self) -> int:
        """Return the position of the last fact that the stream holds, or that it need not hold any more.

        A stream whose last entry is not the fact of that position is one of another history (PostgreSQL was taken
        back to an earlier moment): it is dropped. Raises RedisError.
        """
        last = last_position()
        top = cast("list[Entry]", valkey().xrevrange(stream_key(), count=1))
        if top:
            position: int = position_of(top[0][0])
            if _is_ours(entry=top[0], position=position):
                return position
            log.warning("the stream of events is not of this database's history: it is laid down again")
            valkey().delete(stream_key())
        return max(0, last - int(settings.EVENT_STREAM_LENGTH))

    def send(self, facts: Sequence[PublishedFact]) -> None:
        """Add facts in their order, all of them or none: a hole would never be filled. Raises RedisError."""
        key = stream_key()
        with valkey().pipeline(transaction=True) as pipe:
            for fact in facts:
                pipe.xadd(
                    key,
                    {FIELD: write_fact(fact)},
                    id=f"{fact.position}-0",
                    maxlen=settings.EVENT_STREAM_LENGTH,
                    approximate=True,
                )
            answers = pipe.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, ResponseError) and ALREADY_THERE in str(answer):
                continue
            if isinstance(answer, Exception):
                raise answer


def read_stream(*, after: int, limit: int) -> list[PublishedFact]:
    """Return the facts after a position: from the stream where it has them all, from the outbox otherwise."""
    try:
        entries = cast("list[Entry]", valkey().xrange(stream_key(), min=f"{after + 1}-0", count=limit))
        facts = [read_fact(fields[FIELD]) for _, fields in entries]
    except (RedisError, ValueError, KeyError):
        log.warning("the stream of events does not answer: events come from the outbox", exc_info=True)
        facts = []
    if [fact.position for fact in facts] == list(range(after + 1, after + 1 + len(facts))) and facts:
        return facts
    return published_facts(after=after, limit=limit)


def stream_state() -> dict[str, Any] | None:
    """Return what the stream holds: its length, its first and last position; None where Valkey does not answer."""
    try:
        key = stream_key()
        first = cast("list[Entry]", valkey().xrange(key, count=1))
        last = cast("list[Entry]", valkey().xrevrange(key, count=1))
        return {
            "key": key,
            "length": valkey().xlen(key),
            "first": position_of(first[0][0]) if first else 0,
            "last": position_of(last[0][0]) if last else 0,
        }
    except RedisError:
        return None


def position_of(entry_id: str) -> int:
    """Return the position that an entry's id says."""
    return int(entry_id.partition("-")[0])


def _is_ours(*, entry: Entry, position: int) -> bool:
    """Tell whether an entry is the fact that has its position here."""
    try:
        told = read_fact(entry[1][FIELD])
    except (KeyError, ValueError):
        return False
    return published_facts(after=position - 1, until=position, limit=1) == [told]
