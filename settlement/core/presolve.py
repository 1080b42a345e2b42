"""Exact reductions before any search: what can never settle, and what settles for certain.

No optimum is lost: some best decision settles what is certain, and none settles more than `most`.
"""

from typing import NamedTuple

import numpy as np

from settlement.core.compiled import Flags, Ints, compiled
from settlement.core.problem import Problem
from settlement.core.units import fit_units, part_of, round_down

MOST_TURNS = 20
MOST_SWEEPS = 100


class Reduction(NamedTuple):
    """What is left of a problem of n columns and m rows.

    settled[n]   units that settle for certain; 0 for a column that is open, or that can never settle
    column[c]    the columns of the problem which are left open, ascending
    row[r]       the rows of the problem which can still bind, ascending
    core         the problem of c columns and r rows that is left; its levels stand after the certain ones
    """

    settled: Ints
    column: Ints
    row: Ints
    core: Problem


def reduce_problem(*, problem: Problem) -> Reduction:
    """Find what never and what certainly settles, to a fixpoint (or a cap, which only leaves more open).

    Never: a part of a column, or all of it, which a row it debits could not bear even if every credit
    that can still come to the row came. Certain: the greatest set of columns whose debited rows are
    covered by the set's own credits even if every debit came; whole circles enter it at once. Adding the
    set to any decision leaves all rows covered and is worth no less. Rows that can never bind are dropped.
    Each sweep takes time linear in the movements.
    """
    most, settled, level = _reduce(problem)
    open_columns: Flags = (most > 0) & (settled == 0)
    binding = _find_binding(problem, most, settled, level)
    column, row = np.flatnonzero(open_columns), np.flatnonzero(binding)
    place = np.full(len(level), -1, np.int64)
    place[row] = np.arange(len(row))
    pointer, core_row, effect = _extract(problem, column, place)
    core = Problem(
        pointer=pointer, row=core_row, effect=effect, level=level[row],
        units=problem.units[column], least=problem.least[column], step=problem.step[column], most=most[column],
        rank=problem.rank[column], value=problem.value[column], number=problem.number[column],
    )  # fmt: skip
    return Reduction(settled, column, row, core)


@compiled
def _reduce(problem: Problem) -> tuple[Ints, Ints, Ints]:
    """Return most[n], settled[n] and the level[m] which the certain columns leave."""
    pointer, row, effect, units = problem.pointer, problem.row, problem.effect, problem.units
    count = len(units)
    level = problem.level.copy()
    most = problem.most.copy()
    for i in range(count):
        most[i] = round_down(most[i], units[i], problem.least[i], problem.step[i], most[i])
    settled = np.zeros(count, np.int64)
    debit_pointer, debitor = _list_debitors(pointer, row, effect, len(level))
    for _ in range(MOST_TURNS):
        _cap_columns(problem, most, settled, level)
        inside = _find_safe(problem, most, settled, level, debit_pointer, debitor)
        found = False
        for i in range(count):
            if inside[i]:
                found = True
                settled[i] = most[i]
                for k in range(pointer[i], pointer[i + 1]):
                    level[row[k]] += part_of(effect[k], units[i], most[i])
        if not found:
            break
    return most, settled, level


@compiled
def _list_debitors(pointer: Ints, row: Ints, effect: Ints, row_count: int) -> tuple[Ints, Ints]:
    """List the columns that debit each row (CSR by row)."""
    debit_pointer = np.zeros(row_count + 1, np.int64)
    for k in range(len(row)):
        if effect[k] < 0:
            debit_pointer[row[k] + 1] += 1
    debit_pointer = np.cumsum(debit_pointer)
    place = debit_pointer[:-1].copy()
    debitor = np.empty(debit_pointer[-1], np.int32)
    for i in range(len(pointer) - 1):
        for k in range(pointer[i], pointer[i + 1]):
            if effect[k] < 0:
                debitor[place[row[k]]] = i
                place[row[k]] += 1
    return debit_pointer, debitor


@compiled
def _cap_columns(problem: Problem, most: Ints, settled: Ints, level: Ints) -> None:
    """Lower most[i] to what its rows could bear if all that can still credit them came, again and again."""
    pointer, row, effect, units = problem.pointer, problem.row, problem.effect, problem.units
    reach = _sum_credits(problem, most, settled, level)
    for _ in range(MOST_SWEEPS):
        again = False
        for i in range(len(most)):
            if most[i] == 0 or settled[i] > 0:
                continue
            x = _cap_column(problem, most[i], reach, i)
            if x < most[i]:
                for k in range(pointer[i], pointer[i + 1]):
                    if effect[k] > 0:
                        reach[row[k]] -= part_of(effect[k], units[i], most[i]) - part_of(effect[k], units[i], x)
                # Parts that waste away a little in every sweep are not worth another one.
                again = again or x < most[i] - most[i] // 16
                most[i] = x
        if not again:
            break


