"""When a webhook that failed is sent again, and when an endpoint is left alone for a while. Pure.

Backoff with full jitter (Brooker, "Exponential Backoff And Jitter", 2015): each wait is drawn evenly from nothing to
its step's length, so that what failed together does not come back together; of the ways to spread them it asks least
of the receiver. The draw is a digest of the message's id and the attempt: who repeats a run repeats its waits.

Circuit breaker (Nygard, "Release It!"): after some failures in a row nothing is sent for a while, then one delivery is
the probe; its success closes the circuit, its failure opens it for twice as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

# 5 s, 30 s, 2 min, 10 min, 1 h, 6 h, 24 h: eight attempts, over a day and a quarter at the longest.
STEPS_SECONDS: Final = (5, 30, 120, 600, 3_600, 21_600, 86_400)
MOST_ATTEMPTS: Final = len(STEPS_SECONDS) + 1
SHORTEST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 86_400.0
FAILURES_TO_OPEN: Final = 5
FIRST_OPEN_SECONDS: Final = 30.0
LONGEST_OPEN_SECONDS: Final = 1_800.0
GIVE_UP_AFTER: Final = timedelta(days=5)


def wait_seconds(*, message_id: str, attempts: int, retry_after_seconds: float | None = None) -> float | None:
    """Return how long to wait after an attempt that failed; None where it was the last.

    attempts: made so far, at least 1. retry_after_seconds: what the receiver asked for, heard up to a day.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    digest = sha256(f"{message_id}:{attempts}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    waited = max(SHORTEST_SECONDS, drawn * STEPS_SECONDS[attempts - 1])
    return min(max(waited, retry_after_seconds or 0.0), LONGEST_SECONDS)


@dataclass(frozen=True, slots=True)
class Breaker:
    """How an endpoint stands: failures in a row, since when, until when nothing is sent, and whether it is given up."""

    failures: int = 0
    failing_since: datetime | None = None
    opened_until: datetime | None = None
    is_given_up: bool = False


def move_breaker(*, breaker: Breaker, successes: Sequence[bool], now: datetime) -> Breaker:
    """Return how an endpoint stands after some attempts, in the order in which they ended.

    A circuit opens at the fifth failure in a row and after each failed probe, for 30 seconds, then twice as long each
    time, up to half an hour. Five days of nothing but failures, and it is given up.
    """
    for success in successes:
        if success:
            breaker = Breaker()
            continue
        breaker = replace(breaker, failures=breaker.failures + 1, failing_since=breaker.failing_since or now)
        # Of attempts that were under way together only the first opens it.
        if breaker.failures >= FAILURES_TO_OPEN and (breaker.opened_until is None or breaker.opened_until <= now):
            doubled = min(breaker.failures - FAILURES_TO_OPEN, 6)
            length = min(FIRST_OPEN_SECONDS * 2**doubled, LONGEST_OPEN_SECONDS)
            breaker = replace(breaker, opened_until=now + timedelta(seconds=length))
    since = breaker.failing_since
    return replace(breaker, is_given_up=since is not None and now - since >= GIVE_UP_AFTER)
