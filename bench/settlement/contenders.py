"""Who settles a batch, what each makes of it, and whether it overdraws anybody."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.settlement.greedy import settle_bech_soramaki, settle_first_in_first_out
from bench.settlement.highs import solve_batch
from settlement.core.batch import Batch
from settlement.core.compiled import Ints
from settlement.core.decide import decide_settlement
from settlement.core.delivery_versus_payment import book_units
from settlement.core.parts import move_part

Settle = Callable[[Batch], tuple[Ints, int | None]]
"""Gives the units of each column that settle, and a bound of the value where it has one."""

OPTIMISER: Final = "Mini FMI"
MOST_PASSES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Result:
    """What one contender made of one batch; overdrafts are the rows that end below where they may."""

    contender: str
    value: int
    number: int
    overdrafts: int
    bound: int | None
    cpu_seconds: float
    seconds: float


def list_contenders(*, seconds: float, highs_seconds: float) -> dict[str, Settle]:
    """Return the contenders that know securities and cash; highs_seconds 0 leaves HiGHS out."""

    def optimiser(batch: Batch) -> tuple[Ints, int | None]:
        decision = decide_settlement(batch=batch, seconds=seconds)
        return decision.settled_units, decision.bound

    def highs(batch: Batch) -> tuple[Ints, int | None]:
        solution = solve_batch(batch=batch, seconds=highs_seconds)
        # Where something may settle in part, the bound is some minor units off; see solve_batch.
        exact = bool((batch.least == batch.units).all())
        return solution.settled_units, solution.bound if exact else None

    def fifo(batch: Batch) -> tuple[Ints, int | None]:
        return settle_first_in_first_out(batch=batch, most_passes=1), None

    def fifo_repeated(batch: Batch) -> tuple[Ints, int | None]:
        return settle_first_in_first_out(batch=batch, most_passes=MOST_PASSES), None

    def bech_soramaki(batch: Batch) -> tuple[Ints, int | None]:
        return settle_bech_soramaki(batch=batch), None

    found: dict[str, Settle] = {
        "FIFO": fifo,
        "FIFO, repeated": fifo_repeated,
        "Bech–Soramäki": bech_soramaki,
        OPTIMISER: optimiser,
    }
    return found | ({"HiGHS": highs} if highs_seconds > 0 else {})


def measure(*, contender: str, settle: Settle, batch: Batch) -> Result:
    """Let a contender settle a batch, and add up what came of it."""
    began, cpu = time.perf_counter(), time.process_time()
    units, bound = settle(batch)
    took, worked = time.perf_counter() - began, time.process_time() - cpu
    return Result(
        contender=contender,
        value=int(move_part(whole=batch.value, units=batch.units, part=units).sum()),
        number=int((units == batch.units).sum()),
        overdrafts=count_overdrafts(batch=batch, settled_units=units),
        bound=bound,
        cpu_seconds=round(worked, 3),
        seconds=round(took, 3),
    )


def count_overdrafts(*, batch: Batch, settled_units: Ints) -> int:
    """Count the rows that end below their floor, or lower than they began if they were below it before."""
    after = book_units(batch=batch, settled_units=settled_units)
    return int((after < np.minimum(batch.balance, batch.floor)).sum())


def best_of(results: Iterable[Result]) -> int:
    """Return the most value that anybody settled without an overdraft."""
    return max((result.value for result in results if not result.overdrafts), default=0)
