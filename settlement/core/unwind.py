"""Kernels of the models that net: unwinding, and the order in which deliveries are covered one by one."""

import numpy as np

from settlement.core.compiled import Flags, Ints, compiled


@compiled
def _list_debitors(
    offset: Ints, row: Ints, amount: Ints, row_count: int, order: Ints, inside: Flags
) -> tuple[Ints, Ints]:
    """Return pointer[m+1] and, row by row, the columns inside that debit it, in the order given."""
    pointer = np.zeros(row_count + 1, np.int64)
    for i in np.flatnonzero(inside):
        for k in range(offset[i], offset[i + 1]):
            if amount[k] < 0:
                pointer[row[k] + 1] += 1
    for r in range(row_count):
        pointer[r + 1] += pointer[r]
    debitor = np.empty(pointer[-1], np.int64)
    head = pointer[:-1].copy()
    for i in order:
        if inside[i]:
            for k in range(offset[i], offset[i + 1]):
                if amount[k] < 0:
                    debitor[head[row[k]]] = i
                    head[row[k]] += 1
    return pointer, debitor


@compiled
def unwind(offset: Ints, row: Ints, amount: Ints, level: Ints, last_first: Ints, inside: Flags) -> Flags:
    """Take columns out until no row is short: of each short row its debitors, in the order given.

    level[m] is balance less floor before anything settles; a row below zero there takes credits only.
    inside[n] says what stands in the netting at first. amount is what each column moves.
    """
    kept = inside.copy()
    blocked = level < 0
    net = level.copy()
    for i in np.flatnonzero(kept):
        for k in range(offset[i], offset[i + 1]):
            net[row[k]] += amount[k]
    pointer, debitor = _list_debitors(offset, row, amount, len(level), last_first, kept)
    head = pointer[:-1].copy()
    queue = np.flatnonzero((net < 0) | blocked)
    waiting = np.zeros(len(level), np.bool_)
    waiting[queue] = True
    ring = np.empty(len(level) + 1, np.int64)
    ring[: len(queue)] = queue
    first, count = 0, len(queue)
    while count > 0:
        r = ring[first]
        first = (first + 1) % len(ring)
        count -= 1
        waiting[r] = False
        while (net[r] < 0 or blocked[r]) and head[r] < pointer[r + 1]:
            i = debitor[head[r]]
            head[r] += 1
            if not kept[i]:
                continue
            kept[i] = False
            for k in range(offset[i], offset[i + 1]):
                net[row[k]] -= amount[k]
                if net[row[k]] < 0 and not waiting[row[k]]:
                    waiting[row[k]] = True
                    ring[(first + count) % len(ring)] = row[k]
                    count += 1
    return kept


@compiled
def exclude_participants(
    offset: Ints, row: Ints, amount: Ints, level: Ints, participant: Ints, participants: int
) -> Flags:
    """Leave out every column of each participant who is short, and net again, until nobody is."""
    kept = np.ones(len(offset) - 1, np.bool_)
    while True:
        net = level.copy()
        for i in range(len(kept)):
            if kept[i]:
                for k in range(offset[i], offset[i + 1]):
                    net[row[k]] += amount[k]
        short = np.zeros(participants, np.bool_)
        for r in range(len(level)):
            if net[r] < min(level[r], 0):
                short[participant[r]] = True
        changed = False
        for i in range(len(kept)):
            if kept[i]:
                for k in range(offset[i], offset[i + 1]):
                    if short[participant[row[k]]]:
                        kept[i] = False
                        changed = True
                        break
        if not changed:
            return kept


@compiled
def sequence(offset: Ints, row: Ints, amount: Ints, level: Ints, gross: Flags, order: Ints, inside: Flags) -> Flags:
    """Go through the columns inside, and again, and take each whose gross rows are covered at its turn.

    gross[m] marks the rows that may never fall below zero; the others are netted later. level[m] is
    updated by what is taken. Returns taken[n]. A column that waits is tried again when the row it lacks
    is credited.
    """
    taken = np.zeros(len(inside), np.bool_)
    ring = np.empty(len(order) + 1, np.int64)
    first, count = 0, 0
    for i in order:
        if inside[i]:
            ring[count] = i
            count += 1
    waits_first = np.full(len(level), -1, np.int64)
    waits_next = np.full(len(inside), -1, np.int64)
    while count > 0:
        i = ring[first]
        first = (first + 1) % len(ring)
        count -= 1
        for k in range(offset[i], offset[i + 1]):
            level[row[k]] += amount[k]
        short = -1
        for k in range(offset[i], offset[i + 1]):
            if gross[row[k]] and amount[k] < 0 and level[row[k]] < 0:
                short = row[k]
                break
        if short >= 0:
            for k in range(offset[i], offset[i + 1]):
                level[row[k]] -= amount[k]
            waits_next[i] = waits_first[short]
            waits_first[short] = i
            continue
        taken[i] = True
        for k in range(offset[i], offset[i + 1]):
            if amount[k] > 0:
                woken = waits_first[row[k]]
                waits_first[row[k]] = -1
                while woken >= 0:
                    ring[(first + count) % len(ring)] = woken
                    count += 1
                    woken = waits_next[woken]
    return taken


@compiled
def deepest_needs(
    offset: Ints, row: Ints, amount: Ints, watched: Flags, order: Ints, inside: Flags
) -> tuple[Ints, Ints]:
    """Return, by row, how far below its start it falls when the columns are booked in order, and at the end.

    Both are zero or more; only watched[m] rows are followed.
    """
    level = np.zeros(len(watched), np.int64)
    deepest = np.zeros(len(watched), np.int64)
    for i in order:
        if inside[i]:
            for k in range(offset[i], offset[i + 1]):
                if watched[row[k]]:
                    level[row[k]] += amount[k]
                    deepest[row[k]] = max(deepest[row[k]], -level[row[k]])
    return deepest, np.maximum(-level, 0)
