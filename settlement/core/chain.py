"""Chain search: force a column in and mend what that breaks, keep what is better; and repair by the same means."""

from typing import NamedTuple

import numpy as np

from settlement.core.compiled import Ints, compiled
from settlement.core.problem import Problem
from settlement.core.search_state import Core, Search
from settlement.core.units import fit_units, part_of, round_down, round_up


class Style(NamedTuple):
    """How one round of the search chooses."""

    most_steps: int  # moves in one attempt
    samples: int  # candidates looked at, for each side of a row
    daring: float  # given up where this share of the weight first moved is lost on the way
    noise: float  # share of its weight by which a score is disturbed
    priced: bool  # rows may be short, at their prices
    removes: bool  # also try to take out what settles


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
        after = before + part_of(problem.effect[k], units, to) - part_of(problem.effect[k], units, now)
        search.level[r] = after
        if before >= 0 and after < 0 and not search.soft[r]:
            search.short[depth] = r
            depth += 1
    return depth


@compiled
def _weigh(core: Core, search: Search, i: int, to: int) -> float:
    """Return what moving column i gains in weight, with what becomes, or ceases to be, missing on its rows priced."""
    problem = core.problem
    now, units = search.x[i], problem.units[i]
    gain = core.weight[i] * ((to - now) / units)
    for k in range(problem.pointer[i], problem.pointer[i + 1]):
        r = problem.row[k]
        before = search.level[r]
        after = before + part_of(problem.effect[k], units, to) - part_of(problem.effect[k], units, now)
        if before < 0 or after < 0:
            gain += core.price[r] * float(min(after, 0) - min(before, 0))
    return float(gain)


@compiled
def _target(problem: Problem, x: Ints, i: int, up: bool, whole: int, need: int) -> int:
    """Return how far to move column i for a row on which it moves whole: x[i] where it cannot.

    need above zero is what the row lacks, which is to be covered; below zero what it has left, which is to be used.
    """
    now, units, most, least, step = x[i], problem.units[i], problem.most[i], problem.least[i], problem.step[i]
    parts = least < units
    if up:
        want = part_of(whole, units, now) + abs(need)
        if now >= most or not parts or want >= part_of(whole, units, most):
            return int(most)
        if need < 0:
            to = round_down(fit_units(whole, units, want), units, least, step, most)
            if to > now:
                return int(to)
        to = round_up(max(fit_units(whole, units, want - 1), now) + 1, units, least, step, most)
        return int(most if to < 0 else to)
    room = part_of(whole, units, now) - abs(need)
    if room <= 0 or not parts:
        return 0
    if need > 0:
        return int(round_down(min(fit_units(whole, units, room), now - 1), units, least, step, most))
    to = round_up(fit_units(whole, units, room - 1) + 1, units, least, step, most)
    return 0 if to < 0 or to >= now else int(to)


