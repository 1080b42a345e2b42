"""Sections about trade reports: captured in bulk and one by one, enriched, taken through their whole life."""

from __future__ import annotations

import resource
import statistics
from pathlib import Path

from bench.report import Bench, judge

ROUNDS = 3


def bench_capture(bench: Bench, files: dict[int, Path]) -> None:
    """Capture beside COPY, in turn, each time in a fresh database."""
    from bench.capture import measure_capture, measure_copy
    from bench.databases import fresh_database

    for reports, path in files.items():
        rounds = ROUNDS if reports < 500_000 else 1
        captured, copied = [], []
        for number in range(rounds):
            bench.note(f"capture of {reports:,} reports, round {number + 1}")
            with fresh_database(name="bench_capture"):
                captured.append(measure_capture(path=path, reports=reports))
                copied.append(measure_copy())
        ratios = sorted(copy / capture for copy, capture in zip(copied, captured, strict=True))
        ratio = statistics.median(ratios)
        bench.report(
            section="capture",
            reports=reports,
            capture_per_second=round(reports / min(captured)),
            copy_per_second=round(reports / min(copied)),
            ratio=round(ratio, 3),
            ratios=[round(value, 3) for value in ratios],
            target=0.20,
            verdict=judge(ratio=ratio, target=0.20),
        )


def bench_life(bench: Bench, files: dict[int, Path]) -> None:
    """Take each file through its whole life; the smaller size before and after the larger."""
    from bench.databases import fresh_database
    from bench.life import live_through
    from bench.market import SETTLEMENT_DATES

    sizes = sorted(files)
    totals: dict[int, list[float]] = {}
    for reports in [*sizes, sizes[0]] if len(sizes) > 1 else sizes:
        bench.note(f"whole life of {reports:,} reports")
        with fresh_database(name="bench_life"):
            stages = live_through(path=files[reports], reports=reports, settlement_dates=SETTLEMENT_DATES[:1])
        totals.setdefault(reports, []).append(stages.total)
        figures = {"target_seconds": 60.0, "verdict": judge(ratio=60.0 / stages.total, target=1.0)}
        bench.report(
            section="life",
            reports=reports,
            seconds=round(stages.total, 2),
            stages={name: round(seconds, 2) for name, seconds in stages.seconds.items()},
            memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            **(figures if reports == 1_000_000 else {}),
        )
    if {100_000, 1_000_000} <= totals.keys():
        growth = totals[1_000_000][0] / statistics.mean(totals[100_000])
        bench.report(
            section="growth",
            time_1m_by_time_100k=round(growth, 2),
            target=10.0,
            verdict=judge(ratio=10.0 / growth, target=1.0),
        )


def bench_single(bench: Bench, files: dict[int, Path]) -> None:
    """Load the web process and pgbench, in turn."""
    from bench.databases import fresh_database
    from bench.single import measure_single

    with fresh_database(name="bench_single"):
        found = measure_single(database="bench_single", rounds=2, note=bench.note)
    rates = [result.per_second for result in found.requests]
    ratios = [rate / tps for rate, tps in zip(rates, found.transactions_per_second, strict=True)]
    ratio = statistics.mean(ratios)
    bench.report(
        section="single",
        requests_per_second=[round(rate) for rate in rates],
        median_ms=round(found.requests[-1].percentile_ms(0.5), 1),
        p99_ms=round(found.requests[-1].percentile_ms(0.99), 1),
        pgbench_tps=[round(tps) for tps in found.transactions_per_second],
        ratio=round(ratio, 3),
        target=0.15,
        verdict=judge(ratio=ratio, target=0.15),
    )


def bench_enrichment(bench: Bench, files: dict[int, Path]) -> None:
    """Enrich each file's reports and hold them against the compliance rules, in a fresh database."""
    from bench.databases import fresh_database
    from bench.enrichment import measure_enrichment

    for reports, path in files.items():
        with fresh_database(name="bench_enrichment"):
            figures = measure_enrichment(path=path, reports=reports, note=bench.note)
        target = 5.0 * reports / 100_000
        bench.report(
            section="enrichment", **figures, target_seconds=target,
            verdict=judge(ratio=target / figures["seconds"], target=1.0),
        )  # fmt: skip


def bench_post_cost(bench: Bench, files: dict[int, Path]) -> None:
    """Post trades one by one in this process, with each guard in turn, in a fresh database."""
    from bench.databases import fresh_database
    from bench.post_cost import TARGET_MS, measure_post_cost

    with fresh_database(name="bench_post_cost"):
        figures = measure_post_cost(note=bench.note)
    guards = figures["adds_ms"]["all"]["web"]
    bench.report(
        section="post_cost", beside="milliseconds that all guards add to a POST", figure=guards, target=TARGET_MS,
        **figures, verdict=judge(ratio=TARGET_MS / guards, target=1.0),
    )  # fmt: skip
