"""What a decision means for each instruction of a cycle: how much settles, or what it waits for."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference.queries import directory
from settlement.core.batch import MOST_UNITS
from settlement.core.decide import Decision
from settlement.core.explain import CODE, NOTHING, Claims, Levels, Rests, choose_awaited, find_shortage
from settlement.core.lifecycle import Reason
from settlement.core.parts import move_part
from settlement.services.load_due import Due, Sorted
from settlement.services.prepare_batch import CycleBatch
from settlement.services.prepare_credit import name_collateral

Int64Array = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Outcome(NamedTuple):
    """The outcome of each instruction that was due, a column each, shape (n,).

    quantity, cash             what settles of it now
    whole, part                bool: all that remained settles; some of it
    code                       of the reason why the rest waits, 0 where none does
    account, asset, shortfall  what is missing first, and where; 0 where nothing is
    waits_for                  id of the instruction that would have brought it, or of the linked one; 0 where none
    """

    quantity: Int64Array
    cash: Int64Array
    whole: Flags
    part: Flags
    code: Int64Array
    account: Int64Array
    asset: Int64Array
    shortfall: Int64Array
    waits_for: Int64Array


def explain_outcome(*, due: Due, sorted_out: Sorted, prepared: CycleBatch, decision: Decision) -> Outcome:
    """Say of each instruction what settles, why the rest waits, what is missing and which other one brings it."""
    count, tried = len(due.id), prepared.place
    units = prepared.batch.units[prepared.column_of]
    settled = decision.settled_units[prepared.column_of]
    quantity, cash = np.zeros(count, np.int64), np.zeros(count, np.int64)
    quantity[tried] = move_part(whole=prepared.due.quantity, units=units, part=settled)
    cash[tried] = move_part(whole=prepared.due.cash, units=units, part=settled)
    whole, part = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    whole[tried] = settled == units
    part[tried] = (settled > 0) & (settled < units)
    rest = due._replace(quantity=due.quantity - quantity, cash=due.cash - cash)
    code, row, shortfall, linked_to = _reasons(rest=rest.only(tried), prepared=prepared, decision=decision)
    waiting = ~whole[tried]
    found = waiting & (row >= 0)
    outcome = Outcome(
        quantity=quantity, cash=cash, whole=whole, part=part, code=sorted_out.code.copy(),
        account=np.zeros(count, np.int64), asset=np.zeros(count, np.int64),
        shortfall=np.zeros(count, np.int64), waits_for=sorted_out.linked_to.copy(),
    )  # fmt: skip
    outcome.code[tried[waiting]] = code[waiting]
    outcome.account[tried[found]] = prepared.account[row[found]]
    outcome.asset[tried[found]] = prepared.asset[row[found]]
    outcome.shortfall[tried[found]] = shortfall[found]
    by_link = waiting & (linked_to >= 0)
    outcome.waits_for[tried[by_link]] = due.id[linked_to[by_link]]
    awaited = choose_awaited(account=outcome.account, asset=outcome.asset, claims=_claims_of(rest=rest))
    outcome.waits_for[awaited != NOTHING] = due.id[awaited[awaited != NOTHING]]
    return outcome


def _reasons(
    *, rest: Due, prepared: CycleBatch, decision: Decision
) -> tuple[Int64Array, Int64Array, Int64Array, Int64Array]:
    """Return, for each tried instruction, code, short row, shortfall and the place of a linked one it waits for.

    What settled has no meaning here. LACK or MONY by its own first shortage, or by that of its group where it
    takes from it; LINK where only others of its group, or the one before it, are short; MINO where a lot of
    the securities is there, and no part that is large enough; CYCL where nothing is short: the next cycle may
    take it.
    """
    batch, column_of, balance_rows = prepared.batch, prepared.column_of, len(prepared.account)
    rests = _rests_of(rest=rest, prepared=prepared)
    levels = Levels(batch.balance, decision.balance_after, batch.floor)
    row, shortfall = find_shortage(rests=rests, levels=levels)
    of_group, group_lacks, lacks_collateral = name_collateral(
        credit=prepared.credit,
        short_row=decision.short_row[column_of],
        shortfall=decision.shortfall[column_of],
        payer_row=rests.payer_row,
        deliverer_row=rests.deliverer_row,
    )
    takes = (row == NOTHING) & (of_group >= 0) & ((of_group == rests.deliverer_row) | (of_group == rests.payer_row))
    row[takes], shortfall[takes] = of_group[takes], group_lacks[takes]
    is_cash = np.append(np.isin(prepared.asset, list(directory().currencies)), False)
    code = np.where(is_cash[row], CODE[Reason.MONY], CODE[Reason.LACK])
    nothing_short = np.where(prepared.linked, CODE[Reason.LINK], CODE[Reason.AWAITING])
    code[row == NOTHING] = nothing_short[row == NOTHING]
    # One lot is enough to ask for: had a part of the least size been covered, the decision would have taken it.
    untouched = prepared.in_parts & (decision.settled_units[column_of] == 0) & (row != NOTHING)
    untouched &= ~(takes & lacks_collateral) & (prepared.units > prepared.step) & (prepared.units <= MOST_UNITS)
    untouched &= ~is_cash[row]
    lot = rests._replace(
        securities=move_part(whole=rests.securities, units=np.maximum(prepared.units, 1), part=prepared.step),
        cash=move_part(whole=rests.cash, units=np.maximum(prepared.units, 1), part=prepared.step),
    )
    fits = find_shortage(rests=lot, levels=levels)[0] == NOTHING
    code[untouched & fits] = CODE[Reason.MINIMUM]
    linked_to = np.full(len(row), NOTHING, np.int64)
    waits_in_order = (row == NOTHING) & (of_group >= balance_rows)
    linked_to[waits_in_order] = prepared.earlier[of_group[waits_in_order] - balance_rows]
    _name_short_member(linked_to=linked_to, row=row, prepared=prepared)
    return code, row, shortfall, linked_to


def _name_short_member(*, linked_to: Int64Array, row: Int64Array, prepared: CycleBatch) -> None:
    """Let those of a group that are short of nothing themselves wait for the first of it that is."""
    short = np.flatnonzero(row != NOTHING)
    member = np.full(len(prepared.batch.value), NOTHING, np.int64)
    member[prepared.column_of[short[::-1]]] = short[::-1]
    of_group = member[prepared.column_of]
    named = (row == NOTHING) & (linked_to == NOTHING) & (of_group != NOTHING)
    linked_to[named] = prepared.place[of_group[named]]


def _rests_of(*, rest: Due, prepared: CycleBatch) -> Rests:
    """Say which balance rows the rests debit. What moves on one cash account alone moves nothing."""
    delivers = rest.quantity > 0
    pays = (rest.cash != 0) & (rest.deliverer_cash != rest.receiver_cash)
    payer = np.where(rest.cash > 0, rest.receiver_cash, rest.deliverer_cash)
    return Rests(
        securities=np.where(delivers, rest.quantity, 0),
        cash=np.where(pays, np.abs(rest.cash), 0),
        deliverer_row=_rows_of(account=rest.deliverer, asset=rest.security, chosen=delivers, prepared=prepared),
        payer_row=_rows_of(account=payer, asset=rest.currency, chosen=pays, prepared=prepared),
    )


def _rows_of(*, account: Int64Array, asset: Int64Array, chosen: Flags, prepared: CycleBatch) -> Int64Array:
    """Return the balance row of each chosen account and asset, which ascend; NOTHING for the others."""
    width = 1 + max(int(prepared.asset.max(initial=0)), int(asset.max(initial=0)))
    row = np.searchsorted(prepared.account * width + prepared.asset, account * width + asset)
    return np.where(chosen, row, NOTHING)


def _claims_of(*, rest: Due) -> Claims:
    """Return what the rests of all that is due would credit: securities to receivers, cash to payees."""
    place = np.arange(len(rest.id))
    paid = np.where(rest.deliverer_cash == rest.receiver_cash, 0, np.abs(rest.cash))
    return Claims(
        account=np.concatenate((rest.receiver, np.where(rest.cash > 0, rest.deliverer_cash, rest.receiver_cash))),
        asset=np.concatenate((rest.security, rest.currency)),
        amount=np.concatenate((rest.quantity, paid)),
        instruction=np.concatenate((place, place)),
    )
