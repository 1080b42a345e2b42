"""Events as server-sent events (WHATWG HTML, 9.2), each reader its own share, from any position on.

Positions have no gap, so a reader's place is one number and what is missing shows: it is read from the outbox, whether
it was trimmed from the stream, came while nobody listened, or was dropped for a reader that was slow. A reader is a
coroutine and a queue; who is told the same shares the same bytes.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import DatabaseError, connection

from events.core.envelope import PublishedFact, build_event, read_fact
from events.queries.outbox import last_position, published_facts
from events.services.streams import FIELD
from reference.tape_listener import HEARTBEAT_SECONDS, RETRY_MILLISECONDS, Frame, Listener, listener_of, number_of

MOST_SECONDS: Final = 3_600.0
MOST_WAITING: Final = 1_000
MOST_STREAMS_OF_ONE: Final = 20
CHECK_SECONDS: Final = 15.0
PAGE: Final = 500
# So many positions are looked through before a reader that has a share in none of them hears how far it is.
STRETCH: Final = 20_000
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EventReader:
    """Who reads: the participant whose share it is, None for everything; the events' names, none for all.

    client: what bounds are counted by. stands: tells whether the login still holds; it asks the database.
    """

    client: str
    participant_id: int | None
    names: frozenset[str]
    stands: Callable[[], bool]


class _Told:
    """An event, written once for all who read the same of it. fact: None where the stream held none of ours."""

    __slots__ = ("fact", "written")

    def __init__(self, fact: PublishedFact | None) -> None:
        self.fact = fact
        self.written: dict[int | None, bytes] = {}

    def write(self, reader: EventReader) -> bytes:
        """Return what the reader is sent, nothing where it asks for other events or has no share."""
        fact = self.fact
        if fact is None or (reader.names and fact.name not in reader.names):
            return b""
        key = reader.participant_id
        if key not in self.written:
            event = build_event(fact=fact, source=settings.EVENT_SOURCE, participant_id=key)
            text = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
            self.written[key] = b"" if event is None else f"id: {fact.position}\ndata: {text}\n\n".encode()
        return self.written[key]


class _Guard:
    """Looks every fifteen seconds whether the logins of all readers still stand, and ends the streams of the others."""

    def __init__(self) -> None:
        self.readers: dict[asyncio.Queue[Frame | None], tuple[EventReader, Listener]] = {}
        self.counts: Counter[str] = Counter()
        self.task: asyncio.Task[None] | None = None
        self._newest = (0.0, 0)

    async def newest(self) -> int:
        """Return the last position given, asked for at most once a second; 0 where PostgreSQL does not answer."""
        now = asyncio.get_running_loop().time()
        if now >= self._newest[0]:
            self._newest = now + 1.0, self._newest[1]
            self._newest = now + 1.0, await asyncio.to_thread(_ask_newest)
        return self._newest[1]

    def enter(self, queue: asyncio.Queue[Frame | None], reader: EventReader, listener: Listener) -> None:
        self.readers[queue] = reader, listener
        self.counts[reader.client] += 1
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._watch())

    def leave(self, queue: asyncio.Queue[Frame | None]) -> None:
        entry = self.readers.pop(queue, None)
        if entry is not None:
            self.counts[entry[0].client] -= 1
            if not self.counts[entry[0].client]:
                del self.counts[entry[0].client]
        if not self.readers and self.task is not None:
            self.task.cancel()
            self.task = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            entries = [(queue, reader) for queue, (reader, _) in self.readers.items()]
            for queue in await asyncio.to_thread(_find_ended, entries):
                entry = self.readers.get(queue)
                if entry is not None:
                    entry[1].end(queue)


def _find_ended(
    entries: list[tuple[asyncio.Queue[Frame | None], EventReader]],
) -> list[asyncio.Queue[Frame | None]]:
    """Return the queues of readers whose login stands no more; of all where that cannot be asked: they come back."""
    try:
        return [queue for queue, reader in entries if not reader.stands()]
    except Exception:
        log.warning("streams of events end: their logins cannot be looked at", exc_info=True)
        return [queue for queue, _ in entries]
    finally:
        connection.close()


def _ask_newest() -> int:
    try:
        return last_position()
    except DatabaseError:
        return 0
    finally:
        connection.close()


_guards: WeakKeyDictionary[asyncio.AbstractEventLoop, _Guard] = WeakKeyDictionary()


def streams_of(*, client: str) -> int:
    """Return how many streams of events a client has open in this process."""
    return sum(guard.counts[client] for guard in list(_guards.values()))


async def follow_events(
    *, key: str, reader: EventReader, after: int, newest: int, most_seconds: float = MOST_SECONDS,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> AsyncIterator[bytes]:  # fmt: skip
    """Yield the events after a position, in their order, each once, and go on with what comes.

    key: the stream's name in Valkey. newest: the last position given when the reader came. Each event's id is its
    position; a heartbeat has an id and no data, so that who comes back need not go over what was not for it.
    Ends after most_seconds, and when the login stands no more.
    """
    loop = asyncio.get_running_loop()
    listener = listener_of(key=key, frame_of=_frame)
    guard = _guards.setdefault(loop, _Guard())
    queue: asyncio.Queue[Frame | None] = asyncio.Queue(MOST_WAITING)
    stream = _Stream(reader=reader, listener=listener, queue=queue, known=after, ends_at=loop.time() + most_seconds)
    guard.enter(queue, reader, listener)
    try:
        yield f"retry: {RETRY_MILLISECONDS}\nid: {after}\n\n".encode()
        await listener.join(queue)
        async for text in stream.tell_until(max(newest, number_of(listener.last)[0])):
            yield text
        while stream.goes_on():
            try:
                frame = await asyncio.wait_for(queue.get(), min(heartbeat_seconds, stream.left_seconds()))
            except TimeoutError:
                # Valkey may be away, or have come back without what was told meanwhile: PostgreSQL has it.
                async for text in stream.tell_until(await guard.newest()):
                    yield text
                yield f": still here\nid: {stream.known}\n\n".encode()
            else:
                async for text in stream.tell(frame):
                    yield text
    finally:
        guard.leave(queue)
        listener.leave(queue)


class _Stream:
    """How far one reader has been told, and what it is told next. known: the position up to which it knows all."""

    def __init__(
        self, *, reader: EventReader, listener: Listener, queue: asyncio.Queue[Frame | None], known: int,
        ends_at: float,
    ) -> None:  # fmt: skip
        self.reader, self.listener, self.queue = reader, listener, queue
        self.known, self.ends_at = known, ends_at

    def left_seconds(self) -> float:
        return max(0.0, self.ends_at - asyncio.get_running_loop().time())

    def goes_on(self) -> bool:
        """Tell whether the stream has neither lived its time nor been ended."""
        return self.left_seconds() > 0 and self.queue in self.listener.queues

    async def tell(self, frame: Frame | None) -> AsyncIterator[bytes]:
        """Yield what came, with all that waits behind it in one piece: a part costs ten times what an event in it does.

        None ends the stream.
        """
        parts: list[bytes] = []
        while frame is not None:
            (position, _), told = frame
            before = position if told.fact is None else position - 1
            if before > self.known:
                if parts:
                    yield b"".join(parts)
                    parts.clear()
                async for text in self.tell_until(before):
                    yield text
                if before > self.known:
                    return
            if position > self.known:
                self.known = position
                parts.append(told.write(self.reader))
            frame = None if self.queue.empty() else self.queue.get_nowait()
        if text := b"".join(parts):
            yield text

    async def tell_until(self, until: int) -> AsyncIterator[bytes]:
        """Yield what the reader is sent of the positions up to one, from the outbox; less when the stream is over.

        Each part says how far it is, so that whoever is cut off goes on from there.
        """
        while self.known < until and self.goes_on():
            end = min(until, self.known + STRETCH)
            facts = await asyncio.to_thread(_read_page, self.reader, self.known, end)
            self.known = facts[-1].position if len(facts) == PAGE else end
            text = b"".join(_Told(fact).write(self.reader) for fact in facts)
            yield text or f": passed\nid: {self.known}\n\n".encode()


def _read_page(reader: EventReader, after: int, until: int) -> list[PublishedFact]:
    """Return the first facts of a stretch that are the reader's."""
    try:
        return published_facts(
            after=after, until=until, limit=PAGE, participant_id=reader.participant_id, names=reader.names
        )
    finally:
        # The thread is nobody's: it keeps no connection.
        connection.close()


def _frame(entry_id: str, fields: dict[str, str]) -> Frame:
    try:
        told = _Told(read_fact(fields[FIELD]))
    except (KeyError, ValueError):
        told = _Told(None)
    return number_of(entry_id), told
