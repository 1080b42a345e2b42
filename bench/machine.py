"""What the figures depend on: the disk's fdatasync, the processor, the memory, PostgreSQL's settings."""

import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from django.db import connection

PROBE_BYTES = 8192
PROBES = 200
SETTINGS = (
    "server_version", "shared_buffers", "work_mem", "maintenance_work_mem", "max_wal_size", "fsync",
    "synchronous_commit", "full_page_writes", "wal_level", "checkpoint_timeout", "jit",
)  # fmt: skip


def probe_fsync() -> dict[str, float]:
    """Write 8 KB and fdatasync it, 200 times, on the disk of the temporary files; return milliseconds."""
    took_ms = []
    with tempfile.NamedTemporaryFile(prefix="bench-fsync-") as file:
        for number in range(PROBES):
            os.pwrite(file.fileno(), bytes(PROBE_BYTES), PROBE_BYTES * number)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            took_ms.append(1000 * (time.perf_counter() - started))
    took_ms.sort()
    return {
        "median_ms": round(statistics.median(took_ms), 3),
        "p95_ms": round(took_ms[int(0.95 * PROBES)], 3),
    }


def describe_machine() -> dict[str, Any]:
    """Return the processor, its cores, the memory, the load before the bench, and the server's settings."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [list(SETTINGS)])
        settings = dict(cursor.fetchall())
    return {
        "processor": _line_of(Path("/proc/cpuinfo"), "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory": _line_of(Path("/proc/meminfo"), "MemTotal"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "postgresql": settings,
    }


def _line_of(path: Path, name: str) -> str:
    """Return the value that a file of `name: value` lines gives a name."""
    if not path.exists():
        return ""
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return " ".join(value.split())
    return ""
