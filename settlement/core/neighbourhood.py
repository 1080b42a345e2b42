"""Which columns to decide anew together: where the relaxation and the decision differ, and around it.

Relaxation induced neighbourhoods: Danna, Rothberg and Le Pape, Exploring relaxation induced neighborhoods to
improve MIP solutions, 2005. Which other columns come along is told by their reduced cost.
"""

from typing import NamedTuple

import numpy as np

from settlement.core.bound import Floats
from settlement.core.compiled import Flags, Ints, compiled
from settlement.core.guide import Relaxation
from settlement.core.problem import Problem
from settlement.core.search_state import Core

EQUAL = 1e-6


class Guide(NamedTuple):
    """What a relaxation tells of each column.

    share[n]   of the whole, which the relaxation settles
    gain[n]    weight of the most less what it costs at the prices (the reduced cost)
    worth[n]   weight of the most
    open[n]    bool: not told, as two decisions made from the relaxation differ
    """

    share: Floats
    gain: Floats
    worth: Floats
    open: Flags


def read_guide(*, problem: Problem, weight: Floats, relaxation: Relaxation, points: list[Ints]) -> Guide:
    """Return what the relaxation of this problem, and decisions made from it, tell of its columns."""
    owner = np.repeat(np.arange(len(weight)), np.diff(problem.pointer))
    paid = np.bincount(owner, weights=problem.effect * relaxation.price[problem.row], minlength=len(weight))
    most = problem.most / problem.units
    differ = np.zeros(len(weight), np.bool_)
    for point in points[1:]:
        differ |= point != points[0]
    return Guide(relaxation.x / problem.units, (weight + paid - relaxation.cut_cost) * most, weight * most, differ)


def score_columns(*, problem: Problem, guide: Guide, x: Ints) -> tuple[Floats, Floats]:
    """Return score[n], below zero where relaxation and x differ, else how sure the relaxation is; and loss[n].

    loss is the column's part of what x is worth less than the bound: what it would gain, or costs.
    """
    most = problem.most / problem.units
    share = x / problem.units
    differs = np.abs(guide.share - share) > EQUAL * most
    between = np.minimum(guide.share, most - guide.share) > EQUAL * most
    score = np.abs(guide.gain) / np.maximum(guide.worth, 1e-200)
    settled = share / most
    loss = np.where(guide.gain > 0, guide.gain * (1.0 - settled), -guide.gain * settled)
    return np.where(differs | between | guide.open, -1.0, score), loss


@compiled
def grow(core: Core, score: Floats, limit: float, seeds: Ints, size: int, per_row: int) -> Ints:
    """Return up to size columns of a score up to limit, found from seeds over the rows they share, ascending."""
    problem = core.problem
    taken = np.zeros(len(score), np.bool_)
    met = np.zeros(len(problem.level), np.bool_)
    queue = np.empty(max(size, len(seeds)), np.int64)
    for place, i in enumerate(seeds):
        queue[place] = i
        taken[i] = True
    first, count = 0, len(seeds)
    while first < count and count < size:
        i = queue[first]
        first += 1
        for k in range(problem.pointer[i], problem.pointer[i + 1]):
            r = problem.row[k]
            if met[r]:
                continue
            met[r] = True
            for side in range(2):
                start = core.debit_pointer[r] if side == 0 else core.credit_pointer[r]
                stop = core.debit_pointer[r + 1] if side == 0 else core.credit_pointer[r + 1]
                others = 0
                for p in range(start, stop):
                    j = core.debitor[p] if side == 0 else core.creditor[p]
                    if taken[j] or score[j] > limit or count >= size:
                        continue
                    if score[j] >= 0.0:
                        if others == per_row:
                            continue
                        others += 1
                    taken[j] = True
                    queue[count] = j
                    count += 1
    return np.sort(queue[:count])
