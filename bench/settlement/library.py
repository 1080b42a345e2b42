"""The library of instances: which there are, what is known of each, and the small ones themselves."""

import csv
import gzip
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from bench.settlement.contenders import Result, best_of
from bench.settlement.generate import REGIMES, generate_instance
from bench.settlement.highs import Solution
from bench.settlement.instance import balance_lines, digest_instance, instruction_lines
from settlement.core.submission import Submission

DIRECTORY: Final = Path(__file__).resolve().parent / "library"
INDEX: Final = DIRECTORY / "index.csv"
SEEDS: Final = {200: (1, 2, 3), 1_000: (1, 2), 5_000: (1,), 20_000: (1,), 100_000: (1,), 1_000_000: (1,)}
LARGEST_STORED: Final = 5_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One instance and what is known of it, value in minor units.

    best_known   the most that anybody settled without an overdraft, checked in exact integers
    bound        nothing settles more
    proved       an integer solver closed its gap, by itself and within a hundred-thousandth: bound is the optimum
    """

    name: str
    size: int
    regime: str
    seed: int
    sha256: str
    submitted: int
    best_known: int
    bound: int
    proved: bool


def name_instance(*, size: int, regime: str, seed: int) -> str:
    """Return the name by which an instance goes."""
    return f"{regime}-{size}-{seed}"


def read_index() -> dict[str, Entry]:
    """Return what is known, by name."""
    if not INDEX.exists():
        return {}
    with INDEX.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        row["name"]: Entry(
            name=row["name"],
            size=int(row["size"]),
            regime=row["regime"],
            seed=int(row["seed"]),
            sha256=row["sha256"],
            submitted=int(row["submitted"]),
            best_known=int(row["best_known"]),
            bound=int(row["bound"]),
            proved=row["proved"] == "1",
        )
        for row in rows
    }


def write_index(*, entries: dict[str, Entry]) -> None:
    """Write what is known, small instances first."""
    regimes = list(REGIMES)
    ordered = sorted(entries.values(), key=lambda entry: (entry.size, regimes.index(entry.regime), entry.seed))
    with INDEX.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(Entry.__dataclass_fields__), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(entry) | {"proved": int(entry.proved)} for entry in ordered)


def new_entry(*, size: int, regime: str, seed: int, instance: Submission) -> Entry:
    """Return an entry of which nothing is known but the instance itself."""
    submitted = int(instance.value.sum())
    return Entry(
        name=name_instance(size=size, regime=regime, seed=seed), size=size, regime=regime, seed=seed,
        sha256=digest_instance(instance=instance), submitted=submitted, best_known=0, bound=submitted, proved=False,
    )  # fmt: skip


def learn(*, entry: Entry, results: list[Result], solution: Solution | None) -> Entry:
    """Return the entry with what a run added: a better value, a lower bound. Knowledge is never lost."""
    bounds = [entry.bound, *(result.bound for result in results if result.bound is not None)]
    bounds += [solution.bound] if solution else []
    return replace(
        entry,
        best_known=max(entry.best_known, best_of(results)),
        bound=min(bounds),
        proved=entry.proved or bool(solution and solution.proved),
    )


def keep(*, entry: Entry, instance: Submission) -> None:
    """Put the entry into the index as it stands now, and a small instance beside it."""
    DIRECTORY.mkdir(exist_ok=True)
    store_instance(entry=entry, instance=instance)
    write_index(entries=read_index() | {entry.name: entry})


def store_instance(*, entry: Entry, instance: Submission) -> None:
    """Write both files of a small instance, compressed, the same bytes each time."""
    if entry.size > LARGEST_STORED:
        return
    for what, lines in (("instructions", instruction_lines(instance)), ("balances", balance_lines(instance))):
        path = DIRECTORY / f"{entry.name}.{what}.csv.gz"
        path.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))


def make_instance(*, entry: Entry) -> Submission:
    """Make an instance again from its seed. Raises ValueError if it is not the one of the index."""
    instance = generate_instance(size=entry.size, regime=entry.regime, seed=entry.seed)
    if digest_instance(instance=instance) != entry.sha256:
        raise ValueError(f"{entry.name} is not what it was: its SHA-256 differs from the index.")
    return instance
