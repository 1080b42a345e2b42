"""Tiny settlement problems, and the truth about them by trying every decision."""

from itertools import product

import numpy as np
from hypothesis import strategies as st

from settlement.core.compiled import Ints
from settlement.core.problem import Problem

COLUMN = st.tuples(
    st.dictionaries(st.integers(0, 3), st.integers(-9, 9).filter(bool), max_size=3),  # row: effect
    st.sampled_from([1, 1, 2, 3, 4, 6]),  # units
    st.integers(1, 6),  # least
    st.integers(1, 3),  # step
    st.integers(0, 2),  # rank
    st.integers(0, 30),  # value
)


def problem_of(columns: list[tuple[dict[int, int], int, int, int, int, int]], level: list[int]) -> Problem:
    """Return the problem of columns given as movements by row, units, least, step, rank and value."""
    movements = [move for column in columns for move in column[0].items()]
    parts = np.array([column[1:] for column in columns], np.int64).reshape(-1, 5).T.copy()
    units, least, step, rank, value = parts
    return Problem(
        pointer=np.cumsum([0, *(len(column[0]) for column in columns)]).astype(np.int64),
        row=np.array([row for row, _ in movements], np.int64),
        effect=np.array([effect for _, effect in movements], np.int64),
        level=np.array(level, np.int64),
        units=units, least=np.minimum(least, units), step=step, most=units.copy(),
        rank=rank, value=value, number=np.arange(len(columns)),
    )  # fmt: skip


@st.composite
def problems(draw: st.DrawFn, most: int = 6) -> Problem:
    columns = draw(st.lists(COLUMN, max_size=most))
    return problem_of(columns, draw(st.lists(st.integers(0, 9), min_size=4, max_size=4)))


@st.composite
def transfers(draw: st.DrawFn, most: int = 7) -> Problem:
    """Movements from one row to another, which form chains and circles, and others that take part of it away."""
    amount, row = st.integers(1, 3), st.integers(0, 3)
    drawn = draw(st.lists(st.tuples(row, row, amount, amount), min_size=1, max_size=most))
    columns = [({giver: -give, taker: take}, 1, 1, 1, 0, 1) for giver, taker, give, take in drawn if giver != taker]
    return problem_of(columns, draw(st.lists(st.integers(0, 2), min_size=4, max_size=4)))


def share_of(whole: int, x: int, units: int) -> int:
    return (1 if whole > 0 else -1) * (abs(whole) * x // units)


def fits(problem: Problem, x: tuple[int, ...]) -> bool:
    left = problem.level.tolist()
    for i, units in enumerate(x):
        for k in range(problem.pointer[i], problem.pointer[i + 1]):
            left[problem.row[k]] += share_of(int(problem.effect[k]), units, int(problem.units[i]))
    return min(left, default=0) >= 0


def decisions(problem: Problem) -> list[tuple[int, ...]]:
    """Return every decision which leaves no row below zero, in units of each column."""
    columns = zip(*(getattr(problem, name).tolist() for name in ("units", "least", "step", "most")), strict=True)
    choices = [
        [0, *(x for x in range(least, units) if x % step == 0 and x <= most), *([units] if most == units else [])]
        for units, least, step, most in columns
    ]
    return [x for x in product(*choices) if fits(problem, x)]


def tally(problem: Problem, x: tuple[int, ...] | Ints) -> tuple[int, ...]:
    """Settled value and number of each rank, from the first on: what is maximised, in order."""
    totals = [0] * 6
    for i, units in enumerate(x):
        whole, rank = int(problem.units[i]), int(problem.rank[i])
        totals[2 * rank] += int(problem.value[i]) * int(units) // whole
        totals[2 * rank + 1] += int(units) == whole
    return tuple(totals)


def settled_value(problem: Problem, x: tuple[int, ...]) -> int:
    return sum(tally(problem, x)[::2])
