"""Greedy decisions: first in first out, back-off from all in, and refill."""

import numpy as np

from settlement.core.compiled import Flags, Ints, compiled


@compiled
def fill(pointer: Ints, row: Ints, effect: Ints, order: Ints, level: Ints, settles: Flags, most_passes: int) -> int:
    """Settle, in the given order, each instruction whose debits are covered at its turn; level moves along.

    One pass over everything is first in first out. Returns how many were added.
    """
    added = 0
    for _ in range(most_passes):
        before = added
        for i in order:
            if settles[i]:
                continue
            covered = True
            for k in range(pointer[i], pointer[i + 1]):
                if effect[k] < 0 and level[row[k]] + effect[k] < 0:
                    covered = False
                    break
            if covered:
                settles[i] = True
                added += 1
                for k in range(pointer[i], pointer[i + 1]):
                    level[row[k]] += effect[k]
        if added == before:
            break
    return added


@compiled
def _admit_all(
    pointer: Ints, row: Ints, effect: Ints, cut_order: Ints, level: Ints, settles: Flags
) -> tuple[Ints, Ints]:
    """Settle everything; return each row's newly admitted debitors (CSR by row) in cut_order."""
    debit_pointer = np.zeros(len(level) + 1, np.int64)
    for i in cut_order:
        if not settles[i]:
            for k in range(pointer[i], pointer[i + 1]):
                if effect[k] < 0:
                    debit_pointer[row[k] + 1] += 1
    debit_pointer = np.cumsum(debit_pointer)
    place = debit_pointer[:-1].copy()
    debitor = np.empty(debit_pointer[-1], np.int64)
    for i in cut_order:
        if not settles[i]:
            settles[i] = True
            for k in range(pointer[i], pointer[i + 1]):
                level[row[k]] += effect[k]
                if effect[k] < 0:
                    debitor[place[row[k]]] = i
                    place[row[k]] += 1
    return debit_pointer, debitor


@compiled
def back_off(pointer: Ints, row: Ints, effect: Ints, cut_order: Ints, level: Ints, settles: Flags) -> None:
    """Put all in, then cut debitors of each short row, first in cut_order first, until none is short.

    What stands in settles at the start stays; level[row] is what the row has with those settled, at least
    zero. So only newcomers are cut, and whole chains and circles can join at once.
    Linear in movements: each row walks its debitors once. The method for payments alone is Bech and
    Soramäki, Gridlock resolution in interbank payment systems, 2001.
    """
    head, debitor = _admit_all(pointer, row, effect, cut_order, level, settles)
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
            head[r] += 1
            if not settles[i]:
                continue
            settles[i] = False
            for k in range(pointer[i], pointer[i + 1]):
                level[row[k]] -= effect[k]
                if level[row[k]] < 0 and row[k] != r and not waiting[row[k]]:
                    waiting[row[k]] = True
                    stack[depth] = row[k]
                    depth += 1


@compiled
def tally(settles: Flags, rank: Ints, value: Ints, rank_count: int) -> Ints:
    """Return, from the first priority on, the settled value and the settled number: compared in order."""
    total = np.zeros(2 * rank_count, np.int64)
    for i in range(len(settles)):
        if settles[i]:
            total[2 * rank[i]] += value[i]
            total[2 * rank[i] + 1] += 1
    return total