@compiled
def _choose(core: Core, search: Search, r: int, attempt: int, style: Style, sides: int) -> tuple[int, int, float]:
    """Choose the column whose move is best for row r, which is short, or has something left; -1 if none.

    Short: a creditor up, or a debitor down. Else a debitor up, or a creditor down. Returns the column, its new
    units and what the move gains. The first of the row's lists are looked at, and some others at random.
    """
    problem = core.problem
    need = -search.level[r]
    best, best_to, best_score, best_gain = -1, 0, -1e300, 0.0
    for side in range(2 - sides, 2):
        up = side == 0
        is_credit = up == (need > 0)
        p = core.credit_pointer[r] if is_credit else core.debit_pointer[r]
        size = (core.credit_pointer[r + 1] if is_credit else core.debit_pointer[r + 1]) - p
        found = 0
        scan = min(size, 8 * style.samples)
        for turn in range(scan):
            if turn == 5 * style.samples and size > scan:
                p += _draw(search.seed, size - scan)
                found = min(found, style.samples // 2)
            i = core.creditor[p] if is_credit else core.debitor[p]
            whole = core.credit[p] if is_credit else core.debit[p]
            p += 1
            if found == style.samples or search.touched[i] == attempt:
                continue
            now = search.x[i]
            if now == (problem.most[i] if up else 0):
                continue
            # What is cut again and again is cut twice as far each time, so that a repair ends soon.
            cuts = search.cuts[i]
            to = _target(problem, search.x, i, up, whole, need if cuts == 0 else min(need, 1 << 40) << min(cuts, 20))
            if to == now:
                continue
            found += 1
            gain = _weigh(core, search, i, to)
            score = gain
            if style.noise > 0.0:
                score += style.noise * core.weight[i] * (_draw(search.seed, 1024) / 512.0 - 1.0)
            if score > best_score:
                best, best_to, best_score, best_gain = i, to, score, gain
    return best, best_to, best_gain


@compiled
def _find_left(core: Core, search: Search, attempt: int, count: int) -> int:
    """Return the row on which this attempt left most, by price; each row once in an attempt; -1 if there is none."""
    problem = core.problem
    best, best_worth = -1, 0.0
    for place in range(count):
        i, before = search.changed[place], search.before[place]
        for k in range(problem.pointer[i], problem.pointer[i + 1]):
            r = problem.row[k]
            if search.level[r] <= 0 or search.met[r] == attempt or search.soft[r]:
                continue
            more = part_of(problem.effect[k], problem.units[i], search.x[i])
            more -= part_of(problem.effect[k], problem.units[i], before)
            worth = core.price[r] * min(more, search.level[r])
            if worth > best_worth:
                best, best_worth = r, worth
    if best >= 0:
        search.met[best] = attempt
    return best


@compiled
def _is_better(gain: Ints, best: Ints) -> bool:
    for place in range(len(gain)):
        if gain[place] != best[place]:
            return bool(gain[place] > best[place])
    return False


@compiled
def _attempt(core: Core, search: Search, first: int, to: int, style: Style) -> bool:
    """Move one column, then for each row which that leaves short, or with something left, another one.

    Keeps as many of the moves, from the first on, as make it best, if any do (an ejection chain; Lin and
    Kernighan, An effective heuristic algorithm for the traveling-salesman problem, 1973).
    """
    problem = core.problem
    gain = _weigh(core, search, first, to)
    least_gain = -style.daring * core.weight[first]
    if gain < least_gain:
        return False
    search.attempt[0] += 1
    attempt = search.attempt[0]
    search.gain[:] = 0
    search.best[:] = 0
    best_count, best_gain = 0, 1e-9 * core.weight[first]
    count, depth = 0, 0
    i = first
    while True:
        search.touched[i] = attempt
        search.changed[count] = i
        search.before[count] = search.x[i]
        count += 1
        depth = _move(problem, search, i, to, depth)
        while depth > 0 and search.level[search.short[depth - 1]] >= 0:
            depth -= 1
        if depth > 0:
            pass
        elif style.priced:
            if gain > best_gain:
                best_count, best_gain = count, gain
        elif _is_better(search.gain, search.best):
            search.best[:] = search.gain
            best_count = count
        if count > style.most_steps:
            break
        r = search.short[depth - 1] if depth > 0 else _find_left(core, search, attempt, count)
        if r < 0:
            break
        i, to, more = _choose(core, search, r, attempt, style, 2)
        gain += more
        if i < 0 or gain < least_gain:
            break
    for place in range(count - 1, best_count - 1, -1):
        _move(problem, search, search.changed[place], search.before[place], 0)
    return best_count > 0


@compiled
def search_chains(core: Core, search: Search, order: Ints, style: Style) -> int:
    """Try each column of the given order; returns how many attempts made it better.

    A kept attempt is better in the first rank which it changes (value, then number), so the search ends and
    never makes worse.
    """
    most = core.problem.most
    kept = 0
    for i in order:
        if search.x[i] < most[i] and _attempt(core, search, i, most[i], style):
            kept += 1
        elif search.x[i] > 0 and style.removes:
            kept += _attempt(core, search, i, 0, style)
    return kept


@compiled
def _cut(core: Core, search: Search, r: int, style: Style) -> tuple[int, int]:
    """Choose what to cut for short row r, the same column again and again if need be."""
    i, to, _ = _choose(core, search, r, -1, style, 1)
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
    attempt = search.attempt[0]
    longest = np.diff(problem.pointer).max()
    depth = len(search.short)
    steps = 0
    while True:
        if depth + longest > len(search.short):
            depth = 0
            for r in np.flatnonzero((search.level < 0) & ~search.soft):
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
            i, to, _ = _choose(core, search, r, attempt, style, 2)
        if i < 0:
            i, to = _cut(core, search, r, style)
        if to < search.x[i]:
            search.cuts[i] += 1
            if search.cuts[i] > 30:
                to = 0
        steps += 1
        search.touched[i] = attempt
        depth = _move(problem, search, i, to, depth)
