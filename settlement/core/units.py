"""What a part of an instruction moves, and how many units may settle: exact in int64.

Every kernel computes parts here, so compiled.py lets each kernel's cache watch this file too.
"""

from settlement.core.compiled import Ints, compiled
from settlement.core.problem import Problem


@compiled
def part_of(whole: int, units: int, x: int) -> int:
    """Return sign(whole) * (abs(whole) * x // units) for 0 <= x <= units, without leaving int64."""
    if x == units:
        return whole
    if x == 0:
        return 0
    if whole < 0:
        return -((-whole) // units * x + (-whole) % units * x // units)
    return whole // units * x + whole % units * x // units


@compiled
def fit_units(whole: int, units: int, room: int) -> int:
    """Return the most units, up to all, whose part of whole (above zero) is at most room (zero or more)."""
    if room >= whole:
        return units
    x = min(units, int((room + 1.0) / whole * units))
    while x > 0 and part_of(whole, units, x) > room:
        x -= 1
    while x < units and part_of(whole, units, x + 1) <= room:
        x += 1
    return x


@compiled
def round_down(x: int, units: int, least: int, step: int, most: int) -> int:
    """Return the largest number of units that may settle and is at most x."""
    x = min(x, most)
    if x >= units:
        return units
    x -= x % step
    return x if x >= least else 0


@compiled
def round_up(x: int, units: int, least: int, step: int, most: int) -> int:
    """Return the smallest number of units above zero that may settle and is at least x; -1 if there is none."""
    x = max(x, least)
    x += -x % step
    x = min(x, units)
    return x if x <= most else -1


@compiled
def most_covered(problem: Problem, level: Ints, x: Ints, i: int) -> int:
    """Return the most units of column i, at least x[i], which the rows it debits cover now."""
    now, to, units = x[i], problem.most[i], problem.units[i]
    for k in range(problem.pointer[i], problem.pointer[i + 1]):
        debit = -problem.effect[k]
        if debit > 0:
            room = level[problem.row[k]] + part_of(debit, units, now)
            if room < debit:
                to = min(to, fit_units(debit, units, max(room, 0)))
                if to <= now:
                    return int(now)
    return max(int(now), round_down(to, units, problem.least[i], problem.step[i], problem.most[i]))
