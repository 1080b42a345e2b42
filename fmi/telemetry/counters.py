"""What processes count: requests, refusals, tasks. Added up in memory, and once a second in Valkey.

The web has several processes, the worker has children, and they may run on several machines. All add to one hash, so
whichever web process is asked for /metrics answers for all of them; files shared between processes (prometheus_client's
multiprocess mode) end at a machine's edge and keep a dead process's files. A process that is killed outright loses what
it counted in its last second; a flushed Valkey starts the counters from zero, which rate() knows how to read.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from bisect import bisect_left
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

HASH = "fmi:counters"
FAILURES_HASH = "fmi:failures"
FLUSH_EVERY_SECONDS = 1.0
TIMEOUT_SECONDS = 2.0
# Upper edges of the latency histograms, in seconds; one more bucket has none.
REQUEST_EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
TASK_EDGES = (0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0)

# name, then the values of its labels.
Key = tuple[str, ...]
log = logging.getLogger(__name__)


class Counters:
    """The sums of this process that are not in Valkey yet, and the thread that brings them there."""

    def __init__(self) -> None:
        """Start with nothing; a forked child starts again, without what its parent has counted."""
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[Key, float] = {}
        self._some = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, key: Key, amount: float = 1) -> None:
        """Add to one counter, a microsecond's work."""
        with self._lock:
            self._sums[key] = self._sums.get(key, 0) + amount
        self._wake()

    def observe(self, *, name: str, labels: Key, seconds: float, edges: tuple[float, ...]) -> None:
        """Add one duration to a histogram: its bucket's counter, and the sum of seconds."""
        bucket = (f"{name}_bucket", *labels, str(bisect_left(edges, seconds)))
        total = (f"{name}_sum", *labels)
        with self._lock:
            self._sums[bucket] = self._sums.get(bucket, 0) + 1
            self._sums[total] = self._sums.get(total, 0) + seconds
        self._wake()

    def flush(self) -> None:
        """Bring the sums to Valkey; what cannot be brought is kept for the next time."""
        with self._lock:
            sums, self._sums = self._sums, {}
        if not sums:
            return
        try:
            pipeline = valkey().pipeline(transaction=True)
            for key, amount in sums.items():
                pipeline.hincrbyfloat(HASH, msgspec.json.encode(key), amount)
            pipeline.execute()
        except (RedisError, OSError):
            log.debug("counters wait for Valkey")
            with self._lock:
                for key, amount in sums.items():
                    self._sums[key] = self._sums.get(key, 0) + amount

    def _wake(self) -> None:
        if self._thread is None:
            self._start()
        if not self._some.is_set():
            self._some.set()

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, name="counters", daemon=True)
        self._thread.start()
        atexit.register(self.flush)

    def _run(self) -> None:
        while True:
            self._some.wait()
            time.sleep(FLUSH_EVERY_SECONDS)
            self._some.clear()
            self.flush()


counters = Counters()


def count(key: Key) -> None:
    """Add one to a counter, for the floors under this one (settings.METRIC_COUNTER)."""
    counters.add(key)


def note_failure(key: Key) -> None:
    """Note when a task or a route failed last, at once: it is rare, and somebody will look."""
    with suppress(RedisError, OSError):
        valkey().hset(FAILURES_HASH, msgspec.json.encode(key), datetime.now(UTC).isoformat())


def read_failures() -> Mapping[Key, datetime]:
    """Return when each failed last. Raises RedisError where Valkey does not answer."""
    found: dict[bytes, bytes] = valkey().hgetall(FAILURES_HASH)  # type: ignore[assignment]
    return {tuple(msgspec.json.decode(key)): datetime.fromisoformat(at.decode()) for key, at in found.items()}


def valkey() -> Redis:
    """Return this process's connections to Valkey."""
    return _connect(settings.REDIS_URL)


@lru_cache(maxsize=4)
def _connect(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)


def read_counters() -> Mapping[Key, float]:
    """Return every counter of every process, by name and labels. Raises RedisError where Valkey does not answer."""
    counters.flush()
    found = valkey().hgetall(HASH)
    return {tuple(msgspec.json.decode(key)): float(value) for key, value in found.items()}
