"""What a search works on: a problem listed by row, and the state which it changes."""

from typing import NamedTuple

import numpy as np

from settlement.core.compiled import Ints, compiled
from settlement.core.problem import Problem


class Core(NamedTuple):
    """A problem and, by row (CSR), its debitors and creditors, the best first, with their whole amounts."""

    problem: Problem
    debit_pointer: Ints
    debitor: Ints
    debit: Ints
    credit_pointer: Ints
    creditor: Ints
    credit: Ints


class Search(NamedTuple):
    """The state of a search; all arrays are changed in place."""

    x: Ints
    level: Ints
    touched: Ints  # column -> the attempt which last changed it
    changed: Ints  # log of this attempt: columns
    before: Ints  # log of this attempt: their x before
    short: Ints  # stack of rows below zero
    gain: Ints  # value and number per rank, of this attempt
    seed: Ints  # one cell
    attempt: Ints  # one cell: how many attempts there were
    cuts: Ints  # column -> how often a repair has cut it


@compiled
def list_by_row(
    owner: Ints, row: Ints, effect: Ints, order: Ints, row_count: int, sign: int
) -> tuple[Ints, Ints, Ints]:
    """List the debits (sign -1) or credits (sign 1) of each row, movements taken in the given order.

    Returns pointer[row_count+1], the column and the absolute amount of each entry.
    """
    pointer = np.zeros(row_count + 1, np.int64)
    for k in range(len(row)):
        if effect[k] * sign > 0:
            pointer[row[k] + 1] += 1
    for r in range(row_count):
        pointer[r + 1] += pointer[r]
    place = pointer[:-1].copy()
    column = np.empty(pointer[-1], np.int64)
    amount = np.empty(pointer[-1], np.int64)
    for k in order:
        if effect[k] * sign > 0:
            column[place[row[k]]] = owner[k]
            amount[place[row[k]]] = effect[k] * sign
            place[row[k]] += 1
    return pointer, column, amount


def build_core(*, problem: Problem) -> Core:
    """List each row's debitors and creditors, the best first."""
    owner = np.repeat(np.arange(len(problem.value)), np.diff(problem.pointer))
    best_first = np.lexsort((problem.number, -problem.value, problem.rank))
    place_of = np.empty(len(best_first), np.int64)
    place_of[best_first] = np.arange(len(best_first))
    order = np.argsort(place_of[owner], kind="stable")
    debits = list_by_row(owner, problem.row, problem.effect, order, len(problem.level), -1)
    credit_lists = list_by_row(owner, problem.row, problem.effect, order, len(problem.level), 1)
    return Core(problem, *debits, *credit_lists)


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
        seed=np.full(1, seed, np.int64),
        attempt=np.zeros(1, np.int64),
        cuts=np.zeros(len(x), np.int64),
    )
