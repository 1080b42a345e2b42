"""Sections about the ledger and settlement: postings, and a night of open instructions."""

from __future__ import annotations

import statistics
from pathlib import Path

from bench.report import Bench, judge


def bench_posting(bench: Bench, files: dict[int, Path]) -> None:
    """Post by the ledger and by django-hordak, in turn."""
    from bench.databases import fresh_database
    from bench.posting import measure_posting

    with fresh_database(name="bench_posting"):
        found = measure_posting(note=bench.note)
    rates = {name: statistics.median(m.per_second for m in rounds) for name, rounds in found.items()}
    for other, target in (("hordak bulk_create", 3.0), ("hordak transfer", 50.0)):
        ratio = rates["post_entries"] / rates[other]
        bench.report(
            section="posting",
            postings_per_second=round(rates["post_entries"]),
            beside=other,
            beside_per_second=round(rates[other]),
            ratio=round(ratio, 1),
            target=target,
            verdict=judge(ratio=ratio, target=target),
        )


def bench_night(bench: Bench, files: dict[int, Path]) -> None:
    """Settle nights of open instructions, each in a database of its own, from pending to posted and reconciled."""
    from bench.databases import connected_to, create_database, drop_database, migrate_database
    from bench.night import settle_night
    from bench.night_market import load_night

    for instructions in bench.instructions:
        bench.note(f"a night of {instructions:,} instructions")
        create_database(name="bench_night")
        try:
            with connected_to(database="bench_night"):
                migrate_database()
                load_night(instructions=instructions, regime="normal")
                figures = settle_night(instructions=instructions)
        finally:
            drop_database(name="bench_night")
        judged = {"target_seconds": 300.0, "verdict": judge(ratio=300.0 / figures["seconds"], target=1.0)}
        bench.report(section="night", **figures, **(judged if instructions == 1_000_000 else {}))
