"""Cutting planes: inequalities which every decision keeps and a relaxation breaks, each from one row.

Complemented mixed integer rounding: Marchand and Wolsey, Aggregation and mixed integer rounding to solve
MIPs, Operations Research 49, 2001. A row reads: debits less credits, in shares of the whole, are at most
what it has.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from settlement.core.compiled import Flags, Ints, Places, compiled
from settlement.core.problem import Problem

Floats = NDArray[np.float64]

FRACTION = 1e-6
LEAST_DEPTH = 1e-4
MOST_DIVISORS = 12
MOST_HALVINGS = 4
MOST_TURNED = 40
SAFETY = 1e-9
"""Share by which a cut is loosened, far more than float error takes away from it."""

NONE: Final = -1


class Cuts(NamedTuple):
    """Cuts by row (CSR): the sum of value * share[column] is at most limit."""

    start: Ints
    column: Ints
    value: Floats
    limit: Floats


class Kinds(NamedTuple):
    """What a share may be, by column: whole, 0 or 1; else up to most, and fewest or more where it is not 0."""

    whole: Flags
    fewest: Floats
    most: Floats


def read_kinds(*, problem: Problem) -> Kinds:
    """Return what the shares of the problem's columns may be."""
    return Kinds(
        (problem.least == problem.units) & (problem.most == problem.units),
        problem.least / problem.units,
        problem.most / problem.units,
    )


@compiled
def round_off(problem: Problem) -> Floats:
    """Return by how much the debits of each row may stay below their shares: a unit for each part, rounded down."""
    loose = np.zeros(len(problem.level))
    for i in range(len(problem.units)):
        if problem.least[i] < problem.most[i]:
            for k in range(problem.pointer[i], problem.pointer[i + 1]):
                if problem.effect[k] < 0 and -problem.effect[k] % problem.units[i] != 0:
                    loose[problem.row[k]] += 1.0
    return loose


@compiled
def separate_cuts(
    start: Ints, column: Places, value: Floats, level: Floats, loose: Floats, kinds: Kinds, share: Floats
) -> Cuts:
    """Return for each row at most one cut, the deepest found, which share breaks.

    The rows (CSR) say level[r] + the sum of value * share >= 0, give or take loose[r].
    """
    rows = len(level)
    longest = 0
    for r in range(rows):
        longest = max(longest, start[r + 1] - start[r])
    item = np.empty((4, longest))
    whole = np.empty(longest, np.bool_)
    turned = np.empty(longest, np.bool_)
    cut, best = np.empty(longest + 1), np.empty(longest + 1)
    found_start = np.zeros(rows + 1, np.int64)
    found_column = np.empty(start[-1], np.int64)
    found_value = np.empty(start[-1])
    limit = np.empty(rows)
    count, filled = 0, 0
    for r in range(rows):
        size = start[r + 1] - start[r]
        fractions, parts = False, False
        for k in range(size):
            i = column[start[r] + k]
            fractions = fractions or FRACTION < share[i] < kinds.most[i] - FRACTION
            parts = parts or (not kinds.whole[i] and value[start[r] + k] < 0)
        if not fractions:
            continue
        depth = 0.0
        # A part which debits can count as continuous, or as its least, whole: it debits that if it settles.
        for mode in range(3 if parts else 1):
            room = level[r] + loose[r]
            for k in range(size):
                i = column[start[r] + k]
                item[0, k], item[1, k], item[2, k], item[3, k] = -value[start[r] + k], kinds.most[i], share[i], 1.0
                whole[k] = kinds.whole[i]
                if mode > 0 and not whole[k] and item[0, k] > 0 and (mode == 1 or share[i] < 0.999 * kinds.most[i]):
                    whole[k] = True
                    item[0, k] *= kinds.fewest[i]
                    item[1, k], item[2, k], item[3, k] = 1.0, share[i] / kinds.most[i], kinds.most[i]
                room += SAFETY * abs(item[0, k]) * item[1, k]
            found = _cut_row(item, whole, room, size, turned, cut)
            if found > depth * 1.0001:
                depth = found
                best[size] = cut[size]
                for k in range(size):
                    best[k] = cut[k] / item[3, k]
        if depth > 0.0:
            filled = _write_cut(best, size, column[start[r] : start[r + 1]], kinds, found_column, found_value, filled)
            count += 1
            found_start[count] = filled
            limit[count - 1] = best[size]
    return Cuts(found_start[: count + 1], found_column[:filled], found_value[:filled], limit[:count])


