"""Every open portfolio, marked and margined: the rows of a run before they are written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.db import connection

from clearing.core.arrays import Flags, Floats, Ints
from clearing.core.marking import market_values, worth_of_portfolios
from clearing.core.risk_model import Margins, margin_accounts
from clearing.models import MarginParameters
from clearing.queries.positions import OpenPositions
from clearing.queries.risk_prices import read_marks, read_risk_model
from reference.bulk import fetch_arrays
from reference.queries import directory

AMOUNTS = (
    "base_minor", "concentration_minor", "procyclicality_minor", "flat_minor", "expected_shortfall_minor",
    "value_at_risk_minor", "gross_minor",
)  # fmt: skip

# A portfolio that was worth something and is no more is marked once again, at nothing, for the member that it clears
# through now: that of a defaulter's client may have been ported.
BEFORE_SQL = """
    SELECT m.currency_id, m.account_id, m.worth_minor,
           CASE p.role WHEN 'CLEARING_MEMBER' THEN p.id ELSE p.clearing_member_id END AS member_id
    FROM clearing_portfoliomargin m
    JOIN ledger_account a ON a.id = m.account_id JOIN reference_participant p ON p.id = a.participant_id
    WHERE m.run_id = (SELECT max(id) FROM clearing_marginrun) ORDER BY m.currency_id, m.account_id
"""


@dataclass
class Portfolios:
    """The rows of a run: portfolios (p,), their margins, and the positions that they hold."""

    account: Ints
    member: Ints
    currency: Ints
    cash_minor: Ints
    worth_minor: Ints
    before_minor: Ints
    amounts: dict[str, Ints]
    position_place: Ints
    position_security: Ints
    position_quantity: Ints
    position_mark: Ints


@dataclass(frozen=True, slots=True, eq=False)
class PricedPositions:
    """The price of each position, (n,) each: in millionths, whether in percent of nominal, the currency's digits."""

    price_millionths: Ints
    percent: Flags
    digits: Ints
    priced_on: date | None


def price_positions(
    *, positions: OpenPositions, day: date, parameters: MarginParameters, at_open: bool = False
) -> PricedPositions:
    """Return the prices of positions on a day; what moves no securities needs none.

    Raises PositionUnpriced, PriceGap.
    """
    source = directory()
    held = positions.quantity_units != 0
    marks = read_marks(
        securities=np.unique(positions.security[held]).tolist(),
        day=day,
        stale_after_days=parameters.stale_after_days,
        at_open=at_open,
    )
    prices = np.zeros(len(held), dtype=np.int64)
    prices[held] = marks.prices_of(positions.security[held])
    currencies, segment = np.unique(positions.currency, return_inverse=True)
    digits = np.array([source.currencies[currency].digits for currency in currencies.tolist()], dtype=np.int64)
    percents = [entry.id for entry in source.securities.values() if entry.percent]
    return PricedPositions(
        price_millionths=prices,
        percent=np.isin(positions.security, percents),
        digits=digits[segment],
        priced_on=marks.dates.max().astype(object) if len(marks.dates) else None,
    )


def build_portfolios(
    *, positions: OpenPositions, priced: PricedPositions, parameters: MarginParameters, day: date
) -> Portfolios:
    """Value the positions and compute margins, segment by segment; with those portfolios that are open no more.

    day: up to which the model reads prices.
    """
    starts = positions.starts
    held = positions.quantity_units != 0
    place = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(held))))
    values = market_values(
        quantity_units=positions.quantity_units, price_millionths=priced.price_millionths, percent=priced.percent,
        digits=priced.digits,
    )  # fmt: skip
    worth = worth_of_portfolios(
        starts=starts, quantity_units=positions.quantity_units, price_millionths=priced.price_millionths,
        percent=priced.percent, cash_minor=positions.cash_minor, digits=priced.digits[starts],
    )  # fmt: skip
    portfolios = Portfolios(
        account=positions.account[starts],
        member=positions.member[starts],
        currency=positions.currency[starts],
        cash_minor=np.add.reduceat(positions.cash_minor, starts) if len(starts) else positions.cash_minor,
        worth_minor=np.array(worth, dtype=np.int64),
        before_minor=np.zeros(len(starts), dtype=np.int64),
        amounts=_margins(positions, values, place, len(starts), parameters, day),
        position_place=place[held],
        position_security=positions.security[held],
        position_quantity=positions.quantity_units[held],
        position_mark=np.rint(values[held]).astype(np.int64),
    )
    return _with_worth_before(portfolios)


def _margins(
    positions: OpenPositions, values: Floats, place: Ints, count: int, parameters: MarginParameters, day: date
) -> dict[str, Ints]:
    """Return the amounts of every portfolio, by name, (count,) each: one model and one matrix a currency."""
    amounts = {name: np.zeros(count, dtype=np.int64) for name in AMOUNTS}
    for currency in np.unique(positions.currency).tolist():
        chosen = (positions.currency == currency) & (positions.quantity_units != 0)
        securities, column = np.unique(positions.security[chosen], return_inverse=True)
        if not len(securities):
            continue
        model = read_risk_model(securities=securities.tolist(), day=day, parameters=parameters)
        portfolios, row = np.unique(place[chosen], return_inverse=True)
        matrix = np.zeros((len(portfolios), len(securities)))
        quantities = np.zeros(matrix.shape)
        matrix[row, column] = values[chosen]
        quantities[row, column] = positions.quantity_units[chosen]
        margins = margin_accounts(model=model, values=matrix, quantity_units=quantities)
        for name in AMOUNTS:
            amounts[name][portfolios] = _amount(margins, name)
    return amounts


def _amount(margins: Margins, name: str) -> Ints:
    amount: Ints = getattr(margins, name.removesuffix("_minor")).astype(np.int64)
    return amount


def _with_worth_before(portfolios: Portfolios) -> Portfolios:
    """Put what each portfolio was worth in the last run beside it, and add those that are open no more."""
    with connection.cursor() as cursor:
        before = fetch_arrays(cursor, BEFORE_SQL)
    places = {
        key: place
        for place, key in enumerate(zip(portfolios.currency.tolist(), portfolios.account.tolist(), strict=True))
    }
    gone: defaultdict[str, list[int]] = defaultdict(list)
    rows = zip(
        *(before[name].tolist() for name in ("currency_id", "account_id", "member_id", "worth_minor")), strict=True
    )
    for currency, account, member, worth in rows:
        place = places.get((currency, account))
        if place is not None:
            portfolios.before_minor[place] = worth
        elif worth:
            for name, value in (("currency", currency), ("account", account), ("member", member), ("before", worth)):
                gone[name].append(value)
    nothing = np.zeros(len(gone["account"]), dtype=np.int64)
    added = {name: np.array(gone[name], dtype=np.int64) for name in ("account", "member", "currency", "before")}
    portfolios.account = np.concatenate([portfolios.account, added["account"]])
    portfolios.member = np.concatenate([portfolios.member, added["member"]])
    portfolios.currency = np.concatenate([portfolios.currency, added["currency"]])
    portfolios.cash_minor = np.concatenate([portfolios.cash_minor, nothing])
    portfolios.worth_minor = np.concatenate([portfolios.worth_minor, nothing])
    portfolios.before_minor = np.concatenate([portfolios.before_minor, added["before"]])
    portfolios.amounts = {name: np.concatenate([row, nothing]) for name, row in portfolios.amounts.items()}
    return portfolios
