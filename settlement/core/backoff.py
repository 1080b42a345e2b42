"""Greedy decisions: first in first out, back-off from all in, and refill."""

import numpy as np

from settlement.core.compiled import Ints, compiled
from settlement.core.problem import Problem
from settlement.core.units import fit_units, most_covered, part_of, round_down

MOST_PARTIAL_CUTS = 8


@compiled
def move_column(problem: Problem, level: Ints, x: Ints, i: int, to: int) -> None:
    """Settle `to` units of column i in place of x[i]; level moves along."""
    for k in range(problem.pointer[i], problem.pointer[i + 1]):
        before = part_of(problem.effect[k], problem.units[i], x[i])
        level[problem.row[k]] += part_of(problem.effect[k], problem.units[i], to) - before
    x[i] = to


@compiled
def levels_after(problem: Problem, x: Ints) -> Ints:
    """Return what each row has left when x settles."""
    level = problem.level.copy()
    for i in range(len(x)):
        if x[i] > 0:
            for k in range(problem.pointer[i], problem.pointer[i + 1]):
                level[problem.row[k]] += part_of(problem.effect[k], problem.units[i], x[i])
    return level


@compiled
def fill(problem: Problem, order: Ints, level: Ints, x: Ints, most_passes: int) -> None:
    """Settle, in the given order, as much of each column as is covered at its turn; level moves along.

    One pass over everything, from nothing, is first in first out.
    """
    for _ in range(most_passes):
        added = False
        for i in order:
            if x[i] < problem.most[i]:
                to = most_covered(problem, level, x, i)
                if to > x[i]:
                    move_column(problem, level, x, i, to)
                    added = True
        if not added:
            break


@compiled
def _admit_all(problem: Problem, cut_order: Ints, level: Ints, x: Ints) -> tuple[Ints, Ints]:
    """Settle the most of everything; return each row's newly admitted debitors (CSR by row) in cut_order."""
    debit_pointer = np.zeros(len(level) + 1, np.int64)
    for i in cut_order:
        if x[i] < problem.most[i]:
            for k in range(problem.pointer[i], problem.pointer[i + 1]):
                if problem.effect[k] < 0:
                    debit_pointer[problem.row[k] + 1] += 1
    debit_pointer = np.cumsum(debit_pointer)
    place = debit_pointer[:-1].copy()
    debitor = np.empty(debit_pointer[-1], np.int64)
    for i in cut_order:
        if x[i] < problem.most[i]:
            move_column(problem, level, x, i, problem.most[i])
            for k in range(problem.pointer[i], problem.pointer[i + 1]):
                if problem.effect[k] < 0:
                    debitor[place[problem.row[k]]] = i
                    place[problem.row[k]] += 1
    return debit_pointer, debitor


@compiled
def _cut_to(problem: Problem, i: int, x: int, kept: int, debit: int, need: int) -> int:
    """Return how far to cut column i, of whose debit `need` is missing; not below what is to be kept."""
    units = problem.units[i]
    room = part_of(debit, units, x) - need
    if room <= 0:
        return kept
    to = fit_units(debit, units, room)
    return max(kept, round_down(min(to, x), units, problem.least[i], problem.step[i], problem.most[i]))


@compiled
def back_off(problem: Problem, cut_order: Ints, level: Ints, x: Ints) -> None:
    """Put all in, then cut debitors of each short row, first in cut_order first, until none is short.

    What x holds at the start stays; level is what the rows have left with it, at least zero. So only
    newcomers are cut, and whole chains and circles can join at once. A part is cut to what is covered, a
    few times, then out. Linear in movements: each row walks its debitors once. The method for payments
    alone is Bech and Soramaki, Gridlock resolution in interbank payment systems, 2001.
    """
    kept = x.copy()
    cuts = np.zeros(len(x), np.int8)
    head, debitor = _admit_all(problem, cut_order, level, x)
    waiting = level < 0
    stack = np.empty(len(level), np.int64)
    depth = 0
    for r in np.flatnonzero(waiting):
        stack[depth] = r
        depth += 1
    while depth > 0:
        depth -= 1
        r = stack[depth]
        waiting[r] = False
        while level[r] < 0:
            i = debitor[head[r]]
            if x[i] == kept[i]:
                head[r] += 1
                continue
            to = kept[i]
            if cuts[i] < MOST_PARTIAL_CUTS and problem.least[i] < problem.most[i]:
                cuts[i] += 1
                for k in range(problem.pointer[i], problem.pointer[i + 1]):
                    if problem.row[k] == r:
                        to = _cut_to(problem, i, x[i], kept[i], -problem.effect[k], -level[r])
            move_column(problem, level, x, i, to)
            for k in range(problem.pointer[i], problem.pointer[i + 1]):
                other = problem.row[k]
                if level[other] < 0 and other != r and not waiting[other]:
                    waiting[other] = True
                    stack[depth] = other
                    depth += 1


@compiled
def tally(problem: Problem, x: Ints, rank_count: int) -> Ints:
    """Return, from the first rank on, the settled value and how many settled whole: compared in order."""
    total = np.zeros(2 * rank_count, np.int64)
    for i in range(len(x)):
        if x[i] > 0:
            total[2 * problem.rank[i]] += part_of(problem.value[i], problem.units[i], x[i])
            total[2 * problem.rank[i] + 1] += x[i] == problem.units[i]
    return total
