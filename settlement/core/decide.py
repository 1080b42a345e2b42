"""The settlement decision: which instructions of a batch settle now, together.

Delivery versus payment, model 1 (BIS, Delivery versus payment in securities settlement systems, 1992):
both legs of an instruction gross and at once, all or nothing. The choice is made over the whole batch, so
chains and circles without any stock of their own settle in one decision.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from settlement.core.backoff import back_off, fill, tally
from settlement.core.batch import (
    UNRESTRICTED,
    AmountOutOfRange,
    Batch,
    InvalidBatch,
    build_dvp_batch,
    check_batch,
    encode_ids,
    own_batch,
)
from settlement.core.chain import Core, search_chains
from settlement.core.compiled import Flags, Ints, compiled
from settlement.core.exact import decide_exactly
from settlement.core.lifecycle import Reason
from settlement.core.presolve import CERTAIN, IMPOSSIBLE, extract_core, list_by_row, net_movements, presolve

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

SMALL_CORE: Final = 3_000
"""Up to so many open instructions the search starts from every greedy decision, not only from the best."""

EXACT_CORE: Final = 16
"""Up to so many open instructions the best decision is proved by trying all."""

STATIC_ORDERS: Final = 3

FILL_PASSES: Final = 1_000
"""A pass which adds nothing ends the filling; the cap only bounds a contrived batch."""


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The answer to a batch of n instructions over m balance rows.

    settles[n]         bool
    short_row[n]       int64: for an instruction that waits, its first balance row that is short, else -1
    shortfall[n]       int64: what is missing there, were this instruction alone added to the decision
    balance_after[m]   int64
    """

    settles: Flags
    short_row: Ints
    shortfall: Ints
    balance_after: Ints


def decide_settlement(*, batch: Batch, effort: int = 1, seed: int = 1) -> Decision:
    """Decide which instructions settle; by priority, then value settled, then number settled.

    No row which is debited ends below its floor. A row below its floor already takes credits only, as long
    as this decision lasts. The result is never less than first in, first out (by priority, then number)
    and the same for the same batch, effort and seed. effort 0 stops after the greedy decisions; each
    further unit lengthens the chain search.

    Raises InvalidBatch, AmountOutOfRange.
    """
    check_batch(batch=batch)
    batch = own_batch(batch=batch)
    seed = seed % 2**62 + 1
    instruction_count = len(batch.value)
    restricted = batch.floor != UNRESTRICTED
    slack = np.where(restricted, batch.balance - np.where(restricted, batch.floor, 0), 0)
    pointer, row, effect = net_movements(batch.offset, batch.row, batch.amount, restricted)
    owner = np.repeat(np.arange(instruction_count), np.diff(pointer))
    largest_debit = np.argsort(effect, kind="stable")
    debits = list_by_row(owner, row, effect, largest_debit, len(slack), -1)
    level = slack.copy()
    state = presolve(pointer, row, effect, level, *debits)
    settles: Flags = state == CERTAIN
    index, core_pointer, core_row, core_effect = extract_core(pointer, row, effect, level, state)
    if len(index):
        _, rank = encode_ids(batch.priority)
        first_in = np.lexsort((batch.number, rank))
        first_in = first_in[state[first_in] != IMPOSSIBLE]
        fifo = np.zeros(instruction_count, np.bool_)
        fill(pointer, row, effect, first_in, np.maximum(slack, 0), fifo, 1)
        settles[index] = _decide_core(
            pointer=core_pointer, row=core_row, effect=core_effect, level=np.maximum(level, 0),
            rank=encode_ids(rank[index])[1], value=batch.value[index], number=batch.number[index],
            fifo=fifo[index], effort=effort, seed=seed,
        )  # fmt: skip
    balance_after = _book(batch.offset, batch.row, batch.amount, batch.balance, settles)
    short_row, shortfall = _explain(pointer, row, effect, batch.balance, batch.floor, balance_after, settles)
    return Decision(settles, short_row, shortfall, balance_after)


def _decide_core(
    *, pointer: Ints, row: Ints, effect: Ints, level: Ints, rank: Ints, value: Ints, number: Ints,
    fifo: Flags, effort: int, seed: int,
) -> Flags:  # fmt: skip
    """Decide the instructions which the presolve left open; level[row] is what they may use."""
    plan = _plan_search(len(value), effort)
    best_first = np.lexsort((number, -value, rank))
    cut_orders = _order_cuts(rank, value, number, plan.random_starts, seed)
    rank_count = int(rank.max()) + 1
    starts: list[tuple[list[int], Flags, Ints]] = []
    for place in range(len(cut_orders) + 1):
        # The last start is what first in, first out settles: it is feasible beside all that is certain.
        settles = fifo.copy() if place == len(cut_orders) else np.zeros(len(value), np.bool_)
        left = _book(pointer, row, effect, level, settles)
        for turn in range(STATIC_ORDERS):
            back_off(pointer, row, effect, cut_orders[(place + turn) % len(cut_orders)], left, settles)
        fill(pointer, row, effect, best_first, left, settles, FILL_PASSES)
        starts.append((tally(settles, rank, value, rank_count).tolist(), settles, left))
    starts.sort(key=lambda start: start[0], reverse=True)
    if effort <= 0:
        return starts[0][1]
    if len(value) <= EXACT_CORE:
        known = np.array(starts[0][0], np.int64)
        return decide_exactly(pointer, row, effect, level, best_first, rank, value, known)
    core = _index_core(pointer, row, effect, rank, value, best_first, len(level))
    best: tuple[list[int], Flags] = starts[0][:2]
    for _, settles, left in starts if len(value) <= SMALL_CORE else starts[:1]:
        search_chains(core, settles, left, best_first, rank_count, plan.rounds, plan.most_steps, plan.samples, seed)
        fill(pointer, row, effect, best_first, left, settles, FILL_PASSES)
        found = tally(settles, rank, value, rank_count).tolist()
        if found > best[0]:
            best = (found, settles)
    return best[1]


