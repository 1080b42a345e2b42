"""Chain search: force an unsettled instruction in and mend what that breaks, keep what is better."""

from typing import NamedTuple

import numpy as np

from settlement.core.compiled import Flags, Ints, compiled


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


class Style(NamedTuple):
    """How one round of the search chooses."""

    samples: int  # candidates looked at, for each side of a short row
    daring: float  # above 1, what opens new gaps looks less bad
    noise: float  # share of its value by which a score is disturbed
    refills: bool


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
def _score(weight: float, sign: int, loss: float, breakage: float, daring: float) -> float:
    """Estimate what turning an instruction of this weight brings; a cut costs loss times it, at least."""
    if sign < 0:
        return -weight * (loss + breakage)
    if breakage < 1.0:
        return weight * (1.0 - breakage)
    return weight * (1.0 - breakage) / daring


@compiled
def _mend(core: Core, search: Search, r: int, rank: int, attempt: int, style: Style) -> int:
    """Choose the instruction whose turning best helps short row r, or -1: a creditor in, or a debitor out.

    A debitor of a higher priority than the one being forced is never cut, and what a lower priority wins
    or loses counts only between equals. Scores are estimates in minor units.
    """
    need = -search.level[r]
    best, best_score = -1, -1e300
    for sign in (1, -1):
        start = core.credit_pointer[r] if sign > 0 else core.debit_pointer[r]
        stop = core.credit_pointer[r + 1] if sign > 0 else core.debit_pointer[r + 1]
        scan = min(stop - start, 4 * style.samples)
        p = start + (_draw(search.seed, stop - start) if stop - start > scan else 0)
        found = 0
        for _ in range(scan):
            i = core.creditor[p] if sign > 0 else core.debitor[p]
            amount = core.credit[p] if sign > 0 else core.debit[p]
            p = p + 1 if p + 1 < stop else start
            eligible = search.settles[i] != (sign > 0) and search.touched[i] != attempt
            if not eligible or (sign < 0 and core.rank[i] < rank):
                continue
            weight = (core.value[i] + 1) * (1e-3 if core.rank[i] > rank else 1.0)
            breakage = _breakage(core, search, i, sign)
            score = _score(weight, sign, max(1.0, need / amount), breakage, style.daring)
            if style.noise > 0.0:
                score += style.noise * weight * (_draw(search.seed, 1024) / 512.0 - 1.0)
            if score > best_score:
                best, best_score = i, score
            found += 1
            if found == style.samples:
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
            start, size = core.debit_pointer[r], core.debit_pointer[r + 1] - core.debit_pointer[r]
            scan = min(size, 4 * samples)
            shift = _draw(search.seed, size) if size > scan else 0
            for step in range(scan):
                p = start + (shift + step) % size
                j = core.debitor[p]
                if core.debit[p] > search.level[r] or search.settles[j] or search.touched[j] == attempt:
                    continue
                if count < len(search.turned) and _breakage(core, search, j, 1) == 0.0:
                    search.touched[j] = attempt
                    search.turned[count] = j
                    count += 1
                    _turn(core, search, j, 0)
    return count


@compiled
def _attempt(core: Core, search: Search, first: int, attempt: int, most_steps: int, style: Style) -> bool:
    """Turn one instruction, mend at most most_steps rows, refill; keep if better, else put all back."""
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
            i = _mend(core, search, r, rank, attempt, style)
        if i < 0:
            break
        search.touched[i] = attempt
        search.turned[count] = i
        count += 1
        depth = _turn(core, search, i, depth)
    if depth == 0:
        if style.refills:
            count = _refill(core, search, attempt, count, style.samples)
        for change in search.gain:
            if change != 0:
                if change > 0:
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
    The first round only mends, since filling gaps early stands in the way of what comes next; later ones
    fill the room they make, add noise, and every third also tries to take settled ones out. seed is above
    zero.
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
    for turn in range(rounds):
        daring = 1.0 if turn % 3 == 0 else (4.0 if turn % 3 == 1 else 0.25)
        style = Style(samples, daring, 0.0 if turn < 3 else 0.5, turn > 0)
        for i in order:
            if not settles[i] or turn % 3 == 2:
                attempt += 1
                _attempt(core, search, i, attempt, most_steps, style)
