"""The whole batch as one integer programme, solved by HiGHS: the optimum to measure by, where it is proved."""

from dataclasses import dataclass
from typing import Final

import highspy
import numpy as np
from numpy.typing import NDArray

from settlement.core.batch import Batch
from settlement.core.compiled import Ints
from settlement.core.problem import Problem, build_problem

PROVED_GAP: Final = 1e-5
"""An optimum counts as proved when the solver's bound is no further above it, as a share."""


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """settled_units[n] as the solver's point rounds, its bound (no decision is worth more) and if it is proved."""

    settled_units: Ints
    bound: int
    proved: bool


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Which columns of the programme are what: whole[n] come first, then part[p], then steps[p].

    parts[p]: the instructions that may settle in part. fewest, most[n]: the steps of a part. share[n]: of an
    instruction's units that one step is.
    """

    parts: Ints
    part: Ints
    steps: Ints
    fewest: Ints
    most: Ints
    share: NDArray[np.float64]


def solve_batch(*, batch: Batch, seconds: float, safe: bool = False) -> Solution:
    """Maximise value in no more than so many seconds, without any reduction of our own.

    Each instruction has a variable "whole" (0 or 1); one that may settle in part also has "part" (0 or 1),
    not both of them 1, and a number of steps, between the least and the most where part is 1, else 0.

    safe gives every row a minor unit more for each part that debits it, since the amounts of parts are
    rounded down when they move: then the bound holds for sure, but the point may overdraw.
    """
    problem = build_problem(batch=batch)
    count = len(problem.value)
    columns = _lay_out(problem)
    worth = 1.0 / max(float(problem.value.mean()), 1.0) if count else 1.0
    solver = highspy.Highs()
    for name, value in (
        ("output_flag", False),
        ("time_limit", seconds),
        ("mip_rel_gap", PROVED_GAP),
        ("mip_abs_gap", 0.0),
    ):
        solver.setOptionValue(name, value)
    assert solver.passModel(_write_model(problem, columns, worth=worth, safe=safe)) == highspy.HighsStatus.kOk
    solver.run()
    proved = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    bound = solver.getInfo().mip_dual_bound
    units = np.zeros(count, np.int64)
    point: NDArray[np.float64] = np.array(solver.getSolution().col_value)
    if len(point):
        units = np.rint(point[:count]).astype(np.int64) * problem.units
        units[columns.parts] += np.rint(point[columns.steps]).astype(np.int64) * problem.step[columns.parts]
    bound_value = int(np.ceil(bound / worth)) if np.isfinite(bound) else int(problem.value.sum())
    return Solution(units, bound_value, proved)


def _lay_out(problem: Problem) -> Columns:
    """Say which columns the programme has."""
    count = len(problem.value)
    fewest = -(-problem.least // problem.step)
    most = (problem.units - 1) // problem.step
    parts = np.flatnonzero((fewest <= most) & (problem.least < problem.units) & (problem.most > 0))
    part = count + np.arange(len(parts))
    share = (problem.step / problem.units).astype(np.float64)
    return Columns(parts, part, part + len(parts), fewest, most, share)


def _write_model(problem: Problem, columns: Columns, *, worth: float, safe: bool) -> highspy.HighsLp:
    """Write the programme. worth: what a unit of value counts in the objective.

    Rows: balances[m], whole + part <= 1, steps <= most * part, steps >= least * part.
    """
    count, row_count = len(problem.value), len(problem.level)
    parts, part, steps, share = columns.parts, columns.part, columns.steps, columns.share
    owner = np.repeat(np.arange(count), np.diff(problem.pointer))
    part_of = np.full(count, -1)
    part_of[parts] = np.arange(len(parts))
    in_part = part_of[owner] >= 0
    one = np.ones(len(parts))
    column = np.concatenate(
        (owner, count + len(parts) + part_of[owner[in_part]], parts, part, steps, part, steps, part)
    )
    one_of, most_of, least_of = (row_count + turn * len(parts) + np.arange(len(parts)) for turn in range(3))
    row = np.concatenate((problem.row, problem.row[in_part], one_of, one_of, most_of, most_of, least_of, least_of))
    entry = np.concatenate(
        (
            problem.effect, problem.effect[in_part] * share[owner[in_part]], one, one,
            one, -columns.most[parts], one, -columns.fewest[parts],
        )
    ).astype(np.float64)  # fmt: skip
    rounded = safe & in_part & (problem.effect < 0) & (problem.effect % problem.units[owner] != 0)
    rounding = np.bincount(problem.row[rounded], minlength=row_count)
    lower = np.concatenate((-(problem.level + rounding), -np.inf * one, -np.inf * one, 0 * one)).astype(np.float64)
    upper = np.concatenate((np.full(row_count, np.inf), one, 0 * one, np.inf * one))
    # A row in units near one: the solver's tolerance is absolute.
    largest = np.ones(len(lower))
    np.maximum.at(largest, row, np.abs(entry))
    scale = 2.0 ** -np.floor(np.log2(largest / 16))
    order = np.argsort(column, kind="stable")

    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = count + 2 * len(parts), len(lower)
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_ = np.concatenate((problem.value * worth, 0 * one, problem.value[parts] * share[parts] * worth))
    model.col_lower_ = np.zeros(model.num_col_)
    model.col_upper_ = np.concatenate(((problem.most >= problem.units).astype(np.float64), one, columns.most[parts]))
    model.row_lower_ = lower * scale
    model.row_upper_ = upper * scale
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.concatenate(([0], np.cumsum(np.bincount(column, minlength=model.num_col_))))
    model.a_matrix_.index_ = row[order]
    model.a_matrix_.value_ = (entry * scale[row])[order]
    model.integrality_ = [highspy.HighsVarType.kInteger] * model.num_col_
    return model
