"""What a search works on: a problem listed by row, and the state which it changes."""

from typing import Final, NamedTuple

import numpy as np

from settlement.core.bound import Floats
from settlement.core.compiled import Flags, Ints, Places, compiled
from settlement.core.problem import Problem

UNKNOWN_PRICE: Final = 0.3
LEAST_PRICE: Final = 0.05
"""Of what a unit of a row is worth on average: its price where nothing is known, and the least one."""


class Core(NamedTuple):
    """A problem and, by row (CSR), its debitors and creditors, in a given order, with their whole amounts.

    weight[n]  of the whole of each column, float64: what a search weighs against each other
    price[m]   what a unit missing on each row is taken to cost, float64, zero or more
    """

    problem: Problem
    debit_pointer: Ints
    debitor: Places
    debit: Ints
    credit_pointer: Ints
    creditor: Places
    credit: Ints
    weight: Floats
    price: Floats


class Search(NamedTuple):
    """The state of a search; all arrays are changed in place."""

    x: Ints
    level: Ints
    touched: Ints  # column -> the attempt which last changed it
    changed: Ints  # log of this attempt: columns
    before: Ints  # log of this attempt: their x before
    short: Ints  # stack of rows below zero
    gain: Ints  # value and number per rank, of this attempt
    best: Ints  # the same of its best beginning
    soft: Flags  # row -> it may be short, at its price
    met: Ints  # row -> the attempt which last used what it had left
    seed: Ints  # one cell
    attempt: Ints  # one cell: how many attempts there were
    cuts: Ints  # column -> how often a repair has cut it


@compiled
def list_by_row(problem: Problem, order: Ints, row_count: int, sign: int) -> tuple[Ints, Places, Ints]:
    """List the debits (sign -1) or credits (sign 1) of each row, the columns taken in the given order.

    Returns pointer[row_count+1], the column and the absolute amount of each entry.
    """
    pointer = np.zeros(row_count + 1, np.int64)
    for k in range(len(problem.row)):
        if problem.effect[k] * sign > 0:
            pointer[problem.row[k] + 1] += 1
    for r in range(row_count):
        pointer[r + 1] += pointer[r]
    place = pointer[:-1].copy()
    column = np.empty(pointer[-1], np.int32)
    amount = np.empty(pointer[-1], np.int64)
    for i in order:
        for k in range(problem.pointer[i], problem.pointer[i + 1]):
            if problem.effect[k] * sign > 0:
                p = place[problem.row[k]]
                column[p] = i
                amount[p] = problem.effect[k] * sign
                place[problem.row[k]] = p + 1
    return pointer, column, amount


def build_core(
    *, problem: Problem, order: Ints | None = None, weight: Floats | None = None, price: Floats | None = None
) -> Core:
    """List each row's debitors and creditors in the order of the columns, by default the best first.

    Where nothing is known of prices, or one is nought, a row has a small price of its own: a share of what its
    movements are worth on average.
    """
    if order is None:
        order = np.lexsort((problem.number, -problem.value, problem.rank))
    if weight is None:
        weight = problem.value.astype(np.float64)
    debits = list_by_row(problem, order, len(problem.level), -1)
    credit_lists = list_by_row(problem, order, len(problem.level), 1)
    usual = _usual_prices(problem, weight)
    known = usual * UNKNOWN_PRICE if price is None else np.maximum(price, usual * LEAST_PRICE)
    return Core(problem, *debits, *credit_lists, weight, known)


@compiled
def _usual_prices(problem: Problem, weight: Floats) -> Floats:
    """Return what a unit of each row is worth to those who debit it: their weights by their debits."""
    worth = np.zeros(len(problem.level), np.float64)
    amount = np.zeros(len(problem.level), np.float64)
    for i in range(len(weight)):
        for k in range(problem.pointer[i], problem.pointer[i + 1]):
            if problem.effect[k] < 0:
                worth[problem.row[k]] += weight[i]
                amount[problem.row[k]] -= problem.effect[k]
    return worth / np.maximum(amount, 1.0)


def start_search(*, core: Core, x: Ints, level: Ints, most_steps: int, seed: int) -> Search:
    """Return a search from x, which leaves level; both are changed in place. seed is above zero."""
    problem = core.problem
    longest = int(np.diff(problem.pointer).max(initial=1))
    log_length = 2 * most_steps + 2
    return Search(
        x=x,
        level=level,
        touched=np.zeros(len(x), np.int64),
        changed=np.empty(log_length, np.int64),
        before=np.empty(log_length, np.int64),
        short=np.empty((log_length + 2) * longest + len(level), np.int64),
        gain=np.zeros(2 * (int(problem.rank.max(initial=0)) + 1), np.int64),
        best=np.zeros(2 * (int(problem.rank.max(initial=0)) + 1), np.int64),
        soft=np.zeros(len(level), np.bool_),
        met=np.zeros(len(level), np.int64),
        seed=np.full(1, seed, np.int64),
        attempt=np.zeros(1, np.int64),
        cuts=np.zeros(len(x), np.int64),
    )
