"""Dive: from the relaxation to a decision, by leaving out what it settles in fractions and solving again.

Only upper bounds fall, so every relaxation on the way has a point, and its rows tell by themselves what
else has to give way. Diving heuristics: Achterberg, Constraint integer programming, 2007, chapter 9.
"""

from typing import Final, NamedTuple

import highspy
import numpy as np

from settlement.core.bound import Floats
from settlement.core.budget import Budget
from settlement.core.compiled import Ints
from settlement.core.guide import Relaxation, _list_rows, _scale_rows, _start_solver, _take_rows
from settlement.core.problem import Problem

SHORT: Final = 1e-9
FRACTION: Final = 1e-6
MOST_TURNS: Final = 60
FLOOR_TURNS: Final = 10
"""So many times parts between two units are cut to the lower one; after that they are left out."""


class Dive(NamedTuple):
    """The relaxation it started from, and x[n], units, which fits but for the solver's tolerance.

    ended says that the budget ended it, so that x is no decision.
    """

    relaxation: Relaxation
    x: Ints
    ended: bool


class _Solver:
    """The relaxation, solved again and again while upper bounds fall; rows are added as they fall short."""

    def __init__(self, *, problem: Problem, weight: Floats, budget: Budget) -> None:
        row_count = len(problem.level)
        self.scale = _scale_rows(problem.row, problem.effect, row_count)
        self.rows = _list_rows(problem, self.scale)
        self.row_of = np.repeat(np.arange(row_count), np.diff(self.rows.start))
        self.worth = 1.0 / max(float(weight.mean()), 1e-300)
        self.upper = problem.most / problem.units
        self.share: Floats = self.upper.copy()
        self.solver = _start_solver(weight * self.worth, self.upper, budget.left())
        self.solver.setOptionValue("primal_feasibility_tolerance", SHORT)
        self.taken = np.zeros(row_count, np.bool_)
        self.order = np.zeros(0, np.int64)
        self.budget = budget

    def cap(self, columns: Ints, upper: Floats) -> None:
        """Lower the upper bounds of columns."""
        self.upper[columns] = upper
        self.solver.changeColsBounds(len(columns), columns.astype(np.int32), np.zeros(len(columns)), upper)

    def solve(self, *, again: bool) -> bool:
        """Solve until no row is short; False where the time ran out."""
        while True:
            moved = np.bincount(
                self.row_of, weights=self.rows.value * self.share[self.rows.column], minlength=len(self.scale)
            )
            short = np.flatnonzero((self.rows.level + moved < -10 * SHORT) & ~self.taken)
            if not len(short) and not again:
                return True
            again = False
            start, column, value = _take_rows(self.rows, short)
            self.solver.addRows(
                len(short), -self.rows.level[short], np.full(len(short), highspy.kHighsInf),
                len(column), start[:-1].astype(np.int32), column.astype(np.int32), value,
            )  # fmt: skip
            self.taken[short] = True
            self.order = np.concatenate((self.order, short))
            self.solver.run()
            if self.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal or self.budget.left() == 0:
                return False
            self.share = np.array(self.solver.getSolution().col_value)

    def price(self) -> Floats:
        """Return the weight per unit of each row."""
        price = np.zeros(len(self.scale))
        price[self.order] = -np.array(self.solver.getSolution().row_dual)[: len(self.order)]
        return np.maximum(price, 0.0) * self.scale / self.worth


def dive(*, problem: Problem, weight: Floats, budget: Budget) -> Dive:
    """Solve the relaxation, leave out half of what it settles in a fraction (by weight, the least first), repeat.

    problem is best tightened; weight is float64[n]. Deterministic where the budget does not end it.
    """
    units = problem.units
    solver = _Solver(problem=problem, weight=weight, budget=budget)
    ended = not solver.solve(again=False)
    price = solver.price() if len(solver.order) and not ended else np.zeros(len(problem.level))
    start = Relaxation(np.clip(solver.share, 0.0, problem.most / units) * units, price, not ended)
    for turn in range(MOST_TURNS):
        if ended:
            break
        share = solver.share
        fewest = np.where(problem.least < problem.most, problem.least, problem.most) / units
        broken = np.flatnonzero((share > FRACTION) & (share < fewest - FRACTION))
        exact = share * units
        between = (np.abs(exact - np.rint(exact)) > 1e-5) & (problem.least < problem.most)
        between[broken] = False
        if len(broken):
            least_lost = np.argsort((weight * share)[broken], kind="stable")
            out = broken[least_lost[: (len(broken) + 1) // 2]]
            upper = np.zeros(len(out))
        elif between.any():
            out = np.flatnonzero(between)
            upper = np.floor(exact[out]) / units[out]
            upper[(upper < fewest[out]) | (turn >= 2 * FLOOR_TURNS)] = 0.0
        else:
            break
        solver.cap(out, upper)
        ended = not solver.solve(again=True)
    x = np.rint(np.clip(solver.share, 0.0, None) * units).astype(np.int64)
    return Dive(start, np.minimum(x, problem.most), ended)
