"""How often somebody may do something: one Lua script counts in Valkey, exactly, however many ask at once.

A limit is so many in a fixed window that begins with the first of them. Valkey runs one script at a time, so of any
number that ask at once as many are let through as the limit says, no more and no fewer; what is refused is not
counted. A window of its own for each name keeps one number and one deadline, whatever the limit. Over the border of
two windows twice the limit can pass: a sliding log would prevent it, at one entry for each request.

Where Valkey does not answer, everything is let through, uncounted (`Taken.is_counted`), with a warning and one more in
the metric `fmi_rate_limits_uncounted`: a limit protects the product from its clients, and refusing all of them would
not. Whoever guards a secret with a limit decides otherwise by looking at `is_counted`.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from redis.exceptions import NoScriptError, RedisError

from reference.valkey import connect

KEY = "limit:{}"
TIMEOUT_SECONDS = 0.5
# After a failure nobody asks for this long, so that a store that hangs does not hold up every request.
SILENCE_SECONDS = 1.0
LIMIT_SHAPE = re.compile(r"([1-9][0-9]*)/([1-9][0-9]*)")

# KEYS: the window. ARGV: limit, milliseconds of a window, how many are taken at once (0: only look, -1: give back).
# Returns whether they are taken, how many are left, and the milliseconds until the window ends.
TAKE = """
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local limit, wanted = tonumber(ARGV[1]), tonumber(ARGV[3])
local ends = tonumber(ARGV[2])
if used > 0 then
    local left = redis.call('PTTL', KEYS[1])
    if left > ends then
        -- The store's clock was set back: no window is longer than a whole one from now.
        redis.call('PEXPIRE', KEYS[1], ends)
    else
        ends = left
    end
end
if used + wanted > limit then
    return {0, math.max(limit - used, 0), ends}
end
if used == 0 and wanted > 0 then
    redis.call('SET', KEYS[1], wanted, 'PX', ends)
elseif used > 0 and wanted ~= 0 then
    redis.call('INCRBY', KEYS[1], wanted)
end
return {1, limit - used - wanted, ends}
"""
DIGEST = hashlib.sha1(TAKE.encode(), usedforsecurity=False).hexdigest()

log = logging.getLogger(__name__)
_silent_until = 0.0


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in a window of so many seconds."""

    name: str
    limit: int
    window_seconds: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What the script said: whether it is allowed, how many are left, and seconds until the window ends."""

    allowed: bool
    remaining: int
    reset_seconds: float
    is_counted: bool = True


def take(*, name: str, limit: int, window_seconds: float, count: int = 1) -> Taken:
    """Take `count` of the `limit` that this name may have in a window; one round trip to Valkey.

    name: what is limited and who ("login:alice"). Where it is not allowed nothing is counted.
    """
    global _silent_until  # noqa: PLW0603 (one process, one store that answers or does not)
    if time.monotonic() >= _silent_until:
        try:
            allowed, remaining, ends_ms = _run(KEY.format(name), limit, max(round(window_seconds * 1000), 1), count)
            return Taken(bool(allowed), remaining, max(ends_ms, 0) / 1000)
        except RedisError:
            _silent_until = time.monotonic() + SILENCE_SECONDS
            log.warning("Valkey does not answer: requests are not counted, so none is limited", exc_info=True)
    import_string(settings.METRIC_COUNTER)(("fmi_rate_limits_uncounted",))
    return Taken(allowed=True, remaining=limit, reset_seconds=window_seconds, is_counted=False)


def peek(*, name: str, limit: int, window_seconds: float) -> Taken:
    """Tell whether one more would be allowed, without taking it."""
    seen = take(name=name, limit=limit, window_seconds=window_seconds, count=0)
    return Taken(seen.remaining > 0, seen.remaining, seen.reset_seconds, seen.is_counted)


def give_back(*, name: str, limit: int, window_seconds: float) -> None:
    """Take one less than was taken; the window ends when it would have."""
    take(name=name, limit=limit, window_seconds=window_seconds, count=-1)


def clear(*, name: str) -> None:
    """Forget what was taken: the next one begins a new window."""
    try:
        connect(settings.REDIS_URL, TIMEOUT_SECONDS).delete(KEY.format(name))
    except RedisError:
        log.warning("Valkey does not answer: the count of %s stands until its window ends", name, exc_info=True)


def read_limits(*, text: Mapping[str, str]) -> dict[str, Limit]:
    """Read "limit/seconds" by class name, as the setting gives them. Raises ImproperlyConfigured."""
    limits = {}
    for name, shape in text.items():
        found = LIMIT_SHAPE.fullmatch(shape)
        if found is None:
            raise ImproperlyConfigured(f"RATE_LIMITS: {name}={shape} is not requests/seconds, as default=6000/60")
        limits[name] = Limit(name, int(found[1]), int(found[2]))
    return limits


def limit_of(*, name: str) -> Limit:
    """Return the limit of a class of requests, as RATE_LIMITS has it now. Raises KeyError for an unknown class."""
    return _limits(tuple(settings.RATE_LIMITS.items()))[name]


@lru_cache(maxsize=8)
def _limits(items: tuple[tuple[str, str], ...]) -> dict[str, Limit]:
    return read_limits(text=dict(items))


def _run(*arguments: Any) -> tuple[int, int, int]:
    """Run the script by its digest, sending its text only where the store does not know it."""
    store: Any = connect(settings.REDIS_URL, TIMEOUT_SECONDS)
    try:
        allowed, remaining, ends_ms = store.execute_command("EVALSHA", DIGEST, 1, *arguments)
    except NoScriptError:
        allowed, remaining, ends_ms = store.execute_command("EVAL", TAKE, 1, *arguments)
    return allowed, remaining, ends_ms
