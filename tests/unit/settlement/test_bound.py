"""The certified bound: above every decision for any price, and sharp at the right one."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.core.bound import certify_bound
from settlement.core.presolve import reduce_problem, tighten_rows
from settlement.core.problem import Problem
from tests.factories.problems import decisions, problem_of, problems, settled_value

PRICES = st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 20), min_size=4, max_size=4)


@settings(max_examples=500, deadline=None)
@given(problem=problems(), price=PRICES)
def test_no_decision_is_worth_more_at_any_price(problem: Problem, price: list[float]) -> None:
    best = max(settled_value(problem, x) for x in decisions(problem))
    assert certify_bound(problem=problem, weight=problem.value, price=np.array(price)) >= best
    core = reduce_problem(problem=problem).core
    tight = tighten_rows(problem=core)
    core_price = np.array(price)[: len(core.level)]
    core_best = max(settled_value(core, x) for x in decisions(core))
    assert certify_bound(problem=tight, weight=core.value, price=core_price) >= core_best


@settings(max_examples=300, deadline=None)
@given(
    effects=st.lists(st.integers(-(2**55), 2**55).filter(bool), min_size=1, max_size=6),
    level=st.integers(0, 2**55),
    price=st.floats(0, 4),
    values=st.lists(st.integers(0, 2**57), min_size=6, max_size=6),
)
def test_the_bound_is_not_below_the_exact_dual_value(
    effects: list[int], level: int, price: float, values: list[int]
) -> None:
    columns = [({0: effect}, 1, 1, 1, 0, value) for effect, value in zip(effects, values, strict=False)]
    problem = problem_of(columns, [level])
    cost = Fraction(price)
    exact = cost * level + sum(
        max(Fraction(0), value + cost * effect) for effect, value in zip(effects, values, strict=False)
    )
    bound = certify_bound(problem=problem, weight=problem.value, price=np.array([price]))
    assert bound >= min(exact // 1, sum(values[: len(effects)]))
    assert bound <= exact * (1 + Fraction(1, 10**12)) + Fraction(2**58, 10**12)


def test_the_right_price_proves_the_best_decision() -> None:
    # Two of three equal debits fit: at their own value as the price, the level is all there is to sell.
    problem = problem_of([({0: -5}, 1, 1, 1, 0, 10)] * 3, [10])
    assert certify_bound(problem=problem, weight=problem.value, price=np.array([2.0])) == 20
    assert certify_bound(problem=problem, weight=problem.value, price=np.array([0.0])) == 30


def test_what_float_cannot_hold_is_added() -> None:
    # At price 1 the column gains 1 exactly, which is lost beside 2**57 in float64.
    problem = problem_of([({0: -(2**57)}, 1, 1, 1, 0, 2**57 + 1)], [0])
    assert certify_bound(problem=problem, weight=problem.value, price=np.ones(1)) >= 1


def test_a_part_may_move_less_than_pro_rata() -> None:
    # Half of one cent is none: half of this settles with no money at all, whatever money costs.
    problem = problem_of([({0: -1}, 2, 1, 1, 0, 100)], [0])
    assert (1,) in decisions(problem)
    assert certify_bound(problem=problem, weight=problem.value, price=np.array([1e6])) >= 50


def test_what_can_never_settle_counts_for_nothing() -> None:
    problem = problem_of([({0: -5}, 1, 1, 1, 0, 10), ({0: -5}, 4, 1, 1, 0, 10)], [2])
    problem = problem._replace(most=np.array([0, 1], np.int64))
    assert certify_bound(problem=problem, weight=problem.value, price=np.zeros(1)) == 2
