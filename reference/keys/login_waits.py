"""What slows guessing down: failed logins are counted by name and address, by address, and by name.

Of one name from one address five may fail in a minute, ten in a quarter of an hour and twenty in a day: each further
wait is longer. An address that tries many names, and a name that is tried from many addresses, wait likewise at thirty
in a quarter of an hour. These two do not stop a name at an address from which it has logged in during the last thirty
days, so nobody locks an operator out from elsewhere or under another name; and an operator ends any wait.

A password is checked only where none of these waits, so a right one is no use to whoever guesses. An attempt is counted
before its password is looked at, and forgotten where it is right: however many try at once, no more are looked at. An
API key's secret
is 256 random bits, which nobody guesses: a right one is never made to wait, a wrong one is answered more slowly.
Where Valkey does not answer nobody waits; a password still costs a slow hash.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from django.core.cache import cache
from redis.exceptions import RedisError

from reference.audit import record_action
from reference.core.actor import SYSTEM, Actor
from reference.keys.refusals import LoginWaits
from reference.origin import current_origin
from reference.queries import business_clock
from reference.rate_limits import Taken, clear, give_back, peek, take
from reference.refusals import BusinessClockNotSet
from reference.valkey import valkey

MINUTE, QUARTER_HOUR, DAY = 60, 900, 86_400
PAIR_LIMITS = ((5, MINUTE), (10, QUARTER_HOUR), (20, DAY))
WIDE_LIMIT = (30, QUARTER_HOUR)
KNOWN_FOR = timedelta(days=30)
WAITING = "logins:waiting"
ADDRESS_BITS = {4: 32, 6: 64}  # One household or host has a whole /64 of IPv6.

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who tries to be whom: the name as it was typed, and the address, "" where there is none."""

    name: str
    address: str

    @property
    def key(self) -> str:
        """Return the name as it is counted: no two ways to write one name, and nothing of it to be read."""
        folded = unicodedata.normalize("NFKC", self.name).casefold().strip()
        return hashlib.sha256(folded.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A login that waits: whose name, from where, and for how many more seconds."""

    name: str
    address: str
    seconds: int


class Counted(NamedTuple):
    """One count that an attempt was taken from: its name, its limit and window in seconds, and what was left."""

    name: str
    limit: tuple[int, int]
    taken: Taken


def address_of(request: Any) -> str:
    """Return the address that a request is counted under: an IPv4 address, an IPv6 network; "" without one."""
    text = current_origin().address or ("" if request is None else request.META.get("REMOTE_ADDR", ""))
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return str(text)[:64]
    return str(ipaddress.ip_network(f"{found}/{ADDRESS_BITS[found.version]}", strict=False).network_address)


def expect_no_wait(*, attempt: Attempt) -> None:
    """Raise LoginWaits where this name, or this address, has to wait."""
    seconds = max((_wait_of(name, *limit) for name, limit in _counts(attempt)), default=0)
    if seconds:
        raise _wait(seconds)


def _wait_of(name: str, limit: int, window_seconds: int) -> int:
    """Return for how many seconds one count makes its attempts wait; 0 where it does not."""
    seen = peek(name=name, limit=limit, window_seconds=window_seconds)
    return 0 if seen.allowed else max(math.ceil(seen.reset_seconds), 1)


def take_attempt(*, attempt: Attempt) -> list[Counted]:
    """Count an attempt whose outcome nobody knows yet; return what it was counted under.

    Raises LoginWaits where this name, or this address, has to wait: then nothing is counted.
    """
    counted: list[Counted] = []
    for name, limit in _counts(attempt):
        taken = take(name=name, limit=limit[0], window_seconds=limit[1])
        if not taken.allowed:
            forget_attempt(counted=counted)
            expect_no_wait(attempt=attempt)
            raise _wait(max(math.ceil(taken.reset_seconds), 1))
        counted.append(Counted(name, limit, taken))
    return counted


def forget_attempt(*, counted: Sequence[Counted]) -> None:
    """Take an attempt out of the counts, as one that came to nothing through no fault of whoever tried."""
    for name, (limit, window_seconds), _ in counted:
        give_back(name=name, limit=limit, window_seconds=window_seconds)


def note_failure(*, attempt: Attempt, counted: Sequence[Counted], now: datetime) -> None:
    """Write down which waits a failed attempt began; they are audited. now: wall time, as everywhere here."""
    for _, (limit, _), taken in counted:
        if taken.remaining == 0 and taken.is_counted:
            _tell(attempt=attempt, failures=limit, seconds=math.ceil(taken.reset_seconds), now=now)


def refuse_where_waiting(*, attempt: Attempt, now: datetime) -> None:
    """Count a failed attempt at an API key. Raises LoginWaits from the attempt after the last that was free."""
    note_failure(attempt=attempt, counted=take_attempt(attempt=attempt), now=now)


def note_success(*, attempt: Attempt, counted: Sequence[Counted]) -> None:
    """Forget this name's failures from this address and this attempt elsewhere; know the address from now on."""
    forget_attempt(counted=counted)
    for name, _ in _pair_counts(attempt):
        clear(name=name)
    try:
        cache.set(_known(attempt), 1, timeout=KNOWN_FOR.total_seconds())
        valkey().zrem(WAITING, f"{attempt.address} {attempt.name[:150]}")
    except RedisError:
        log.warning("Valkey does not answer: this login's address is not remembered", exc_info=True)


def waiting_logins(*, now: datetime) -> list[Waiting]:
    """Return the logins that wait now, the longest wait first."""
    since = now.timestamp()
    try:
        valkey().zremrangebyscore(WAITING, "-inf", since)
        rows = cast("list[tuple[str, float]]", valkey().zrevrange(WAITING, 0, 199, withscores=True))
    except RedisError:
        return []
    parted = [(member.partition(" "), until) for member, until in rows]
    return [
        Waiting(name=name, address=address, seconds=math.ceil(until - since)) for (address, _, name), until in parted
    ]


def unlock_login(*, name: str, now: datetime, actor: Actor, **when: Any) -> int:
    """End every wait of a name and of the addresses that it waits at; return how many waits ended.

    when: business time, `at` and `business_date`. The caller has seen that the actor is an operator.
    """
    found = [waiting for waiting in waiting_logins(now=now) if waiting.name == name]
    for waiting in found:
        for count, _ in _counts(Attempt(name=waiting.name, address=waiting.address), known=False):
            clear(name=count)
        valkey().zrem(WAITING, f"{waiting.address} {waiting.name}")
    if found:
        detail = {"name": name, "addresses": [waiting.address for waiting in found]}
        record_action(
            actor=actor, action="login.unlock", summary=f"Login {name[:100]} need not wait any more",
            object_type="login", object_id=0, detail=detail, **when,
        )  # fmt: skip
    return len(found)


def _counts(attempt: Attempt, *, known: bool | None = None) -> list[tuple[str, tuple[int, int]]]:
    """Return the counts that an attempt falls under, each with its limit and the seconds of its window."""
    counts = _pair_counts(attempt)
    if _is_known(attempt) if known is None else known:
        return counts
    if attempt.address:
        counts.append((f"login:address:{attempt.address}", WIDE_LIMIT))
    return [*counts, (f"login:name:{attempt.key}", WIDE_LIMIT)]


def _pair_counts(attempt: Attempt) -> list[tuple[str, tuple[int, int]]]:
    """Return the counts of one name from one address."""
    return [(f"login:{attempt.key}:{attempt.address}:{limit[1]}", limit) for limit in PAIR_LIMITS]


def _known(attempt: Attempt) -> str:
    return f"login:known:{attempt.key}:{attempt.address}"


def _is_known(attempt: Attempt) -> bool:
    """Say whether this name has logged in from this address of late."""
    try:
        return cache.get(_known(attempt)) is not None
    except RedisError:
        return False


def _wait(seconds: int) -> LoginWaits:
    """Return the refusal, with how long to wait in words and in seconds."""
    minutes = math.ceil(seconds / 60)
    words = f"{seconds} seconds" if seconds < 90 else f"{minutes} minutes"
    return LoginWaits(f"Too many attempts have failed. Try again in {words}.", retry_after_seconds=seconds)


def _tell(*, attempt: Attempt, failures: int, seconds: int, now: datetime) -> None:
    """Write down that a wait begins: for the operators' list, the audit log and the log."""
    log.warning("login waits %s s after %s failures from %s", seconds, failures, attempt.address or "no address")
    try:
        valkey().zadd(WAITING, {f"{attempt.address} {attempt.name[:150]}": now.timestamp() + seconds}, gt=True)
        clock = business_clock()
    except (RedisError, BusinessClockNotSet):
        return
    record_action(
        actor=SYSTEM, action="login.wait", at=clock.at, business_date=clock.business_date, object_type="login",
        object_id=0, summary=f"Login {attempt.name[:100]} waits after {failures} failed attempts",
        detail={"name": attempt.name[:150], "address": attempt.address, "failures": failures, "seconds": seconds},
    )  # fmt: skip
