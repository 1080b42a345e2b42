"""In which order a core is searched: greedy starts, chains, the relaxation, then neighbourhoods of it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from settlement.core.backoff import back_off, fill, levels_after, tally
from settlement.core.bound import Floats, sum_most
from settlement.core.budget import Budget
from settlement.core.compiled import Ints
from settlement.core.dive import dive
from settlement.core.exact import decide_exactly, is_tiny
from settlement.core.guide import Relaxing
from settlement.core.improve import FILL_PASSES, Improver
from settlement.core.mixed_integer import round_units
from settlement.core.neighbourhood import read_guide
from settlement.core.presolve import tighten_rows
from settlement.core.problem import Problem

MOST_STAGES: Final = 6
"""The later of more ranks than this are improved together."""

EARLIER_COUNTS: Final = 100.0
LATER_COUNTS: Final = 1e-3
"""How many times a value of an earlier, and a later, rank counts in the guide to improving one rank."""

LARGE: Final = 8_000
"""Up to so many columns there is time for more greedy decisions, and chains are searched from the best of them."""

WHOLE_EACH_SECOND: Final = 1_000
"""With so many columns to a second, and no more, the solver has a chance to decide the whole at once."""

COARSE_EACH_SECOND: Final = 3_000
"""With so many columns to a second, and no more, the solver decides the whole with parts as shares first."""

COARSE_GAP: Final = 1e-4
LEAST_DIVE_SECONDS: Final = 2.5

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
    tight = tighten_rows(problem=problem)
    value = problem.value.astype(np.float64)
    small = len(problem.value) <= LARGE
    relaxing = Relaxing(problem=tight, weight=value)
    with ThreadPoolExecutor(1) as pool:
        # The greedy decisions are found while the relaxation is solved.
        job = None if small or effort <= 0 else pool.submit(relaxing.solve, budget=Budget(seconds=budget.left(0.8)))
        improver = Improver(problem=problem, tight=tight, x=_start(problem, starts), budget=budget, seed=seed)
        solved = job is not None and job.result()
    if effort <= 0:
        return improver.x, sum_most(problem, problem.value)
    if is_tiny(problem=problem):
        x = decide_exactly(problem, improver.best_first, np.array(improver.tally, np.int64))
        if x[0] >= 0:
            return x, int(tally(problem, x, improver.rank_count)[::2].sum())
    if small:
        improver.search(order=improver.best_first, rounds=1, most_steps=60, samples=8, share=0.1)
        solved = relaxing.solve(budget=Budget(seconds=budget.left(0.5)))
    relaxation = relaxing.relaxation(solved=solved)
    bound = improver.certify(relaxation=relaxation)
    for stage in range(stages := min(improver.rank_count, MOST_STAGES)):
        weight = _weigh(problem, stage)
        if stages > 1:
            relaxing = Relaxing(problem=tight, weight=weight)
            solved = relaxing.solve(budget=Budget(seconds=budget.left(0.3)))
            relaxation = relaxing.relaxation(solved=solved)
        settled = float((weight * (improver.x / problem.units)).sum())
        if len(value) <= COARSE_EACH_SECOND * budget.left():
            improver.decide_coarsely(weight=weight, share=0.6 / (stages - stage), target=COARSE_GAP * settled)
        elif solved:
            # Cut short, a dive is worth next to nothing: it may pass a small budget a little.
            x, _ = dive(relaxing=relaxing, budget=Budget(seconds=max(budget.left(0.9), LEAST_DIVE_SECONDS)))
            improver.offer(round_units(problem, np.arange(len(x)), x))
        order = improver.order_differing(relaxation=relaxation)
        for samples in (8, 16) if small else (8,):
            improver.search(order=order, rounds=1, most_steps=40, samples=samples, share=0.4 / (stages - stage))
        guide = read_guide(problem=tight, weight=weight, relaxation=relaxation)
        settled = float((weight * (improver.x / problem.units)).sum())
        improver.decide_anew(
            guide=guide, weight=weight, share=1 / (stages - stage), fails=8 * effort, target=GAP_AIMED_AT * settled,
            whole=len(value) <= WHOLE_EACH_SECOND * budget.left(),
        )  # fmt: skip
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
    small = len(value) <= LARGE
    cut_orders = (smallest, last_in, largest) if small else (smallest,)
    kept_starts = [(smallest, start) for start in starts] if small else []
    best: tuple[list[int], Ints] = ([], nothing)
    for cut_order, kept in (
        *((cut_order, nothing) for cut_order in cut_orders), *kept_starts
    ):  # fmt: skip
        x = kept.copy()
        level = levels_after(problem, x)
        back_off(problem, cut_order, level, x)
        fill(problem, best_first, level, x, FILL_PASSES)
        found = tally(problem, x, int(rank.max()) + 1).tolist()
        if found > best[0]:
            best = (found, x)
    for start in starts:
        found = tally(problem, start, int(rank.max()) + 1).tolist()
        if found > best[0]:
            best = (found, start.copy())
    return best[1]
