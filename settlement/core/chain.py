"""Chain search: force an unsettled instruction in and mend what that breaks, keep what is better."""

from typing import NamedTuple

import numpy as np

from settlement.core.compiled import Flags, Ints, compiled


import os
PAT=float(os.environ.get('PAT','0.3'))
class Core(NamedTuple):
    """What is still open after the presolve, by instruction (CSR) and by row, best instruction first."""

    pointer: Ints
    row: Ints
    effect: Ints
    rank: Ints  # of the priority, 0 first
    value: Ints
    debit_pointer: Ints
    debitor: Ints
    debit: Ints
    credit_pointer: Ints
    creditor: Ints
    credit: Ints


class Search(NamedTuple):
    """The state of a search; all arrays are changed in place."""

    settles: Flags
    level: Ints
    touched: Ints  # instruction -> the attempt which last turned it
    turned: Ints  # log of this attempt
    short: Ints  # stack of rows below zero
    gain: Ints  # value and number per rank, of this attempt
    seed: Ints  # one cell


@compiled
def _draw(seed: Ints, below: int) -> int:
    """Next pseudo-random number below a bound (xorshift, 63 bits)."""
    x = seed[0]
    x ^= (x << 13) & 0x7FFFFFFFFFFFFFFF
    x ^= x >> 7
    x ^= (x << 17) & 0x7FFFFFFFFFFFFFFF
    seed[0] = x
    return int(x % below)


@compiled
def _turn(core: Core, search: Search, i: int, depth: int) -> int:
    """Put instruction i in, or take it out; push the rows which fall short. Returns the stack's depth."""
    sign = -1 if search.settles[i] else 1
    search.settles[i] = sign > 0
    search.gain[2 * core.rank[i]] += sign * core.value[i]
    search.gain[2 * core.rank[i] + 1] += sign
    for k in range(core.pointer[i], core.pointer[i + 1]):
        r = core.row[k]
        before = search.level[r]
        search.level[r] = before + sign * core.effect[k]
        if before >= 0 and search.level[r] < 0:
            search.short[depth] = r
            depth += 1
    return depth


@compiled
def _breakage(core: Core, search: Search, i: int, sign: int) -> float:
    """How far turning instruction i leaves other rows short: the sum of missing shares of its legs."""
    share = 0.0
    for k in range(core.pointer[i], core.pointer[i + 1]):
        change = sign * core.effect[k]
        if change < 0:
            left = search.level[core.row[k]] + change
            if left < 0:
                share += min(1.0, left / change)
    return share


@compiled
def _mend(
    core: Core, search: Search, r: int, rank: int, attempt: int, samples: int, daring: float, noise: float
) -> int:
    """Choose the instruction whose turning best helps short row r, or -1: a creditor in, or a debitor out.

    Scores are estimates in minor units. daring above 1 makes injections look cheaper than cuts.
    """
    need = -search.level[r]
    best, best_score = -1, -1e300
    for side in range(2):
        if side == 0:
            start, stop = core.credit_pointer[r], core.credit_pointer[r + 1]
        else:
            start, stop = core.debit_pointer[r], core.debit_pointer[r + 1]
        size = stop - start
        if size == 0:
            continue
        scan = min(size, 4 * samples)
        p = start + (_draw(search.seed, size) if size > scan else 0)
        found = 0
        for _ in range(scan):
            i = core.creditor[p] if side == 0 else core.debitor[p]
            amount = core.credit[p] if side == 0 else core.debit[p]
            p += 1
            if p == stop:
                p = start
            if search.settles[i] == (side == 0) or search.touched[i] == attempt:
                continue
            if side == 1 and core.rank[i] < rank:
                continue
            weight = float(core.value[i] + 1)
            if core.rank[i] > rank:
                weight *= 1e-3
            fit = max(1.0, need / amount)
            if side == 0:
                share = _breakage(core, search, i, 1)
                score = weight * (1.0 - share) if share < 1.0 else weight * (1.0 - share) / daring
            else:
                score = -weight * (fit + _breakage(core, search, i, -1))
            if noise > 0.0:
                score += noise * weight * (_draw(search.seed, 1024) / 512.0 - 1.0)
            if score > best_score:
                best, best_score = i, score
            found += 1
            if found == samples:
                break
    return best


