"""Reductions before the search: nothing is lost, whole circles settle at once, rows are tighter."""

import numpy as np
from hypothesis import given, settings

from settlement.core.presolve import reduce_problem, tighten_rows
from settlement.core.problem import Problem
from tests.factories.problems import decisions, fits, problem_of, problems, tally, transfers


@settings(max_examples=400, deadline=None)
@given(problem=problems() | transfers())
def test_no_best_decision_is_lost(problem: Problem) -> None:
    reduction = reduce_problem(problem=problem)
    found = []
    for part in decisions(reduction.core):
        x = reduction.settled.copy()
        x[reduction.column] = part
        assert fits(problem, tuple(x.tolist()))
        found.append(tally(problem, x))
    assert max(found) == max(tally(problem, x) for x in decisions(problem))


@settings(max_examples=400, deadline=None)
@given(problem=problems())
def test_tightened_rows_admit_the_same_decisions(problem: Problem) -> None:
    core = reduce_problem(problem=problem).core
    assert decisions(tighten_rows(problem=core)) == decisions(core)


def circle(parties: int, level: int = 0) -> Problem:
    """Each hands on to the next what it gets from the one before."""
    moves = [({i: -5, (i + 1) % parties: 5}, 1, 1, 1, 0, 10) for i in range(parties)]
    return problem_of(moves, [level] * parties)


def test_a_circle_without_stock_settles_for_certain() -> None:
    for parties in (2, 3, 9):
        reduction = reduce_problem(problem=circle(parties))
        assert (reduction.settled == 1).all()
        assert len(reduction.column) == len(reduction.row) == 0


def test_what_waits_for_something_uncertain_is_not_certain() -> None:
    # Two compete for row 0; a third, and behind it a fourth, needs the one unit which the first would bring.
    problem = problem_of(
        [
            ({0: -2, 1: 1}, 1, 1, 1, 0, 5), ({0: -2}, 1, 1, 1, 0, 5),
            ({1: -1, 2: 1}, 1, 1, 1, 0, 5), ({2: -1}, 1, 1, 1, 0, 5),
        ],
        [2, 0, 0],
    )  # fmt: skip
    reduction = reduce_problem(problem=problem)
    assert not reduction.settled.any()
    assert reduction.column.tolist() == [0, 1, 2, 3]


def test_a_chain_with_a_broken_first_link_can_never_settle() -> None:
    chain = problem_of([({i: -5, i + 1: 5}, 1, 1, 1, 0, 10) for i in range(4)], [4, 0, 0, 0, 0])
    reduction = reduce_problem(problem=chain)
    assert not reduction.settled.any()
    assert len(reduction.column) == 0


def test_a_part_is_capped_at_what_can_come_and_rounded_to_its_step() -> None:
    # Ten securities to deliver, in threes and no fewer than two: seven are there at most.
    capped = problem_of([({0: -10}, 10, 2, 3, 0, 100)], [7])
    assert reduce_problem(problem=capped).settled.tolist() == [6]
    # Six would be too few where at least seven must go.
    assert reduce_problem(problem=problem_of([({0: -10}, 10, 7, 3, 0, 100)], [7])).settled.tolist() == [0]


def test_rows_which_cannot_bind_are_dropped_and_certain_ones_booked() -> None:
    # Row 0 pays for everything; of row 1's two debitors one fits. Column 2 is certain and fills row 1 up to 4.
    problem = problem_of(
        [({0: -3, 1: -4}, 1, 1, 1, 0, 5), ({0: -3, 1: -3}, 1, 1, 1, 0, 6), ({0: -1, 1: 2}, 1, 1, 1, 0, 1)], [7, 2]
    )
    reduction = reduce_problem(problem=problem)
    assert reduction.settled.tolist() == [0, 0, 1]
    assert reduction.column.tolist() == [0, 1]
    assert reduction.row.tolist() == [1]
    assert reduction.core.level.tolist() == [4]
    assert reduction.core.effect.tolist() == [-4, -3]


def test_a_large_credit_counts_only_as_what_is_missing() -> None:
    # Five are owed and none there, a hundred may come: a twentieth of that must not pay in full.
    problem = problem_of([({0: -5}, 1, 1, 1, 0, 9), ({0: 100, 1: -2}, 1, 1, 1, 0, 1)], [0, 1])
    tight = tighten_rows(problem=problem)
    assert tight.effect.tolist() == [-5, 5, -1]
    # The second row lacks one of two: the debit counts as that one, against nothing.
    assert tight.level.tolist() == [0, 0]


def test_no_columns_or_no_rows_are_no_problem() -> None:
    nothing = reduce_problem(problem=problem_of([], [3]))
    assert len(nothing.settled) == len(nothing.column) == 0
    free = reduce_problem(problem=problem_of([({}, 4, 2, 1, 0, 7)], []))
    assert free.settled.tolist() == [4]


def test_amounts_at_the_edge_of_the_range_stay_exact() -> None:
    large = 2**61 - 1
    problem = problem_of(
        [({0: -large, 1: large}, 2**31, 1, 1, 0, 5), ({1: -large, 0: large}, 1, 1, 1, 0, 5)], [large // 2, 0]
    )
    reduction = reduce_problem(problem=problem)
    assert reduction.settled.tolist() == [2**31, 1]
    assert np.array_equal(tighten_rows(problem=problem).most, problem.most)
