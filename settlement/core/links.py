"""Links between instructions, in terms of the batch alone: merged columns and rows of permission."""

from dataclasses import replace

import numpy as np

from settlement.core.batch import Batch, encode_ids
from settlement.core.compiled import Ints


def merge_linked(*, batch: Batch, group: Ints) -> tuple[Batch, Ints]:
    """Merge what may settle only together into one column, all or nothing (ISO 20022 link type WITH).

    group, int64[n]: instructions with the same group settle together or not at all. The merged column has
    the first of their priorities, the lowest of their numbers and the sum of their values. Returns the
    batch with its columns by ascending group and column_of[n].
    """
    groups, column_of = encode_ids(group)
    order = np.argsort(column_of, kind="stable")
    size = np.bincount(column_of, minlength=len(groups))
    start = np.cumsum(size) - size
    moves = np.diff(batch.offset)
    offset = np.zeros(len(groups) + 1, np.int64)
    np.cumsum(np.bincount(column_of, weights=moves, minlength=len(groups)).astype(np.int64), out=offset[1:])
    shift = np.cumsum(moves[order]) - moves[order]
    take = np.repeat(batch.offset[:-1][order] - shift, moves[order]) + np.arange(len(batch.row))
    alone = size == 1
    merged = Batch(
        offset=offset,
        row=batch.row[take],
        amount=batch.amount[take],
        priority=np.minimum.reduceat(batch.priority[order], start) if len(start) else batch.priority,
        value=np.add.reduceat(batch.value[order], start) if len(start) else batch.value,
        number=np.minimum.reduceat(batch.number[order], start) if len(start) else batch.number,
        balance=batch.balance,
        floor=batch.floor,
        units=np.where(alone, batch.units[order][start], 1),
        least=np.where(alone, batch.least[order][start], 1),
        step=np.where(alone, batch.step[order][start], 1),
    )
    return merged, column_of


def add_sequence(*, batch: Batch, earlier: Ints, later: Ints) -> Batch:
    """Let column later[j] settle only where earlier[j] does (ISO 20022 link types BEFO and AFTE).

    A row of permission each, from 0 with floor 0: earlier brings one, later takes one. Both become all or
    nothing. A ring of such links is WITH by another name: all of it or nothing. The rows come last.
    """
    count = len(earlier)
    owner = np.concatenate((np.repeat(np.arange(len(batch.value)), np.diff(batch.offset)), earlier, later))
    first_row = len(batch.balance)
    row = np.concatenate((batch.row, np.tile(np.arange(first_row, first_row + count), 2)))
    ones = np.ones(count, np.int64)
    amount = np.concatenate((batch.amount, ones, -ones))
    order = np.argsort(owner, kind="stable")
    offset = np.zeros(len(batch.value) + 1, np.int64)
    np.cumsum(np.bincount(owner, minlength=len(batch.value)), out=offset[1:])
    linked = np.zeros(len(batch.value), np.bool_)
    linked[earlier] = True
    linked[later] = True
    return replace(
        batch,
        offset=offset,
        row=row[order],
        amount=amount[order],
        balance=np.concatenate((batch.balance, 0 * ones)),
        floor=np.concatenate((batch.floor, 0 * ones)),
        units=np.where(linked, 1, batch.units),
        least=np.where(linked, 1, batch.least),
        step=np.where(linked, 1, batch.step),
    )
