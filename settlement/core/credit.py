"""Auto-collateralisation as part of the decision: credit on stock and on flow, in terms of rows alone.

A cash account with a credit line may end below its floor, down to its free credit, if what it then holds of
eligible securities, at their values as collateral, covers that. So its cash row's floor falls by the free credit,
and a row of cash and collateral value together may not end below zero: what is bought in the same batch counts,
what is sold does not (T2S: auto-collateralisation on flow and on stock).
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from settlement.core.batch import LARGEST_AMOUNT, UNRESTRICTED, Batch
from settlement.core.compiled import Flags, Ints


class Lines(NamedTuple):
    """Credit lines of c cash accounts in a batch of m rows, int64.

    cash_row[c]    the row of the account's cash, one each
    free[c]        the credit that may still be drawn
    held[c]        what the eligible securities held are worth as collateral
    line_of[m]     the line for which a row counts: its cash, or an eligible security; -1 for none
    worth[m]       what one unit of such a row is worth to it: 1 for cash
    """

    cash_row: Ints
    free: Ints
    held: Ints
    line_of: Ints
    worth: Ints


def add_collateral(*, batch: Batch, lines: Lines) -> tuple[Batch, Ints]:
    """Lower the floors of the lines' cash rows and add a row of collateral for each; the new rows come last.

    Returns the batch and which lines were added: one whose sums could leave int64 is not, and draws nothing.
    No part that settles takes more from an account than its row of collateral says: where a part brings cash
    and takes more collateral, that is counted in full units, since its cash is rounded down.
    """
    owner = np.repeat(np.arange(len(batch.value)), np.diff(batch.offset))
    used = lines.line_of[batch.row] >= 0
    owner, row, amount = owner[used], batch.row[used], batch.amount[used]
    line = lines.line_of[row]
    is_cash, worth = row == lines.cash_row[line], lines.worth[row]
    added = _lines_in_range(batch=batch, lines=lines, line=line, moved=np.abs(amount.astype(np.float64)) * worth)
    inside = added[line]
    owner, line, effect, brings_cash = _net(
        owner=owner[inside],
        line=(np.cumsum(added) - 1)[line[inside]],
        effect=amount[inside] * worth[inside],
        cash=is_cash[inside],
    )
    units = batch.units[owner]
    rounds = (effect < 0) & brings_cash & (units > 1)
    effect[rounds] = effect[rounds] // units[rounds] * units[rounds]
    chosen = np.flatnonzero(added)
    floor = batch.floor.copy()
    cash_row = lines.cash_row[chosen]
    start = batch.balance[cash_row] - floor[cash_row] + lines.held[chosen]
    floor[cash_row] -= lines.free[chosen]
    merged = _append_movements(batch=batch, owner=owner, row=len(batch.balance) + line, amount=effect)
    balance = np.concatenate((batch.balance, start))
    return replace(merged, balance=balance, floor=np.concatenate((floor, np.zeros(len(chosen), np.int64)))), chosen


def _lines_in_range(*, batch: Batch, lines: Lines, line: Ints, moved: NDArray[np.float64]) -> Flags:
    """Tell which lines have a limited cash row, and sums that stay in int64 whatever settles."""
    sums = np.abs(batch.balance[lines.cash_row].astype(np.float64)) + lines.held + lines.free
    np.add.at(sums, line, moved)
    inside: Flags = (batch.floor[lines.cash_row] != UNRESTRICTED) & (sums < LARGEST_AMOUNT / 2)
    return inside


def _net(*, owner: Ints, line: Ints, effect: Ints, cash: Flags) -> tuple[Ints, Ints, Ints, Flags]:
    """Add up what each column moves for each line; tell where cash comes in. Ascending by column, then line."""
    width = 1 + int(line.max(initial=0))
    pairs, place = np.unique(owner * width + line, return_inverse=True)
    net = np.zeros(len(pairs), np.int64)
    np.add.at(net, place, effect)
    brings = np.zeros(len(pairs), np.bool_)
    brings[place[cash & (effect > 0)]] = True
    moves = net != 0
    return pairs[moves] // width, pairs[moves] % width, net[moves], brings[moves]


def _append_movements(*, batch: Batch, owner: Ints, row: Ints, amount: Ints) -> Batch:
    """Give each column further movements, after those that it has."""
    count = len(batch.value)
    owners = np.concatenate((np.repeat(np.arange(count), np.diff(batch.offset)), owner))
    order = np.argsort(owners, kind="stable")
    offset = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(owners, minlength=count), out=offset[1:])
    return replace(
        batch,
        offset=offset,
        row=np.concatenate((batch.row, row))[order],
        amount=np.concatenate((batch.amount, amount))[order],
    )
