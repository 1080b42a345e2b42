"""The tape of quotes as server-sent events (WHATWG HTML, 9.2): one listener a process, however many readers.

A reader is a coroutine and a queue (reference/tape_listener.py): each entry is encoded once for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any, Final

from redis.exceptions import RedisError

from reference.quote_store import TAPE_FIELD
from reference.tape_listener import (
    HEARTBEAT_SECONDS,
    MOST_SECONDS,
    MOST_WAITING,
    RETRY_MILLISECONDS,
    Frame,
    Listener,
    listener_of,
    number_of,
)

BACKLOG_COUNT: Final = 500
ENTRY_ID: Final = re.compile(r"[0-9]{1,19}-[0-9]{1,19}", re.ASCII)
HEARTBEAT: Final = b": still here\n\n"


async def follow_tape(
    *, key: str, after: str, most_seconds: float = MOST_SECONDS, heartbeat_seconds: float = HEARTBEAT_SECONDS
) -> AsyncIterator[bytes]:
    """Yield the tape as server-sent events: `quotes` with a JSON list of quotes, each event with its id.

    key: the tape's name in Valkey. after: the id of the last entry that the reader knows, "" for what comes from now
    on. Where entries after it are gone from the bounded tape, an event `gap` comes first: read the quotes anew.
    Ends by itself after most_seconds, and for a reader that does not keep up.
    """
    loop = asyncio.get_running_loop()
    listener = listener_of(key=key, frame_of=_frame)
    queue: asyncio.Queue[Frame | None] = asyncio.Queue(MOST_WAITING)
    ends_at = loop.time() + most_seconds
    try:
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        await listener.join(queue)
        known = number_of(after) if after else (0, 0)
        if after:
            for frame in await _backlog(listener, after):
                known = frame[0]
                yield frame[1]
        while (left := ends_at - loop.time()) > 0:
            try:
                waiting = await asyncio.wait_for(queue.get(), min(heartbeat_seconds, left))
            except TimeoutError:
                yield HEARTBEAT
                continue
            if waiting is None:
                return
            if waiting[0] > known:
                known = waiting[0]
                yield waiting[1]
    finally:
        listener.leave(queue)


async def _backlog(listener: Listener, after: str) -> list[Frame]:
    """Return what came on the tape after an entry; where some of it is gone, one event `gap` that says so."""
    with contextlib.suppress(RedisError):
        if not await listener.client.exists(listener.key):
            return [] if number_of(after) == (0, 0) else [_gap("0-0")]
        state: Any = await listener.client.xinfo_stream(listener.key)
        rows: Any = await listener.client.xrange(listener.key, min=f"({after}", count=BACKLOG_COUNT + 1)
        gone, newest = state["max-deleted-entry-id"], state["last-generated-id"]
        # A tape that ends before the reader's entry is another one: Valkey was emptied in between.
        if len(rows) > BACKLOG_COUNT or not number_of(gone) <= number_of(after) <= number_of(newest):
            return [_gap(newest)]
        return [_frame(entry_id, fields) for entry_id, fields in rows]
    return [_gap("0-0")]


def _gap(entry_id: str) -> Frame:
    return number_of(entry_id), f"id: {entry_id}\nevent: gap\ndata: {{}}\n\n".encode()


def _frame(entry_id: str, fields: dict[str, str]) -> Frame:
    return number_of(entry_id), f"id: {entry_id}\nevent: quotes\ndata: {fields[TAPE_FIELD]}\n\n".encode()