@compiled
def _refill(core: Core, search: Search, attempt: int, count: int, samples: int) -> int:
    """Settle what fits into the room which this attempt made, until the log is full; returns its length."""
    place = 0
    while place < count:
        i = search.turned[place]
        place += 1
        sign = 1 if search.settles[i] else -1
        for k in range(core.pointer[i], core.pointer[i + 1]):
            r = core.row[k]
            if sign * core.effect[k] <= 0 or search.level[r] <= 0:
                continue
            start, stop = core.debit_pointer[r], core.debit_pointer[r + 1]
            scan = min(stop - start, 4 * samples)
            p = start + (_draw(search.seed, stop - start) if stop - start > scan else 0)
            for _ in range(scan):
                j = core.debitor[p]
                fits = core.debit[p] <= search.level[r]
                p += 1
                if p == stop:
                    p = start
                if not fits or search.settles[j] or search.touched[j] == attempt:
                    continue
                if _breakage(core, search, j, 1) == 0.0 and count < len(search.turned):
                    search.touched[j] = attempt
                    search.turned[count] = j
                    count += 1
                    _turn(core, search, j, 0)
    return count


@compiled
def _attempt(
    core: Core, search: Search, first: int, attempt: int, most_steps: int, samples: int, daring: float,
    noise: float, patience: float,
) -> bool:  # fmt: skip
    """Turn one instruction, mend at most most_steps rows, refill; keep if better, else put all back.

    With patience, a loss up to that share of the turned instruction's value may be kept as well.
    """
    search.gain[:] = 0
    search.turned[0] = first
    search.touched[first] = attempt
    count = 1
    rank = core.rank[first]
    depth = _turn(core, search, first, 0)
    while depth > 0:
        r = search.short[depth - 1]
        if search.level[r] >= 0:
            depth -= 1
            continue
        i = -1
        if count <= most_steps:
            i = _mend(core, search, r, rank, attempt, samples, daring, noise)
        if i < 0:
            break
        search.touched[i] = attempt
        search.turned[count] = i
        count += 1
        depth = _turn(core, search, i, depth)
    if depth == 0:
        count = _refill(core, search, attempt, count, samples)
        loss = int(patience * core.value[first] * (_draw(search.seed, 1024) / 1024.0)) if patience > 0.0 else 0
        for change in search.gain:
            if change != 0:
                if change > -loss:
                    return True
                break
    for place in range(count):
        _turn(core, search, search.turned[place], 0)
    return False


@compiled
def search_chains(
    core: Core, settles: Flags, level: Ints, order: Ints, rank_count: int, rounds: int, most_steps: int,
    samples: int, seed: int,
) -> None:  # fmt: skip
    """Improve settles and level in place.

    Each round tries every unsettled instruction in the given order. A kept attempt is better in the
    first priority which it changes (value, then number), so the search ends and never makes worse.
    Later rounds add noise to the choices, and every third also tries to take settled ones out. seed is
    above zero.
    """
    longest = 1
    for i in range(len(settles)):
        longest = max(longest, core.pointer[i + 1] - core.pointer[i])
    log_length = 2 * most_steps + 2
    search = Search(
        settles,
        level,
        np.full(len(settles), -1, np.int64),
        np.empty(log_length, np.int64),
        np.empty(log_length * longest, np.int64),
        np.zeros(2 * rank_count, np.int64),
        np.full(1, seed, np.int64),
    )
    attempt = 0
    total = np.zeros(2 * rank_count, np.int64)
    best_total, best_settles, best_level = total.copy(), settles.copy(), level.copy()
    for turn in range(rounds):
        phase = turn % 8
        daring = 1.0 if turn % 3 == 0 else (4.0 if turn % 3 == 1 else 0.25)
        noise = 0.0 if turn < 3 else 0.5
        patience = 0.0 if turn < 8 else PAT * max(0, 5 - phase) / 5.0
        for i in order:
            if not settles[i] or turn % 3 == 2:
                attempt += 1
                if _attempt(core, search, i, attempt, most_steps, samples, daring, noise, patience):
                    total += search.gain
        if _exceeds(total, best_total):
            best_total[:], best_settles[:], best_level[:] = total, settles, level
    settles[:], level[:] = best_settles, best_level


@compiled
def _exceeds(total: Ints, other: Ints) -> bool:
    for place in range(len(total)):
        if total[place] != other[place]:
            return bool(total[place] > other[place])
    return False
