"""Exact reductions before any search: what can never settle, and what settles for certain.

No optimum is lost. Rows are balance rows; a movement is (row, effect), grouped by instruction (CSR).
"""

import numpy as np

from settlement.core.compiled import Flags, Ints, States, compiled

OPEN, CERTAIN, IMPOSSIBLE = 0, 1, -1


@compiled
def net_movements(offset: Ints, row: Ints, amount: Ints, restricted: Flags) -> tuple[Ints, Ints, Ints]:
    """Merge an instruction's movements on one row; drop empty ones and those on rows without a limit."""
    pointer = np.zeros(len(offset), np.int64)
    net_row = np.empty(len(row), np.int64)
    effect = np.empty(len(row), np.int64)
    filled = 0
    for i in range(len(offset) - 1):
        start = filled
        for k in range(offset[i], offset[i + 1]):
            if not restricted[row[k]]:
                continue
            place = start
            while place < filled and net_row[place] != row[k]:
                place += 1
            if place == filled:
                net_row[filled] = row[k]
                effect[filled] = 0
                filled += 1
            effect[place] += amount[k]
        kept = start
        for k in range(start, filled):
            if effect[k] != 0:
                net_row[kept] = net_row[k]
                effect[kept] = effect[k]
                kept += 1
        filled = kept
        pointer[i + 1] = filled
    return pointer, net_row[:filled].copy(), effect[:filled].copy()


@compiled
def list_by_row(
    owner: Ints, row: Ints, effect: Ints, order: Ints, row_count: int, sign: int
) -> tuple[Ints, Ints, Ints]:
    """List the debits (sign -1) or credits (sign 1) of each row, movements taken in the given order.

    Returns pointer[row_count+1], the instruction and the absolute amount of each entry.
    """
    pointer = np.zeros(row_count + 1, np.int64)
    for k in range(len(row)):
        if effect[k] * sign > 0:
            pointer[row[k] + 1] += 1
    for r in range(row_count):
        pointer[r + 1] += pointer[r]
    place = pointer[:-1].copy()
    instruction = np.empty(pointer[-1], np.int64)
    amount = np.empty(pointer[-1], np.int64)
    for k in order:
        if effect[k] * sign > 0:
            instruction[place[row[k]]] = owner[k]
            amount[place[row[k]]] = effect[k] * sign
            place[row[k]] += 1
    return pointer, instruction, amount


@compiled
def _drop_impossible(
    pointer: Ints, row: Ints, effect: Ints, reach: Ints, debit_pointer: Ints, debitor: Ints, debit: Ints,
    head: Ints, state: States,
) -> None:  # fmt: skip
    """Mark what stays short even if all that could still credit its rows came; follow the consequences.

    reach[row] is slack plus every open credit; debits of a row are listed from the largest.
    """
    row_count = len(reach)
    queue = np.arange(row_count)
    waiting = np.ones(row_count, np.bool_)
    first, count = 0, row_count
    while count > 0:
        r = queue[first]
        first = (first + 1) % row_count
        count -= 1
        waiting[r] = False
        while head[r] < debit_pointer[r + 1]:
            i = debitor[head[r]]
            if state[i] == 0:
                if debit[head[r]] <= reach[r]:
                    break
                state[i] = -1
                for k in range(pointer[i], pointer[i + 1]):
                    if effect[k] > 0:
                        reach[row[k]] -= effect[k]
                        if not waiting[row[k]]:
                            waiting[row[k]] = True
                            queue[(first + count) % row_count] = row[k]
                            count += 1
            head[r] += 1


@compiled
def _sum_open(pointer: Ints, row: Ints, effect: Ints, state: States, row_count: int, sign: int) -> Ints:
    """Add up the debits (sign -1) or credits (sign 1) of the open instructions, by row, as positives."""
    total = np.zeros(row_count, np.int64)
    for i in range(len(state)):
        if state[i] == 0:
            for k in range(pointer[i], pointer[i + 1]):
                total[row[k]] += max(effect[k] * sign, 0)
    return total


@compiled
def _find_safe(
    pointer: Ints, row: Ints, effect: Ints, reach: Ints, debit_pointer: Ints, debitor: Ints, state: States
) -> Flags:
    """Return the greatest set whose debited rows are covered by the set even if every open debit came."""
    total_debit = _sum_open(pointer, row, effect, state, len(reach), -1)
    inside: Flags = state == 0
    covered = reach.copy()
    bad = covered < total_debit
    stack = np.empty(len(reach), np.int64)
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
                covered[row[k]] -= max(effect[k], 0)
                if not bad[row[k]] and covered[row[k]] < total_debit[row[k]]:
                    bad[row[k]] = True
                    stack[depth] = row[k]
                    depth += 1
    return inside


@compiled
def _fix_certain(pointer: Ints, row: Ints, effect: Ints, slack: Ints, reach: Ints, safe: Flags, state: States) -> int:
    """Book what is safe. A credit moves from possible to certain, a debit is gone from the reach."""
    for i in np.flatnonzero(safe):
        state[i] = 1
        for k in range(pointer[i], pointer[i + 1]):
            slack[row[k]] += effect[k]
            reach[row[k]] += min(effect[k], 0)
    return int(np.sum(safe))


@compiled
def presolve(
    pointer: Ints, row: Ints, effect: Ints, slack: Ints, debit_pointer: Ints, debitor: Ints, debit: Ints
) -> States:
    """Return the state of each instruction: CERTAIN, IMPOSSIBLE or OPEN; slack is updated by the certain.

    slack[row] is balance less floor; where it is below zero, the row's debitors are refused. debitor and
    debit list each row's debits from the largest.
    """
    state = np.zeros(len(pointer) - 1, np.int8)
    for r in range(len(slack)):
        if slack[r] < 0:
            for p in range(debit_pointer[r], debit_pointer[r + 1]):
                state[debitor[p]] = -1
    reach = slack + _sum_open(pointer, row, effect, state, len(slack), 1)
    head = debit_pointer[:-1].copy()
    # Each turn is exact, so stopping early only leaves more to the search.
    for _ in range(10):
        _drop_impossible(pointer, row, effect, reach, debit_pointer, debitor, debit, head, state)
        safe = _find_safe(pointer, row, effect, reach, debit_pointer, debitor, state)
        if _fix_certain(pointer, row, effect, slack, reach, safe, state) == 0:
            break
    return state


@compiled
def extract_core(pointer: Ints, row: Ints, effect: Ints, slack: Ints, state: States) -> tuple[Ints, Ints, Ints, Ints]:
    """Return the open instructions and their movements on rows which can still bind (CSR over them)."""
    total_debit = _sum_open(pointer, row, effect, state, len(slack), -1)
    open_count = int(np.sum(state == 0))
    index = np.empty(open_count, np.int64)
    core_pointer = np.zeros(open_count + 1, np.int64)
    core_row = np.empty(len(row), np.int64)
    core_effect = np.empty(len(row), np.int64)
    filled, place = 0, 0
    for i in range(len(state)):
        if state[i] == 0:
            for k in range(pointer[i], pointer[i + 1]):
                if total_debit[row[k]] > max(slack[row[k]], 0):
                    core_row[filled] = row[k]
                    core_effect[filled] = effect[k]
                    filled += 1
            index[place] = i
            place += 1
            core_pointer[place] = filled
    return index, core_pointer, core_row[:filled].copy(), core_effect[:filled].copy()
