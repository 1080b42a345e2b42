"""The linear relaxation of a settlement problem: what to try first, and prices for a certified bound."""

from typing import Final, NamedTuple

import highspy
import numpy as np

from settlement.core.bound import Floats
from settlement.core.budget import Budget
from settlement.core.compiled import Flags, Ints, Places, compiled
from settlement.core.cuts import Cuts, read_kinds, round_off, separate_cuts
from settlement.core.problem import Problem

FEASIBLE: Final = 1e-9
WORTHWHILE: Final = 0.02
"""A turn of cuts is followed by another if it lowers the bound by so much of what the best one did."""

TOLERANCE: Final = 10 * FEASIBLE
"""A row that is short by less than this share of its level, or of its movements' usual size, is not short."""


class Relaxation(NamedTuple):
    """What a relaxed decision settles, and what is short.

    x       float64[n], units in [0, most]
    price   float64[m], zero or more: weight per unit of each row; zero where nothing is short
    solved  bool: False where the time ran out; prices then still make a bound, x may overdraw rows
    cut_cost   float64[n], what the whole of each column costs at the prices of the cuts
    cut_level  what the cuts have to give at their prices
    """

    x: Floats
    price: Floats
    solved: bool
    cut_cost: Floats
    cut_level: float


class _Rows(NamedTuple):
    """Movements by row (CSR), each row in a unit of its own, which brings them around one."""

    start: Ints
    column: Places
    value: Floats
    level: Floats


class Relaxing:
    """The relaxation, solved again and again while upper bounds fall; rows are taken in as they fall short.

    share[n] is what the last answer settles of each whole, upper[n] the most it may.
    """

    def __init__(self, *, problem: Problem, weight: Floats) -> None:
        row_count = len(problem.level)
        self.problem = problem
        self.upper: Floats = problem.most / problem.units
        self.share: Floats = self.upper.copy()
        self._scale = _scale_rows(problem.row, problem.effect, row_count)
        self._rows = _list_rows(problem, self._scale)
        self._worth = 1.0 / max(float(np.abs(weight).mean()) if len(weight) else 0.0, 1e-300)
        self._solver = _start_solver(weight * self._worth, self.upper)
        self._taken: Flags = np.zeros(row_count, np.bool_)
        self._order = np.zeros(0, np.int64)
        self._price = np.zeros(row_count)
        self._pieces: list[Cuts] = []

    def cap(self, *, columns: Ints, upper: Floats) -> None:
        """Lower the upper bounds of columns, shares of the whole."""
        self.upper[columns] = upper
        self._solver.changeColsBounds(len(columns), columns.astype(np.int32), np.zeros(len(columns)), upper)

    def solve(self, *, budget: Budget, again: bool = False) -> bool:
        """Solve until no row is short; False where the time ran out, the last step then stands.

        again: the bounds have changed, so that there is something to solve even if no row is short.
        """
        solver = self._solver
        while True:
            short = np.flatnonzero(_is_short(self._rows, self.share) & ~self._taken)
            if not len(short) and not again:
                return True
            again = False
            start, column, value = _take_rows(self._rows, short)
            solver.addRows(
                len(short), -self._rows.level[short], np.full(len(short), highspy.kHighsInf),
                len(column), start[:-1].astype(np.int32), column, value,
            )  # fmt: skip
            self._taken[short] = True
            self._order = np.concatenate((self._order, short))
            # The solver's clock counts all its runs.
            solver.setOptionValue("time_limit", min(solver.getRunTime() + budget.left(), 1e9))
            solver.run()
            solution = solver.getSolution()
            if len(solution.row_dual) == len(self._order):
                self.share = np.array(solution.col_value)
                self._price[self._order] = np.abs(np.array(solution.row_dual))
            if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                return False

    def cut(self, *, budget: Budget, most_turns: int = 10) -> None:
        """Take in cuts which a solved relaxation breaks and solve again, as long as that is worth it."""
        kinds = read_kinds(problem=self.problem)
        loose = round_off(self.problem) * self._scale
        worth, first = self._solver.getInfo().objective_function_value, 0.0
        for _ in range(most_turns):
            found = separate_cuts(
                self._rows.start, self._rows.column, self._rows.value, self._rows.level, loose, kinds, self.share
            )
            if not len(found.limit) or budget.left() == 0.0:
                break
            self._take(found)
            if not self.solve(budget=budget, again=True):
                break
            gained = worth - self._solver.getInfo().objective_function_value
            worth -= gained
            first = max(first, gained)
            if gained < WORTHWHILE * first:
                break

    def _take(self, cuts: Cuts) -> None:
        """Add cuts to the rows of the solver."""
        self._solver.addRows(
            len(cuts.limit), np.full(len(cuts.limit), -highspy.kHighsInf), cuts.limit, len(cuts.column),
            cuts.start[:-1].astype(np.int32), cuts.column.astype(np.int32), cuts.value,
        )  # fmt: skip
        self._order = np.concatenate((self._order, np.arange(len(cuts.limit)) + len(self._price)))
        self._price = np.concatenate((self._price, np.zeros(len(cuts.limit))))
        self._pieces.append(cuts)

    @property
    def cuts(self) -> Cuts:
        """Return all cuts taken in."""
        start = np.cumsum(np.concatenate([[0], *(np.diff(piece.start) for piece in self._pieces)])).astype(np.int64)
        column = np.concatenate([np.zeros(0, np.int64), *(piece.column for piece in self._pieces)])
        value = np.concatenate([np.zeros(0), *(piece.value for piece in self._pieces)])
        return Cuts(start, column, value, np.concatenate([np.zeros(0), *(piece.limit for piece in self._pieces)]))

    def relaxation(self, *, solved: bool) -> Relaxation:
        """Return the last answer in units, and its prices in weight."""
        problem, cuts, row_count = self.problem, self.cuts, len(self.problem.level)
        x = np.clip(self.share * problem.units, 0.0, problem.most.astype(np.float64))
        price = np.maximum(self._price, 0.0) / self._worth
        paid = cuts.value * np.repeat(price[row_count:], np.diff(cuts.start))
        cost: Floats = np.bincount(cuts.column, weights=paid, minlength=len(x)).astype(np.float64)
        return Relaxation(x, price[:row_count] * self._scale, solved, cost, float(price[row_count:] @ cuts.limit))


