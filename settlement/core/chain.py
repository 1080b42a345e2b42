"""Chain search: force a column in and mend what that breaks, keep what is better; and repair by the same means."""

from typing import NamedTuple

import numpy as np

from settlement.core.compiled import Ints, compiled
from settlement.core.problem import Problem
from settlement.core.search_state import Core, Search
from settlement.core.units import fit_units, most_covered, part_of, round_down, round_up


class Style(NamedTuple):
    """How one round of the search chooses."""

    most_steps: int  # mendings in one attempt
    samples: int  # candidates looked at, for each side of a short row
    daring: float  # above 1, what opens new gaps looks less bad; 0: only what opens none
    noise: float  # share of its value by which a score is disturbed
    refills: bool
    removes: bool  # also try to take out what settles
    partly: bool  # force parts in at random instead of the most


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
def _move(problem: Problem, search: Search, i: int, to: int, depth: int) -> int:
    """Settle `to` units of column i; push the rows which fall short. Returns the stack's depth."""
    now, units, rank = search.x[i], problem.units[i], problem.rank[i]
    search.x[i] = to
    search.gain[2 * rank] += part_of(problem.value[i], units, to) - part_of(problem.value[i], units, now)
    search.gain[2 * rank + 1] += int(to == units) - int(now == units)
    for k in range(problem.pointer[i], problem.pointer[i + 1]):
        r = problem.row[k]
        before = search.level[r]
        search.level[r] = before + part_of(problem.effect[k], units, to) - part_of(problem.effect[k], units, now)
        if before >= 0 and search.level[r] < 0:
            search.short[depth] = r
            depth += 1
    return depth


@compiled
def _breakage(problem: Problem, search: Search, i: int, to: int) -> float:
    """How far moving column i leaves rows short: the sum of the missing shares of its legs."""
    share = 0.0
    now, units = search.x[i], problem.units[i]
    for k in range(problem.pointer[i], problem.pointer[i + 1]):
        if (problem.effect[k] > 0) == (to > now):
            continue
        change = part_of(problem.effect[k], units, to) - part_of(problem.effect[k], units, now)
        left = search.level[problem.row[k]] + change
        if left < 0:
            share += min(1.0, left / change)
    return share


@compiled
def _target(problem: Problem, search: Search, i: int, sign: int, whole: int, need: int) -> int:
    """Return how far to move column i so that row gains need: up (sign 1) or down (-1); x[i] where it cannot."""
    now, units, most = search.x[i], problem.units[i], problem.most[i]
    if sign > 0:
        if now >= most:
            return int(now)
        want = part_of(whole, units, now) + need
        if problem.least[i] >= most or want >= part_of(whole, units, most):
            return int(most)
        if _breakage(problem, search, i, most) == 0.0:
            return int(most)
        to = round_up(fit_units(whole, units, want - 1) + 1, units, problem.least[i], problem.step[i], most)
        return int(most if to < 0 else to)
    if now == 0 or problem.least[i] >= units:
        return 0
    room = part_of(whole, units, now) - need
    if room <= 0:
        return 0
    to = min(fit_units(whole, units, room), now - 1)
    return int(round_down(to, units, problem.least[i], problem.step[i], most))


@compiled
def _mend(core: Core, search: Search, r: int, rank: int, attempt: int, style: Style, sides: int) -> tuple[int, int]:
    """Choose the column whose move best helps short row r: a creditor up, or a debitor down; -1 if none.

    Returns the column and its new units. A debitor of a rank before the one being forced is never cut, and
    what a later rank wins or loses counts only between equals. Scores are estimates in minor units.
    """
    problem = core.problem
    need = -search.level[r]
    best, best_to, best_score = -1, 0, -1e300
    for side in range(2 - sides, 2):
        sign = 1 - 2 * side
        start = core.credit_pointer[r] if sign > 0 else core.debit_pointer[r]
        stop = core.credit_pointer[r + 1] if sign > 0 else core.debit_pointer[r + 1]
        scan = min(stop - start, 4 * style.samples)
        p = start + (_draw(search.seed, stop - start) if stop - start > scan else 0)
        found = 0
        for _ in range(scan):
            i = core.creditor[p] if sign > 0 else core.debitor[p]
            whole = core.credit[p] if sign > 0 else core.debit[p]
            p = p + 1 if p + 1 < stop else start
            now = search.x[i]
            if search.touched[i] == attempt or (sign < 0 and (now == 0 or problem.rank[i] < rank)):
                continue
            # What is cut again and again is cut twice as far each time, so that a repair ends soon.
            cuts = search.cuts[i]
            stretched = need if cuts == 0 else min(need, 1 << 40) << min(cuts, 20)
            to = _target(problem, search, i, sign, whole, stretched)
            if to == now:
                continue
            units = problem.units[i]
            change = part_of(problem.value[i], units, to) - part_of(problem.value[i], units, now)
            weight = (abs(change) + 1) * (1e-3 if problem.rank[i] > rank else 1.0)
            breakage = _breakage(problem, search, i, to)
            if sign > 0 and breakage > 0.0 and style.daring <= 0.0:
                continue
            if sign < 0:
                helps = part_of(whole, units, now) - part_of(whole, units, to)
                score = -weight * (max(1.0, need / max(helps, 1)) + breakage)
            else:
                score = weight * (1.0 - breakage) / (1.0 if breakage < 1.0 else style.daring)
            if style.noise > 0.0:
                score += style.noise * weight * (_draw(search.seed, 1024) / 512.0 - 1.0)
            if score > best_score:
                best, best_to, best_score = i, to, score
            found += 1
            if found == style.samples:
                break
    return best, best_to


