"""Why instructions wait: what each is short of, and which other instruction would have brought it."""

from typing import Final, NamedTuple

import numpy as np

from settlement.core.batch import UNRESTRICTED
from settlement.core.compiled import Ints
from settlement.core.lifecycle import Reason

REASONS: Final = ("", *(reason.value for reason in Reason))
"""Reasons by their codes in arrays; 0 is none."""

CODE: Final = {Reason(value): code for code, value in enumerate(REASONS) if code}
NOTHING: Final = -1


class Rests(NamedTuple):
    """What n instructions have yet to move once a cycle is decided, and where; int64.

    securities, cash     0 or more; cash is paid by payer to payee. 0 for a leg that has nothing to move
    deliverer_row, payer_row   the balance rows they debit, NOTHING where there is none
    """

    securities: Ints
    cash: Ints
    deliverer_row: Ints
    payer_row: Ints


class Levels(NamedTuple):
    """The m balance rows of a decision, int64: before it, after it, and their floors."""

    before: Ints
    after: Ints
    floor: Ints


def find_shortage(*, rests: Rests, levels: Levels) -> tuple[Ints, Ints]:
    """Return the first row on which each rest is short were it alone added, and by how much; int64[n] both.

    Securities before cash. NOTHING and 0 where nothing is short. A row that stood below its floor takes
    no debit, and lacks at least what brings it back there.
    """
    row = np.full(len(rests.cash), NOTHING, np.int64)
    shortfall = np.zeros(len(rests.cash), np.int64)
    # Cash first, so that securities have the last word.
    for debit, debited in ((rests.cash, rests.payer_row), (rests.securities, rests.deliverer_row)):
        missing = _missing(debit=debit, row=debited, levels=levels)
        short = missing > 0
        row[short], shortfall[short] = debited[short], missing[short]
    return row, shortfall


def _missing(*, debit: Ints, row: Ints, levels: Levels) -> Ints:
    """Return what a debit lacks on its row, int64[n]; 0 where it is covered."""
    if not len(levels.floor):
        return np.zeros_like(debit)
    limited = levels.floor != UNRESTRICTED
    floor = np.where(limited, levels.floor, 0)
    room = np.where(limited, levels.after - floor, 0)
    below = np.where(limited, np.maximum(floor - levels.before, 0), 0)
    counts = (row != NOTHING) & (debit > 0) & limited[row]
    return np.where(counts, np.maximum(np.maximum(debit - room[row], below[row]), 0), 0)


class Claims(NamedTuple):
    """What pending instructions would credit: account, asset and amount of each, and whose it is; int64[k]."""

    account: Ints
    asset: Ints
    amount: Ints
    instruction: Ints


def choose_awaited(*, account: Ints, asset: Ints, claims: Claims) -> Ints:
    """Return the instruction whose credit on each short account and asset is largest, int64[n], or NOTHING.

    Of equals, the one listed first. account 0 asks for none.
    """
    awaited = np.full(len(account), NOTHING, np.int64)
    width = 1 + max(int(asset.max(initial=0)), int(claims.asset.max(initial=0)))
    wanted = account * width + asset
    offered = claims.account * width + claims.asset
    useful = (claims.amount > 0) & np.isin(offered, wanted[account != 0])
    offered, amount, instruction = offered[useful], claims.amount[useful], claims.instruction[useful]
    if not len(offered):
        return awaited
    order = np.lexsort((instruction, -amount, offered))
    pairs, first = np.unique(offered[order], return_index=True)
    place = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    found = (pairs[place] == wanted) & (account != 0)
    awaited[found] = instruction[order][first[place[found]]]
    return awaited


class Shortage(NamedTuple):
    """An account and asset for want of which instructions wait.

    missing   what would cover all that lack it, were it there
    first     how many lack it themselves; behind: with those that wait for these, directly or over others
    value     of all behind
    """

    account: int
    asset: int
    missing: int
    first: int
    behind: int
    value: int


MOST_STEPS: Final = 64
"""So far a chain of waiting instructions is followed; longer ones are cut."""


class Attempts(NamedTuple):
    """What n instructions lacked in a cycle, int64: account and asset short (0 where none), and how much.

    debit       what the instruction would take there
    shortfall   how much of that the account lacks
    value       what waits with it
    waits_for   the place of the attempt at what it waits for, NOTHING where that has none
    """

    account: Ints
    asset: Ints
    debit: Ints
    shortfall: Ints
    value: Ints
    waits_for: Ints


def rank_shortages(*, attempts: Attempts, most: int) -> list[Shortage]:
    """Return the shortages that hold up most value, the largest first, at most `most` of them.

    An instruction's value lies behind each shortage on its chain of waiting, once.
    """
    account, asset, debit, shortfall, value, waits_for = attempts
    width = int(asset.max(initial=0)) + 1
    pairs, of_attempt = np.unique(account * width + asset, return_inverse=True)
    count = len(pairs)
    at, who = np.arange(len(account)), np.arange(len(account))
    seen = of_attempt + who * count
    for _ in range(MOST_STEPS):
        at = waits_for[at]
        at, who = at[at != NOTHING], who[at != NOTHING]
        met = np.unique(of_attempt[at] + who * count)
        fresh = met[~np.isin(met, seen)]
        if not len(fresh):
            break
        seen = np.concatenate((seen, fresh))
    shortage, attempt = seen % max(count, 1), seen // max(count, 1)
    behind = np.bincount(shortage, minlength=count)
    stuck = np.zeros(count, np.int64)
    np.add.at(stuck, shortage, value[attempt])
    # All debits less what is there; each attempt tells what is there: its debit less its shortfall.
    there, lacking = np.zeros(count, np.int64), np.zeros(count, np.int64)
    there[of_attempt] = debit - shortfall
    np.add.at(lacking, of_attempt, debit)
    lacking -= there
    first = np.bincount(of_attempt, minlength=count)
    order = np.lexsort((pairs, -behind, -stuck))
    chosen = [place for place in order.tolist() if pairs[place] >= width][:most]
    return [
        Shortage(
            account=int(pairs[place] // width),
            asset=int(pairs[place] % width),
            missing=int(lacking[place]),
            first=int(first[place]),
            behind=int(behind[place]),
            value=int(stuck[place]),
        )
        for place in chosen
    ]
