"""The three models of delivery versus payment over the same batch, and what each of them costs.

BIS, Committee on Payment and Settlement Systems, Delivery versus payment in securities settlement systems
(1992): model 1 settles securities and cash gross and at once; model 2 securities gross, one delivery after
the other and each final, and cash net at the end of the cycle; model 3 both net at the end. Where a net
position is not covered, transfers are taken out and the rest is netted again: the unwind.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from settlement.core.batch import UNRESTRICTED, Batch, encode_ids
from settlement.core.compiled import Flags, Ints
from settlement.core.decide import decide_settlement
from settlement.core.parts import move_part
from settlement.core.strategy import weigh_ranks
from settlement.core.unwind import deepest_needs, exclude_participants, sequence, unwind

MODELS: Final = (1, 2, 3)

UNLIMITED: Final = 2**62
"""What may be used of a row without a limit; no batch moves as much."""

DECISIONS: Final = 3
"""Model 2 decides anew so often without the deliveries that found no turn, then only takes out."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelOutcome:
    """What a batch of n columns comes to under one model; amounts in the minor units of the rows.

    settled_units[n]   int64
    bound              no decision of model 1 is worth more, so none of model 2 where all rows began at
                       their floor or above; None there, and under model 3
    worth              what the bound is of: the value, with several priorities weighed (strategy.weigh_ranks)
    value, number      settled, in full or in part; settled in full
    liquidity_gross    cash that must stand ready, all rows added up, to book what settled one by one
    liquidity_net      the same when only the net of each row is booked
    credit_used        how far cash rows end below zero
    unwound[n]         bool: taken out because somebody was short (models 2 and 3)
    short_participants    who could not cover their net position at first (model 3)
    excluded_value, excluded_number   what were left, if all of each short participant were taken out (model 3)
    """

    settled_units: Ints
    bound: int | None
    worth: int
    value: int
    number: int
    liquidity_gross: int
    liquidity_net: int
    credit_used: int
    unwound: Flags
    short_participants: int = 0
    excluded_value: int = 0
    excluded_number: int = 0


def settle_under_model(
    *, model: int, batch: Batch, row_is_cash: Flags, row_participant: Ints, seconds: float = 5.0, seed: int = 1
) -> ModelOutcome:
    """Settle the batch under model 1, 2 or 3 and tell what that takes.

    row_is_cash is bool[m], row_participant int64[m], from 0. No row that began at its floor or above ends
    below it, under any model. Raises InvalidBatch, AmountOutOfRange, ValueError for another model.
    """
    if model == 1:
        return settle_gross(batch=batch, row_is_cash=row_is_cash, seconds=seconds, seed=seed)
    if model == 2:
        return settle_securities_in_sequence(batch=batch, row_is_cash=row_is_cash, seconds=seconds, seed=seed)
    if model == 3:
        return settle_net(batch=batch, row_is_cash=row_is_cash, row_participant=row_participant)
    raise ValueError(f"There is no model {model}.")


def settle_gross(*, batch: Batch, row_is_cash: Flags, seconds: float = 5.0, seed: int = 1) -> ModelOutcome:
    """Settle under model 1: the best set, all at once, both legs or neither."""
    decision = decide_settlement(batch=batch, seconds=seconds, seed=seed)
    nothing = np.zeros(len(batch.value), np.bool_)
    return measure_outcome(
        batch=batch, row_is_cash=row_is_cash, settled_units=decision.settled_units, unwound=nothing,
        bound=decision.bound,
    )  # fmt: skip


