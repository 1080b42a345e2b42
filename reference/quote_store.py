"""Last quotes in Valkey, and the bounded tape of their changes. Nothing here is the truth: PostgreSQL is.

Keys, all under market:{database}, so that a new database never reads an old one's quotes:
    :last    hash: security id -> microseconds of its moment, a space, the quote as JSON; "0 null": never quoted
    :tape    stream of at most about MOST_ON_TAPE entries: "quotes" is a JSON list of the quotes that came
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from django.conf import settings
from redis.exceptions import RedisError

from reference.valkey import connect, database_prefix, valkey

Fields = dict[str, Any]

MOST_ON_TAPE = 2_000
TAPE_FIELD = "quotes"
NEVER_QUOTED = "0 null"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A quote never takes the place of a later one; the tape gets what moved, in one entry.
# KEYS: hash, tape. ARGV: the tape's length (0: no entry), then security id, microseconds, JSON for each quote.
PUBLISH = """
local moved = {}
for place = 2, #ARGV, 3 do
    local stands = redis.call('HGET', KEYS[1], ARGV[place])
    if not stands or tonumber(string.match(stands, '^%d+')) < tonumber(ARGV[place + 1]) then
        redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 1] .. ' ' .. ARGV[place + 2])
        moved[#moved + 1] = ARGV[place + 2]
    end
end
if #moved > 0 and ARGV[1] ~= '0' then
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', 'quotes', '[' .. table.concat(moved, ',') .. ']')
end
return #moved
"""
log = logging.getLogger(__name__)


def _keys() -> tuple[str, str]:
    """Return the names of the hash and of the tape."""
    prefix = f"market:{database_prefix()}"
    return f"{prefix}:last", f"{prefix}:tape"


def tape_key() -> str:
    """Return the name of the stream of changes."""
    return _keys()[1]


def read(*, security_ids: Sequence[int]) -> dict[int, Fields | None]:
    """Return the last quotes that the store has; None: it knows that there is none. Empty where it does not answer."""
    if not security_ids:
        return {}
    try:
        texts = cast("list[str | None]", valkey().hmget(_keys()[0], [str(key) for key in security_ids]))
    except RedisError:
        log.warning("Valkey does not answer: last quotes come from PostgreSQL", exc_info=True)
        return {}
    return {
        key: json.loads(text.partition(" ")[2])
        for key, text in zip(security_ids, texts, strict=True)
        if text is not None
    }


def publish(*, quotes: Mapping[int, Fields]) -> None:
    """Lay down last quotes and tell the tape which of them are newer than what stood.

    Where the store does not answer, the sweep (reference.publish_quotes) publishes them once it does.
    """
    _run(quotes=quotes, most_on_tape=MOST_ON_TAPE)


def fill(*, quotes: Mapping[int, Fields | None]) -> None:
    """Lay down what PostgreSQL gave, without telling the tape; None: there is none."""
    _run(quotes=quotes, most_on_tape=0)


def last_on_tape() -> str:
    """Return the id of the tape's last entry, "0-0" where there is none or the store does not answer."""
    try:
        rows = cast("list[tuple[str, Any]]", valkey().xrevrange(tape_key(), count=1))
    except RedisError:
        return "0-0"
    return rows[0][0] if rows else "0-0"


def forget() -> None:
    """Drop all last quotes and the tape; they are read from PostgreSQL again."""
    valkey().delete(*_keys())


def _run(*, quotes: Mapping[int, Fields | None], most_on_tape: int) -> None:
    arguments: list[str | int] = [most_on_tape]
    for key, fields in quotes.items():
        at_us = 0 if fields is None else (datetime.fromisoformat(fields["at"]) - EPOCH) // timedelta(microseconds=1)
        arguments += [key, at_us, json.dumps(fields, separators=(",", ":"))]
    if len(arguments) == 1:
        return
    try:
        _registered(settings.REDIS_URL)(keys=_keys(), args=arguments)
    except RedisError:
        log.warning("Valkey does not answer: the quotes are in PostgreSQL alone", exc_info=True)


@lru_cache(maxsize=4)
def _registered(url: str) -> Any:
    return connect(url).register_script(PUBLISH)