def solve_relaxation(*, problem: Problem, weight: Floats, seconds: float = np.inf) -> Relaxation:
    """Maximise the sum of weight * x / units, float64[n] and zero or more, where any x in [0, most] may settle.

    problem is best tightened (presolve.tighten_rows). Of all rows only a tenth ever binds: the dual simplex
    method (HiGHS; Huangfu and Hall, Parallelizing the dual revised simplex method, 2018) starts from the
    rows which are short when everything settles, then takes in, turn by turn, those which its answer leaves
    short, until there are none. The prices of every step make a bound, lower from step to step. seconds is a
    ceiling: when it is reached the last step stands. Deterministic where it is not reached.
    """
    relaxing = Relaxing(problem=problem, weight=weight)
    return relaxing.relaxation(solved=relaxing.solve(budget=Budget(seconds=seconds)))


def _start_solver(weight: Floats, upper: Floats) -> highspy.Highs:
    """Return a solver with all columns and no rows; HiGHS's presolve would cost more than it saves here."""
    solver = highspy.Highs()
    for name, option in (
        ("output_flag", False), ("threads", 1), ("solver", "simplex"), ("presolve", "off"), ("random_seed", 1),
        ("primal_feasibility_tolerance", FEASIBLE),
    ):  # fmt: skip
        solver.setOptionValue(name, option)
    none, no_values = np.zeros(0, np.int32), np.zeros(0)
    start = np.zeros(len(weight), np.int32)
    solver.passModel(
        len(weight), 0, 0, int(highspy.MatrixFormat.kColwise), int(highspy.ObjSense.kMaximize), 0.0,
        weight, np.zeros(len(weight)), upper, no_values, no_values, start, none, no_values, start,
    )  # fmt: skip
    return solver


def _scale_rows(row: Ints, effect: Ints, row_count: int) -> Floats:
    """Return a power of two for each row that brings its effects around one: HiGHS's tolerance is absolute."""
    size = np.bincount(row, weights=np.log2(np.abs(effect.astype(np.float64))), minlength=row_count)
    scale: Floats = 2.0 ** -np.round(size / np.maximum(np.bincount(row, minlength=row_count), 1))
    return scale


@compiled
def _list_rows(problem: Problem, scale: Floats) -> _Rows:
    start = np.zeros(len(scale) + 1, np.int64)
    for r in problem.row:
        start[r + 1] += 1
    start = np.cumsum(start)
    place = start[:-1].copy()
    column = np.empty(len(problem.row), np.int32)
    value = np.empty(len(problem.row), np.float64)
    for i in range(len(problem.units)):
        for k in range(problem.pointer[i], problem.pointer[i + 1]):
            r = problem.row[k]
            column[place[r]] = i
            value[place[r]] = problem.effect[k] * scale[r]
            place[r] += 1
    return _Rows(start, column, value, problem.level * scale)


@compiled
def _is_short(rows: _Rows, share: Floats) -> Flags:
    short = np.zeros(len(rows.level), np.bool_)
    for r in range(len(rows.level)):
        left = rows.level[r]
        for k in range(rows.start[r], rows.start[r + 1]):
            left += rows.value[k] * share[rows.column[k]]
        short[r] = left < -TOLERANCE * max(rows.level[r], 1.0)
    return short


@compiled
def _take_rows(rows: _Rows, chosen: Ints) -> tuple[Ints, Places, Floats]:
    """Return the movements of the chosen rows (CSR over them)."""
    start = np.zeros(len(chosen) + 1, np.int64)
    for place in range(len(chosen)):
        start[place + 1] = start[place] + rows.start[chosen[place] + 1] - rows.start[chosen[place]]
    column = np.empty(start[-1], np.int32)
    value = np.empty(start[-1], np.float64)
    for place in range(len(chosen)):
        first, last = rows.start[chosen[place]], rows.start[chosen[place] + 1]
        column[start[place] : start[place + 1]] = rows.column[first:last]
        value[start[place] : start[place + 1]] = rows.value[first:last]
    return start, column, value
