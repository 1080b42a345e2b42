"""A certified upper bound of what any decision can be worth, from prices of what is short."""

import numpy as np
from numpy.typing import NDArray

from settlement.core.compiled import Ints, compiled
from settlement.core.problem import Problem
from settlement.core.units import round_down

Floats = NDArray[np.float64]


def certify_bound(
    *, problem: Problem, weight: Ints, price: Floats, cut_cost: Floats | None = None, cut_level: float = 0.0
) -> int:
    """Return an upper bound of the sum of weight * x // units over every decision, for any price.

    weight is int64[n], zero or more, of the whole of each column (the value, say); price is float64[m],
    weight per unit of each row, and counts as zero where it is below zero or not finite. By weak duality
    no decision is worth more than what all levels cost at these prices, plus, of each column, the best of
    what it is worth with its movements paid (Dantzig and Wolfe, 1960; Geoffrion, Lagrangean relaxation for
    integer programming, 1974). What a part debits is rounded down to a whole unit of the row, so each
    of its debits may cost one unit less. Inequalities which every decision keeps may be paid besides (guide.py):
    cut_cost, float64[n], of the whole of each column, and cut_level. Float error is added on the safe side.
    """
    safe_price = np.where(np.isfinite(price) & (price > 0), price, 0.0)
    everything = sum_most(problem, weight)
    paid = np.zeros(len(weight)) if cut_cost is None else cut_cost
    bound = _sum_bound(problem, weight, safe_price, paid) + cut_level
    return everything if not bound < everything else int(bound)


@compiled
def sum_most(problem: Problem, weight: Ints) -> int:
    """Return what all columns are worth at their most: exact, as no weight times units leaves int64 here."""
    total = 0
    for i in range(len(weight)):
        x, units = problem.most[i], problem.units[i]
        total += weight[i] if x == units else weight[i] // units * x + weight[i] % units * x // units
    return total


@compiled
def _sum_bound(problem: Problem, weight: Ints, price: Floats, cut_cost: Floats) -> float:
    pointer, row, effect = problem.pointer, problem.row, problem.effect
    relative_error = 2.0**-52
    total = 0.0
    for r in range(len(price)):
        total += price[r] * problem.level[r]
    for i in range(len(weight)):
        units, least, most = problem.units[i], problem.least[i], problem.most[i]
        if most == 0:
            continue
        parts = least < units
        gain = float(weight[i]) - cut_cost[i]
        size = float(weight[i]) + abs(cut_cost[i])
        rounding = 0.0
        for k in range(pointer[i], pointer[i + 1]):
            cost = price[row[k]] * effect[k]
            gain += cost
            size += abs(cost)
            if parts and effect[k] < 0 and -effect[k] % units != 0:
                rounding += price[row[k]]
        error = (size + rounding) * relative_error * (pointer[i + 1] - pointer[i] + 8)
        best = gain if most == units else 0.0
        if parts:
            top = round_down(min(most, units - 1), units, least, problem.step[i], most)
            if top > 0:
                share = (top if gain > 0 else least) / units
                best = max(best, gain * share + rounding)
        total += max(best + error, 0.0)
    return total * (1.0 + relative_error * (len(weight) + len(price) + 8))
