"""A settlement night: everything that is pending decided, posted and reconciled."""

import os
import resource
import time
from pathlib import Path
from typing import Any

from django.db import connection

from bench.life import BenchFailed, Stages
from bench.market import noon_of
from bench.night_market import BUSINESS_DATE
from fmi.invariants import check_invariants
from settlement.services.settle_cycle import settle_cycle

CYCLES = (("Night-time cycle 1", False), ("Night-time cycle 2, in parts", True))


def settle_night(*, instructions: int) -> dict[str, Any]:
    """Run the night's cycles and check every invariant; return seconds by part, and what settled.

    Raises BenchFailed unless all instructions were considered and every invariant holds.
    """
    stages, cpu_seconds = Stages(), read_cpu_seconds()
    figures: dict[str, Any] = {"instructions": instructions, "cycles": []}
    for name, partials in CYCLES:
        started = time.perf_counter()
        cycle = settle_cycle(name=name, at=noon_of(day=BUSINESS_DATE), business_date=BUSINESS_DATE, partials=partials)
        took = time.perf_counter() - started
        if cycle is None:
            raise BenchFailed("nothing was due")
        decided = cycle.decided_in_ms / 1000
        booked = cycle.took_ms / 1000 - decided
        for part, seconds in (("decide", decided), ("load and book", booked), ("commit", took - cycle.took_ms / 1000)):
            stages.seconds[part] += seconds
        assert cycle.value_settled is not None
        figures["cycles"].append(
            {
                "considered": cycle.considered,
                "settled": cycle.settled,
                "in_parts": cycle.partly,
                "seconds": round(took, 2),
                "gap": round(1 - cycle.value_settled / cycle.value_bound, 6) if cycle.value_bound else 0.0,
            }
        )
    if figures["cycles"][0]["considered"] != instructions:
        raise BenchFailed(f"{figures['cycles'][0]['considered']} of {instructions} instructions were due")
    with stages.timed("reconcile"):
        findings = check_invariants()
    broken = [finding for finding in findings if finding.violations]
    if broken:
        raise BenchFailed(f"invariants broken: {broken}")
    return figures | {
        "seconds": round(stages.total, 2),
        "stages": {name: round(seconds, 2) for name, seconds in stages.seconds.items()},
        "cpu_seconds": {name: round(now - cpu_seconds[name], 1) for name, now in read_cpu_seconds().items()},
        "postings": count_postings(),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def read_cpu_seconds() -> dict[str, float]:
    """Return the processor time of this process, and of its PostgreSQL backend where that is on this machine.

    Beside other programs this says more than the clock on the wall.
    """
    seconds = {"python": time.process_time()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        place = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if place.exists():
        user, system = place.read_text().rpartition(")")[2].split()[11:13]
        seconds["backend"] = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return seconds


def count_postings() -> int:
    """Return how many postings the instructions and their parts have."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM ledger_posting p JOIN ledger_journalentry e ON e.id = p.entry_id"
            " WHERE e.source IN ('INSTRUCTION', 'PARTIAL')"
        )
        return int(cursor.fetchone()[0])
