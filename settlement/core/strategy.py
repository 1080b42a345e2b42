"""In which order a core is searched: greedy starts, chains, the relaxation, then neighbourhoods of it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from settlement.core.backoff import back_off, fill, levels_after, tally
from settlement.core.batch import LARGEST_AMOUNT
from settlement.core.bound import Floats, sum_most
from settlement.core.budget import Budget
from settlement.core.compiled import Ints
from settlement.core.dive import dive_slowly
from settlement.core.exact import decide_exactly, is_tiny
from settlement.core.guide import Relaxation, Relaxing
from settlement.core.improve import FILL_PASSES, Improver
from settlement.core.mixed_integer import round_units
from settlement.core.neighbourhood import Guide, read_guide
from settlement.core.presolve import tighten_rows
from settlement.core.problem import Problem
from settlement.core.rounding import Doubts, measure_doubt, round_relaxation
from settlement.core.search_state import build_core

MOST_STAGES: Final = 6
"""The later of more ranks than this are improved together."""

EARLIER_COUNTS: Final = 100.0
LATER_COUNTS: Final = 1e-3
"""How many times a value of an earlier, and a later, rank counts in the guide to improving one rank."""

LARGE: Final = 8_000
"""Up to so many columns there is time for more greedy decisions, and chains are searched from the best of them."""

WHOLE_EACH_SECOND: Final = 1_000
"""With so many columns to a second, and no more, the solver has a chance to decide the whole at once."""

FEW: Final = 1_500
"""Up to so many columns, where the two dives differ is decided anew first, besides where they differ from the guide."""

NEXT_COUNTS: Final = 30
"""How many times a value counts as much as one of the next rank, in the sum that is bounded."""

MOST_TOGETHER: Final = 3
TOGETHER: Final = 0.4
"""Of the time, for all ranks at once."""

WORKERS: Final = 2
LOST: Final = (0.12, 0.35)
"""Of what the relaxation breaks, the shares which the two dives leave out at a time."""

POOR: Final = 0.97
"""Of what the relaxation settles: a decision below that share is not near it."""

ROUNDED_TO: Final = 1e-5
LEAST_ROUNDING_SECONDS: Final = 0.5
DARINGS: Final = (0.3, 2.0)
"""How daring the searches of chains are, one after the other."""


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


def decide_core(
    *, problem: Problem, weight: Ints, starts: list[Ints], budget: Budget, effort: int, seed: int
) -> tuple[Ints, int]:
    """Return x[n], never less than any of the starts or back-off, and an upper bound of the sum of weight.

    weight is int64[n], from weigh_ranks; starts are decisions x[n] of which every row is covered.
    """
    tight = tighten_rows(problem=problem)
    if len(problem.value) <= LARGE:
        return _decide_small(problem, tight, weight, starts, budget, effort, seed)
    return _decide_large(problem, tight, weight, starts, budget, effort, seed)


def _decide_small(
    problem: Problem, tight: Problem, weighed: Ints, starts: list[Ints], budget: Budget, effort: int, seed: int
) -> tuple[Ints, int]:
    """Dive twice at once, in more and in fewer steps, then decide neighbourhoods anew; rank by rank."""
    improver = Improver(problem=problem, tight=tight, x=_start(problem, starts), budget=budget, seed=seed)
    bound = sum_most(problem, weighed)
    if effort <= 0:
        return improver.x, bound
    if is_tiny(problem=problem):
        x = decide_exactly(problem, improver.best_first, np.array(improver.tally, np.int64))
        if x[0] >= 0:
            if problem.rank.min() == problem.rank.max():
                return x, sum_most(problem._replace(most=x), weighed)
            relaxation = _relax(tight, weighed.astype(np.float64), budget).relaxation(solved=True)
            return x, improver.certify(relaxation=relaxation, weight=weighed)
    ranks = np.unique(problem.rank)
    stages = [int(rank) for rank in ranks[:MOST_STAGES]]
    if len(stages) > 1:
        # All ranks at once come close; rank by rank then mends what the weights got wrong.
        ceiling = Budget(seconds=budget.left(TOGETHER))
        relaxation, _ = _dive_twice(improver, weighed.astype(np.float64), ceiling)
        bound = improver.certify(relaxation=relaxation, weight=weighed)
    for place, rank in enumerate(stages):
        weight = _weigh(problem, rank)
        share = 1 / (len(stages) - place)
        if len(stages) == 1:
            relaxation, points = _dive_twice(improver, weight, Budget(seconds=budget.left(0.5)))
            bound = improver.certify(relaxation=relaxation, weight=weighed)
        else:
            relaxing = _relax(tight, weight, Budget(seconds=budget.left(0.5 * share)))
            relaxation, points = relaxing.relaxation(solved=True), []
        guide = read_guide(problem=tight, weight=weight, relaxation=relaxation, points=points)
        improver.doubts = _list_by_doubt(improver, relaxation, guide, weight)
        settled = float((weight * (improver.x / problem.units)).sum())
        if settled < POOR * float((weight * guide.share).sum()):
            # The time was too short for a dive.
            _offer_rounded(improver, relaxation, guide, improver.doubts, 0.1 * share)
        order = improver.order_differing(relaxation=relaxation)
        for daring in DARINGS:
            improver.search(order=order, daring=daring, share=0.2 * share)
        settled = float((weight * (improver.x / problem.units)).sum())
        improver.decide_anew(
            guide=guide, weight=weight, share=share, fails=8 * effort, target=GAP_AIMED_AT * settled,
            whole=len(weight) <= WHOLE_EACH_SECOND * budget.left(),
        )  # fmt: skip
    return improver.x, bound


def _dive_twice(improver: Improver, weight: Floats, budget: Budget) -> tuple[Relaxation, list[Ints]]:
    """Dive in more and in fewer steps at once, offer both; returns the relaxation and, of few columns, the points."""
    target = ROUNDED_TO * float(weight.sum())
    with ThreadPoolExecutor(WORKERS) as pool:
        plans = [pool.submit(_plan, improver.tight, weight, budget, lost) for lost in LOST]
        found = [plan.result() for plan in plans]
        points = [round_units(improver.problem, np.arange(len(weight)), x) for _, x in found]
        jobs = [pool.submit(improver.decide_parts, point=point, weight=weight, target=target) for point in points]
        relaxation = found[0][0]
        guide = read_guide(problem=improver.tight, weight=weight, relaxation=relaxation, points=[])
        improver.doubts = _list_by_doubt(improver, relaxation, guide, weight)
        for job in jobs:
            improver.offer(job.result())
    return relaxation, points if len(weight) <= FEW else []


def _relax(problem: Problem, weight: Floats, budget: Budget) -> Relaxing:
    """Solve the relaxation, with cuts."""
    relaxing = Relaxing(problem=problem, weight=weight)
    if relaxing.solve(budget=budget):
        relaxing.cut(budget=budget)
    return relaxing


def _plan(problem: Problem, weight: Floats, budget: Budget, lost: float) -> tuple[Relaxation, Ints]:
    """Solve the relaxation, with cuts, then dive from it; returns both, the point with rows short by a rounding."""
    relaxing = _relax(problem, weight, budget)
    relaxation = relaxing.relaxation(solved=True)
    return relaxation, dive_slowly(relaxing=relaxing, budget=budget, lost=lost)


def _decide_large(
    problem: Problem, tight: Problem, weight: Ints, starts: list[Ints], budget: Budget, effort: int, seed: int
) -> tuple[Ints, int]:
    """Round one relaxation of the weighed sum: for each rank by itself it would take as long as for all."""
    weights = weight.astype(np.float64)
    relaxing = Relaxing(problem=tight, weight=weights)
    with ThreadPoolExecutor(1) as pool:
        # The greedy decisions are found while the relaxation is solved.
        job = None if effort <= 0 else pool.submit(relaxing.solve, budget=Budget(seconds=budget.left(0.8)))
        improver = Improver(problem=problem, tight=tight, x=_start(problem, starts), budget=budget, seed=seed)
        solved = job is not None and job.result()
    if effort <= 0:
        return improver.x, sum_most(problem, weight)
    if solved:
        relaxing.cut(budget=Budget(seconds=budget.left(0.2)))
    relaxation = relaxing.relaxation(solved=solved)
    del relaxing
    bound = improver.certify(relaxation=relaxation, weight=weight)
    guide = read_guide(problem=tight, weight=weights, relaxation=relaxation, points=[])
    doubts = _list_by_doubt(improver, relaxation, guide, weights)
    _offer_rounded(improver, relaxation, guide, doubts, 0.5)
    for daring in DARINGS:
        improver.search(order=doubts.choose(problem=problem, x=improver.x), daring=daring, share=0.2)
    settled = float((weights * (improver.x / problem.units)).sum())
    improver.decide_anew(
        guide=guide, weight=weights, share=1.0, fails=8 * effort, target=GAP_AIMED_AT * settled, whole=False
    )
    return improver.x, bound


def _list_by_doubt(improver: Improver, relaxation: Relaxation, guide: Guide, weight: Floats) -> Doubts:
    """Let the search look first at what the relaxation leaves in doubt, at its prices; returns how sure that is."""
    doubts = measure_doubt(problem=improver.problem, guide=guide, relaxation=relaxation)
    improver.core = build_core(problem=improver.problem, order=doubts.order, weight=weight, price=relaxation.price)
    return doubts


def _offer_rounded(improver: Improver, relaxation: Relaxation, guide: Guide, doubts: Doubts, share: float) -> None:
    """Round the relaxation, in about that share of what is left: cut short it is worth next to nothing."""
    x = round_relaxation(
        core=improver.core, relaxation=relaxation, doubts=doubts, seed=improver.seed,
        budget=Budget(seconds=max(improver.budget.left(share), LEAST_ROUNDING_SECONDS)),
    )  # fmt: skip
    improver.offer(x, order=np.argsort(-guide.gain / np.maximum(guide.worth, 1.0), kind="stable"))


def weigh_ranks(*, rank: Ints, value: Ints) -> Ints:
    """Return value[n] with that of each rank counted NEXT_COUNTS times that of the next, less where int64 asks for it.

    rank is int64[n], 0 first; the last of many ranks count the same. value is zero or more, and can be added up; so
    can what is returned.
    """
    depth = np.minimum(rank, MOST_TOGETHER)
    below = int(depth.max(initial=0)) - depth
    total = int(value.sum())
    times = NEXT_COUNTS
    while times > 1 and total * times ** int(below.max(initial=0)) > LARGEST_AMOUNT:
        times -= 1
    weight: Ints = value * times**below
    return weight


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
