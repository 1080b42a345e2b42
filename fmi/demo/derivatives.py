"""The demo's derivatives: perpetuals and futures on the five stocks, marked along the real prices of the day."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from clearing.core.derivatives.terms import LARGEST_BALANCE_MINOR
from clearing.live.refusals import LiveStateUnavailable
from clearing.models import AccountPurpose, ContractStatus, DerivativeAccount, DerivativeEvent
from clearing.queries.derivatives import contracts_by_symbol, seconds_of
from clearing.services.commit_derivatives import read_live
from clearing.services.mark_derivatives import set_mark_prices
from clearing.services.move_derivatives_money import deposit_margin
from clearing.services.open_derivatives import (
    NewContract,
    insurance_fund,
    list_contracts,
    open_derivatives_account,
)
from clearing.services.trade_derivatives import TradeOrder, execute_trades
from ledger.models import Balance
from reference.core.actor import SYSTEM
from reference.core.calendar import BUSINESS_ZONE
from reference.models import DailyPrice
from reference.queries import directory

CURRENCY = "USD"
MAKER = "HALCYON"
TRADERS = ("ALDERBK", "BRIXTON", "GRANITE", "NOVABRK", "LARKBRK", "MERIDIAN")
# Trades as large as its margin allows, always the same way: the fall of a price finds it.
BOLD = "MERIDIAN"
STOCKS = ("AAPL", "IBM", "MSFT", "GOOG", "FB")
EXPIRIES = (date(2008, 9, 19), date(2008, 12, 19))
DEPTH_STEPS = 20_000
SHARE_OF_CASH, MAKERS_SHARE, MOST_MINOR = 50, 10, 5_000_000_00
INSURANCE_MINOR = 250_000_00
OPENING = "OPENING"
SLOT = timedelta(minutes=30)
OPENS, CLOSES = time(9, 30), time(17, 30)
CENT = Decimal("0.01")


def open_derivatives(*, at: datetime, business_date: date) -> int:
    """List the contracts, open the accounts and bring their money in, out of the participants' own cash.

    Return how many accounts have money. Where the live store does not answer, nobody trades derivatives.
    """
    source = directory()
    codes = [code for code in (MAKER, *TRADERS) if code in source.participant_ids]
    stocks = [symbol for symbol in STOCKS if symbol in source.securities_by_symbol]
    if MAKER not in codes or not stocks or CURRENCY not in source.currencies_by_code:
        return 0
    accounts = {
        code: open_derivatives_account(participant_id=source.participant_ids[code], currency=CURRENCY, at=at)
        for code in codes
    }
    list_contracts(contracts=_contracts(stocks=stocks, maker_id=accounts[MAKER].pk))
    fund, funded = insurance_fund(currency=CURRENCY), 0
    opened = set(DerivativeEvent.objects.filter(client_id=OPENING).values_list("account_id", flat=True))
    with suppress(LiveStateUnavailable):
        for code, account in {**accounts, "INSURANCE": fund}.items():
            amount = min(_amount(account=account, code=code), LARGEST_BALANCE_MINOR)
            if amount > 0 and account.pk not in opened:
                deposit_margin(
                    account=account, amount_minor=amount, actor=SYSTEM, at=at, business_date=business_date,
                    client_id=OPENING,
                )  # fmt: skip
                funded += 1
    return funded


def _contracts(*, stocks: list[str], maker_id: int) -> list[NewContract]:
    """Return a perpetual and the futures on each stock."""
    perpetuals = [
        NewContract(f"{symbol}-PERP", CURRENCY, symbol, depth_steps=DEPTH_STEPS, market_maker_id=maker_id)
        for symbol in stocks
    ]
    futures = [
        NewContract(
            f"{symbol}-FUT-{expiry:%Y%m}", CURRENCY, symbol, expiry_date=expiry, depth_steps=DEPTH_STEPS,
            market_maker_id=maker_id,
        )
        for symbol in stocks[:2]
        for expiry in EXPIRIES
    ]  # fmt: skip
    return perpetuals + futures


def _amount(*, account: DerivativeAccount, code: str) -> int:
    """Return what a participant brings in: a small share of the cash on its own account."""
    row = Balance.objects.filter(
        account__participant_id=account.participant_id, account__kind="CASH", account__name="HOUSE",
        asset_id=account.currency_id,
    ).first()  # fmt: skip
    cash = row.balance if row is not None else 0
    if account.purpose == AccountPurpose.INSURANCE:
        return min(INSURANCE_MINOR, cash // MAKERS_SHARE)
    return cash // MAKERS_SHARE if code == MAKER else min(MOST_MINOR, cash // SHARE_OF_CASH)


def trade_derivatives(*, seed: int, after: datetime, until: datetime, business_date: date) -> None:
    """Mark and trade at the last half hour that has come. Done twice, it changes nothing."""
    slot = _last_slot(until=until, business_date=business_date)
    if slot is None or slot <= after:
        return
    contracts = {
        symbol: row for symbol, row in contracts_by_symbol(active=True).items() if row.currency.code == CURRENCY
    }
    prices = _prices(seed=seed, slot=slot, business_date=business_date)
    marks = {symbol: prices[row.underlying_id] for symbol, row in contracts.items() if row.underlying_id in prices}
    if not marks:
        return
    with suppress(LiveStateUnavailable):
        if all(read_live().marked_at.get(symbol, 0) >= seconds_of(slot) for symbol in marks):
            return
        set_mark_prices(
            prices=marks, actor=SYSTEM, at=until, business_date=business_date, priced_at=slot, confirmed=True
        )
        live = {symbol: row for symbol, row in contracts.items() if symbol in marks}
        # A contract that expires today is left alone on its last day.
        open_for_trade = [
            symbol
            for symbol, row in live.items()
            if row.status == ContractStatus.ACTIVE and row.expiry_date != business_date
        ]
        orders = _orders(seed=seed, slot=slot, marks=marks, symbols=sorted(open_for_trade))
        if orders:
            execute_trades(orders=orders, actor=SYSTEM, at=until, business_date=business_date)


def _last_slot(*, until: datetime, business_date: date) -> datetime | None:
    """Return the last half hour of the market's day at or before a moment; None before the first."""
    opens = datetime.combine(business_date, OPENS, tzinfo=BUSINESS_ZONE)
    closes = datetime.combine(business_date, CLOSES, tzinfo=BUSINESS_ZONE)
    if until < opens:
        return None
    return opens + SLOT * ((min(until, closes) - opens) // SLOT)


def _prices(*, seed: int, slot: datetime, business_date: date) -> dict[int | None, Decimal]:
    """Return where each stock stands on its way through the day: open, one extreme, the other, close."""
    opens = datetime.combine(business_date, OPENS, tzinfo=BUSINESS_ZONE)
    closes = datetime.combine(business_date, CLOSES, tzinfo=BUSINESS_ZONE)
    passed = 3 * ((slot - opens) / (closes - opens))
    leg, share = (2, Decimal(1)) if passed >= 3 else (int(passed), Decimal(str(round(passed % 1, 4))))
    found: dict[int | None, Decimal] = {}
    rows = DailyPrice.objects.filter(date=business_date, security__symbol__in=STOCKS).order_by("security_id")
    for row in rows:
        low_first = random.Random(f"{seed}-{business_date}-{row.security_id}").random() < 0.5
        between = (row.low, row.high) if low_first else (row.high, row.low)
        points = (row.open, *between, row.close)
        price = points[leg] + (points[leg + 1] - points[leg]) * share
        found[row.security_id] = max(CENT, price.quantize(CENT, ROUND_HALF_UP))
    return found


def _orders(*, seed: int, slot: datetime, marks: dict[str, Decimal], symbols: list[str]) -> list[TradeOrder]:
    """Return a few orders at the mark prices; client ids make them happen once."""
    rows = DerivativeAccount.objects.filter(
        currency__code=CURRENCY, participant__code__in=TRADERS, purpose=AccountPurpose.PARTICIPANT
    )
    accounts = {row.participant.code: row for row in rows.select_related("participant")}
    balances, chance = read_live().balances, random.Random(f"{seed}-{slot.isoformat()}")
    orders = []
    for code in sorted(accounts):
        if not symbols or chance.random() > 0.35:
            continue
        account, bold = accounts[code], code == BOLD
        symbol = "AAPL-PERP" if bold and "AAPL-PERP" in symbols else chance.choice(symbols)
        side = "BUY" if bold else chance.choice(["BUY", "SELL"])
        value = balances.get(account.pk, 0) * (1.5 if bold else chance.uniform(0.05, 0.4)) / 100
        quantity = int(value / float(marks[symbol]))
        if quantity > 0:
            orders.append(
                TradeOrder(
                    symbol=symbol, account_id=account.pk, side=side, quantity=Decimal(quantity), price=marks[symbol],
                    client_id=f"DEMO-{slot:%Y%m%d-%H%M}",
                )
            )  # fmt: skip
    return orders
