"""The settlement decision: how much of each instruction of a batch settles now, together.

Delivery versus payment, model 1 (BIS, Delivery versus payment in securities settlement systems, 1992):
both legs of an instruction gross and at once. The choice is made over the whole batch, so chains and
circles without any stock of their own settle in one decision.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from settlement.core.batch import (
    UNRESTRICTED,
    AmountOutOfRange,
    Batch,
    InvalidBatch,
    build_dvp_batch,
    check_batch,
    own_batch,
)
from settlement.core.budget import Budget
from settlement.core.compiled import Flags, Ints, compiled
from settlement.core.improve import Improver
from settlement.core.lifecycle import Reason
from settlement.core.presolve import reduce_problem, tighten_rows
from settlement.core.problem import Problem, build_problem
from settlement.core.strategy import decide_core, settle_first_in, weigh_ranks
from settlement.core.units import part_of

__all__ = [
    "UNRESTRICTED",
    "AmountOutOfRange",
    "Batch",
    "Decision",
    "InvalidBatch",
    "build_dvp_batch",
    "decide_settlement",
    "reasons_of",
    "warm_up",
]


SECONDS_TO_BOOK: Final = 3e-6
"""What booking and explaining an instruction takes once it is decided."""


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The answer to a batch of n instructions over m balance rows.

    settled_units[n]   int64: of each instruction's units
    settles[n]         bool: the whole settles
    short_row[n]       int64: where something waits, the first balance row on which the rest is short, else -1
    shortfall[n]       int64: what is missing there, were this rest alone added to the decision
    balance_after[m]   int64
    settled_value      the sum of value * settled_units // units
    worth              what was maximised: the same, but an earlier priority's value counts more (weigh_ranks);
                       with one priority the settled value itself
    bound              no decision is worth more than this
    certain, open      how many instructions the presolve settled, and how many it left to the search
    """

    settled_units: Ints
    settles: Flags
    short_row: Ints
    shortfall: Ints
    balance_after: Ints
    settled_value: int
    worth: int
    bound: int
    certain: int
    open: int

    @property
    def gap(self) -> float:
        """Return the share of the bound by which the worth may fall short of the best, 0 to 1."""
        return 1 - self.worth / self.bound if self.bound else 0.0


def decide_settlement(*, batch: Batch, seconds: float = 10.0, effort: int = 1, seed: int = 1) -> Decision:
    """Decide what settles; by priority, then value settled, then number settled whole.

    No row which is debited ends below its floor. A row below its floor already takes credits only, as long
    as this decision lasts. The result is never less than first in, first out (by priority, then number) or
    back-off, and the same for the same batch, effort and seed unless `seconds`, a ceiling of wall clock, cuts
    it short. effort 0 stops after the greedy decisions; each further unit lengthens the search.

    Raises InvalidBatch, AmountOutOfRange.
    """
    budget = Budget(seconds=max(seconds - SECONDS_TO_BOOK * len(batch.value), 0.9 * seconds))
    check_batch(batch=batch)
    batch = own_batch(batch=batch)
    problem = build_problem(batch=batch)
    reduction = reduce_problem(problem=problem)
    settled = reduction.settled
    weight = weigh_ranks(rank=problem.rank, value=problem.value)
    bound = settled_worth(weight, problem.units, settled)
    if len(reduction.column):
        first_in = [x[reduction.column] for x in settle_first_in(problem=problem)]
        x, core_bound = decide_core(
            problem=reduction.core, weight=weight[reduction.column], starts=first_in, budget=budget, effort=effort,
            seed=seed % 2**31 + 1,
        )  # fmt: skip
        settled = settled.copy()
        settled[reduction.column] = x
        bound += core_bound
    balance_after = _book(batch.offset, batch.row, batch.amount, batch.balance, batch.units, settled)
    short_row, shortfall = _explain(problem, batch.balance, batch.floor, balance_after, settled)
    return Decision(
        settled_units=settled,
        settles=settled == batch.units,
        short_row=short_row,
        shortfall=shortfall,
        balance_after=balance_after,
        settled_value=settled_worth(problem.value, problem.units, settled),
        worth=settled_worth(weight, problem.units, settled),
        bound=bound,
        certain=int(np.count_nonzero(reduction.settled)),
        open=len(reduction.column),
    )


