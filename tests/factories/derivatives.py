"""A derivatives market in a chain: the seed's BTC-PERP, a stock's perpetual and future, accounts with money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from clearing.live.store import live_store
from clearing.models import DerivativeAccount, DerivativeContract, DerivativeTrade
from clearing.services.mark_derivatives import set_mark_prices
from clearing.services.move_derivatives_money import deposit_margin
from clearing.services.open_derivatives import (
    NewContract,
    insurance_fund,
    list_contracts,
    open_derivatives_account,
)
from clearing.services.trade_derivatives import TradeOrder, execute_trade
from reference.core.actor import SYSTEM, Actor
from reference.queries import directory
from tests.factories.chain import Chain

BTC, STOCK, FUTURE = "BTC-PERP", "STOCK-PERP", "STOCK-FUT-200809"
PLENTY = 10_000_000_00


@dataclass
class Derivatives:
    """The market: accounts by participant code (EUR), the insurance fund, and its moves as one call each."""

    chain: Chain
    accounts: dict[str, DerivativeAccount]
    fund: DerivativeAccount

    def deposit(self, code: str, amount_minor: int, client_id: str = "") -> None:
        """Give a participant cash, and let it bring it in."""
        self.chain.give(code, "EUR", amount_minor)
        self.bring(self.accounts[code], amount_minor, client_id)

    def bring(self, account: DerivativeAccount, amount_minor: int, client_id: str = "") -> None:
        """Deposit."""
        deposit_margin(
            account=account, amount_minor=amount_minor, actor=SYSTEM, at=self.chain.at, business_date=self.chain.day,
            client_id=client_id,
        )  # fmt: skip

    def mark(self, symbol: str, price: str, confirmed: bool = True) -> int:
        """Set a mark price; return how many accounts were liquidated."""
        return set_mark_prices(
            prices={symbol: Decimal(price)}, actor=SYSTEM, at=self.chain.at, business_date=self.chain.day,
            confirmed=confirmed,
        )  # fmt: skip

    def order(self, code: str, side: str, quantity: str, price: str, symbol: str = BTC, **more: Any) -> TradeOrder:
        """Return an order; `with_` names the counterparty."""
        other = more.pop("with_", None)
        return TradeOrder(
            symbol=symbol, account_id=self.accounts[code].pk, side=side, quantity=Decimal(quantity),
            price=Decimal(price), counterparty_id=self.accounts[other].pk if other else None, **more,
        )  # fmt: skip

    def trade(
        self, code: str, side: str, quantity: str, price: str, *, actor: Actor = SYSTEM, **more: Any
    ) -> DerivativeTrade:
        """Trade."""
        order = self.order(code, side, quantity, price, **more)
        return execute_trade(order=order, actor=actor, at=self.chain.at, business_date=self.chain.day)


def clear_store() -> None:
    """Empty the live store of what another test left."""
    store = live_store()
    for pattern in ("position:*", "derivatives:*", "balances", "mark_prices"):
        keys = list(store.scan_iter(pattern))
        if keys:
            store.delete(*keys)


def make_derivatives(
    chain: Chain, *, money: dict[str, int] | None = None, insurance_minor: int = 0, codes: Sequence[str] = ()
) -> Derivatives:
    """Open the market: DELTA makes it, with plenty of money; the others have what `money` says."""
    clear_store()
    amounts = {"DELTA": PLENTY, **(money or {})}
    source = directory()
    accounts = {
        code: open_derivatives_account(participant_id=source.participant_ids[code], currency="EUR", at=chain.at)
        for code in (*amounts, *codes)
    }
    market = Derivatives(chain, accounts, insurance_fund(currency="EUR"))
    maker = accounts["DELTA"].pk
    list_contracts(
        contracts=[
            NewContract(BTC, "EUR", quantity_digits=3, largest_price_ticks=100_000_000, market_maker_id=maker),
            NewContract(STOCK, "EUR", underlying="STOCK", market_maker_id=maker),
            NewContract(FUTURE, "EUR", underlying="STOCK", expiry_date=date(2008, 9, 19), market_maker_id=maker),
        ]
    )
    for code, amount in amounts.items():
        if amount:
            market.deposit(code, amount)
    if insurance_minor:
        assert source.ccp is not None
        chain.give(source.ccp.code, "EUR", insurance_minor)
        market.bring(market.fund, insurance_minor)
    return market


def depth(symbol: str, steps: int) -> None:
    """Set how much the market takes of one liquidation."""
    DerivativeContract.objects.filter(symbol=symbol).update(depth_steps=steps)