def settle_securities_in_sequence(
    *, batch: Batch, row_is_cash: Flags, seconds: float = 5.0, seed: int = 1
) -> ModelOutcome:
    """Settle under model 2: there is an order in which no securities row ever falls below its floor.

    A circle of deliveries without stock does not settle. The best set of model 1 is put in order; what
    finds no turn is left out and the rest decided again, a few times; then the deliveries of whoever's
    cash is short are taken out, the last first, and what still fits goes in at the end. Looking for an
    order is a search among three, so a set that has one only by a fourth may lose a delivery.
    """
    level = _levels(batch)
    allowed = np.ones(len(batch.value), np.bool_)
    units = np.zeros(len(batch.value), np.int64)
    taken = np.zeros(len(batch.value), np.bool_)
    bound = 0
    for turn in range(DECISIONS):
        chosen = np.flatnonzero(allowed)
        share = seconds / 2 ** min(turn + 1, DECISIONS - 1)
        decision = decide_settlement(batch=_select(batch, chosen), seconds=share, seed=seed)
        bound = decision.bound if turn == 0 else bound
        units[:] = 0
        units[chosen] = decision.settled_units
        taken = _find_order(batch, units, row_is_cash, level)
        stuck = (units > 0) & ~taken
        if not stuck.any():
            break
        allowed &= ~stuck
    ever_stuck = ~allowed | ((units > 0) & ~taken)
    while True:
        # What leaves takes its credits with it, so both legs are looked at until neither changes.
        amount = move_units(batch=batch, settled_units=units)
        kept = unwind(batch.offset, batch.row, amount, level, _last_first(batch), taken)
        taken = _find_order(batch, np.where(kept, units, 0), row_is_cash, level)
        if np.array_equal(taken, kept):
            break
    units = _append(batch, np.where(taken, units, 0), level)
    # Where a row begins below its floor, model 1 refuses every debit, and model 2 only what is not made up for.
    below = bool(((batch.floor != UNRESTRICTED) & (batch.balance < batch.floor)).any())
    return measure_outcome(
        batch=batch, row_is_cash=row_is_cash, settled_units=units, unwound=ever_stuck & (units == 0),
        bound=None if below else bound,
    )  # fmt: skip


def settle_net(*, batch: Batch, row_is_cash: Flags, row_participant: Ints) -> ModelOutcome:
    """Settle under model 3: all of it net, and of whoever is short, the last instructions unwound.

    Each short row's debits are taken out, the last priority and the latest first, until it is covered, and
    the rest is netted again. Nothing that was taken out comes back and nothing settles in part: this is
    what netting with an unwind does, not the best that could be done. `excluded_*` is the harsher rule, by
    which all instructions of a short participant leave.
    """
    level = _levels(batch)
    everything = np.ones(len(batch.value), np.bool_)
    kept = unwind(batch.offset, batch.row, batch.amount, level, _last_first(batch), everything)
    net = level.copy()
    np.add.at(net, batch.row, batch.amount)
    participants = int(row_participant.max(initial=-1)) + 1
    harsh = exclude_participants(batch.offset, batch.row, batch.amount, level, row_participant, participants)
    outcome = measure_outcome(
        batch=batch, row_is_cash=row_is_cash, settled_units=np.where(kept, batch.units, 0), unwound=~kept, bound=None
    )
    return replace(
        outcome,
        short_participants=len(np.unique(row_participant[net < np.minimum(level, 0)])),
        excluded_value=int(batch.value[harsh].sum()),
        excluded_number=int(harsh.sum()),
    )


def measure_outcome(
    *, batch: Batch, row_is_cash: Flags, settled_units: Ints, unwound: Flags, bound: int | None
) -> ModelOutcome:
    """Tell the value, the number and the liquidity of what settles."""
    amount = move_units(batch=batch, settled_units=settled_units)
    inside: Flags = settled_units > 0
    order = np.lexsort((batch.number, batch.priority))
    deepest, net = deepest_needs(batch.offset, batch.row, amount, row_is_cash, order, inside)
    after = book_units(batch=batch, settled_units=settled_units)
    weight = weigh_ranks(rank=encode_ids(batch.priority)[1], value=batch.value)
    return ModelOutcome(
        settled_units=settled_units,
        bound=bound,
        worth=int(move_part(whole=weight, units=batch.units, part=settled_units).sum()),
        value=int(move_part(whole=batch.value, units=batch.units, part=settled_units).sum()),
        number=int((settled_units == batch.units).sum()),
        liquidity_gross=int(deepest.sum()),
        liquidity_net=int(net.sum()),
        credit_used=int(np.maximum(-after[row_is_cash], 0).sum()),
        unwound=unwound,
    )


