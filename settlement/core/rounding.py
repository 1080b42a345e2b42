"""From the relaxation to a decision: round it, then mend what that leaves short, at the relaxation's prices.

A few rows with very many movements (a central counterparty's cash, say) are mended last. As long as they are
soft, what is short there is only priced, so that a chain through such a row need not come out even in itself;
the price rises until nothing is short. A penalty method with exact rows besides: Glover and Laguna, Tabu search,
1997, chapter 5 (strategic oscillation).
"""

from typing import Final, NamedTuple

import numpy as np

from settlement.core.backoff import levels_after
from settlement.core.bound import Floats
from settlement.core.budget import Budget
from settlement.core.chain import Style, repair, search_chains
from settlement.core.compiled import Flags, Ints
from settlement.core.guide import Relaxation
from settlement.core.neighbourhood import Guide
from settlement.core.problem import Problem
from settlement.core.search_state import Core, Search, start_search

SOFT_SHARE: Final = 0.02
"""A row that so many of the columns move, and which has a price, is soft at first."""

FRACTION: Final = 1e-6
DOUBTFUL: Final = 0.3
"""A column that gains less than this share of its weight at the prices may well be decided the other way."""

MOST_PASSES: Final = 16
STEEPER: Final = 2.0
STEEPEST: Final = 16.0
"""How many times higher the price of a soft row is in each pass, and in those after the budget."""

STEPS: Final = 12
SAMPLES: Final = 8
FEW_SAMPLES: Final = 6
CHUNK: Final = 500


class Doubts(NamedTuple):
    """How sure a relaxation is of its columns, and which rows have a price.

    order[n]   the least sure first
    doubt[n]   share of its weight that is lost if a column is decided otherwise; -1 where it is in fractions
    gain[n]    weight of the most less what it costs at the prices
    priced[m]  bool
    """

    order: Ints
    doubt: Floats
    gain: Floats
    priced: Flags

    def choose(self, *, problem: Problem, x: Ints) -> Ints:
        """Return what may well be decided otherwise than in x, the least sure first."""
        chosen: Flags = (self.doubt < DOUBTFUL) | ((x < problem.most) & (self.gain > 0))
        return self.order[chosen[self.order]]


def measure_doubt(*, problem: Problem, guide: Guide, relaxation: Relaxation) -> Doubts:
    """Return how sure this relaxation is."""
    between = (relaxation.x > FRACTION) & (relaxation.x < problem.most - FRACTION)
    doubt = np.where(between, -1.0, np.abs(guide.gain) / np.maximum(guide.worth, 1e-200))
    return Doubts(np.argsort(doubt, kind="stable"), doubt, guide.gain, relaxation.price > 0)


def round_relaxation(*, core: Core, relaxation: Relaxation, doubts: Doubts, budget: Budget, seed: int) -> Ints:
    """Return x[n] of which every row is covered, close to the relaxation; as mend_point does."""
    x = round_nearest(problem=core.problem, x=relaxation.x)
    return mend_point(core=core, x=x, doubts=doubts, budget=budget, seed=seed)


def mend_point(*, core: Core, x: Ints, doubts: Doubts, budget: Budget, seed: int) -> Ints:
    """Return x[n] of which every row is covered, close to the given one, and what chains then make better of it.

    core lists the least sure first, and knows the prices.
    """
    problem = core.problem
    x = x.copy()
    level = levels_after(problem, x)
    search = start_search(core=core, x=x, level=level, most_steps=STEPS, seed=seed)
    price = core.price.copy()
    core = core._replace(price=price)
    count = np.bincount(problem.row, minlength=len(level))
    search.soft[:] = (count >= SOFT_SHARE * len(x)) & doubts.priced
    repair(core, search, Style(len(x), SAMPLES, 0.0, 0.0, False, False))
    _search(core, search, doubts.choose(problem=problem, x=x), Style(STEPS, SAMPLES, 0.3, 0.0, True, True), budget)
    for _ in range(MOST_PASSES):
        search.soft[:] &= level < 0
        if not search.soft.any():
            break
        price[search.soft] *= STEEPER if budget.left() > 0 else STEEPEST
        touched = _touch(problem, search.soft)[doubts.order]
        _search(core, search, doubts.order[touched], Style(STEPS, FEW_SAMPLES, 2.0, 0.0, True, True), None)
    search.soft[:] = False
    repair(core, search, Style(len(x), SAMPLES, 0.0, 0.0, False, False))
    return x


def _search(core: Core, search: Search, order: Ints, style: Style, budget: Budget | None) -> None:
    """Search in chunks until the budget ends or, without one, until no soft row is short."""
    for start in range(0, len(order), CHUNK):
        if not (search.level[search.soft] < 0).any() if budget is None else budget.left() == 0:
            break
        search_chains(core, search, order[start : start + CHUNK], style)


def round_nearest(*, problem: Problem, x: Floats) -> Ints:
    """Return each x, float64[n], as units that may settle: a part rounded down, what is all or nothing to the nearer.

    What is below its least part goes to the nearer of that and nothing.
    """
    units, least, step, most = problem.units, problem.least, problem.step, problem.most
    down = np.floor(x + FRACTION * 10).astype(np.int64)
    part = down - down % step
    fewest = least + -least % step
    small = np.where((x > 0.5 * least) & (fewest < most), fewest, 0)
    parts = np.where(down >= most, most, np.where(part >= least, part, small))
    return np.where(least < units, parts, np.where(x > 0.5 * most, most, 0))


def _touch(problem: Problem, rows: Flags) -> Flags:
    """Return which columns move one of the rows."""
    owner = np.repeat(np.arange(len(problem.units)), np.diff(problem.pointer))
    touched: Flags = np.zeros(len(problem.units), np.bool_)
    touched[owner[rows[problem.row]]] = True
    return touched
