"""One reader of a stream in Valkey for a whole process, which hands each entry to everybody who listens.

A listener is a queue: it holds no thread and no connection to PostgreSQL or Valkey. Server-sent events (WHATWG HTML,
9.2) are made of what comes out of it: quotes in `reference/quote_stream.py`, events on the floor above.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, Final
from weakref import WeakKeyDictionary

import redis.asyncio
from django.conf import settings
from redis.exceptions import RedisError

from reference.refusals import Refusal

HEARTBEAT_SECONDS: Final = 15.0
# Then the stream ends and the browser comes back by itself, with the last id it saw: its login is looked at again.
MOST_SECONDS: Final = 600.0
RETRY_MILLISECONDS: Final = 2_000
MOST_READERS: Final = 1_000
MOST_WAITING: Final = 64
BLOCK_MILLISECONDS: Final = 5_000

# An entry's id as two numbers, and what is made of it once for all who listen.
Frame = tuple[tuple[int, int], Any]
MakeFrame = Callable[[str, dict[str, str]], Frame]


class TooManyStreams(Refusal):
    """The process has as many live streams open as it serves; the page asks for news by itself instead."""

    code = "too-many-streams"
    status = 503


class Listener:
    """The one reader of the tape in this event loop, and those it hands the entries to."""

    def __init__(self, *, key: str, frame_of: MakeFrame) -> None:
        self.key = key
        self.frame_of = frame_of
        self.queues: set[asyncio.Queue[Frame | None]] = set()
        self.client = redis.asyncio.Redis.from_url(settings.REDIS_URL, decode_responses=True)
        self.task: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()
        # The id of the last entry that was there, or came, since somebody listens.
        self.last: Any = "0-0"

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
                    last = self.last = newest[0][0] if newest else "0-0"
                self.ready.set()
                answer: Any = await self.client.xread({self.key: last}, count=100, block=BLOCK_MILLISECONDS)
            except RedisError:
                # Readers go on with heartbeats; what came meanwhile is on the tape.
                self.ready.set()
                await asyncio.sleep(1.0)
                continue
            for _, entries in answer:
                for entry_id, fields in entries:
                    last = self.last = entry_id
                    self._hand_out(self.frame_of(entry_id, fields))

    def _hand_out(self, frame: Frame) -> None:
        for queue in list(self.queues):
            try:
                queue.put_nowait(frame)
            except asyncio.QueueFull:
                # Too slow: it comes back and reads what it missed from the tape.
                self.end(queue)

    def end_all(self) -> None:
        """End the stream of every reader: its browser comes back to whatever serves then."""
        for queue in list(self.queues):
            self.end(queue)

    def end(self, queue: asyncio.Queue[Frame | None]) -> None:
        """End the stream of one reader, whatever waits for it."""
        self.queues.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


_listeners: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Listener]] = WeakKeyDictionary()


def open_streams() -> int:
    """Return how many readers this process has."""
    return sum(len(listener.queues) for found in _listeners.values() for listener in found.values())


def listener_of(*, key: str, frame_of: MakeFrame) -> Listener:
    """Return the one reader of a stream in the running event loop. frame_of: makes a frame of an entry, once."""
    loop = asyncio.get_running_loop()
    found = _listeners.setdefault(loop, {})
    listener = found.get(key)
    if listener is None:
        listener = found[key] = Listener(key=key, frame_of=frame_of)
        _end_with_the_process(loop, listener)
    return listener


def _end_with_the_process(loop: asyncio.AbstractEventLoop, listener: Listener) -> None:
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


def number_of(entry_id: str) -> tuple[int, int]:
    """Return an entry's id as two numbers, which compare as the ids do."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)