def move_units(*, batch: Batch, settled_units: Ints) -> Ints:
    """Return what each movement of the batch comes to when so many units of its column settle, int64[k]."""
    moves = np.diff(batch.offset)
    return move_part(whole=batch.amount, units=np.repeat(batch.units, moves), part=np.repeat(settled_units, moves))


def book_units(*, batch: Batch, settled_units: Ints) -> Ints:
    """Return the balance of each row when so many units of each column have settled, int64[m]."""
    after = batch.balance.copy()
    np.add.at(after, batch.row, move_units(batch=batch, settled_units=settled_units))
    return after


def _levels(batch: Batch) -> Ints:
    """Return what may be used of each row."""
    limited = batch.floor != UNRESTRICTED
    return np.where(limited, batch.balance - np.where(limited, batch.floor, 0), UNLIMITED)


def _last_first(batch: Batch) -> Ints:
    return np.lexsort((-batch.number, -batch.priority))


def _select(batch: Batch, chosen: Ints) -> Batch:
    """Return the batch of the chosen columns alone, over the same rows."""
    moves = np.diff(batch.offset)
    inside = np.zeros(len(batch.value), np.bool_)
    inside[chosen] = True
    of_chosen = np.repeat(inside, moves)
    offset = np.zeros(len(chosen) + 1, np.int64)
    np.cumsum(moves[chosen], out=offset[1:])
    columns = {name: getattr(batch, name)[chosen] for name in ("priority", "value", "number", "units", "least", "step")}
    return replace(batch, offset=offset, row=batch.row[of_chosen], amount=batch.amount[of_chosen], **columns)


def _find_order(batch: Batch, units: Ints, row_is_cash: Flags, level: Ints) -> Flags:
    """Return what can be taken one by one in the best of three orders: arrival, smallest and largest first."""
    amount = move_units(batch=batch, settled_units=units)
    worth = move_part(whole=batch.value, units=batch.units, part=units)
    best: tuple[int, Flags] | None = None
    for order in (
        np.argsort(batch.number, kind="stable"),
        np.argsort(worth, kind="stable"),
        np.argsort(-worth, kind="stable"),
    ):
        taken = sequence(batch.offset, batch.row, amount, level.copy(), ~row_is_cash, order, units > 0)
        total = int(worth[taken].sum())
        if best is None or total > best[0]:
            best = (total, taken)
        if np.array_equal(taken, units > 0):
            break
    assert best is not None
    return best[1]


def _append(batch: Batch, units: Ints, level: Ints) -> Ints:
    """Add, after what settles, whole columns that are covered at their turn in securities and in cash."""
    left = level.copy()
    np.add.at(left, batch.row, move_units(batch=batch, settled_units=units))
    order = np.lexsort((batch.number, -batch.value, batch.priority))
    all_gross = np.ones(len(level), np.bool_)
    added = sequence(batch.offset, batch.row, batch.amount, left, all_gross, order, units == 0)
    return np.where(added, batch.units, units)


def warm_up_models() -> None:
    """Compile the kernels of models 2 and 3, or load them from the cache."""
    one = np.ones(1, np.int64)
    batch = Batch(
        offset=np.array([0, 2], np.int64), row=np.array([0, 1], np.int64), amount=np.array([-1, 1], np.int64),
        priority=one, value=one, number=one, balance=np.ones(2, np.int64), floor=np.zeros(2, np.int64),
        units=one, least=one, step=one,
    )  # fmt: skip
    for model in MODELS[1:]:
        settle_under_model(
            model=model, batch=batch, row_is_cash=np.zeros(2, np.bool_), row_participant=np.arange(2), seconds=0.1
        )
