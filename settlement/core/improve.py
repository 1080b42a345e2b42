"""Improve a decision by deciding neighbourhoods of it anew, until it is proved best or the budget ends."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np

from settlement.core.backoff import fill, levels_after, tally
from settlement.core.bound import Floats, certify_bound
from settlement.core.budget import Budget
from settlement.core.chain import Style, repair, search_chains
from settlement.core.compiled import Flags, Ints
from settlement.core.guide import Relaxation
from settlement.core.mixed_integer import Found, solve_columns
from settlement.core.neighbourhood import EQUAL, Guide, grow, score_columns
from settlement.core.problem import Problem
from settlement.core.rounding import Doubts, mend_point
from settlement.core.search_state import Core, build_core, start_search

FILL_PASSES: Final = 100
ROUNDING_SECONDS: Final = 0.2
CHUNK: Final = 500
WORKERS: Final = 2

TO_THE_END: Final = 1_000
LOOSE: Final = 200
"""More columns than that are decided to so many times the gap aimed at: the proof would take far longer."""

LEAST_SIZE: Final = 300
MOST_SIZE: Final = 6_000
SOLVED: Final = 0.4
"""Of what is left a neighbourhood may be solved for so long; what comes beside that, if long, must fit as well."""

LONG_SECONDS: Final = 0.5

LEAST_PART: Final = 4
"""A neighbourhood that is not decided in time is halved, down to that part of the first size."""

ALL_NODES: Final = 2**31 - 1
MOST_NODES: Final = 500
"""A neighbourhood beside the whole gets no more nodes, so that it does not outlast it by much."""

FIRST_GAP: Final = 1_024
"""At first a neighbourhood need not be decided better than to so many times its share of the gap aimed at."""


class Improver:
    """The best decision found so far of a problem which the presolve left; x[n] and level[m] are its state."""

    def __init__(self, *, problem: Problem, tight: Problem, x: Ints, budget: Budget, seed: int) -> None:
        self.problem = problem
        self.tight = tight
        self.rank_count = int(problem.rank.max()) + 1
        self.best_first = np.lexsort((problem.number, -problem.value, problem.rank))
        self._core: Core | None = None
        self.budget = budget
        self.seed = seed
        self.x = x
        self.level = levels_after(problem, x)
        self.tally: list[int] = tally(problem, x, self.rank_count).tolist()
        self.doubts: Doubts | None = None

    @property
    def core(self) -> Core:
        """Return the problem by row, the best first unless another order and prices have been set."""
        if self._core is None:
            self._core = build_core(problem=self.problem)
        return self._core

    @core.setter
    def core(self, core: Core) -> None:
        self._core = core

    def offer(self, x: Ints, order: Ints | None = None) -> bool:
        """Repair a point, settle what then fits of the columns in order (all), keep it if it is better; say so."""
        order = self.best_first if order is None else order
        level = levels_after(self.problem, x)
        fits = bool((level >= 0).all())
        kept = False
        if not fits and self.doubts is not None:
            x = mend_point(core=self.core, x=x, doubts=self.doubts, budget=self.budget, seed=self.seed)
            level, fits = levels_after(self.problem, x), True
        for steps, noise in ((0, 0.0),) if fits else ((2_000, 0.0), (0, 0.0), (0, 0.3)):
            tried, left = x.copy(), level.copy()
            if not fits:
                search = start_search(core=self.core, x=tried, level=left, most_steps=60, seed=self.seed)
                repair(self.core, search, Style(steps, 64, 0.0, noise, False, False))
            fill(self.problem, order, left, tried, FILL_PASSES)
            found = tally(self.problem, tried, self.rank_count).tolist()
            if found > self.tally:
                self.x, self.level, self.tally, kept = tried, left, found, True
            if fits or kept or self.budget.left() == 0:
                break
        return kept

    def offer_rounded(self, *, point: Ints, weight: Floats, target: float, order: Ints | None = None) -> bool:
        """Offer a solver's point; where rows are short as its parts were rounded, decide those in whole steps first."""
        return self.offer(self.decide_parts(point=point, weight=weight, target=target), order=order)

    def decide_parts(self, *, point: Ints, weight: Floats, target: float) -> Ints:
        """Return a solver's point with its parts decided in whole steps; as it is where that is needless or vain."""
        level = levels_after(self.tight, point)
        parts = np.flatnonzero((point > 0) & (point < self.problem.most))
        if (level >= 0).all() or not len(parts):
            return point
        found = solve_columns(
            problem=self.tight, columns=parts, x=point, level=level, weight=weight, absolute_gap=target,
            seconds=min(ROUNDING_SECONDS, self.budget.left(0.5)), seed=self.seed, integer_steps=ALL_NODES,
        )  # fmt: skip
        rounded = point.copy()
        rounded[parts] = found.x
        return rounded if (levels_after(self.problem, rounded) >= 0).all() else point

    def search(
        self, *, order: Ints, share: float, daring: float = 1.0, most_steps: int = 30, samples: int = 16
    ) -> None:
        """Search chains from the best, in the given order, for at most that share of what is left."""
        ceiling = Budget(seconds=self.budget.left(share))
        search = start_search(core=self.core, x=self.x, level=self.level, most_steps=most_steps, seed=self.seed)
        for start in range(0, len(order), CHUNK):
            if ceiling.left() == 0:
                break
            search_chains(
                self.core, search, order[start : start + CHUNK], Style(most_steps, samples, daring, 0.0, False, True)
            )
        fill(self.problem, self.best_first, self.level, self.x, FILL_PASSES)
        self.tally = tally(self.problem, self.x, self.rank_count).tolist()

    def order_differing(self, *, relaxation: Relaxation) -> Ints:
        """Return the columns which the relaxation settles otherwise, the most valuable first."""
        differs = np.abs(relaxation.x - self.x) > EQUAL * self.problem.most
        return self.best_first[differs[self.best_first]]

    def certify(self, *, relaxation: Relaxation, weight: Ints) -> int:
        """Return a certified upper bound of the sum of weight, int64[n] of the whole of each."""
        return certify_bound(
            problem=self.tight, weight=weight, price=relaxation.price,
            cut_cost=relaxation.cut_cost, cut_level=relaxation.cut_level,
        )  # fmt: skip

    def decide_anew(
        self, *, guide: Guide, weight: Floats, share: float, fails: int, target: float, whole: bool
    ) -> None:
        """Decide neighbourhoods anew, the worst first; whole: after the first pair also everything at once.

        Without whole, each pair of neighbourhoods is decided at once, both from the same decision, and offered in
        order. Ends when the whole is proved best, or after so many fails.
        """
        ceiling = Budget(seconds=self.budget.left(share))
        wider, failed, gap = 0, 0, FIRST_GAP * target
        least_size = size = min(max(LEAST_SIZE, len(weight) // 50), 1_000)
        tried: Flags = np.zeros(len(weight), np.bool_)
        loose = target if len(weight) <= TO_THE_END else LOOSE * target
        with ThreadPoolExecutor(WORKERS) as pool:

            def submit(columns: Ints, absolute_gap: float, most_nodes: int, seconds: float) -> "Future[Found]":
                level = levels_after(self.tight, self.x)
                return pool.submit(
                    solve_columns, problem=self.tight, columns=columns, x=self.x, level=level, weight=weight,
                    seconds=seconds, absolute_gap=absolute_gap, most_nodes=most_nodes,
                    seed=self.seed,
                )  # fmt: skip

            base = self.x
            job: Future[Found] | None = None
            started = False
            beside = 0.01
            while (left := ceiling.left()) > beside and failed < fails:
                if job is not None and job.done():
                    if self._offer_whole(job.result(), base, weight, loose):
                        return
                    job = None
                chosen = self._choose(guide, tried, wider, size, started)
                jobs = [
                    submit(
                        columns,
                        gap * len(columns) / len(weight),
                        MOST_NODES if started else ALL_NODES,
                        SOLVED * left + 0.01,
                    )
                    for columns in chosen
                ]
                founds = [each.result() for each in jobs]
                better = False
                for columns, found in zip(chosen, founds, strict=True):
                    point = self.x.copy()
                    point[columns] = found.x
                    better = self.offer_rounded(point=point, weight=weight, target=20 * target, order=columns) or better
                    if len(columns) == len(weight) and found.proved and gap <= target:
                        return
                if whole and not started:
                    started, base = True, self.x
                    job = submit(np.arange(len(weight)), loose, ALL_NODES, ceiling.left())
                failed = 0 if better else failed + 1
                over = (1.0 - SOLVED) * left - ceiling.left()
                beside = max(beside, over) if over > LONG_SECONDS else beside
                if not better:
                    gap = max(gap / 8, target)
                if all(found.proved for found in founds):
                    if better:
                        continue
                    wider += 300 if wider < 900 else wider
                    size = min(2 * size, MOST_SIZE)
                else:
                    size = max(size // 2, least_size // LEAST_PART)
            if job is not None:
                self._offer_whole(job.result(), base, weight, loose)

    def _offer_whole(self, found: Found, base: Ints, weight: Floats, target: float) -> bool:
        """Offer to the decision from which it started; say if that is proved best. Else keep the better one."""
        kept = (self.x, self.level, self.tally)
        self.x, self.level = base, levels_after(self.problem, base)
        self.tally = tally(self.problem, base, self.rank_count).tolist()
        self.offer_rounded(point=found.x, weight=weight, target=0.1 * target)
        reached = float((weight * (self.x / self.problem.units)).sum())
        if found.proved and reached >= found.bound - 2 * target:
            return True
        if kept[2] > self.tally:
            self.x, self.level, self.tally = kept
        return False

    def _choose(self, guide: Guide, tried: Flags, wider: int, size: int, beside: bool) -> list[Ints]:
        """Return columns to decide together, by place; what is in the first is not in the second.

        beside: there is one place, and less than half of all columns, as the whole is being decided besides.
        """
        score, loss = score_columns(problem=self.problem, guide=guide, x=self.x)
        if beside:
            size = min(size, len(score) // 3)
        all_at_most = min(2 * size, len(score) // 2) if beside else 2 * size
        chosen: list[Ints] = []
        for place in range(1 if beside else WORKERS):
            rank = min(int((score < 0).sum()) + wider + 300 * place, len(score) - 1)
            limit = float(np.partition(score, rank)[rank])
            seed = int(np.argmax(np.where(tried, -1.0, loss)))
            tried[seed] = True
            within = np.flatnonzero(score <= limit) if wider + place else np.flatnonzero(score < 0)
            if len(within) <= all_at_most:
                chosen.append(within)
                continue
            chosen.append(grow(self.core, score, limit, np.array([seed]), max(size, 1), 30))
            score[chosen[-1]] = np.inf
            tried[chosen[-1]] |= len(score) > 50 * size
        return chosen
