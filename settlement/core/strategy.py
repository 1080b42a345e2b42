"""In which order a core is searched: greedy starts, chains, the relaxation, then neighbourhoods of it."""

from typing import Final

import numpy as np

from settlement.core.backoff import back_off, fill, levels_after, tally
from settlement.core.bound import Floats, sum_most
from settlement.core.budget import Budget
from settlement.core.compiled import Ints
from settlement.core.exact import decide_exactly, is_tiny
from settlement.core.improve import FILL_PASSES, Improver
from settlement.core.neighbourhood import read_guide
from settlement.core.problem import Problem

MOST_STAGES: Final = 6
"""The later of more ranks than this are improved together."""

EARLIER_COUNTS: Final = 100.0
LATER_COUNTS: Final = 1e-3
"""How many times a value of an earlier, and a later, rank counts in the guide to improving one rank."""

LARGE: Final = 20_000

GAP_AIMED_AT: Final = 1e-6


def settle_first_in(*, problem: Problem) -> list[Ints]:
    """Settle first in, first out, by rank, then number: with parts, and without."""
    order = np.lexsort((problem.number, problem.rank))
    decisions = []
    for least in (problem.least, problem.units) if np.any(problem.least < problem.units) else (problem.least,):
        x, level = np.zeros(len(order), np.int64), problem.level.copy()
        fill(problem._replace(least=least), order, level, x, 1)
        decisions.append(x)
    return decisions


def decide_core(*, problem: Problem, starts: list[Ints], budget: Budget, effort: int, seed: int) -> tuple[Ints, int]:
    """Return x[n], never less than any of the starts or back-off, and an upper bound of its value.

    starts are decisions x[n] of which every row is covered.
    """
    improver = Improver(problem=problem, x=_start(problem, starts), budget=budget, seed=seed)
    if effort <= 0:
        return improver.x, sum_most(problem, problem.value)
    if is_tiny(problem=problem):
        x = decide_exactly(problem, improver.best_first, np.array(improver.tally, np.int64))
        if x[0] >= 0:
            return x, int(tally(problem, x, improver.rank_count)[::2].sum())
    small = len(problem.value) <= LARGE
    if small:
        improver.search(order=improver.best_first, rounds=1, most_steps=60, samples=8, share=0.1)
    value = problem.value.astype(np.float64)
    relaxation = improver.dive(weight=value)
    bound = improver.certify(relaxation=relaxation)
    if not small:
        improver.search(order=improver.best_first, rounds=1, most_steps=20, samples=8, share=0.2)
    for stage in range(stages := min(improver.rank_count, MOST_STAGES)):
        weight = _weigh(problem, stage)
        if stages > 1:
            relaxation = improver.dive(weight=weight)
        guide = read_guide(problem=improver.tight, weight=weight, relaxation=relaxation)
        settled = float((weight * improver.x / problem.units).sum())
        improver.decide_anew(
            guide=guide, weight=weight, share=1 / (stages - stage), fails=8 * effort, target=GAP_AIMED_AT * settled
        )
    return improver.x, bound


def _weigh(problem: Problem, stage: int) -> Floats:
    counts = np.where(problem.rank == stage, 1.0, np.where(problem.rank < stage, EARLIER_COUNTS, LATER_COUNTS))
    weight: Floats = problem.value.astype(np.float64) * counts
    return weight


def _start(problem: Problem, starts: list[Ints]) -> Ints:
    """Return the best of what back-off adds to nothing, cut in several orders, and to each of the starts."""
    rank, value, number = problem.rank, problem.value, problem.number
    smallest, last_in, largest = (
        np.lexsort((-number, value, -rank)), np.lexsort((-number, -rank)), np.lexsort((-number, -value, -rank))
    )  # fmt: skip
    best_first = np.lexsort((number, -value, rank))
    nothing = np.zeros(len(value), np.int64)
    cut_orders = (smallest, last_in, largest) if len(value) <= LARGE else (smallest, last_in)
    best: tuple[list[int], Ints] = ([], nothing)
    for cut_order, kept in (
        *((cut_order, nothing) for cut_order in cut_orders), *((smallest, start) for start in starts)
    ):  # fmt: skip
        x = kept.copy()
        level = levels_after(problem, x)
        back_off(problem, cut_order, level, x)
        fill(problem, best_first, level, x, FILL_PASSES)
        found = tally(problem, x, int(rank.max()) + 1).tolist()
        if found > best[0]:
            best = (found, x)
    return best[1]
