"""Sections about the CCP: margins, a whole evening, derivatives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.report import Bench, judge


def bench_clearing(bench: Bench, files: dict[int, Path]) -> None:
    """Compute margins, a what-if, Cover-2 and backtests, in a process of its own whose memory is theirs alone."""
    bench.note("margin of 500 accounts, 2,000 instruments, 1,000 scenarios")
    run = [sys.executable, "-m", "bench.clearing"]
    figures = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    margin, cover_two = figures["margin"], figures["cover_2"]
    targets: tuple[tuple[str, float, float, dict[str, Any]], ...] = (
        ("times a bare matrix product", margin["ratio"], 5.0, margin),
        ("memory MB", margin["memory_mb"], 300.0, {}),
        ("what-if ms", margin["what_if_ms"], 5.0, {}),
        ("Cover-2 ms", cover_two["ms"], 10.0, cover_two),
    )
    for beside, figure, target, details in targets:
        bench.report(
            **details, section="clearing", beside=beside, figure=figure, target=target,
            verdict=judge(ratio=target / figure, target=1.0),
        )  # fmt: skip
    bench.report(section="clearing", **figures["backtest"])


def bench_evening(bench: Bench, files: dict[int, Path]) -> None:
    """Do a whole evening of the CCP: mark, margin, calls, backtest, stress and fund, from database to database."""
    from bench.databases import fresh_database
    from bench.evening import measure_evening

    with fresh_database(name="bench_evening"):
        figures = measure_evening(note=bench.note)
    bench.report(
        section="evening", **figures, target_seconds=20.0, verdict=judge(ratio=20.0 / figures["seconds"], target=1.0)
    )


def bench_derivatives(bench: Bench, files: dict[int, Path]) -> None:
    """Trade derivatives through the live store beside the store's own PING and SET, in a process of its own."""
    bench.note("derivatives, 10,000 trades")
    run = [sys.executable, "-m", "bench.derivatives", "--json"]
    figures = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    figure, target = figures["script a second, one at a time"], figures["target a second"]
    bench.report(
        **figures, section="derivatives", figure=figure, target=target, verdict=judge(ratio=figure / target, target=1.0)
    )
