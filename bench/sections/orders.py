"""Sections about the front of the chain: the book, the venues, orders to their filled trades."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from bench.report import Bench, judge


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
