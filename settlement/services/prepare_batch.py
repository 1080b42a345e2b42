"""Turn what a cycle tries into a batch: its balances locked, its parts and links in terms of rows and columns."""

import csv
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ledger.queries import balances_for_update
from reference.queries import directory
from settlement.core.batch import Batch, build_dvp_batch
from settlement.core.linked import Links, group_linked
from settlement.core.links import add_sequence, merge_linked
from settlement.core.parts import count_units, least_parts
from settlement.services.load_due import Due, Sorted
from settlement.services.prepare_credit import CreditLines, CycleCredit, add_credit

Int64Array = NDArray[np.int64]
Flags = NDArray[np.bool_]
MINIMUMS_FILE = Path(__file__).resolve().parent.parent / "partial_minimums.csv"


class CycleBatch(NamedTuple):
    """What the decision is about: n instructions that are tried, m balance rows, l rows of links, then collateral.

    batch                what is linked WITH another is one column with it
    column_of[n]         the column of each instruction
    place[n]             of each instruction in what is due
    linked[n]            whether a link binds it
    in_parts[n]          whether the parties and the cycle allow a part, whatever its least
    units[n], step[n]    of each instruction were it to settle in parts
    account[m], asset[m]   what each balance row stands for
    earlier[l]           the place in what is due of the instruction for which row m + l lets another one wait
    credit               the credit lines that may be drawn on
    """

    due: Due
    batch: Batch
    column_of: Int64Array
    place: Int64Array
    linked: Flags
    in_parts: Flags
    units: Int64Array
    step: Int64Array
    account: Int64Array
    asset: Int64Array
    earlier: Int64Array
    credit: CycleCredit


def prepare_batch(
    *, due: Due, sorted_out: Sorted, partials: bool, lines: CreditLines, business_date: date
) -> CycleBatch:
    """Lock the balances that the tried instructions touch, and build the batch. Inside the cycle's transaction.

    Value is the cash that moves, whatever the currency; a delivery free of payment counts by its number only.
    """
    tried = sorted_out.code == 0
    free = due.only(tried)
    touched = np.unique(np.concatenate([free.deliverer, free.receiver, free.deliverer_cash, free.receiver_cash]))
    lines = lines.only(np.flatnonzero(np.isin(lines.account, touched)))
    touched = np.union1d(touched, lines.securities_account)
    account, asset, balance, floor = balances_for_update(accounts=touched.tolist())
    in_parts = free.partial_allowed & ~sorted_out.linked[tried] & (free.quantity > 0) & partials
    lot_size, minimum_cash = _terms_of(due=free)
    batch, row_account, row_asset = build_dvp_batch(
        deliverer_securities=free.deliverer,
        receiver_securities=free.receiver,
        deliverer_cash=free.deliverer_cash,
        receiver_cash=free.receiver_cash,
        security=free.security,
        quantity=free.quantity,
        currency=free.currency,
        cash=free.cash,
        priority=free.priority,
        value=np.abs(free.cash),
        number=free.id,
        known_account=account,
        known_asset=asset,
        known_balance=balance,
        known_floor=floor,
        least_quantity=least_parts(
            quantity=free.quantity,
            cash=free.cash,
            allowed=in_parts,
            minimum_units=free.partial_minimum,
            lot_size=lot_size,
            minimum_cash=minimum_cash,
        ),
        multiple=lot_size,
    )
    units, step = count_units(quantity=free.quantity, lot_size=lot_size)
    batch, column_of, earlier = _add_links(batch=batch, links=sorted_out.links, tried=tried)
    batch, credit = add_credit(
        batch=batch, lines=lines, rows=(row_account, row_asset), balances=(account, asset, balance),
        business_date=business_date,
    )  # fmt: skip
    return CycleBatch(
        due=free, batch=batch, column_of=column_of, place=np.flatnonzero(tried), linked=sorted_out.linked[tried],
        in_parts=in_parts, units=units, step=step, account=row_account, asset=row_asset, earlier=earlier, credit=credit,
    )  # fmt: skip


def _add_links(*, batch: Batch, links: Links, tried: Flags) -> tuple[Batch, Int64Array, Int64Array]:
    """Merge what is linked WITH, add a row for each AFTER; return the batch, column_of and earlier.

    Of two linked WITH each other both are tried or none; one that others wait for may have been left out.
    """
    place = np.cumsum(tried) - 1
    together = np.flatnonzero(links.first >= 0)
    together = together[tried[links.first[together]]]
    first, second = place[links.first[together]], place[links.second[together]]
    in_order = np.flatnonzero(links.later >= 0)
    in_order = in_order[tried[links.later[in_order]]]
    earlier, later = links.earlier[in_order], links.later[in_order]
    column_of = np.arange(len(batch.value))
    if len(first):
        batch, column_of = merge_linked(
            batch=batch, group=group_linked(count=len(batch.value), first=first, second=second)
        )
    if len(earlier):
        batch = add_sequence(batch=batch, earlier=column_of[place[earlier]], later=column_of[place[later]])
    return batch, column_of, earlier


def _terms_of(*, due: Due) -> tuple[Int64Array, Int64Array]:
    """Return the lot size of each instruction's security, and the least cash that a part of it must move."""
    source, minimums = directory(), least_cash()
    securities = list(source.securities)
    place = np.minimum(np.searchsorted(securities, due.security), max(len(securities) - 1, 0))
    entries = [source.securities[security] for security in securities]
    lots = np.array([entry.lot_size_units for entry in entries] or [1], np.int64)
    lot_size = np.where(due.quantity > 0, lots[place], 1)
    minimum_cash = np.zeros(len(due.id), np.int64)
    percent = np.array([entry.percent for entry in entries] or [False])[place]
    for currency in source.currencies.values():
        for quotation, quoted in (("UNIT", ~percent), ("PERCENT", percent)):
            whole = minimums.get((quotation, currency.code), minimums[quotation, ""])
            minimum_cash[(due.currency == currency.id) & quoted] = whole * 10**currency.digits
    return lot_size, minimum_cash


@lru_cache
def least_cash() -> dict[tuple[str, str], int]:
    """Return, by quotation and currency ("" for every other one), the least cash value of a part, in whole units."""
    with MINIMUMS_FILE.open(newline="") as file:
        return {(row["quotation"], row["currency"]): int(row["minimum"]) for row in csv.DictReader(file)}
