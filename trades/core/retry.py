"""Calling what may fail: waits that grow, and a breaker that stops calling. Pure; the time is an argument."""

import random
from dataclasses import dataclass, replace
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class RetryRules:
    """How often and how long: attempts in all; the first wait, its growth, the longest; the share that is random."""

    attempts: int = 5
    first_ms: int = 50
    factor: float = 2.0
    most_ms: int = 5_000
    jitter: float = 0.5


class BreakerStatus(StrEnum):
    """CLOSED lets calls through, OPEN none, HALF_OPEN one at a time to see."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """failures in a row open the breaker for open_ms; successes of probes in a row close it again."""

    failures: int = 5
    open_ms: int = 30_000
    successes: int = 2


@dataclass(frozen=True, slots=True)
class Breaker:
    """A circuit breaker (Nygard, Release It!, 2007). since_ms: when it opened, or its last probe was let through."""

    status: BreakerStatus = BreakerStatus.CLOSED
    failures: int = 0
    successes: int = 0
    since_ms: int = 0
    probing: bool = False


def plan_waits(*, rules: RetryRules, seed: str) -> tuple[int, ...]:
    """Return the wait before each further attempt, in milliseconds: one fewer than there are attempts.

    The wait doubles (or grows by `factor`) to the longest; of it, the share `jitter` is drawn at random, so that
    many who fail together do not come back together. The same seed, say an order and a venue, waits the same.
    """
    draw = random.Random(seed)
    waits = []
    for attempt in range(rules.attempts - 1):
        whole_ms = min(rules.first_ms * rules.factor**attempt, rules.most_ms)
        waits.append(round(whole_ms * (1.0 - rules.jitter * draw.random())))
    return tuple(waits)


def let_through(*, breaker: Breaker, rules: BreakerRules, now_ms: int) -> tuple[bool, Breaker]:
    """Say whether a call may be made now, and return the breaker after that.

    An open breaker becomes half-open after open_ms. A probe that never answers is given up after open_ms too.
    """
    if breaker.status == BreakerStatus.CLOSED:
        return True, breaker
    waited = now_ms - breaker.since_ms >= rules.open_ms
    if breaker.status == BreakerStatus.OPEN and not waited:
        return False, breaker
    if breaker.status == BreakerStatus.HALF_OPEN and breaker.probing and not waited:
        return False, breaker
    successes = breaker.successes if breaker.status == BreakerStatus.HALF_OPEN else 0
    return True, Breaker(BreakerStatus.HALF_OPEN, 0, successes, now_ms, True)


def record_success(*, breaker: Breaker, rules: BreakerRules) -> Breaker:
    """Return the breaker after a call that succeeded. One that answers late, to an open breaker, changes nothing."""
    if breaker.status == BreakerStatus.CLOSED:
        return replace(breaker, failures=0)
    if breaker.status == BreakerStatus.OPEN:
        return breaker
    if breaker.successes + 1 >= rules.successes:
        return Breaker()
    return replace(breaker, successes=breaker.successes + 1, probing=False)


def record_failure(*, breaker: Breaker, rules: BreakerRules, now_ms: int) -> Breaker:
    """Return the breaker after a call that failed: a failed probe opens it anew."""
    if breaker.status == BreakerStatus.OPEN:
        return breaker
    failures = breaker.failures + 1
    if breaker.status == BreakerStatus.HALF_OPEN or failures >= rules.failures:
        return Breaker(BreakerStatus.OPEN, since_ms=now_ms)
    return replace(breaker, failures=failures)
