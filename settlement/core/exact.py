"""The proved best decision of a tiny problem, by branch and bound over every number of units."""

from typing import Final

import numpy as np

from settlement.core.compiled import Ints, compiled
from settlement.core.problem import Problem
from settlement.core.units import part_of, round_down

EXACT_COLUMNS: Final = 16
EXACT_CHOICES: Final = 120
"""Up to so many columns, and numbers of units to choose from in all, the best decision is proved here."""

MOST_NODES = 300_000


def is_tiny(*, problem: Problem) -> bool:
    """Say whether decide_exactly is meant for this problem."""
    choices = 1 + np.maximum(problem.most - problem.least, 0) // problem.step
    return len(choices) <= EXACT_COLUMNS and int(choices.sum()) <= EXACT_CHOICES


@compiled
def _exceeds(total: Ints, other: Ints) -> bool:
    for place in range(len(total)):
        if total[place] != other[place]:
            return bool(total[place] > other[place])
    return False


@compiled
def _count(problem: Problem, i: int, x: int, sign: int, total: Ints) -> None:
    """Add (sign 1) or take back (-1) what x units of column i bring."""
    total[2 * problem.rank[i]] += sign * part_of(problem.value[i], problem.units[i], x)
    total[2 * problem.rank[i] + 1] += sign * int(x == problem.units[i])


@compiled
def _choose(problem: Problem, i: int, x: int, sign: int, potential: Ints) -> bool:
    """Settle x units of column i (sign 1) or take that back (-1); say if its rows can still be covered.

    potential is what each row has with what is chosen and with the most of all credits not yet decided.
    """
    possible = True
    for k in range(problem.pointer[i], problem.pointer[i + 1]):
        effect, units = problem.effect[k], problem.units[i]
        change = part_of(effect, units, x)
        if effect > 0:
            change -= part_of(effect, units, problem.most[i])
        potential[problem.row[k]] += sign * change
        possible = possible and potential[problem.row[k]] >= 0
    return possible


@compiled
def decide_exactly(problem: Problem, order: Ints, known: Ints) -> Ints:
    """Return the best x, or of equals the one which takes the most of the first in order; nothing below known.

    known[2 * ranks] is the tally of some decision, by which hopeless branches are cut. x[0] is -1 where
    the best was not found within MOST_NODES.
    """
    count = len(order)
    potential = problem.level.copy()
    for i in range(count):
        for k in range(problem.pointer[i], problem.pointer[i + 1]):
            potential[problem.row[k]] += max(part_of(problem.effect[k], problem.units[i], problem.most[i]), 0)
    hope = np.zeros((count + 1, len(known)), np.int64)
    for depth in range(count - 1, -1, -1):
        hope[depth] = hope[depth + 1]
        _count(problem, order[depth], problem.most[order[depth]], 1, hope[depth])
    best_total = known.copy()
    best_total[-1] -= 1
    best = np.zeros(count, np.int64)
    total = np.zeros(len(known), np.int64)
    chosen = np.full(count + 1, -1, np.int64)
    depth, nodes = 0, 0
    while depth >= 0:
        nodes += 1
        if nodes > MOST_NODES:
            best[0] = -1
            break
        if depth == count:
            if _exceeds(total, best_total):
                best_total[:] = total
                for place in range(count):
                    best[order[place]] = chosen[place]
            depth -= 1
            continue
        i = order[depth]
        now = chosen[depth]
        if now >= 0:
            _choose(problem, i, now, -1, potential)
            _count(problem, i, now, -1, total)
        if now == 0:
            chosen[depth] = -1
            depth -= 1
            continue
        most = problem.most[i]
        now = most if now < 0 else round_down(now - 1, problem.units[i], problem.least[i], problem.step[i], most)
        chosen[depth] = now
        _count(problem, i, now, 1, total)
        if _choose(problem, i, now, 1, potential) and _exceeds(total + hope[depth + 1], best_total):
            depth += 1
    return best
