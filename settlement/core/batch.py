"""The input of a settlement decision: instructions as signed movements over balance rows."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from settlement.core.compiled import Flags, Ints, compiled

UNRESTRICTED: Final = int(np.iinfo(np.int64).min)
"""The floor of an account without a limit (an issuer's or a central bank's own account)."""

LARGEST_AMOUNT: Final = 2**62 - 1
"""No balance can pass this in either direction even if every movement came, so int64 sums stay exact."""


MOST_UNITS: Final = 2**31
"""An instruction has no more units than this, so that a remainder times units stays in int64."""


class AmountOutOfRange(ValueError):
    """An amount, or the sum of amounts which may meet at one balance, does not fit the 62-bit range."""


class InvalidBatch(ValueError):
    """The arrays of a batch do not fit together."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Instructions competing for settlement; n instructions, k movements, m balance rows, all int64.

    offset[n+1]   movements of instruction i are offset[i]:offset[i+1]; when more than one of them is
                  short, the first is reported, so securities stand before cash
    row[k]        balance row which the movement touches
    amount[k]     signed effect on the row, minor units or whole securities; above zero is a credit
    priority[n]   1 is served first
    value[n]      minor units, zero or more: what the decision maximises inside one priority
    number[n]     unique, the lower wins a tie
    balance[m]    before the decision
    floor[m]      the balance may not end below it; UNRESTRICTED where there is no limit
    units[n]      how many units the whole instruction has, 1 to MOST_UNITS
    least[n]      the fewest units which may settle; as many as units where it is all or nothing
    step[n]       a part is a multiple of this many units; the whole is always allowed

    Settling x of its units, an instruction moves sign(amount) * (abs(amount) * x // units) on a row, after
    adding up what it moves there, and is worth value * x // units. Both sides of a leg thus move the same.
    """

    offset: Ints
    row: Ints
    amount: Ints
    priority: Ints
    value: Ints
    number: Ints
    balance: Ints
    floor: Ints
    units: Ints
    least: Ints
    step: Ints


_COLUMNS: Final = tuple(field.name for field in fields(Batch))


def own_batch(*, batch: Batch) -> Batch:
    """Return the batch with contiguous, writable arrays: other layouts would each be compiled anew."""
    columns = (np.require(getattr(batch, name), requirements=["C", "W"]) for name in _COLUMNS)
    return Batch(*columns)


def check_batch(*, batch: Batch) -> None:
    """Refuse a batch whose arrays do not fit together or whose sums could leave int64.

    Raises InvalidBatch, AmountOutOfRange.
    """
    for name in _COLUMNS:
        column = getattr(batch, name)
        if column.dtype != np.int64 or column.ndim != 1:
            raise InvalidBatch(f"{name} must be a one-dimensional int64 array.")
    instruction_count, row_count = len(batch.value), len(batch.balance)
    by_instruction = (batch.priority, batch.number, batch.units, batch.least, batch.step, batch.offset[1:])
    if any(len(column) != instruction_count for column in by_instruction):
        raise InvalidBatch("The columns and offset differ in their number of instructions.")
    if np.any((batch.least < 1) | (batch.least > batch.units) | (batch.units > MOST_UNITS) | (batch.step < 1)):
        raise InvalidBatch("1 <= least <= units <= MOST_UNITS and step >= 1 must hold.")
    if len(batch.floor) != row_count or len(batch.row) != len(batch.amount):
        raise InvalidBatch("balance and floor, or row and amount, differ in length.")
    if batch.offset[0] != 0 or batch.offset[-1] != len(batch.row) or np.any(np.diff(batch.offset) < 0):
        raise InvalidBatch("offset must rise from 0 to the number of movements.")
    if len(batch.row) and (batch.row.min() < 0 or batch.row.max() >= row_count):
        raise InvalidBatch("row names a balance which is not in the batch.")
    if len(np.unique(batch.number)) != instruction_count:
        raise InvalidBatch("number must be unique.")
    restricted = batch.floor != UNRESTRICTED
    if np.any(restricted & ((batch.floor < -LARGEST_AMOUNT) | (batch.floor > LARGEST_AMOUNT))):
        raise AmountOutOfRange("A floor is out of range.")
    if not _amounts_in_range(batch.row, batch.amount, batch.balance, LARGEST_AMOUNT):
        raise AmountOutOfRange("The movements of one balance, added up, are out of range.")
    if not _values_in_range(batch.value, LARGEST_AMOUNT):
        raise AmountOutOfRange("A value is negative, or the values added up are out of range.")


@compiled
def _amounts_in_range(row: Ints, amount: Ints, balance: Ints, largest: int) -> bool:
    gross = np.zeros(len(balance), np.int64)
    for r in range(len(balance)):
        if balance[r] < -largest or balance[r] > largest:
            return False
        gross[r] = abs(balance[r])
    for k in range(len(row)):
        if amount[k] < -largest or amount[k] > largest or abs(amount[k]) > largest - gross[row[k]]:
            return False
        gross[row[k]] += abs(amount[k])
    return True


@compiled
def _values_in_range(value: Ints, largest: int) -> bool:
    total = np.int64(0)
    for i in range(len(value)):
        if value[i] < 0 or value[i] > largest - total:
            return False
        total += value[i]
    return True


def build_dvp_batch(
    *,
    deliverer_securities: Ints,
    receiver_securities: Ints,
    deliverer_cash: Ints,
    receiver_cash: Ints,
    security: Ints,
    quantity: Ints,
    currency: Ints,
    cash: Ints,
    priority: Ints,
    value: Ints,
    number: Ints,
    known_account: Ints,
    known_asset: Ints,
    known_balance: Ints,
    known_floor: Ints,
    least_quantity: Ints | None = None,
    multiple: Ints | None = None,
) -> tuple[Batch, Ints, Ints]:
    """Build a batch of delivery-versus-payment instructions (model 1: both legs gross, at once).

    The first eleven are int64[n], one entry an instruction: account ids (ignored where the leg moves
    nothing), asset ids, quantity in whole units (0: payment only), cash in minor units (above zero the
    receiver of the securities pays their deliverer, below zero the deliverer pays, 0 is free of payment),
    priority, value and number as in Batch. known_* are int64[b], one entry a balance; a pair of account
    and asset which is not listed has balance 0 and floor 0. least_quantity, int64[n], is the smallest part
    which may settle (the quantity itself, the default: all or nothing) and multiple what a part is a
    multiple of, by default 1.

    Returns the batch with row_account[m] and row_asset[m], ascending: what each balance row stands for.
    Only balances which some instruction moves become rows.
    Raises AmountOutOfRange for a negative quantity, InvalidBatch for a balance listed twice.
    """
    if np.any(quantity < 0):
        raise AmountOutOfRange("A quantity is negative.")
    if np.any(cash < -LARGEST_AMOUNT) or np.any(quantity > LARGEST_AMOUNT):
        raise AmountOutOfRange("A quantity or a cash amount is out of range.")
    legs = (deliverer_securities, receiver_securities, receiver_cash, deliverer_cash)
    moves = np.stack((quantity != 0, quantity != 0, cash != 0, cash != 0), axis=1)
    account = np.stack(legs, axis=1)[moves]
    asset = np.stack((security, security, currency, currency), axis=1)[moves]
    amount = np.stack((-quantity, quantity, -cash, cash), axis=1)[moves]
    offset = np.zeros(len(number) + 1, np.int64)
    np.cumsum(moves.sum(axis=1), out=offset[1:])

    account_ids, account_code = encode_ids(np.concatenate((account, known_account)))
    asset_ids, asset_code = encode_ids(np.concatenate((asset, known_asset)))
    width = max(len(asset_ids), 1)
    pair = account_code * width + asset_code
    moved, known = pair[: len(account)], pair[len(account) :]
    if len(np.unique(known)) != len(known):
        raise InvalidBatch("A balance is listed twice.")
    row_pair, row = encode_ids(moved)
    balance = np.zeros(len(row_pair), np.int64)
    floor = np.zeros(len(row_pair), np.int64)
    if len(row_pair):
        place = np.minimum(np.searchsorted(row_pair, known), len(row_pair) - 1)
        listed = row_pair[place] == known
        balance[place[listed]] = known_balance[listed]
        floor[place[listed]] = known_floor[listed]
    units, least, step = _count_units(quantity, least_quantity, multiple)
    batch = Batch(
        offset=offset, row=row, amount=amount, priority=priority, value=value, number=number,
        balance=balance, floor=floor, units=units, least=least, step=step,
    )  # fmt: skip
    return batch, account_ids[row_pair // width], asset_ids[row_pair % width]


def _count_units(quantity: Ints, least_quantity: Ints | None, multiple: Ints | None) -> tuple[Ints, Ints, Ints]:
    """Return units, least and step: a unit is the multiple where it divides the quantity, else one security.

    What then has more than MOST_UNITS units, or no part which may settle, is all or nothing.
    """
    whole = np.ones_like(quantity)
    if least_quantity is None:
        return whole, whole, whole
    size = whole if multiple is None else np.maximum(multiple, 1)
    divides = quantity % size == 0
    units = np.where(divides, quantity // size, quantity)
    step = np.where(divides, 1, size)
    fewest = np.maximum(least_quantity, 1)
    least = np.where(divides, -(-fewest // size), -(-fewest // size) * size)
    parts = (least < units) & (units <= MOST_UNITS)
    return np.where(parts, units, 1), np.where(parts, least, 1), np.where(parts, step, 1)


def encode_ids(ids: Ints) -> tuple[Ints, Ints]:
    """Return the distinct ids, ascending, and for each id its place among them."""
    if not len(ids):
        return ids, np.zeros(0, np.int64)
    low, high = int(ids.min()), int(ids.max())
    if high - low > 8 * len(ids) + 1_000_000:
        distinct, place = np.unique(ids, return_inverse=True)
        return distinct, place.astype(np.int64)
    # Ids from a database sequence are dense: a table of them is several times faster than a sort.
    seen: Flags = np.zeros(high - low + 1, np.bool_)
    seen[ids - low] = True
    distinct = np.flatnonzero(seen) + low
    code = np.cumsum(seen, dtype=np.int64) - 1
    return distinct.astype(np.int64), code[ids - low]
