"""The proved best decision of a small core, by branch and bound."""

import numpy as np

from settlement.core.compiled import Flags, Ints, compiled


@compiled
def _exceeds(total: Ints, other: Ints) -> bool:
    for place in range(len(total)):
        if total[place] != other[place]:
            return bool(total[place] > other[place])
    return False


@compiled
def _choose(pointer: Ints, row: Ints, effect: Ints, i: int, sign: int, potential: Ints) -> bool:
    """Take i in (sign -1: its debits count) or leave it out (sign 1: its credits are lost); say if possible.

    potential[row] is what the row has with the chosen and with every credit not yet decided.
    """
    possible = True
    for k in range(pointer[i], pointer[i + 1]):
        if effect[k] * sign > 0:
            potential[row[k]] -= abs(effect[k])
            possible = possible and potential[row[k]] >= 0
    return possible


@compiled
def _unchoose(pointer: Ints, row: Ints, effect: Ints, i: int, sign: int, potential: Ints) -> None:
    for k in range(pointer[i], pointer[i + 1]):
        if effect[k] * sign > 0:
            potential[row[k]] += abs(effect[k])


@compiled
def decide_exactly(
    pointer: Ints, row: Ints, effect: Ints, level: Ints, order: Ints, rank: Ints, value: Ints, known: Ints
) -> Flags:
    """Return the best of all feasible sets; between equals the one which takes the first in order.

    known[2 * ranks] is the tally of some feasible set, by which hopeless branches are cut.
    """
    count = len(order)
    potential = level.copy()
    for k in range(len(row)):
        potential[row[k]] += max(effect[k], 0)
    hope = np.zeros((count + 1, len(known)), np.int64)
    for depth in range(count - 1, -1, -1):
        i = order[depth]
        hope[depth] = hope[depth + 1]
        hope[depth, 2 * rank[i]] += value[i]
        hope[depth, 2 * rank[i] + 1] += 1
    best_total = known.copy()
    best_total[-1] -= 1
    best = np.zeros(count, np.bool_)
    total = np.zeros(len(known), np.int64)
    choice = np.zeros(count + 1, np.int8)
    depth = 0
    while depth >= 0:
        if depth == count:
            if _exceeds(total, best_total):
                best_total[:] = total
                for place in range(count):
                    best[order[place]] = choice[place] == 1
            depth -= 1
            continue
        i = order[depth]
        if choice[depth] != 0:
            inside = choice[depth] == 1
            _unchoose(pointer, row, effect, i, -1 if inside else 1, potential)
            if inside:
                total[2 * rank[i]] -= value[i]
                total[2 * rank[i] + 1] -= 1
        choice[depth] += 1
        if choice[depth] == 3:
            choice[depth] = 0
            depth -= 1
            continue
        if choice[depth] == 1:
            total[2 * rank[i]] += value[i]
            total[2 * rank[i] + 1] += 1
        possible = _choose(pointer, row, effect, i, -1 if choice[depth] == 1 else 1, potential)
        if possible and _exceeds(total + hope[depth + 1], best_total):
            depth += 1
    return best
