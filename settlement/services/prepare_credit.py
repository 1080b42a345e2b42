"""Credit lines in a cycle's batch: which may be drawn on, and what stands behind them."""

from datetime import date, datetime
from typing import NamedTuple

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from reference.bulk import fetch_arrays
from reference.queries import directory
from settlement.core.batch import LARGEST_AMOUNT, Batch
from settlement.core.credit import Lines, add_collateral
from settlement.models import DayStep, StepAction
from settlement.queries.collateral import unit_values

Int64Array = NDArray[np.int64]
Flags = NDArray[np.bool_]
NO_ROW = -1

LINES_SQL = """
    SELECT l.id, l.account_id, l.currency_id, s.id AS securities_account_id, l.credit_account_id,
           l.collateral_account_id, (l.limit_minor - coalesce(sum(d.amount_minor), 0))::bigint AS free
    FROM settlement_creditline l
    JOIN ledger_account s ON s.linked_cash_id = l.account_id AND s.name = 'HOUSE'
    LEFT JOIN settlement_creditdraw d ON d.line_id = l.id AND d.status <> 'REIMBURSED'
    WHERE l.active
    GROUP BY l.id, s.id HAVING l.limit_minor > coalesce(sum(d.amount_minor), 0)
    ORDER BY l.id
"""


class CreditLines(NamedTuple):
    """Credit lines on which a cycle may draw, int64[c]; free: the credit that is left, in minor units."""

    id: Int64Array
    account: Int64Array
    currency: Int64Array
    securities_account: Int64Array
    credit_account: Int64Array
    collateral_account: Int64Array
    free: Int64Array

    def only(self, chosen: Int64Array) -> "CreditLines":
        """Return the lines at these places."""
        return CreditLines(*(column[chosen] for column in self))


class Holdings(NamedTuple):
    """Eligible securities on the lines' securities accounts, int64[h]; what only arrives has 0 units before.

    line         the place of the line for which it counts: the one in the security's currency
    unit_value   what one unit is worth as collateral, minor units
    row          its balance row in the batch, NO_ROW where nothing moves it
    """

    line: Int64Array
    account: Int64Array
    security: Int64Array
    units: Int64Array
    unit_value: Int64Array
    row: Int64Array

    def only(self, chosen: Flags) -> "Holdings":
        """Return the chosen holdings."""
        return Holdings(*(column[chosen] for column in self))


class CycleCredit(NamedTuple):
    """The c lines that take part in a decision, and the balance row and floor of each one's cash.

    first_row: the row of the first one's collateral; the others' follow.
    """

    lines: CreditLines
    holdings: Holdings
    cash_row: Int64Array
    floor: Int64Array
    first_row: int


def load_credit_lines(*, business_date: date, at: datetime) -> CreditLines:
    """Load the lines on which there is credit left; none from the time of the day's reimbursement on."""
    with connection.cursor() as cursor:
        lines = CreditLines(*fetch_arrays(cursor, LINES_SQL).values())
    if not len(lines.id) or _is_over(business_date=business_date, at=at):
        return lines.only(np.zeros(0, np.int64))
    return lines


def add_credit(
    *,
    batch: Batch,
    lines: CreditLines,
    rows: tuple[Int64Array, Int64Array],
    balances: tuple[Int64Array, Int64Array, Int64Array],
    business_date: date,
) -> tuple[Batch, CycleCredit]:
    """Let the decision draw on the lines whose cash it moves.

    rows: account and asset of the batch's first balance rows, ascending; balances: account, asset and balance of
    all that stands on the securities accounts, locked.
    """
    account, asset = rows
    cash_row = _find(account, asset, lines.account, lines.currency)
    lines, cash_row = lines.only(np.flatnonzero(cash_row != NO_ROW)), cash_row[cash_row != NO_ROW]
    holdings = _holdings_of(lines=lines, rows=rows, balances=balances, business_date=business_date)
    line_of = np.full(len(batch.balance), NO_ROW, np.int64)
    worth = np.zeros(len(batch.balance), np.int64)
    moved = holdings.row != NO_ROW
    line_of[holdings.row[moved]], worth[holdings.row[moved]] = holdings.line[moved], holdings.unit_value[moved]
    line_of[cash_row], worth[cash_row] = np.arange(len(cash_row)), 1
    first_row, floor = len(batch.balance), batch.floor[cash_row]
    held = _value_held(lines=lines, holdings=holdings)
    if len(cash_row):
        batch, added = add_collateral(batch=batch, lines=Lines(cash_row, lines.free, held, line_of, worth))
    else:
        added = np.zeros(0, np.int64)
    place = np.full(len(cash_row) + 1, NO_ROW, np.int64)
    place[added] = np.arange(len(added))
    holdings = holdings._replace(line=place[holdings.line])
    credit = CycleCredit(
        lines=lines.only(added),
        holdings=holdings.only(holdings.line != NO_ROW),
        cash_row=cash_row[added],
        floor=floor[added],
        first_row=first_row,
    )
    return batch, credit


