"""Measure the speed of the product beside that of PostgreSQL itself and of a known ledger, in one run.

    python -m bench [--trades 100000 1000000] [--instructions 100000 1000000] [--json]
                    [--only capture life posting single night clearing evening derivatives enrichment
                             order_book orders venues]

The servers are those of DATABASE_URL and REDIS_URL; databases of the bench's own are created and dropped.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

SECTIONS = (
    "capture",
    "life",
    "posting",
    "single",
    "night",
    "clearing",
    "evening",
    "derivatives",
    "enrichment",
    "order_book",
    "orders",
    "venues",
)
SIZES = (100_000, 1_000_000)
ROUNDS = 3


class Bench:
    """One run: its results as they come, and the bar that tells what is measured now."""

    def __init__(self, *, progress: Progress, task: TaskID, console: Console, instructions: list[int]) -> None:
        self.progress = progress
        self.instructions = instructions
        self.task = task
        self.console = console
        self.results: list[dict[str, Any]] = []

    def note(self, what: str) -> None:
        """Tell what is being measured."""
        self.progress.update(self.task, advance=1, description=what)

    def report(self, **figures: Any) -> None:
        """Keep a result and print it."""
        self.results.append(figures)
        shown = {name: value for name, value in figures.items() if name != "section"}
        self.console.print(f"[bold]{figures['section']}[/]", shown)


def judge(*, ratio: float, target: float) -> str:
    """Say whether a ratio keeps its target, and by how much it misses."""
    return "kept" if ratio >= target else f"missed by {100 * (1 - ratio / target):.0f} %"


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


def bench_order_book(bench: Bench, files: dict[int, Path]) -> None:
    """Ask the order book and a naive one the same, in a process of its own."""
    bench.note("order book of 10,000 orders, 200,000 events")
    run = [sys.executable, "-m", "bench.order_book"]
    figures = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    figure, target = figures["events_per_second"], figures["target_per_second"]
    bench.report(
        **figures, section="order_book", beside="events a second of processor time", figure=figure, target=target,
        verdict=judge(ratio=figure / target, target=1.0),
    )  # fmt: skip


def bench_venues(bench: Bench, files: dict[int, Path]) -> None:
    """Quote days at the four venues, answer orders, rebuild the books, in a fresh database."""
    from bench.databases import fresh_database
    from bench.venues import measure_venues

    with fresh_database(name="bench_venues"):
        figures = measure_venues(note=bench.note)
    took = figures["day_python_seconds"] + figures["day_backend_seconds"]
    bench.report(
        section="venues", beside="processor seconds of a day's quotes", figure=round(took, 2), target=3.0, **figures,
        verdict=judge(ratio=3.0 / took, target=1.0),
    )  # fmt: skip


def bench_orders(bench: Bench, files: dict[int, Path]) -> None:
    """Take orders through the web process and the router to filled trades, beside single trade reports."""
    from bench.databases import fresh_database
    from bench.orders import measure_orders

    with fresh_database(name="bench_orders"):
        found = measure_orders(database="bench_orders", rounds=2, note=bench.note)
    ratios = [
        filled / reported for filled, reported in zip(found.filled_per_second, found.trades_per_second, strict=True)
    ]
    ratio = statistics.mean(ratios)
    bench.report(
        section="orders",
        filled_per_second=[round(rate) for rate in found.filled_per_second],
        answered_per_second=[round(rate) for rate in found.answered_per_second],
        trades_per_second=[round(rate) for rate in found.trades_per_second],
        orders=found.orders,
        fills=found.fills,
        ratios=[round(value, 3) for value in ratios],
        ratio=round(ratio, 3),
        target=0.5,
        verdict=judge(ratio=ratio, target=0.5),
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


RUNNERS: dict[str, Callable[[Bench, dict[int, Path]], None]] = {
    "capture": bench_capture,
    "clearing": bench_clearing,
    "derivatives": bench_derivatives,
    "enrichment": bench_enrichment,
    "evening": bench_evening,
    "life": bench_life,
    "night": bench_night,
    "order_book": bench_order_book,
    "orders": bench_orders,
    "posting": bench_posting,
    "single": bench_single,
    "venues": bench_venues,
}


def main() -> int:
    """Run the sections asked for; return 0 whether or not the targets are kept."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trades", type=int, nargs="+", default=list(SIZES), help="reports a file, even")
    parser.add_argument("--instructions", type=int, nargs="+", default=list(SIZES), help="open instructions a night")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--json", action="store_true", help="print only the JSON lines")
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
    django.setup()
    run(sizes=options.trades, nights=options.instructions, sections=options.only, quiet=options.json)
    return 0


def run(*, sizes: list[int], nights: list[int], sections: list[str], quiet: bool) -> None:
    """Prepare, measure each section, and print the results as JSON lines."""
    from bench.databases import PREPARED, drop_database, prepare_database
    from bench.machine import describe_machine, probe_fsync
    from bench.market import write_reports

    console = Console(stderr=True, quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=console, disable=quiet) as progress,
        tempfile.TemporaryDirectory(prefix="bench-files-") as directory,
    ):
        task = progress.add_task("preparing", total=None)
        bench = Bench(progress=progress, task=task, console=console, instructions=nights)
        bench.report(section="machine", **describe_machine())
        bench.report(section="fsync", when="before", **probe_fsync())
        prepare_database()
        try:
            files = {}
            for reports in sizes if {"capture", "enrichment", "life"} & set(sections) else ():
                bench.note(f"writing a file of {reports:,} reports")
                files[reports] = Path(directory) / f"reports-{reports}.csv"
                write_reports(path=files[reports], reports=reports)
            for section in sections:
                RUNNERS[section](bench, files)
        finally:
            drop_database(name=PREPARED)
        bench.report(section="fsync", when="after", **probe_fsync())
    print_summary(results=bench.results, console=console)
    for figures in bench.results:
        print(json.dumps(figures))


def print_summary(*, results: list[dict[str, Any]], console: Console) -> None:
    """Print each target and whether it is kept."""
    table = Table("what", "figure", "target", "verdict")
    for figures in results:
        if "verdict" not in figures:
            continue
        figure = figures.get("figure") or figures.get(
            "ratio", figures.get("time_1m_by_time_100k", figures.get("seconds"))
        )
        target = figures.get("target", figures.get("target_seconds"))
        what = " ".join(
            str(figures[name]) for name in ("section", "reports", "instructions", "beside") if name in figures
        )
        table.add_row(what, str(figure), str(target), figures["verdict"])
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
