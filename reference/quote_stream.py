"""The tape of quotes as server-sent events (WHATWG HTML, 9.2): one listener a process, however many readers.

A reader is a coroutine and a queue: it holds no thread and no connection to PostgreSQL or Valkey. One task of the
process reads the tape from Valkey while somebody listens, and hands each entry, encoded once, to every reader.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections.abc import AsyncIterator, Callable
from types import FrameType
from typing import Any, Final
from weakref import WeakKeyDictionary

import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

from reference.quote_store import TAPE_FIELD
from reference.refusals import Refusal

HEARTBEAT_SECONDS: Final = 15.0
# Then the stream ends and the browser comes back by itself, with the last id it saw: its login is looked at again.
MOST_SECONDS: Final = 600.0
RETRY_MILLISECONDS: Final = 2_000
MOST_READERS: Final = 1_000
MOST_WAITING: Final = 64
BLOCK_MILLISECONDS: Final = 5_000
BACKLOG_COUNT: Final = 500
ENTRY_ID: Final = re.compile(r"[0-9]{1,19}-[0-9]{1,19}", re.ASCII)

HEARTBEAT: Final = b": still here\n\n"
Frame = tuple[tuple[int, int], bytes]


class TooManyStreams(Refusal):
    """The process has as many live streams open as it serves; the page asks for news by itself instead."""

    code = "too-many-streams"
    status = 503


class _Listener:
    """The one reader of the tape in this event loop, and those it hands the entries to."""

    def __init__(self, *, key: str) -> None:
        self.key = key
        self.queues: set[asyncio.Queue[Frame | None]] = set()
        self.client = redis.asyncio.Redis.from_url(settings.REDIS_URL, decode_responses=True)
        self.task: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()

    async def join(self, queue: asyncio.Queue[Frame | None]) -> None:
        """Hand the queue every entry from now on; returns once that holds."""
        self.queues.add(queue)
        if self.task is None or self.task.done():
            self.ready = asyncio.Event()
            self.task = asyncio.create_task(self._listen())
        await self.ready.wait()

    def leave(self, queue: asyncio.Queue[Frame | None]) -> None:
        """Hand the queue nothing more; the last one ends the listening."""
        self.queues.discard(queue)
        if not self.queues and self.task is not None:
            self.task.cancel()
            self.task = None

    async def _listen(self) -> None:
        last: Any = None
        while True:
            try:
                if last is None:
                    newest = await self.client.xrevrange(self.key, count=1)
                    last = newest[0][0] if newest else "0-0"
                self.ready.set()
                answer: Any = await self.client.xread({self.key: last}, count=100, block=BLOCK_MILLISECONDS)
            except RedisError:
                # Readers go on with heartbeats; what came meanwhile is on the tape.
                self.ready.set()
                await asyncio.sleep(1.0)
                continue
            for _, entries in answer:
                for entry_id, fields in entries:
                    last = entry_id
                    self._hand_out(_frame(entry_id, fields))

    def _hand_out(self, frame: Frame) -> None:
        for queue in list(self.queues):
            try:
                queue.put_nowait(frame)
            except asyncio.QueueFull:
                # Too slow: it comes back and reads what it missed from the tape.
                self._end(queue)

    def end_all(self) -> None:
        """End the stream of every reader: its browser comes back to whatever serves then."""
        for queue in list(self.queues):
            self._end(queue)

    def _end(self, queue: asyncio.Queue[Frame | None]) -> None:
        self.queues.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


_listeners: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Listener]] = WeakKeyDictionary()


def open_streams() -> int:
    """Return how many readers this process has."""
    return sum(len(listener.queues) for found in _listeners.values() for listener in found.values())


async def follow_tape(
    *, key: str, after: str, most_seconds: float = MOST_SECONDS, heartbeat_seconds: float = HEARTBEAT_SECONDS
) -> AsyncIterator[bytes]:
    """Yield the tape as server-sent events: `quotes` with a JSON list of quotes, each event with its id.

    key: the tape's name in Valkey. after: the id of the last entry that the reader knows, "" for what comes from now
    on. Where entries after it are gone from the bounded tape, an event `gap` comes first: read the quotes anew.
    Ends by itself after most_seconds, and for a reader that does not keep up.
    """
    loop = asyncio.get_running_loop()
    found = _listeners.setdefault(loop, {})
    listener = found.get(key)
    if listener is None:
        listener = found[key] = _Listener(key=key)
        _end_with_the_process(loop, listener)
    queue: asyncio.Queue[Frame | None] = asyncio.Queue(MOST_WAITING)
    ends_at = loop.time() + most_seconds
    try:
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        await listener.join(queue)
        known = _number_of(after) if after else (0, 0)
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


def _end_with_the_process(loop: asyncio.AbstractEventLoop, listener: _Listener) -> None:
    """End the streams when the process is told to stop: a server waits for its answers to end.

    The loop learns of signals through its wake-up descriptor, whatever the handler, so that the server's own goes on
    working. Where no handler stands (a test, a script) the signal keeps its meaning.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        standing = signal.getsignal(number)
        if not callable(standing):
            continue

        def end(signum: int, frame: FrameType | None, standing: Callable[..., Any] = standing) -> None:
            loop.call_soon_threadsafe(listener.end_all)
            standing(signum, frame)

        # Signals are handled in the main thread alone; a loop in another one ends its streams by itself.
        with contextlib.suppress(ValueError):
            signal.signal(number, end)


async def _backlog(listener: _Listener, after: str) -> list[Frame]:
    """Return what came on the tape after an entry; where some of it is gone, one event `gap` that says so."""
    with contextlib.suppress(RedisError):
        if not await listener.client.exists(listener.key):
            return [] if _number_of(after) == (0, 0) else [_gap("0-0")]
        state: Any = await listener.client.xinfo_stream(listener.key)
        rows: Any = await listener.client.xrange(listener.key, min=f"({after}", count=BACKLOG_COUNT + 1)
        gone, newest = state["max-deleted-entry-id"], state["last-generated-id"]
        # A tape that ends before the reader's entry is another one: Valkey was emptied in between.
        if len(rows) > BACKLOG_COUNT or not _number_of(gone) <= _number_of(after) <= _number_of(newest):
            return [_gap(newest)]
        return [_frame(entry_id, fields) for entry_id, fields in rows]
    return [_gap("0-0")]


def _gap(entry_id: str) -> Frame:
    return _number_of(entry_id), f"id: {entry_id}\nevent: gap\ndata: {{}}\n\n".encode()


def _frame(entry_id: str, fields: dict[str, str]) -> Frame:
    return _number_of(entry_id), f"id: {entry_id}\nevent: quotes\ndata: {fields[TAPE_FIELD]}\n\n".encode()


def _number_of(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)