@compiled
def _refill(core: Core, search: Search, attempt: int, count: int, samples: int) -> int:
    """Settle what fits into the room which this attempt made, until the log is full; returns its length."""
    problem = core.problem
    place = 0
    while place < count:
        i, before = search.changed[place], search.before[place]
        place += 1
        for k in range(problem.pointer[i], problem.pointer[i + 1]):
            r = problem.row[k]
            if (problem.effect[k] > 0) != (search.x[i] > before) or search.level[r] <= 0:
                continue
            start, size = core.debit_pointer[r], core.debit_pointer[r + 1] - core.debit_pointer[r]
            scan = min(size, 4 * samples)
            shift = _draw(search.seed, size) if size > scan else 0
            for step in range(scan):
                p = start + (shift + step) % size
                j = core.debitor[p]
                if search.x[j] >= problem.most[j] or search.touched[j] == attempt or count == len(search.changed):
                    continue
                if core.debit[p] > search.level[r] and problem.least[j] >= problem.units[j]:
                    continue
                to = most_covered(problem, search.level, search.x, j)
                if to > search.x[j]:
                    search.touched[j] = attempt
                    search.changed[count] = j
                    search.before[count] = search.x[j]
                    count += 1
                    _move(problem, search, j, to, 0)
    return count


@compiled
def _attempt(core: Core, search: Search, first: int, to: int, style: Style) -> bool:
    """Move one column, mend the rows that break, refill; keep if better, else put all back."""
    problem = core.problem
    search.attempt[0] += 1
    attempt = search.attempt[0]
    search.gain[:] = 0
    search.changed[0] = first
    search.before[0] = search.x[first]
    search.touched[first] = attempt
    count = 1
    rank = problem.rank[first]
    depth = _move(problem, search, first, to, 0)
    while depth > 0:
        r = search.short[depth - 1]
        if search.level[r] >= 0:
            depth -= 1
            continue
        if count > style.most_steps:
            break
        i, to = _mend(core, search, r, rank, attempt, style, 2)
        if i < 0:
            break
        search.touched[i] = attempt
        search.changed[count] = i
        search.before[count] = search.x[i]
        count += 1
        depth = _move(problem, search, i, to, depth)
    if depth == 0:
        if style.refills:
            count = _refill(core, search, attempt, count, style.samples)
        for change in search.gain:
            if change != 0:
                if change > 0:
                    return True
                break
    for place in range(count - 1, -1, -1):
        _move(problem, search, search.changed[place], search.before[place], 0)
    return False


@compiled
def search_chains(core: Core, search: Search, order: Ints, style: Style) -> int:
    """Try each column of the given order; returns how many attempts made it better.

    A kept attempt is better in the first rank which it changes (value, then number), so the search ends and
    never makes worse.
    """
    problem = core.problem
    kept = 0
    for i in order:
        now, most = search.x[i], problem.most[i]
        to = most
        if style.removes and now > 0:
            to = 0
        elif now >= most:
            continue
        if style.partly and problem.least[i] < most:
            drawn = int(_draw(search.seed, int(most)) + 1)
            to = round_down(drawn, problem.units[i], problem.least[i], problem.step[i], most)
        if to != now:
            kept += _attempt(core, search, i, to, style)
    return kept


@compiled
def _cut(core: Core, search: Search, r: int, rank: int, style: Style) -> tuple[int, int]:
    """Choose what to cut for short row r, the same column again and again if need be."""
    i, to = _mend(core, search, r, rank, -1, style, 1)
    if i < 0:
        for p in range(core.debit_pointer[r], core.debit_pointer[r + 1]):
            if search.x[core.debitor[p]] > 0:
                i, to = core.debitor[p], 0
    return i, to


@compiled
def repair(core: Core, search: Search, style: Style) -> None:
    """Mend every row that is short, first by moves which cost least, in the end by cuts alone.

    Afterwards no row is below zero. What is needed because a solver's point was rounded is small.
    """
    problem = core.problem
    search.attempt[0] += 1
    first_rank = problem.rank.min()
    longest = np.diff(problem.pointer).max()
    depth = len(search.short)
    steps = 0
    while True:
        if depth + longest > len(search.short):
            depth = 0
            for r in np.flatnonzero(search.level < 0):
                search.short[depth] = r
                depth += 1
        if depth == 0:
            break
        r = search.short[depth - 1]
        if search.level[r] >= 0:
            depth -= 1
            continue
        i, to = -1, 0
        if steps < style.most_steps:
            i, to = _mend(core, search, r, first_rank, search.attempt[0], style, 2)
        if i < 0:
            steps = max(steps, style.most_steps)
            i, to = _cut(core, search, r, first_rank, style)
        if to < search.x[i]:
            search.cuts[i] += 1
            if search.cuts[i] > 30:
                to = 0
        steps += 1
        search.touched[i] = search.attempt[0]
        depth = _move(problem, search, i, to, depth)
