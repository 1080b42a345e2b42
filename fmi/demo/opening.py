"""The books on the eve of the first business day: accounts, and opening balances as journal entries."""

from datetime import date, datetime
from typing import Any

import numpy as np

from clearing.services.load_margin_parameters import load_margin_parameters
from fmi.demo.clearing_house import join_members, own_money_rows, put_up_collateral, put_up_rows
from fmi.demo.credit import CASH_SHARE, LENDS_TO, open_credit_lines
from fmi.demo.derivatives import open_derivatives
from fmi.demo.feed import CLIENTS, market_securities, traders
from fmi.demo.market import SHARE_OF_VOLUME, activity_weights, expected_trades
from fmi.demo.ordering import open_clients, ordering_accounts, with_books
from ledger.models import Account, AccountKind
from ledger.services import open_accounts, post_entries
from reference.queries import directory, forget_directory
from settlement.services.load_haircuts import load_haircuts
from settlement.services.load_penalty_rates import load_penalty_rates
from settlement.services.load_schedule import load_schedule
from trades.services.compliance.load_compliance import load_compliance
from trades.services.venues.load_venues import load_venues

# What a participant holds at the start: days of its own share of the market's trading, and on top a
# share of one day's whole trading, since a small participant's single trade is as large as any other.
DAYS_OF_STOCK, EXTRA_STOCK = 6.0, 0.40
DAYS_OF_CASH, EXTRA_CASH = 4.0, 0.15
# On top of that, days of the market's trading for those who turn over clients' orders: brokers and market makers.
DAYS_OF_ORDERS = 0.25
CLIENT_SHARE = 0.10
CCP_DAYS_OF_CASH = 0.05
MINOR_UNITS = 100


def open_books(*, business_date: date, at: datetime) -> int:
    """Open every account and post the opening balances, once; return how many entries were new.

    Securities come out of the depository's issuance account and cash out of the central bank's, the
    only accounts that may go below zero, so that every asset sums to zero from the first entry on.
    business_date: the first day of trading, whose prices and volumes size the holdings.
    """
    load_schedule()
    load_penalty_rates()
    load_margin_parameters()
    load_haircuts()
    load_compliance()
    source = directory()
    if source.csd is None or source.central_bank is None or source.ccp is None:
        raise RuntimeError("load the reference data first")
    load_venues()
    open_accounts(participants=[(entry.id, entry.code) for entry in source.participants.values()])
    issuers = [(source.csd.id, source.csd.code), (source.central_bank.id, source.central_bank.code)]
    issuance = open_accounts(participants=issuers, name="ISSUANCE", limit_minor=None)
    for code, names in CLIENTS.items():
        for name in names:
            open_accounts(participants=[(source.participant_ids[code], code)], name=name)
    join_members(business_date=at.date())
    forget_directory()
    rows, daily_value = _opening_rows(business_date=business_date)
    securities_issue, cash_issue = issuance[source.csd.id].pk, issuance[source.central_bank.id].linked_cash_id or 0
    received = _add_up(np.array(rows, dtype=np.int64).reshape(-1, 3))
    issued = received.copy()
    issued[:, 0] = np.where(np.isin(received[:, 1], list(source.currencies)), cash_issue, securities_issue)
    issued[:, 2] *= -1
    # An account holds an asset's opening balance once: the two ids together name the entry.
    source_ids = received[:, 0] * 1_000_000 + received[:, 1]
    both = np.concatenate([received, issued])
    opened = post_entries(
        source="OPENING",
        business_date=at.date(),
        at=at,
        source_ids=np.concatenate([source_ids, source_ids]),
        accounts=both[:, 0].copy(),
        assets=both[:, 1].copy(),
        amounts=both[:, 2].copy(),
    )
    put_up_collateral(daily_value=daily_value, business_date=at.date(), at=at)
    open_credit_lines()
    open_clients(at=at, business_date=at.date())
    open_derivatives(at=at, business_date=at.date())
    return opened


def _add_up(rows: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return one row (account id, asset id, amount) for each account and asset."""
    pairs, place = np.unique(rows[:, :2], axis=0, return_inverse=True)
    amounts = np.zeros(len(pairs), dtype=np.int64)
    np.add.at(amounts, place.reshape(-1), rows[:, 2])
    return np.column_stack([pairs, amounts])


def _opening_rows(*, business_date: date) -> tuple[list[tuple[int, int, int]], dict[str, float]]:
    """Return (account id, asset id, amount) of what every account begins with, and currency code -> a day's trading."""
    source = directory()
    names = {code: ("HOUSE", *CLIENTS.get(code, ())) for code in source.participant_ids}
    accounts = {
        (account.participant.code, account.name): account
        for account in Account.objects.filter(kind=AccountKind.SECURITIES).select_related("participant")
    }
    securities = market_securities(business_date=business_date)
    # A trade is one lot at least, so that a thinly traded security's day is as many lots as trades.
    daily_lots = [
        max(security.volume * SHARE_OF_VOLUME / security.lot_size_units, trades)
        for security, trades in zip(securities, expected_trades(securities=securities).tolist(), strict=True)
    ]
    daily_value = dict.fromkeys(source.currencies_by_code, 0.0)
    for security, lots in zip(securities, daily_lots, strict=True):
        units = lots * security.lot_size_units
        daily_value[security.currency] += security.value_per_day * units / max(security.volume, 1)
    rows: list[tuple[int, int, int]] = []
    ordering, booked = ordering_accounts(), {security.isin for security in with_books(securities)}
    active = traders()
    for trader, weight in zip(active, activity_weights(count=len(active)).tolist(), strict=True):
        own = names[trader.code]
        for name in own:
            share_of_account = CLIENT_SHARE if name != "HOUSE" else 1 - CLIENT_SHARE * (len(own) - 1)
            account = accounts[trader.code, name]
            orders = DAYS_OF_ORDERS if (trader.code, name) in ordering else 0.0
            for security, lots in zip(securities, daily_lots, strict=True):
                days = (weight * DAYS_OF_STOCK + EXTRA_STOCK) * share_of_account
                days += orders if security.isin in booked else 0.0
                quantity = int(lots * days) * security.lot_size_units
                rows.append((account.pk, source.securities_by_isin[security.isin].id, quantity))
            for code, value in daily_value.items():
                days = (weight * DAYS_OF_CASH + EXTRA_CASH) * share_of_account
                if name == "HOUSE" and source.participants_by_code[trader.code].role in LENDS_TO:
                    days *= CASH_SHARE
                days += orders
                cash_minor = int(value * days) * MINOR_UNITS
                rows.append((account.linked_cash_id or 0, source.currencies_by_code[code].id, cash_minor))
    assert source.ccp is not None
    ccp_cash = accounts[source.ccp.code, "HOUSE"].linked_cash_id or 0
    for code, value in daily_value.items():
        cash_minor = int(value * CCP_DAYS_OF_CASH) * MINOR_UNITS
        rows.append((ccp_cash, source.currencies_by_code[code].id, cash_minor))
    rows += own_money_rows(daily_value=daily_value) + put_up_rows(daily_value=daily_value)
    return [row for row in rows if row[2] > 0], daily_value
