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
MOST_LOST: Final = 0.5
"""Of its least part: what settles more than that of it is not left out before all that settles less."""

LEAST_LOST: Final = 3
LATE_SECONDS: Final = 1.0
SLOW_TURNS: Final = 300


def dive_slowly(*, relaxing: Relaxing, budget: Budget, lost: float) -> Ints:
    """Leave out, turn by turn, a share of what settles in less than its least part, the least first; cut each time.

    Returns x[n], units, in which parts are rounded down, so rows may be short by what that takes away. When the
    budget ends, all such columns are left out at once. Deterministic where it does not end.
    """
    problem = relaxing.problem
    fewest = np.where(problem.least < problem.most, problem.least, problem.most) / problem.units
    late = False
    for _ in range(SLOW_TURNS):
        share = relaxing.share
        broken = np.flatnonzero((share > FRACTION) & (share < fewest - FRACTION))
        if not len(broken):
            break
        late = late or budget.left() == 0.0
        settled = share[broken] / fewest[broken]
        order = np.argsort(settled, kind="stable")
        if not late:
            order = order[: max(LEAST_LOST, int(lost * len(order)))]
            order = order[settled[order] <= max(MOST_LOST, settled[order[0]] + 0.05)]
        out = broken[order]
        relaxing.cap(columns=out, upper=np.zeros(len(out)))
        if late:
            closed = np.flatnonzero((share <= FRACTION) & (relaxing.upper > 0))
            relaxing.cap(columns=closed, upper=np.zeros(len(closed)))
        if not relaxing.solve(budget=Budget(seconds=LATE_SECONDS) if late else budget, again=True) and late:
            break
        if not late:
            relaxing.cut(budget=budget, most_turns=1)
    x = np.floor(np.clip(relaxing.share, 0.0, None) * problem.units + UNIT_FRACTION).astype(np.int64)
    return np.minimum(x, problem.most)
