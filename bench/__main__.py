"""Measure the speed of the product beside that of PostgreSQL itself and of a known ledger, in one run.

    python -m bench [--trades 100000 1000000] [--instructions 100000 1000000] [--json]
                    [--only capture life posting single post_cost night clearing evening derivatives enrichment
                             order_book orders venues audit]

The servers are those of DATABASE_URL and REDIS_URL; databases of the bench's own are created and dropped.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import django
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.report import Bench, print_summary
from bench.sections import RUNNERS

SIZES = (100_000, 1_000_000)


def main() -> int:
    """Run the sections asked for; return 0 whether or not the targets are kept."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trades", type=int, nargs="+", default=list(SIZES), help="reports a file, even")
    parser.add_argument("--instructions", type=int, nargs="+", default=list(SIZES), help="open instructions a night")
    parser.add_argument("--only", nargs="+", choices=list(RUNNERS), default=list(RUNNERS))
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
            for reports in sizes if {"audit", "capture", "enrichment", "life"} & set(sections) else ():
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


if __name__ == "__main__":
    sys.exit(main())
