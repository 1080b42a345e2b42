"""What the search promises of several priorities, on problems small enough to try every decision."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

from settlement.core import strategy
from settlement.core.backoff import levels_after, tally
from settlement.core.batch import LARGEST_AMOUNT
from settlement.core.budget import Budget
from settlement.core.compiled import Ints
from settlement.core.decide import settled_worth
from settlement.core.problem import Problem
from tests.unit.settlement.test_cuts import decisions, random_problem


class Tried(NamedTuple):
    """A problem, and the best of all its decisions: in order of the ranks, and by the weighed sum."""

    problem: Problem
    weight: Ints
    best: list[int]
    most: int


@cache
def tried_problems() -> list[Tried]:
    """Draw problems of three ranks and try every decision of each, once for all ways of deciding."""
    random, found = np.random.default_rng(31), []
    for _ in range(60):
        problem = random_problem(random, 7, 3)._replace(rank=random.integers(0, 3, 7))
        ranks = int(problem.rank.max()) + 1
        weight = strategy.weigh_ranks(rank=problem.rank, value=problem.value)
        points = decisions(problem)
        best = max(tally(problem, point, ranks).tolist() for point in points)
        most = max(settled_worth(weight, problem.units, point) for point in points)
        found.append(Tried(problem, weight, best, most))
    return found


@pytest.mark.parametrize("way", ["tiny", "small", "large"])
def test_the_bound_holds_for_every_decision_by_the_weighed_sum(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way != "tiny":
        monkeypatch.setattr(strategy, "is_tiny", lambda *, problem: False)
    if way == "large":
        monkeypatch.setattr(strategy, "LARGE", 0)
    best_found, below_everything = 0, 0
    for problem, weight, best, most in tried_problems():
        x, bound = strategy.decide_core(
            problem=problem, weight=weight, starts=[], budget=Budget(seconds=20.0), effort=1, seed=1
        )
        assert (levels_after(problem, x) >= 0).all()
        reached = tally(problem, x, int(problem.rank.max()) + 1).tolist()
        assert reached <= best
        best_found += reached == best
        assert most <= bound
        below_everything += bound < int(weight.sum())
    assert best_found >= (50 if way == "large" else 58)
    assert below_everything > 5


def test_an_earlier_rank_counts_thirty_times_the_next_as_long_as_all_add_up() -> None:
    rank, value = np.array([0, 1, 2, 3, 4]), np.array([1, 2, 3, 4, 5])
    assert strategy.weigh_ranks(rank=rank, value=value).tolist() == [27_000, 1_800, 90, 4, 5]
    huge = np.full(5, LARGEST_AMOUNT // 40)
    weighed = strategy.weigh_ranks(rank=rank, value=huge)
    assert 0 < sum(weighed.tolist()) <= LARGEST_AMOUNT
    assert weighed[0] >= weighed[1] >= weighed[3]