@compiled
def settled_worth(value: Ints, units: Ints, settled: Ints) -> int:
    """Return the sum of value * settled // units."""
    total = 0
    for i in range(len(value)):
        total += part_of(value[i], units[i], settled[i])
    return total


@compiled
def _book(offset: Ints, row: Ints, amount: Ints, balance: Ints, units: Ints, settled: Ints) -> Ints:
    """Return the balances after; what an instruction moves on one row is added up before a part is taken."""
    after = balance.copy()
    for i in range(len(settled)):
        if settled[i] == 0:
            continue
        for k in range(offset[i], offset[i + 1]):
            whole = 0
            for other in range(offset[i], offset[i + 1]):
                if row[other] == row[k]:
                    if other < k:
                        whole = 0
                        break
                    whole += amount[other]
            after[row[k]] += part_of(whole, units[i], settled[i])
    return after


@compiled
def _explain(problem: Problem, balance: Ints, floor: Ints, after: Ints, settled: Ints) -> tuple[Ints, Ints]:
    """Return the first short row and its shortfall of each instruction of which something waits."""
    short_row = np.full(len(settled), -1, np.int64)
    shortfall = np.zeros(len(settled), np.int64)
    for i in range(len(settled)):
        if settled[i] == problem.units[i]:
            continue
        for k in range(problem.pointer[i], problem.pointer[i + 1]):
            r, effect = problem.row[k], problem.effect[k]
            if effect >= 0:
                continue
            missing = floor[r] - (after[r] + effect - part_of(effect, problem.units[i], settled[i]))
            if balance[r] < floor[r]:
                missing = max(missing, floor[r] - balance[r])
            if missing > 0:
                short_row[i] = r
                shortfall[i] = missing
                break
    return short_row, shortfall


def reasons_of(*, decision: Decision, row_is_cash: Flags) -> list[Reason | None]:
    """Name why each instruction waits: LACK for securities, MONY for cash, None where nothing is short.

    row_is_cash is bool[m]. With securities before cash in the batch, LACK is told where both are short.
    """
    lacking = decision.short_row >= 0
    cash = np.zeros(len(lacking), np.bool_)
    cash[lacking] = row_is_cash[decision.short_row[lacking]]
    return [
        (Reason.MONY if is_cash else Reason.LACK) if waits else None
        for waits, is_cash in zip(lacking.tolist(), cash.tolist(), strict=True)
    ]


@cache
def warm_up() -> None:
    """Compile every kernel, or load it from the cache, once in a process: at its start, not in its first cycle."""
    # The smaller one ends in the exact decision, the larger in the search.
    for count in (21, 60):
        decide_settlement(batch=_mixed_batch(count))
    # Repair is reached by chance alone: it mends what a solver leaves short.
    problem = build_problem(batch=_mixed_batch(60))
    nothing = np.zeros(len(problem.value), np.int64)
    Improver(problem=problem, tight=tighten_rows(problem=problem), x=nothing, budget=Budget(seconds=1.0), seed=1).offer(
        problem.most
    )


def _mixed_batch(count: int) -> Batch:
    """Return a small batch with parts in which stock and cash are short and no greedy answer is the best."""
    place = np.arange(count)
    quantity = 5 + place * 37 % 23
    seller, buyer, security = place % 3, 3 + place % 4, 10 + place % 5
    batch, _, _ = build_dvp_batch(
        deliverer_securities=seller, receiver_securities=buyer, deliverer_cash=seller, receiver_cash=buyer,
        security=security, quantity=quantity, currency=np.full(count, 20), cash=quantity * 7 + place % 5,
        priority=np.ones(count, np.int64), value=quantity * (90 + place * 53 % 29), number=place,
        known_account=np.concatenate((np.repeat(np.arange(3), 5), np.arange(3, 7))),
        known_asset=np.concatenate((np.tile(np.arange(10, 15), 3), np.full(4, 20))),
        known_balance=np.concatenate((np.full(15, 31), np.full(4, 600))), known_floor=np.zeros(19, np.int64),
        least_quantity=np.where(place % 2 == 0, 3, quantity), multiple=np.ones(count, np.int64),
    )  # fmt: skip
    return batch