class _Plan(NamedTuple):
    random_starts: int
    rounds: int
    most_steps: int
    samples: int


def _plan_search(count: int, effort: int) -> _Plan:
    """Spend more on a small core: it is where luck counts, and it costs milliseconds."""
    if count <= EXACT_CORE or effort <= 0:
        return _Plan(0, 0, 0, 0)
    if count <= 300:
        return _Plan(3 * effort, 3, 60, 16)
    if count <= SMALL_CORE:
        return _Plan(6 * effort, 8, 60, 16)
    if count <= 30_000:
        return _Plan(0, 6 * effort, 40, 12)
    return _Plan(0, effort, 40, 8)


def _order_cuts(rank: Ints, value: Ints, number: Ints, random_starts: int, seed: int) -> list[Ints]:
    """Return orders in which back-off cuts, always the last priority first.

    Smallest value first; last in first; largest value first, which keeps a circle of small ones that
    shares a row with something big; then these, by value, disturbed at random.
    """
    orders = [
        np.lexsort((-number, value, -rank)),
        np.lexsort((-number, -rank)),
        np.lexsort((-number, -value, -rank)),
    ]
    random = np.random.default_rng(seed)
    for start in range(random_starts):
        disturbed = value * random.uniform(0.2, 1.0, len(value))
        orders.append(np.lexsort((disturbed if start % 4 < 2 else -disturbed, -rank)))
    return orders


def _index_core(
    pointer: Ints, row: Ints, effect: Ints, rank: Ints, value: Ints, best_first: Ints, row_count: int
) -> Core:
    """List each row's debitors and creditors, the best first."""
    owner = np.repeat(np.arange(len(value)), np.diff(pointer))
    place_of = np.empty(len(value), np.int64)
    place_of[best_first] = np.arange(len(value))
    order = np.argsort(place_of[owner], kind="stable")
    debit_lists = list_by_row(owner, row, effect, order, row_count, -1)
    credit_lists = list_by_row(owner, row, effect, order, row_count, 1)
    return Core(pointer, row, effect, rank, value, *debit_lists, *credit_lists)


@compiled
def _book(offset: Ints, row: Ints, amount: Ints, balance: Ints, settles: Flags) -> Ints:
    after = balance.copy()
    for i in range(len(settles)):
        if settles[i]:
            for k in range(offset[i], offset[i + 1]):
                after[row[k]] += amount[k]
    return after


@compiled
def _explain(
    pointer: Ints, row: Ints, effect: Ints, balance: Ints, floor: Ints, after: Ints, settles: Flags
) -> tuple[Ints, Ints]:
    """Return the first short row and its shortfall of each instruction which waits."""
    short_row = np.full(len(settles), -1, np.int64)
    shortfall = np.zeros(len(settles), np.int64)
    for i in range(len(settles)):
        if settles[i]:
            continue
        for k in range(pointer[i], pointer[i + 1]):
            r = row[k]
            if effect[k] >= 0:
                continue
            missing = floor[r] - (after[r] + effect[k])
            if balance[r] < floor[r]:
                missing = max(missing, floor[r] - balance[r])
            if missing > 0:
                short_row[i] = r
                shortfall[i] = missing
                break
    return short_row, shortfall


def reasons_of(*, decision: Decision, row_is_cash: Flags) -> list[Reason | None]:
    """Name why each instruction waits: LACK for securities, MONY for cash, None where it settles.

    row_is_cash is bool[m]. With securities before cash in the batch, LACK is told where both are short.
    """
    lacking = decision.short_row >= 0
    cash = np.zeros(len(lacking), np.bool_)
    cash[lacking] = row_is_cash[decision.short_row[lacking]]
    return [
        (Reason.MONY if is_cash else Reason.LACK) if waits else None
        for waits, is_cash in zip(lacking.tolist(), cash.tolist(), strict=True)
    ]


def warm_up() -> None:
    """Compile every kernel, or load it from the cache: for a worker's start, not for its first cycle."""
    # Deliveries compete for one holding, so that the presolve leaves something to every later step; the
    # small count ends in the exact decision, the larger in the search.
    for count in (2, EXACT_CORE + 1):
        ones = np.ones(count, np.int64)
        batch, _, _ = build_dvp_batch(
            deliverer_securities=ones, receiver_securities=2 * ones,
            deliverer_cash=ones, receiver_cash=2 * ones,
            security=ones, quantity=ones, currency=2 * ones, cash=0 * ones,
            priority=ones, value=ones, number=np.arange(count),
            known_account=ones[:1], known_asset=ones[:1], known_balance=ones[:1], known_floor=0 * ones[:1],
        )  # fmt: skip
        decide_settlement(batch=batch)
