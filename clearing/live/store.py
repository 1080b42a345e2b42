"""The live state of derivatives accounts in Valkey: what each script does, in Python's words.

Keys, all numbers whole (steps, ticks, minor units):
    balances                         hash: account -> balance
    position:{account}:{symbol}      hash: quantity, entry_price (to the nearest tick), cost
    mark_prices                      hash: symbol -> price
    derivatives:sequence             the number of the last event; absent: nothing is loaded
    derivatives:pending              stream of events that the database may not have yet
    derivatives:{marked_at, accounts, contract:…, symbols:…, client:…, hold}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import redis
from django.conf import settings
from redis.exceptions import RedisError

from clearing.live.refusals import LiveStateUnavailable

SCRIPTS = Path(__file__).parent / "scripts"
PENDING = "derivatives:pending"
HOLD = "derivatives:hold"
HOLD_MILLISECONDS = 2_000
TIMEOUT_SECONDS = 5
MOST_PENDING = 5_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The live state at one moment."""

    sequence: int
    balances: dict[int, int]
    positions: dict[tuple[int, str], tuple[int, int]]
    marks: dict[str, int]
    marked_at: dict[str, int]


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event as the live store noted it."""

    sequence: int
    kind: str
    nonce: str
    body: dict[str, Any]
    effects: tuple[int, ...]


@lru_cache(maxsize=4)
def connect(url: str) -> redis.Redis:
    """Return the process's connections to a store."""
    return redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )


def live_store() -> redis.Redis:
    """Return the connections to the live store that the settings name."""
    return connect(settings.REDIS_URL)


@lru_cache
def script(name: str) -> str:
    """Return the text of a script, its rules in front."""
    return (SCRIPTS / "rules.lua").read_text() + (SCRIPTS / f"{name}.lua").read_text()


@lru_cache
def _registered(url: str, name: str) -> Any:
    return connect(url).register_script(script(name))


@contextmanager
def reaching_the_store() -> Iterator[None]:
    """Say LiveStateUnavailable where the store does not answer."""
    try:
        yield
    except RedisError as error:
        raise LiveStateUnavailable from error


def run_script(name: str, *arguments: Any, pipeline: Any = None) -> Any:
    """Run a script by its digest, sending its text only where the store does not know it."""
    return _registered(settings.REDIS_URL, name)(args=arguments, client=pipeline)


def run_trades(arguments: Sequence[Sequence[Any]]) -> list[list[str]]:
    """Run the trade script once for each list of arguments, in one round trip; see scripts/trade.lua."""
    with reaching_the_store():
        if len(arguments) == 1:
            return [run_script("trade", *arguments[0])]
        pipeline = live_store().pipeline(transaction=False)
        for one in arguments:
            run_script("trade", *one, pipeline=pipeline)
        return cast(list[list[str]], pipeline.execute())


def apply_changes(
    *,
    sequence: int,
    nonce: str,
    kind: str,
    body: Mapping[str, Any],
    balances: Mapping[int, int] | None = None,
    positions: Mapping[tuple[int, str], tuple[int, int]] | None = None,
    marks: Mapping[str, tuple[int, int]] | None = None,
    expired: Sequence[str] = (),
) -> bool:
    """Do what was worked out over the snapshot of this sequence; return False where something has moved since.

    balances: what is added; positions: (steps, cost) as they are to be; marks: (ticks, business time in seconds).
    """
    changes = {
        "balances": [[str(key), str(amount)] for key, amount in (balances or {}).items() if amount],
        "positions": [[str(key), name, str(row[0]), str(row[1])] for (key, name), row in (positions or {}).items()],
        "marks": [[name, str(row[0]), str(row[1])] for name, row in (marks or {}).items()],
        "expired": list(expired),
    }
    with reaching_the_store():
        answer = run_script("apply", sequence, nonce, kind, json.dumps(body), json.dumps(changes))
    return bool(answer[0] == "DONE")


def take_snapshot() -> Snapshot | None:
    """Read the whole live state at one moment; None where nothing is loaded."""
    with reaching_the_store():
        text = run_script("snapshot")
    if not text:
        return None
    state = json.loads(text)
    return Snapshot(
        sequence=int(state["sequence"]),
        balances={int(key): int(value) for key, value in _pairs(state["balances"])},
        positions={(int(row[0]), row[1]): (int(row[2]), int(row[3])) for row in state["positions"]},
        marks={key: int(value) for key, value in _pairs(state["marks"])},
        marked_at={key: int(value) for key, value in _pairs(state["marked_at"])},
    )


def _pairs(flat: Sequence[str] | dict[str, str]) -> Iterator[tuple[str, str]]:
    """Return the keys and values of a flat list; Lua writes an empty one as an object."""
    words = list(flat)
    return zip(words[::2], words[1::2], strict=True)


def read_pending(*, after: int = 0) -> tuple[int | None, list[PendingEvent]]:
    """Return the number of the last event, None where nothing is loaded, and the first events noted after one."""
    with reaching_the_store():
        pipeline = live_store().pipeline(transaction=True)
        pipeline.get("derivatives:sequence")
        pipeline.xrange(PENDING, min=f"{after + 1}-0", count=MOST_PENDING)
        number, rows = pipeline.execute()
    events = [
        PendingEvent(
            sequence=int(key.partition("-")[0]),
            kind=row["kind"],
            nonce=row["nonce"],
            body=json.loads(row["body"]),
            effects=tuple(int(word) for word in row["effects"].split()),
        )
        for key, row in rows
    ]
    return (None if number is None else int(number)), events


def forget_pending(*, up_to: int) -> None:
    """Drop the events that the database has; done twice, or late, it drops no other."""
    with reaching_the_store():
        live_store().xtrim(PENDING, minid=f"{up_to + 1}-0", approximate=False)


def load_state(state: Mapping[str, Any]) -> None:
    """Put the database's state in place of the live one; see scripts/load.lua."""
    with reaching_the_store():
        run_script("load", json.dumps(state))


def register(state: Mapping[str, Any]) -> None:
    """Make new contracts and accounts known; see scripts/register.lua."""
    with reaching_the_store():
        run_script("register", json.dumps(state))


def hold_trades() -> None:
    """Let no trade be decided for a moment, so that what was worked out over a snapshot can be done."""
    with reaching_the_store():
        live_store().set(HOLD, "1", px=HOLD_MILLISECONDS)


def let_trades_go() -> None:
    """Let trades be decided again."""
    with reaching_the_store():
        live_store().delete(HOLD)