@compiled
def _write_cut(
    cut: Floats, size: int, column: Places, kinds: Kinds, found_column: Ints, found_value: Floats, filled: int
) -> int:
    """Scale a cut to coefficients of at most one, loosen it, append it; its limit goes back to cut[size]."""
    largest = 0.0
    for k in range(size):
        largest = max(largest, abs(cut[k]))
    limit = cut[size] / largest
    slack = abs(limit) + 1.0
    for k in range(size):
        coefficient, most = cut[k] / largest, kinds.most[column[k]]
        if abs(coefficient) > SAFETY:
            found_column[filled] = column[k]
            found_value[filled] = coefficient
            filled += 1
            slack += abs(coefficient) * most
        else:
            slack += most
    cut[size] = limit + SAFETY * slack
    return filled


@compiled
def _cut_row(item: Floats, whole: Flags, room: float, size: int, turned: Flags, cut: Floats) -> float:
    """Find the deepest cut of: the sum of item[0] * y <= room, 0 <= y <= item[1] (1 where whole), y broken at item[2].

    Returns its depth, zero if there is none; cut[:size] are its coefficients of y, cut[size] its limit.
    """
    depth, divisor, left = _find_divisor(item, whole, room, size, turned)
    if divisor == 0.0:
        return 0.0
    limit = np.floor(left / divisor)
    part = left / divisor - limit
    for k in range(size):
        coefficient = _round_coefficient(item[0, k], whole[k], turned[k], divisor, part)
        if turned[k]:
            limit -= coefficient * item[1, k]
            coefficient = -coefficient
        cut[k] = coefficient
    cut[size] = limit
    return float(depth)


@compiled
def _find_divisor(item: Floats, whole: Flags, room: float, size: int, turned: Flags) -> tuple[float, float, float]:
    """Find by what to divide a row, and which of its items to turn into their complements, for the deepest cut.

    Returns the depth, the divisor (zero if there is no cut) and what is then on the right-hand side.
    """
    left = room
    for k in range(size):
        turned[k] = item[2, k] > 0.5 * item[1, k]
        if turned[k]:
            left -= item[0, k] * item[1, k]
    divisor, depth, tried = 0.0, LEAST_DEPTH, 0
    for k in range(size):
        if not whole[k] or item[2, k] < FRACTION or item[2, k] > 1 - FRACTION or item[0, k] == 0.0:
            continue
        tried += 1
        if tried > MOST_DIVISORS:
            break
        for halving in range(MOST_HALVINGS):
            found = _depth(item, whole, left, size, turned, abs(item[0, k]) / (1 << halving))
            if found > depth:
                depth, divisor = found, abs(item[0, k]) / (1 << halving)
    tried = 0 if divisor > 0.0 else MOST_TURNED
    for k in range(size):
        if whole[k] and FRACTION < item[2, k] < 1 - FRACTION and tried < MOST_TURNED:
            tried += 1
            other = left + item[0, k] * (1.0 if turned[k] else -1.0)
            turned[k] = not turned[k]
            found = _depth(item, whole, other, size, turned, divisor)
            if found > depth:
                depth, left = found, other
            else:
                turned[k] = not turned[k]
    return depth, divisor, left


@compiled
def _round_coefficient(size: float, whole: bool, turned: bool, divisor: float, part: float) -> float:
    """Round a coefficient, of the complement where turned; part is the fraction of the right-hand side."""
    share = (-size if turned else size) / divisor
    if not whole:
        return share / (1.0 - part) if share < 0 else 0.0
    floor = np.floor(share)
    return float(floor + max(0.0, share - floor - part) / (1.0 - part))


@compiled
def _depth(item: Floats, whole: Flags, left: float, size: int, turned: Flags, divisor: float) -> float:
    """Return how far the point is beyond the cut of this divisor, by its Euclidean norm."""
    limit = np.floor(left / divisor)
    part = left / divisor - limit
    if part < 0.01 or part > 0.99:
        return 0.0
    total, norm = -limit, 0.0
    for k in range(size):
        coefficient = _round_coefficient(item[0, k], whole[k], turned[k], divisor, part)
        total += coefficient * (item[1, k] - item[2, k] if turned[k] else item[2, k])
        norm += coefficient * coefficient
    return float(total / np.sqrt(norm)) if norm > 0.0 else 0.0
