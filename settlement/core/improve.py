"""Improve a decision by deciding neighbourhoods of it anew, until it is proved best or the budget ends."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from settlement.core.backoff import fill, levels_after, tally
from settlement.core.bound import Floats, certify_bound
from settlement.core.budget import Budget
from settlement.core.chain import Style, repair, search_chains
from settlement.core.compiled import Flags, Ints
from settlement.core.dive import dive
from settlement.core.guide import Relaxation
from settlement.core.mixed_integer import Found, round_units, solve_columns
from settlement.core.neighbourhood import Guide, grow, score_columns
from settlement.core.presolve import tighten_rows
from settlement.core.problem import Problem
from settlement.core.search_state import Core, build_core, start_search

FILL_PASSES: Final = 100
CHUNK: Final = 500
WORKERS: Final = 2

FIRST_GAP: Final = 512
"""At first a neighbourhood need not be decided better than to so many times the gap aimed at."""


class Improver:
    """The best decision found so far of a problem which the presolve left; x[n] and level[m] are its state."""

    def __init__(self, *, problem: Problem, x: Ints, budget: Budget, seed: int) -> None:
        self.problem = problem
        self.rank_count = int(problem.rank.max()) + 1
        self.best_first = np.lexsort((problem.number, -problem.value, problem.rank))
        self.core: Core = build_core(problem=problem)
        self.tight = tighten_rows(problem=problem)
        self.budget = budget
        self.seed = seed
        self.x = x
        self.level = levels_after(problem, x)
        self.tally: list[int] = tally(problem, x, self.rank_count).tolist()

    def offer(self, x: Ints) -> bool:
        """Repair a point and keep it if it is better; say so."""
        level = levels_after(self.problem, x)
        fits = bool((level >= 0).all())
        kept = False
        for steps, noise in ((0, 0.0),) if fits else ((0, 0.0), (0, 0.3), (2_000, 0.0), (0, 0.9)):
            if not fits and self.budget.left() == 0:
                break
            tried, left = x.copy(), level.copy()
            if not fits:
                search = start_search(core=self.core, x=tried, level=left, most_steps=60, seed=self.seed)
                repair(self.core, search, Style(steps, 64, 0.0, noise, False, False, False))
            fill(self.problem, self.best_first, left, tried, FILL_PASSES)
            found = tally(self.problem, tried, self.rank_count).tolist()
            if found > self.tally:
                self.x, self.level, self.tally, kept = tried, left, found, True
        return kept

    def search(self, *, order: Ints, rounds: int, most_steps: int, samples: int, share: float) -> None:
        """Search chains from the best, in the given order, for at most that share of what is left."""
        ceiling = Budget(seconds=self.budget.left(share))
        search = start_search(core=self.core, x=self.x, level=self.level, most_steps=most_steps, seed=self.seed)
        for turn in range(rounds):
            style = Style(
                most_steps, samples, (1.0, 4.0, 0.25)[turn % 3], 0.0 if turn < 3 else 0.5, turn > 0, turn % 3 == 2,
                turn % 2 == 1,
            )  # fmt: skip
            for start in range(0, len(order), CHUNK):
                if ceiling.left() == 0:
                    break
                search_chains(self.core, search, order[start : start + CHUNK], style)
        fill(self.problem, self.best_first, self.level, self.x, FILL_PASSES)
        self.tally = tally(self.problem, self.x, self.rank_count).tolist()

    def dive(self, *, weight: Floats) -> Relaxation:
        """Offer the decision to which the relaxation leads, where the budget lets it; return the relaxation."""
        found = dive(problem=self.tight, weight=weight, budget=Budget(seconds=self.budget.left(0.6)))
        if not found.ended:
            self.offer(round_units(self.problem, np.arange(len(found.x)), found.x))
        return found.relaxation

    def certify(self, *, relaxation: Relaxation) -> int:
        """Return a certified upper bound of the value."""
        return certify_bound(problem=self.tight, weight=self.problem.value, price=relaxation.price)

    def decide_anew(self, *, guide: Guide, weight: Floats, share: float, fails: int, target: float) -> bool:
        """Decide neighbourhoods anew; say whether the whole was proved best.

        Each pair of neighbourhoods is decided at once, both from the same decision, and offered in order.
        """
        ceiling = Budget(seconds=self.budget.left(share))
        wider, size, failed, gap = 0, 1_000, 0, FIRST_GAP * target
        tried: Flags = np.zeros(len(weight), np.bool_)
        with ThreadPoolExecutor(WORKERS) as pool:
            while ceiling.left() > 0.01 and failed < fails:
                score, loss = score_columns(problem=self.problem, guide=guide, x=self.x)
                chosen = []
                for place in range(WORKERS):
                    columns, seed = self._choose(score, loss, tried, wider if place == 0 else wider + 300, size)
                    tried[seed] = True
                    chosen.append(columns)
                level = levels_after(self.tight, self.x)
                jobs = [
                    pool.submit(
                        solve_columns, problem=self.tight, columns=columns, x=self.x, level=level, weight=weight,
                        seconds=ceiling.left(), absolute_gap=gap, seed=self.seed,
                    )
                    for columns in chosen
                ]  # fmt: skip
                founds: list[Found] = [job.result() for job in jobs]
                better = False
                for columns, found in zip(chosen, founds, strict=True):
                    point = self.x.copy()
                    point[columns] = found.x
                    better = self.offer(point) or better
                    if len(columns) == len(weight) and found.proved:
                        return True
                failed = 0 if better else failed + 1
                if not better:
                    gap = max(gap / 8, target)
                if all(found.proved for found in founds):
                    wider += 300 if wider < 900 else wider
                    size = min(2 * size, 6_000)
                else:
                    size = max(size // 2, 300)
        return False

    def _choose(self, score: Floats, loss: Floats, tried: Flags, wider: int, size: int) -> tuple[Ints, int]:
        count = int((score < 0).sum())
        limit = float(np.partition(score, min(count + wider, len(score) - 1))[min(count + wider, len(score) - 1)])
        seed = int(np.argmax(np.where(tried, -1.0, loss)))
        within = np.flatnonzero(score <= limit) if wider else np.flatnonzero(score < 0)
        if len(within) <= 3 * size:
            return within, seed
        return grow(self.core, score, limit, seed, size, 30), seed
