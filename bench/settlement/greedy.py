"""What stands beside the optimiser: first in, first out, once and repeated, and Bech and Soramäki.

All three work on the optimiser's own `Batch` and give the units of each column that settle.
"""

import numpy as np

from settlement.core.batch import Batch
from settlement.core.compiled import Ints, compiled
from settlement.core.problem import Problem, build_problem
from settlement.core.units import most_covered, part_of
from settlement.core.unwind import unwind


def settle_first_in_first_out(*, batch: Batch, most_passes: int) -> Ints:
    """Go through the instructions in order of arrival and settle what is covered at its turn.

    What may settle in part does so with as much as is covered. More passes try what waits again, until
    nothing more settles; what settled stays, so a part is not enlarged.
    """
    problem = build_problem(batch=batch)
    order = np.argsort(batch.number, kind="stable")
    return _go_through(problem, problem.level.copy(), order, most_passes)


def settle_bech_soramaki(*, batch: Batch) -> Ints:
    """Put all in, then take out the last in the queue of whoever is short until nobody is.

    Bech and Soramäki, Gridlock resolution in interbank payment systems (Bank of Finland, 2001), with the
    balance rows of securities as further accounts. It knows neither parts nor value.
    """
    problem = build_problem(batch=batch)
    newest_first = np.argsort(-batch.number, kind="stable")
    possible = problem.most == problem.units
    inside = unwind(problem.pointer, problem.row, problem.effect, problem.level, newest_first, possible)
    return np.where(inside, problem.units, 0)


@compiled
def _go_through(problem: Problem, level: Ints, order: Ints, passes: int) -> Ints:
    settled = np.zeros(len(order), np.int64)
    for _ in range(passes):
        changed = False
        for i in order:
            if settled[i] > 0:
                continue
            x = most_covered(problem, level, settled, i)
            if x <= 0:
                continue
            for k in range(problem.pointer[i], problem.pointer[i + 1]):
                level[problem.row[k]] += part_of(problem.effect[k], problem.units[i], x)
            settled[i] = x
            changed = True
        if not changed:
            break
    return settled
