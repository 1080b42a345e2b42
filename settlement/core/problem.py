"""The settlement problem in the form every step works on: net movements on rows which have a limit."""

from typing import NamedTuple

import numpy as np

from settlement.core.batch import UNRESTRICTED, Batch, encode_ids
from settlement.core.compiled import Flags, Ints, compiled


class Problem(NamedTuple):
    """Choose x[i] = 0, or units[i], or least[i] <= x[i] < units[i] with x[i] % step[i] == 0, x[i] <= most[i].

    No row may end below zero: level[r] + the sum of movements >= 0, where x units of column i move
    sign(effect) * (abs(effect) * x // units[i]) on each of its rows. To be maximised, from the first rank
    on: the sum of value * x // units, then how many settle whole. n columns, k movements, m rows, all int64.

    pointer[n+1]  movements of column i are pointer[i]:pointer[i+1], each on another row
    row[k]        the row it moves
    effect[k]     signed movement of the whole, never 0
    level[m]      what may be used of a row, zero or more
    units[n], least[n], step[n]   as in Batch
    most[n]       no more units than this can settle; 0 where none can
    rank[n]       of the priority, 0 first
    value[n], number[n]           as in Batch
    """

    pointer: Ints
    row: Ints
    effect: Ints
    level: Ints
    units: Ints
    least: Ints
    step: Ints
    most: Ints
    rank: Ints
    value: Ints
    number: Ints


def build_problem(*, batch: Batch) -> Problem:
    """Net the movements of a checked batch; rows keep their places, those without a limit are not used.

    A row below its floor has level 0, and what would debit it has most 0: it takes credits only.
    """
    restricted = batch.floor != UNRESTRICTED
    slack = np.where(restricted, batch.balance - np.where(restricted, batch.floor, 0), 0)
    pointer, row, effect = net_movements(batch.offset, batch.row, batch.amount, restricted)
    debits_below = (effect < 0) & (slack[row] < 0)
    refused = np.repeat(np.arange(len(batch.value)), np.diff(pointer))[debits_below]
    most = batch.units.copy()
    most[refused] = 0
    return Problem(
        pointer=pointer, row=row, effect=effect, level=np.maximum(slack, 0),
        units=batch.units, least=batch.least, step=batch.step, most=most,
        rank=encode_ids(batch.priority)[1], value=batch.value, number=batch.number,
    )  # fmt: skip


@compiled
def net_movements(offset: Ints, row: Ints, amount: Ints, restricted: Flags) -> tuple[Ints, Ints, Ints]:
    """Merge an instruction's movements on one row; drop empty ones and those on rows without a limit."""
    pointer = np.zeros(len(offset), np.int64)
    net_row = np.empty(len(row), np.int64)
    effect = np.empty(len(row), np.int64)
    filled = 0
    for i in range(len(offset) - 1):
        start = filled
        for k in range(offset[i], offset[i + 1]):
            if not restricted[row[k]]:
                continue
            place = start
            while place < filled and net_row[place] != row[k]:
                place += 1
            if place == filled:
                net_row[filled] = row[k]
                effect[filled] = 0
                filled += 1
            effect[place] += amount[k]
        kept = start
        for k in range(start, filled):
            if effect[k] != 0:
                net_row[kept] = net_row[k]
                effect[kept] = effect[k]
                kept += 1
        filled = kept
        pointer[i + 1] = filled
    return pointer, net_row[:filled].copy(), effect[:filled].copy()