def name_collateral(
    *,
    credit: CycleCredit,
    short_row: Int64Array,
    shortfall: Int64Array,
    payer_row: Int64Array,
    deliverer_row: Int64Array,
) -> tuple[Int64Array, Int64Array, Flags]:
    """Return what is short, int64[n] both, with rows of collateral put as what a party knows; bool[n] tells where.

    Who pays and lacks collateral for more credit lacks the cash; who delivers what its credit stands on lacks
    the securities.
    """
    of_collateral = short_row >= credit.first_row
    place = np.where(of_collateral, short_row - credit.first_row, NO_ROW)
    cash_row = np.append(credit.cash_row, NO_ROW)[place]
    unit_value = np.ones(credit.first_row + 1, np.int64)
    moved = credit.holdings.row != NO_ROW
    unit_value[credit.holdings.row[moved]] = credit.holdings.unit_value[moved]
    delivers = of_collateral & (payer_row != cash_row) & (deliverer_row != NO_ROW)
    row = np.where(of_collateral, np.where(delivers, deliverer_row, cash_row), short_row)
    return row, np.where(delivers, -(-shortfall // unit_value[deliverer_row]), shortfall), of_collateral


def _is_over(*, business_date: date, at: datetime) -> bool:
    """Tell whether the business date's reimbursement has come: from then on no credit is given."""
    return DayStep.objects.filter(
        business_day_id=business_date, step__action=StepAction.REIMBURSE, planned_at__lte=at
    ).exists()


def _holdings_of(
    *,
    lines: CreditLines,
    rows: tuple[Int64Array, Int64Array],
    balances: tuple[Int64Array, Int64Array, Int64Array],
    business_date: date,
) -> Holdings:
    """Return the eligible securities that are held or may arrive, by account and security."""
    account = np.concatenate((rows[0], balances[0]))
    asset = np.concatenate((rows[1], balances[1]))
    own = np.isin(account, lines.securities_account)
    account, asset = account[own], asset[own]
    values = unit_values(securities=np.unique(asset).tolist(), business_date=business_date)
    eligible = np.array(sorted(values), np.int64)
    useful = np.isin(asset, eligible)
    pairs = np.unique(np.stack((account[useful], asset[useful]), axis=1), axis=0).reshape(-1, 2)
    account, asset = pairs[:, 0].copy(), pairs[:, 1].copy()
    currency = np.array([directory().securities[each].currency_id for each in asset.tolist()], np.int64)
    order = np.lexsort((lines.currency, lines.securities_account))
    of_line = _find(lines.securities_account[order], lines.currency[order], account, currency)
    listed = np.lexsort((balances[1], balances[0]))
    balance = _find(balances[0][listed], balances[1][listed], account, asset)
    holdings = Holdings(
        line=np.append(order, NO_ROW)[of_line],
        account=account,
        security=asset,
        units=np.append(balances[2][listed], 0)[balance],
        unit_value=np.array([values[each] for each in asset.tolist()], np.int64),
        row=_find(*rows, account, asset),
    )
    return holdings.only(holdings.line != NO_ROW)


def _value_held(*, lines: CreditLines, holdings: Holdings) -> Int64Array:
    """Return what the holdings of each line are worth, int64[c]; LARGEST_AMOUNT where that is out of range."""
    value = np.zeros(len(lines.id), np.int64)
    np.add.at(value, holdings.line, holdings.units * holdings.unit_value)
    rough = np.bincount(
        holdings.line,
        weights=holdings.units.astype(np.float64) * holdings.unit_value,
        minlength=len(lines.id),
    )
    return np.where(rough < LARGEST_AMOUNT / 4, value, LARGEST_AMOUNT)


def _find(first: Int64Array, second: Int64Array, wanted: Int64Array, wanted_second: Int64Array) -> Int64Array:
    """Return where each wanted pair stands among ascending pairs, NO_ROW for one that is not there."""
    if not len(first):
        return np.full(len(wanted), NO_ROW, np.int64)
    width = 1 + max(int(second.max(initial=0)), int(wanted_second.max(initial=0)))
    key, wanted_key = first * width + second, wanted * width + wanted_second
    place = np.minimum(np.searchsorted(key, wanted_key), len(key) - 1)
    return np.where(key[place] == wanted_key, place, NO_ROW)