@compiled
def _cap_column(problem: Problem, x: int, reach: Ints, i: int) -> int:
    """Return the most units of column i, up to x, that every row it debits can bear."""
    most = x
    for k in range(problem.pointer[i], problem.pointer[i + 1]):
        debit, room = -problem.effect[k], reach[problem.row[k]]
        if debit > 0 and part_of(debit, problem.units[i], x) > room:
            x = min(x, fit_units(debit, problem.units[i], max(room, 0)))
    return x if x == most else round_down(x, problem.units[i], problem.least[i], problem.step[i], most)


@compiled
def _sum_credits(problem: Problem, most: Ints, settled: Ints, level: Ints) -> Ints:
    """Return the level of each row with all that open columns could credit."""
    reach = level.copy()
    for i in range(len(most)):
        if settled[i] == 0:
            for k in range(problem.pointer[i], problem.pointer[i + 1]):
                if problem.effect[k] > 0:
                    reach[problem.row[k]] += part_of(problem.effect[k], problem.units[i], most[i])
    return reach


@compiled
def _sum_debits(problem: Problem, most: Ints, settled: Ints, row_count: int) -> Ints:
    """Add up, by row, what all open columns together could debit."""
    total = np.zeros(row_count, np.int64)
    for i in range(len(most)):
        if settled[i] == 0 and most[i] > 0:
            for k in range(problem.pointer[i], problem.pointer[i + 1]):
                if problem.effect[k] < 0:
                    total[problem.row[k]] -= part_of(problem.effect[k], problem.units[i], most[i])
    return total


@compiled
def _find_safe(problem: Problem, most: Ints, settled: Ints, level: Ints, debit_pointer: Ints, debitor: Ints) -> Flags:
    """Return the greatest set whose debited rows are covered by the set even if every open debit came."""
    pointer, row, effect, units = problem.pointer, problem.row, problem.effect, problem.units
    total_debit = _sum_debits(problem, most, settled, len(level))
    covered = _sum_credits(problem, most, settled, level)
    inside: Flags = (most > 0) & (settled == 0)
    bad = covered < total_debit
    stack = np.empty(len(level), np.int64)
    depth = 0
    for r in np.flatnonzero(bad):
        stack[depth] = r
        depth += 1
    while depth > 0:
        depth -= 1
        r = stack[depth]
        for p in range(debit_pointer[r], debit_pointer[r + 1]):
            i = debitor[p]
            if not inside[i]:
                continue
            inside[i] = False
            for k in range(pointer[i], pointer[i + 1]):
                if effect[k] > 0:
                    covered[row[k]] -= part_of(effect[k], units[i], most[i])
                    if not bad[row[k]] and covered[row[k]] < total_debit[row[k]]:
                        bad[row[k]] = True
                        stack[depth] = row[k]
                        depth += 1
    return inside


@compiled
def _find_binding(problem: Problem, most: Ints, settled: Ints, level: Ints) -> Flags:
    return _sum_debits(problem, most, settled, len(level)) > level


@compiled
def _extract(problem: Problem, column: Ints, place: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the movements of the given columns on rows with a place (CSR over the columns)."""
    core_pointer = np.zeros(len(column) + 1, np.int64)
    size = 0
    for i in column:
        size += problem.pointer[i + 1] - problem.pointer[i]
    core_row = np.empty(size, np.int64)
    effect = np.empty(size, np.int64)
    filled = 0
    for c in range(len(column)):
        for k in range(problem.pointer[column[c]], problem.pointer[column[c] + 1]):
            if place[problem.row[k]] >= 0:
                core_row[filled] = place[problem.row[k]]
                effect[filled] = problem.effect[k]
                filled += 1
        core_pointer[c + 1] = filled
    return core_pointer, core_row[:filled].copy(), effect[:filled].copy()


def tighten_rows(*, problem: Problem) -> Problem:
    """Return a problem with the same decisions whose linear relaxation is tighter, for guide and bound only.

    Of a row, the most that could be debited exceeds the level by an excess, which must be withheld or
    credited. A debit or credit larger than the excess counts as the excess itself (a part: so that its
    least part counts as the excess). Coefficient tightening, Savelsbergh, Preprocessing and probing
    techniques for mixed integer programming problems, 1994. A column with a part in `most` keeps its debits.
    """
    effect, level = _tighten(problem)
    return problem._replace(effect=effect, level=level)


@compiled
def _tighten(problem: Problem) -> tuple[Ints, Ints]:
    pointer, row, units, least, most = problem.pointer, problem.row, problem.units, problem.least, problem.most
    effect = problem.effect.copy()
    level = problem.level.copy()
    settled = np.zeros(len(most), np.int64)
    excess = _sum_debits(problem, most, settled, len(level)) - level
    for i in range(len(most)):
        for k in range(pointer[i], pointer[i + 1]):
            e = excess[row[k]]
            if e <= 0 or most[i] == 0:
                continue
            if effect[k] > 0 and part_of(effect[k], units[i], least[i]) >= e:
                # e * units // least, rounded up, is in range: it is at most about effect.
                capped = e // least[i] * units[i] + -(-(e % least[i]) * units[i] // least[i])
                effect[k] = min(effect[k], capped)
            elif effect[k] < -e and least[i] == units[i]:
                level[row[k]] -= -effect[k] - e
                effect[k] = -e
    return effect, level
