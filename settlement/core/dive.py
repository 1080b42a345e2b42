"""Dive: from the relaxation to a decision, by leaving out what it settles in fractions and solving again.

Only upper bounds fall, so every relaxation on the way has a point, and its rows tell by themselves what
else has to give way. Diving heuristics: Achterberg, Constraint integer programming, 2007, chapter 9.
"""

from typing import Final

import numpy as np

from settlement.core.budget import Budget
from settlement.core.compiled import Ints
from settlement.core.guide import Relaxing

FRACTION: Final = 1e-6
UNIT_FRACTION: Final = 1e-5
MOST_TURNS: Final = 100
OPEN_TURNS: Final = 6
"""After so many turns nothing comes in again: else each fraction left out would bring in but another one."""

WHOLE_TURNS: Final = 10
"""After so many turns it is enough that nothing is below its least part; less than a unit of some is lost."""

MOST_FLOORS: Final = 2
"""So many times a part between two units is cut to the lower one; after that it is left out."""


def dive(*, relaxing: Relaxing, budget: Budget) -> tuple[Ints, bool]:
    """Leave out all that a solved relaxation settles in less than the least part, and solve again until nothing is.

    Returns x[n], units, which fits but for the solver's tolerance, and whether it came to its end: else what is
    left in fractions is rounded, and rows are short. Deterministic where the budget does not end it.
    """
    problem = relaxing.problem
    units, parts = problem.units, problem.least < problem.most
    fewest = np.where(parts, problem.least, problem.most) / units
    floors = np.zeros(len(units), np.int8)
    done = False
    for turn in range(MOST_TURNS):
        share = relaxing.share
        exact = share * units
        broken = (share > FRACTION) & (share < fewest - FRACTION)
        between = parts & ~broken & (np.abs(exact - np.rint(exact)) > UNIT_FRACTION)
        out = np.flatnonzero(broken | between)
        if not len(out) or (turn >= WHOLE_TURNS and not broken.any()):
            done = True
            break
        upper = np.floor(exact[out]) / units[out]
        floors[out] += 1
        upper[broken[out] | (upper < fewest[out]) | (floors[out] > MOST_FLOORS)] = 0.0
        relaxing.cap(columns=out, upper=upper)
        if turn >= OPEN_TURNS:
            closed = np.flatnonzero((share <= FRACTION) & (relaxing.upper > 0))
            relaxing.cap(columns=closed, upper=np.zeros(len(closed)))
        if not relaxing.solve(budget=budget, again=True):
            break
    x = np.floor(np.clip(relaxing.share, 0.0, None) * units + UNIT_FRACTION).astype(np.int64)
    return np.minimum(x, problem.most), done
