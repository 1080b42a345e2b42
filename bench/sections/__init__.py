"""The sections of the bench, by name, in the order in which they run."""

from collections.abc import Callable
from pathlib import Path

from bench.report import Bench
from bench.sections.audit import bench_audit
from bench.sections.clearing import bench_clearing, bench_derivatives, bench_evening
from bench.sections.orders import bench_order_book, bench_orders, bench_venues
from bench.sections.settlement import bench_night, bench_posting
from bench.sections.trades import bench_capture, bench_enrichment, bench_life, bench_post_cost, bench_single

# name -> what measures it; it is given the run, and the files of reports by their number of lines.
RUNNERS: dict[str, Callable[[Bench, dict[int, Path]], None]] = {
    "capture": bench_capture,
    "life": bench_life,
    "posting": bench_posting,
    "single": bench_single,
    "post_cost": bench_post_cost,
    "night": bench_night,
    "clearing": bench_clearing,
    "evening": bench_evening,
    "derivatives": bench_derivatives,
    "enrichment": bench_enrichment,
    "order_book": bench_order_book,
    "orders": bench_orders,
    "venues": bench_venues,
    "audit": bench_audit,
}
