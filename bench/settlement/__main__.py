"""Settle the same batches by the optimiser and by others, side by side.

    python -m bench.settlement [--sizes 200 1000 5000] [--regimes normal tight scarce] [--seconds 5]
                               [--highs-seconds 60] [--json]
    python -m bench.settlement --learn [--sizes …]     also prove optima and bounds, and keep them in library/
    python -m bench.settlement --write DIRECTORY       only write the instances as CSV

No database and no server takes part.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.settlement.contenders import OPTIMISER, Result, list_contenders, measure
from bench.settlement.generate import REGIMES, generate_instance
from bench.settlement.highs import solve_batch
from bench.settlement.instance import write_instance
from bench.settlement.library import (
    LARGEST_STORED,
    SEEDS,
    Entry,
    keep,
    learn,
    make_instance,
    name_instance,
    new_entry,
    read_index,
)  # fmt: skip
from bench.settlement.payments import keep_payments
from bench.settlement.pssimpy_day import settle_by_pssimpy
from settlement.core.decide import warm_up
from settlement.core.submission import Submission, build_submitted_batch

LARGEST_FOR_PSSIMPY = 5_000


def main() -> int:
    """Run what was asked for; return 1 if the optimiser overdrew an account."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.settlement", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", choices=SEEDS, default=[200, 1_000, 5_000])
    parser.add_argument("--regimes", nargs="+", choices=REGIMES, default=list(REGIMES))
    parser.add_argument("--seconds", type=float, default=5.0, help="the optimiser's limit")
    parser.add_argument("--highs-seconds", type=float, default=60.0, help="HiGHS's limit; 0 leaves it out")
    parser.add_argument("--learn", action="store_true", help="keep optima and bounds in the library's index")
    parser.add_argument("--write", type=Path, metavar="DIRECTORY", help="only write the instances as CSV")
    parser.add_argument("--json", action="store_true", help="print only the JSON lines")
    options = parser.parse_args()
    if options.write:
        return write_all(directory=options.write, options=options)
    console = Console(stderr=True, quiet=options.json)
    warm_up()
    failed = False
    for entry, instance in instances(options=options, known=read_index()):
        results = compete(instance=instance, options=options)
        solution = None
        if options.learn and entry.size <= LARGEST_STORED and not entry.proved:
            batch = build_submitted_batch(submission=instance, objective="value").batch
            solution = solve_batch(batch=batch, seconds=options.highs_seconds, safe=True)
        known = learn(entry=entry, results=results, solution=solution)
        if options.learn:
            keep(entry=known, instance=instance)
        report(entry=known, work="securities and cash", results=results, console=console)
        failed |= any(result.overdrafts for result in results if result.contender == OPTIMISER)
        if entry.size <= LARGEST_FOR_PSSIMPY:
            payments = keep_payments(submission=instance)
            paid = compete(instance=payments, options=options, besides={"PSSimPy": settle_by_pssimpy})
            own = replace(known, submitted=int(payments.value.sum()), bound=min_bound(paid, payments), proved=False)
            report(entry=own, work="payments alone", results=paid, console=console)
    return int(failed)


def instances(*, options: argparse.Namespace, known: dict[str, Entry]) -> Iterator[tuple[Entry, Submission]]:
    """Yield the instances asked for, as the index has them or, where it lacks one, new."""
    for size in options.sizes:
        for regime in options.regimes:
            for seed in SEEDS[size]:
                name = name_instance(size=size, regime=regime, seed=seed)
                if name in known:
                    yield known[name], make_instance(entry=known[name])
                else:
                    instance = generate_instance(size=size, regime=regime, seed=seed)
                    yield new_entry(size=size, regime=regime, seed=seed, instance=instance), instance


def compete(
    *, instance: Submission, options: argparse.Namespace, besides: dict[str, Callable[..., Any]] | None = None
) -> list[Result]:
    """Let every contender settle the instance."""
    batch = build_submitted_batch(submission=instance, objective="value").batch
    highs_seconds = options.highs_seconds if len(batch.value) <= LARGEST_STORED else 0
    contenders = list_contenders(seconds=options.seconds, highs_seconds=highs_seconds)
    for name, settle in (besides or {}).items():
        contenders[name] = lambda batch, settle=settle: (settle(batch=batch), None)  # type: ignore[misc]
    return [measure(contender=name, settle=settle, batch=batch) for name, settle in contenders.items()]


def min_bound(results: list[Result], payments: Submission) -> int:
    """Return the lowest bound that anybody gave."""
    return min([int(payments.value.sum()), *(result.bound for result in results if result.bound is not None)])


def report(*, entry: Entry, work: str, results: list[Result], console: Console) -> None:
    """Print a table to read and a JSON line for each contender."""
    what = "optimum" if entry.proved else "bound"
    table = Table("", f"of {what}", "of submitted", "number", "overdrafts", "CPU s", "s", title=f"{entry.name}: {work}")
    for result in results:
        share = result.value / max(entry.bound, 1)
        table.add_row(
            result.contender,
            "overdrawn" if result.overdrafts else f"{share:.4f}",
            f"{result.value / max(entry.submitted, 1):.4f}",
            f"{result.number:,}",
            str(result.overdrafts),
            f"{result.cpu_seconds:.2f}",
            f"{result.seconds:.2f}",
        )
        line = {"instance": entry.name, "work": work, **asdict(result), f"of_{what}": round(share, 6)}
        print(json.dumps(line, ensure_ascii=False), flush=True)
    console.print(table)


def write_all(*, directory: Path, options: argparse.Namespace) -> int:
    """Write the instances asked for as CSV."""
    directory.mkdir(parents=True, exist_ok=True)
    for entry, instance in instances(options=options, known=read_index()):
        write_instance(
            instance=instance,
            instructions=directory / f"{entry.name}.instructions.csv",
            balances=directory / f"{entry.name}.balances.csv",
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
