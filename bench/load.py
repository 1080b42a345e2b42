"""A load generator: HTTP/1.1 over kept-alive connections, each waiting for one answer before its next request.

It shares the cores with the server it loads, so it does no more than it must: bytes out, bytes in, and
the status and the length read from the head of the answer.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "


@dataclass
class LoadResult:
    """What the answers were, and how long each took."""

    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Return the answers a second."""
        return len(self.latencies_ms) / self.seconds

    def percentile_ms(self, share: float) -> float:
        """Return the latency that this share of the answers kept."""
        return sorted(self.latencies_ms)[int(share * (len(self.latencies_ms) - 1))]


class _Connection(asyncio.Protocol):
    """One kept-alive connection: sends the next request as soon as the answer to the last is whole."""

    def __init__(self, *, requests: Iterator[bytes], result: LoadResult, stop_at: float) -> None:
        self.requests = requests
        self.result = result
        self.stop_at = stop_at
        self.received = b""
        self.sent_at = 0.0
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Count a whole answer and send the next request."""
        self.received += data
        head_end = self.received.find(HEAD_END)
        if head_end < 0:
            return
        head = self.received[:head_end].lower()
        place = head.index(LENGTH) + len(LENGTH)
        length = int(head[place : head.find(b"\r", place) if b"\r" in head[place:] else None])
        if len(self.received) < head_end + len(HEAD_END) + length:
            return
        now = time.perf_counter()
        status = int(self.received[9:12])
        self.result.statuses[status] = self.result.statuses.get(status, 0) + 1
        self.result.latencies_ms.append(1000 * (now - self.sent_at))
        self.received = b""
        if now < self.stop_at:
            self._send()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """End; an error ends the whole run with it."""
        if error is not None:
            self.over.set_exception(error)
        elif not self.over.done():
            self.over.set_result(None)

    def _send(self) -> None:
        self.sent_at = time.perf_counter()
        self.transport.write(next(self.requests))


def run_load(*, host: str, port: int, seconds: float, requests: list[Iterator[bytes]]) -> LoadResult:
    """Load the server over as many connections as there are streams of requests; return what came of it."""
    result = LoadResult()

    async def load() -> None:
        loop = asyncio.get_running_loop()
        started = time.perf_counter()

        def connection(stream: Iterator[bytes]) -> Callable[[], _Connection]:
            return lambda: _Connection(requests=stream, result=result, stop_at=started + seconds)

        opened = [await loop.create_connection(connection(stream), host, port) for stream in requests]
        await asyncio.gather(*(protocol.over for _, protocol in opened))
        result.seconds = time.perf_counter() - started

    asyncio.run(load())
    return result
