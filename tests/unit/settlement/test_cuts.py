"""Cutting planes: every decision keeps them, and the relaxation with them bounds what a decision is worth."""

from itertools import product

import numpy as np
import pytest

from settlement.core.backoff import levels_after
from settlement.core.bound import certify_bound
from settlement.core.budget import Budget
from settlement.core.compiled import Ints
from settlement.core.guide import Relaxing
from settlement.core.presolve import tighten_rows
from settlement.core.problem import Problem


def one_row(debits: list[int], values: list[int], level: int) -> Problem:
    """Make all-or-nothing columns which debit one row."""
    count = len(debits)
    ones = np.ones(count, np.int64)
    return Problem(
        pointer=np.arange(count + 1), row=0 * ones, effect=-np.array(debits), level=np.array([level]), units=ones,
        least=ones, step=ones, most=ones, rank=0 * ones, value=np.array(values), number=np.arange(count),
    )  # fmt: skip


def random_problem(random: np.random.Generator, count: int, rows: int) -> Problem:
    """Draw columns with a few movements each, some with parts of odd sizes."""
    pointer = np.arange(0, 2 * count + 1, 2)
    row = np.concatenate([random.choice(rows, 2, replace=False) for _ in range(count)])
    effect = random.integers(1, 40, 2 * count) * random.choice([-1, -1, 1], 2 * count)
    units = random.choice([1, 1, 3, 7], count)
    return Problem(
        pointer=pointer, row=row, effect=effect, level=random.integers(0, 50, rows), units=units,
        least=random.integers(1, units + 1), step=np.minimum(random.integers(1, 3, count), units), most=units.copy(),
        rank=np.zeros(count, np.int64), value=random.integers(1, 100, count), number=np.arange(count),
    )  # fmt: skip


def decisions(problem: Problem) -> list[Ints]:
    """List every decision of which all rows are covered."""
    choices = [
        [0, *(x for x in range(least, units) if x % step == 0), units]
        for units, least, step in zip(
            problem.units.tolist(), problem.least.tolist(), problem.step.tolist(), strict=True
        )
    ]
    points = (np.array(point, np.int64) for point in product(*choices))
    return [point for point in points if (levels_after(problem, point) >= 0).all()]


def test_a_row_that_holds_one_of_three_is_cut_to_one_of_three() -> None:
    # 60 of each of three, and 100 there is: the relaxation takes 5/3 of them, no decision more than one.
    problem = one_row([60, 60, 60], [6, 6, 6], 100)
    relaxing = Relaxing(problem=problem, weight=problem.value.astype(np.float64))
    budget = Budget(seconds=60.0)
    assert relaxing.solve(budget=budget)
    assert relaxing.share.sum() == pytest.approx(5 / 3)
    relaxing.cut(budget=budget)
    assert relaxing.share.sum() == pytest.approx(1.0)
    relaxation = relaxing.relaxation(solved=True)
    certified = certify_bound(
        problem=problem, weight=problem.value, price=relaxation.price, cut_cost=relaxation.cut_cost,
        cut_level=relaxation.cut_level,
    )  # fmt: skip
    assert certified == 6


def test_every_decision_keeps_every_cut_and_stays_below_the_bound() -> None:
    random = np.random.default_rng(1975)
    cuts_found, lowered = 0, 0
    for _ in range(150):
        problem = random_problem(random, 7, 3)
        tight = tighten_rows(problem=problem)
        relaxing = Relaxing(problem=tight, weight=problem.value.astype(np.float64))
        budget = Budget(seconds=60.0)
        assert relaxing.solve(budget=budget)
        without = float(problem.value @ relaxing.share)
        relaxing.cut(budget=budget)
        lowered += float(problem.value @ relaxing.share) < 0.999 * without
        cuts = relaxing.cuts
        cuts_found += len(cuts.limit)
        points = decisions(problem)
        for c in range(len(cuts.limit)):
            inside = slice(cuts.start[c], cuts.start[c + 1])
            column, value = cuts.column[inside], cuts.value[inside]
            assert all((value * (x / problem.units)[column]).sum() <= cuts.limit[c] for x in points)
        relaxation = relaxing.relaxation(solved=True)
        certified = certify_bound(
            problem=tight, weight=problem.value, price=relaxation.price, cut_cost=relaxation.cut_cost,
            cut_level=relaxation.cut_level,
        )  # fmt: skip
        best = max(int((problem.value * x // problem.units).sum()) for x in points)
        assert best <= certified <= certify_bound(problem=tight, weight=problem.value, price=0 * relaxation.price)
    assert cuts_found > 100
    assert lowered > 30
