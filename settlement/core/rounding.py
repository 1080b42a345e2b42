"""From the relaxation to a decision: round it, then mend what that leaves short, at the relaxation's prices.

A few rows with very many movements (a central counterparty's cash, say) are mended last. As long as they are
soft, what is short there is only priced, so that a chain through such a row need not come out even in itself;
the price rises until nothing is short. A penalty method with exact rows besides: Glover and Laguna, Tabu search,
1997, chapter 5 (strategic oscillation).
"""

from typing import Final

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


def round_relaxation(
    *, core: Core, relaxation: Relaxation, doubt: Floats, gain: Floats, budget: Budget, seed: int
) -> Ints:
    """Return x[n] of which every row is covered, close to the relaxation.

    gain[n] is the weight of each column less what it costs at the relaxation's prices, doubt[n] as measured below;
    core lists the least first, and knows the prices.
    """
    problem = core.problem
    x = round_nearest(problem=problem, x=relaxation.x)
    level = levels_after(problem, x)
    search = start_search(core=core, x=x, level=level, most_steps=STEPS, seed=seed)
    price = core.price.copy()
    core = core._replace(price=price)
    count = np.bincount(problem.row, minlength=len(level))
    search.soft[:] = (count >= SOFT_SHARE * len(x)) & (relaxation.price > 0)
    repair(core, search, Style(len(x), SAMPLES, 0.0, 0.0, False, False))
    order = np.argsort(doubt, kind="stable")
    chosen: Flags = (doubt < DOUBTFUL) | ((x < problem.most) & (gain > 0))
    _search(core, search, order[chosen[order]], Style(STEPS, SAMPLES, 0.3, 0.0, True, True), budget)
    for _ in range(MOST_PASSES):
        search.soft[:] &= level < 0
        if not search.soft.any():
            break
        price[search.soft] *= STEEPER if budget.left() > 0 else STEEPEST
        touched = _touch(problem, search.soft)
        _search(core, search, order[touched[order]], Style(STEPS, FEW_SAMPLES, 2.0, 0.0, True, True), None)
    search.soft[:] = False
    repair(core, search, Style(len(x), SAMPLES, 0.0, 0.0, False, False))
    return x


def measure_doubt(*, problem: Problem, guide: Guide, relaxation: Relaxation) -> Floats:
    """Return the share of its weight that is lost if a column is decided otherwise; -1 where it is in fractions."""
    between = (relaxation.x > FRACTION) & (relaxation.x < problem.most - FRACTION)
    return np.where(between, -1.0, np.abs(guide.gain) / np.maximum(guide.worth, 1e-300))


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
