"""The linear relaxation: its value, feasibility and prices, on seeded batches of every regime."""

import highspy
import numpy as np
import pytest
from hypothesis import given, settings

from bench.settlement.generate import generate_instance
from settlement.core.bound import certify_bound
from settlement.core.guide import Relaxation, solve_relaxation
from settlement.core.presolve import reduce_problem, tighten_rows
from settlement.core.problem import Problem, build_problem
from settlement.core.submission import build_submitted_batch
from tests.factories.problems import decisions, problem_of, problems, settled_value

EXACT = 1e-6
"""Relative: the tolerance to which the relaxation is solved."""


def core_of(*, size: int, regime: str) -> Problem:
    submission = generate_instance(size=size, regime=regime, seed=3)
    batch = build_submitted_batch(submission=submission, objective="value").batch
    return reduce_problem(problem=build_problem(batch=batch)).core


def relax(problem: Problem) -> Relaxation:
    return solve_relaxation(problem=problem, weight=problem.value.astype(np.float64))


def worth(problem: Problem, relaxation: Relaxation) -> float:
    return float((problem.value * (relaxation.x / problem.units)).sum())


def solve_at_once(problem: Problem) -> float:
    """All rows at once, by the interior point method and HiGHS's own presolve: another way to the same value."""
    count, row_count = len(problem.units), len(problem.level)
    size = np.ones(row_count)
    np.maximum.at(size, problem.row, np.abs(problem.effect))
    mean = problem.value.mean()
    model = highspy.HighsLp()
    model.num_col_, model.num_row_, model.sense_ = count, row_count, highspy.ObjSense.kMaximize
    model.col_cost_, model.col_lower_ = problem.value / mean, np.zeros(count)
    model.col_upper_ = problem.most / problem.units
    model.row_lower_, model.row_upper_ = -problem.level / size, np.full(row_count, np.inf)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = problem.pointer, problem.row
    model.a_matrix_.value_ = problem.effect / size[problem.row]
    solver = highspy.Highs()
    for name, option in (("output_flag", False), ("solver", "ipm"), ("threads", 1)):
        solver.setOptionValue(name, option)
    solver.passModel(model)
    solver.run()
    assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return float(solver.getInfo().objective_function_value * mean)


@pytest.mark.parametrize("regime", ["normal", "tight", "scarce"])
def test_value_feasibility_and_bound_of_a_batch(regime: str) -> None:
    core = core_of(size=2_000, regime=regime)
    tight = tighten_rows(problem=core)
    relaxation = relax(tight)
    value = worth(tight, relaxation)
    assert relaxation.solved
    assert value == pytest.approx(solve_at_once(tight), rel=EXACT)
    bound = certify_bound(problem=tight, weight=tight.value, price=relaxation.price)
    assert value * (1 - EXACT) <= bound <= value * (1 + EXACT)
    share = relaxation.x / tight.units
    owner = np.repeat(np.arange(len(share)), np.diff(tight.pointer))
    left = tight.level + np.bincount(tight.row, tight.effect * share[owner], len(tight.level))
    size = np.maximum.reduceat(np.abs(tight.effect)[np.argsort(tight.row, kind="stable")], first_of(tight))
    assert (left >= -EXACT * np.maximum(tight.level, size)).all()
    assert (share >= 0).all()
    assert (relaxation.x <= tight.most).all()
    # Tightening pays: the looser rows allow more than any decision is worth.
    loose = relax(core)
    assert value < worth(core, loose)


def first_of(problem: Problem) -> np.ndarray:
    return np.searchsorted(np.sort(problem.row), np.arange(len(problem.level)))


@settings(max_examples=200, deadline=None)
@given(problem=problems())
def test_the_bound_of_its_prices_is_above_every_decision(problem: Problem) -> None:
    tight = tighten_rows(problem=reduce_problem(problem=problem).core)
    relaxation = relax(tight)
    best = max(settled_value(tight, x) for x in decisions(tight))
    assert certify_bound(problem=tight, weight=tight.value, price=relaxation.price) >= best


def test_the_same_twice() -> None:
    tight = tighten_rows(problem=core_of(size=1_000, regime="scarce"))
    first, second = relax(tight), relax(tight)
    assert np.array_equal(first.x, second.x)
    assert np.array_equal(first.price, second.price)


def test_out_of_time_there_is_still_a_bound() -> None:
    tight = tighten_rows(problem=core_of(size=5_000, regime="tight"))
    relaxation = solve_relaxation(problem=tight, weight=tight.value.astype(np.float64), seconds=0.0)
    assert not relaxation.solved
    bound = certify_bound(problem=tight, weight=tight.value, price=relaxation.price)
    assert worth(tight, relax(tight)) <= bound <= int(tight.value.sum())


def test_more_time_lowers_the_bound() -> None:
    # Little to settle with: the hardest kind, so that a little time is not enough.
    core = core_of(size=20_000, regime="scarce")
    tight = tighten_rows(problem=reduce_problem(problem=core._replace(level=core.level // 20)).core)
    weight = tight.value.astype(np.float64)
    relaxations = [solve_relaxation(problem=tight, weight=weight, seconds=seconds) for seconds in (0.0, 0.1, 60.0)]
    bounds = [certify_bound(problem=tight, weight=tight.value, price=relaxation.price) for relaxation in relaxations]
    assert [relaxation.solved for relaxation in relaxations][::2] == [False, True]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[2] < bounds[0]
    assert (relaxations[1].x >= 0).all()
    assert (relaxations[1].x <= tight.most).all()


def test_nothing_short_and_nothing_at_all() -> None:
    free = problem_of([({0: -2}, 4, 1, 1, 0, 7)], [2])
    assert relax(free).x.tolist() == [4.0]
    assert relax(free).price.tolist() == [0.0]
    nothing = relax(problem_of([], []))
    assert len(nothing.x) == len(nothing.price) == 0
