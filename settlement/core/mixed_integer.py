"""The problem, or a part of it with the rest fixed, as a mixed-integer programme for HiGHS.

HiGHS: Huangfu and Hall, Parallelizing the dual revised simplex method, 2018. Its points are in floating
point: whoever takes one must repair it in int64.
"""

from typing import Final, NamedTuple

import highspy
import numpy as np
from numpy.typing import NDArray

from settlement.core.compiled import Flags, Ints, compiled
from settlement.core.problem import Problem
from settlement.core.units import part_of

Floats = NDArray[np.float64]

FEASIBLE: Final = int(highspy.SolutionStatus.kSolutionStatusFeasible)

MOST_INTEGER_STEPS: Final = 100
"""Parts which come in no more steps than this are integers to the solver, others are a share of the whole."""

TOLERANCE: Final = 1e-9
"""Rows are scaled to movements of at most one: what a point may overdraw, as a share of the largest movement."""


class Found(NamedTuple):
    """Units of each of the given columns, rounded; the bound of their weight; whether that is proved best."""

    x: Ints
    bound: float
    proved: bool


class _Matrix(NamedTuple):
    """Movements of chosen columns, shares of the row's largest, by column; rows numbered anew."""

    start: Ints
    row: Ints
    value: Floats
    lower: Floats


@compiled
def _take_columns(problem: Problem, columns: Ints, x: Ints, level: Ints) -> _Matrix:
    count = 0
    for i in columns:
        count += problem.pointer[i + 1] - problem.pointer[i]
    place_of = np.full(len(level), -1, np.int64)
    room = np.empty(min(count, len(level)), np.int64)
    largest = np.empty(len(room), np.int64)
    start = np.zeros(len(columns) + 1, np.int64)
    row = np.empty(count, np.int64)
    value = np.empty(count, np.float64)
    rows, filled = 0, 0
    for place, i in enumerate(columns):
        for k in range(problem.pointer[i], problem.pointer[i + 1]):
            r = problem.row[k]
            if place_of[r] < 0:
                place_of[r] = rows
                room[rows] = level[r]
                largest[rows] = 1
                rows += 1
            p = place_of[r]
            room[p] -= part_of(problem.effect[k], problem.units[i], x[i])
            largest[p] = max(largest[p], abs(problem.effect[k]))
            row[filled] = p
            filled += 1
        start[place + 1] = filled
    filled = 0
    for i in columns:
        for k in range(problem.pointer[i], problem.pointer[i + 1]):
            value[filled] = problem.effect[k] / largest[row[filled]]
            filled += 1
    return _Matrix(start, row, value, -(room[:rows] / largest[:rows]))


def solve_columns(
    *, problem: Problem, columns: Ints, x: Ints, level: Ints, weight: Floats, seconds: float, absolute_gap: float = 0.0,
    most_nodes: int = 2**31 - 1, seed: int = 1, integer_steps: int = MOST_INTEGER_STEPS,
) -> Found:  # fmt: skip
    """Maximise the weight of the whole, float64[n], over the given columns; all others stay as in x.

    level is what the rows have left with x; absolute_gap is weight that may be missed. The search starts from x,
    so it finds nothing worse. Parts in more than integer_steps steps are shares to the solver, rounded after.
    """
    matrix = _take_columns(problem, columns, x, level)
    count, row_count = len(columns), len(matrix.lower)
    units, least, most = problem.units[columns], problem.least[columns], problem.most[columns]
    step = np.where(least < units, problem.step[columns], units)
    parts: Flags = least < most
    in_steps = parts & (units % step == 0) & (units // step <= integer_steps)
    # A variable is the number of steps where there are few, a share where there are many, else all or nothing.
    size = np.where(in_steps, step / units, np.where(parts, 1.0, np.maximum(most, 1) / units))
    upper = most / units / size
    switched = np.flatnonzero(parts & (least > np.where(in_steps, step, 1)))
    switches = len(switched)
    place = np.arange(switches)
    owner = np.repeat(np.arange(count), np.diff(matrix.start))
    fewest = least[switched] / units[switched] / size[switched]
    column = np.concatenate((owner, switched, count + place, switched, count + place))
    row = np.concatenate((matrix.row, *(row_count + place,) * 2, *(row_count + switches + place,) * 2))
    value = np.concatenate(
        (matrix.value * size[owner], -np.ones(switches), upper[switched], np.ones(switches), -fewest)
    )
    order = np.argsort(column, kind="stable")
    integral = np.ones(count + switches, np.int32)
    integral[:count][parts & ~in_steps] = 0
    scale = max(float(weight[columns].max(initial=0.0)), 1e-300) / 1e3
    cost = np.concatenate((weight[columns] * size / scale, np.zeros(switches)))
    start = np.searchsorted(column[order], np.arange(count + switches + 1))
    lower = np.concatenate((matrix.lower, np.zeros(2 * switches)))
    bounds = np.concatenate((upper, np.ones(switches)))
    solver = highspy.Highs()
    for name, option in (
        ("output_flag", False), ("threads", 1), ("random_seed", seed % 2**31), ("time_limit", max(seconds, 0.0)),
        ("mip_rel_gap", 0.0), ("mip_abs_gap", absolute_gap / scale), ("mip_max_nodes", most_nodes),
        ("mip_feasibility_tolerance", TOLERANCE),
        ("primal_feasibility_tolerance", TOLERANCE),
    ):  # fmt: skip
        solver.setOptionValue(name, option)
    solver.passModel(
        count + switches, len(lower), len(value), int(highspy.MatrixFormat.kColwise),
        int(highspy.ObjSense.kMaximize), 0.0, cost, np.zeros(len(cost)), bounds, lower,
        np.full(len(lower), highspy.kHighsInf), start[:-1].astype(np.int32), row[order].astype(np.int32),
        value[order], integral,
    )  # fmt: skip
    known = np.concatenate((x[columns] / units / size, (x[columns][switched] > 0).astype(np.float64)))
    solver.setSolution(len(known), np.arange(len(known), dtype=np.int32), known)
    solver.run()
    point = np.array(solver.getSolution().col_value[:count])
    info = solver.getInfo()
    proved = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    if len(point) < count or info.primal_solution_status != FEASIBLE:
        return Found(x[columns], float(info.mip_dual_bound) * scale, proved)
    amount = np.rint(point * size * units).astype(np.int64)
    return Found(round_units(problem, columns, amount), float(info.mip_dual_bound) * scale, proved)


@compiled
def round_units(problem: Problem, columns: Ints, amount: Ints) -> Ints:
    """Return the nearest number of units, not above, which may settle; just below least counts as least."""
    rounded = np.zeros(len(columns), np.int64)
    for place, i in enumerate(columns):
        x = min(amount[place], problem.most[i])
        if x < problem.units[i]:
            x -= x % problem.step[i]
        rounded[place] = x if x >= problem.least[i] else 0
    return rounded
