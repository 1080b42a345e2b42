"""Trades, money, marks, liquidation, funding and expiry of derivatives accounts, through both stores."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from clearing.live.refusals import (
    AccountInLiquidation,
    AccountOfOtherCurrency,
    ClientIdReused,
    ContractExpired,
    CounterpartyNotYours,
    InsufficientMargin,
    MarkPriceAbsurd,
    MarkPriceMissing,
    MarkPriceStale,
    NumberOutOfRange,
    PositionTooLarge,
    PriceBetterThanQuote,
    PriceTooFarFromMark,
    TradeWithItself,
    UnknownContract,
    UnknownDerivativesAccount,
    WithdrawalExceedsFree,
)
from clearing.live.store import take_snapshot
from clearing.models import (
    BalanceMovement,
    DerivativeContract,
    DerivativeTrade,
    FundingRound,
    Liquidation,
)
from clearing.queries.derivatives import snapshot_of_history
from clearing.queries.derivatives_invariants import DERIVATIVES_INVARIANTS
from clearing.services.fund_positions import fund_positions
from clearing.services.mark_derivatives import set_mark_prices
from clearing.services.move_derivatives_money import withdraw_margin
from clearing.services.trade_derivatives import execute_trade
from ledger.models import Balance
from ledger.refusals import BalanceBelowLimit
from reference.core.actor import SYSTEM
from tests.factories.derivatives import BTC, FUTURE, STOCK, Derivatives, clear_store, depth, make_derivatives
from tests.factories.reference import DailyPriceFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.factories.chain import Chain

TEN_THOUSAND = 10_000_00


@pytest.fixture
def market(chain: Chain) -> Iterator[Derivatives]:
    """ALPHA with the seed's 10,000, BRAVO with ten times that, BTC at 50,000."""
    made = make_derivatives(chain, money={"ALPHA": TEN_THOUSAND, "BRAVO": 10 * TEN_THOUSAND}, codes=["CHARLIE"])
    made.mark(BTC, "50000")
    yield made
    assert violations() == []
    assert take_snapshot() == snapshot_of_history()
    clear_store()


def violations() -> list[str]:
    found = []
    with connection.cursor() as cursor:
        for name, sql in DERIVATIVES_INVARIANTS.items():
            cursor.execute(sql)
            found += [f"{name}: {row[0]}" for row in cursor.fetchall()]
    return found


def live_balance(market: Derivatives, code: str) -> int:
    snapshot = take_snapshot()
    assert snapshot is not None
    return snapshot.balances[market.accounts[code].pk]


def test_one_at_50_000_passes_on_10_000_and_a_thousandth_more_does_not(market: Derivatives) -> None:
    market.trade("ALPHA", "BUY", "1", "50000")
    with pytest.raises(InsufficientMargin) as refused:
        market.trade("ALPHA", "BUY", "0.001", "50000")
    assert refused.value.extra == {"equity": "10000.00", "margin_required": "10010.00", "currency": "EUR"}


def test_initial_margin_is_checked_against_equity_not_balance(market: Derivatives) -> None:
    market.trade("ALPHA", "BUY", "0.9", "50000")
    market.mark(BTC, "52000")
    # 10,000 and 1,800 of profit carry 11,800 of margin: 1.134 at 52,000. The balance alone would not.
    market.trade("ALPHA", "BUY", "0.234", "52000")
    with pytest.raises(InsufficientMargin):
        market.trade("ALPHA", "BUY", "0.001", "52000")


def test_a_trade_is_two_positions_and_the_profit_of_closing_is_in_the_ledger(market: Derivatives) -> None:
    trade = market.trade("ALPHA", "BUY", "0.1", "50000", with_="BRAVO")
    assert (trade.quantity_steps, trade.price_ticks, trade.value_minor) == (100, 50_000_00, 5_000_00)
    market.mark(BTC, "51000")
    market.trade("ALPHA", "SELL", "0.1", "51000")
    assert live_balance(market, "ALPHA") == TEN_THOUSAND + 100_00
    account = market.accounts["ALPHA"]
    assert Balance.objects.get(account=account.cash_account, asset=account.currency).balance == TEN_THOUSAND + 100_00


def test_the_same_client_id_trades_once(market: Derivatives) -> None:
    first = market.trade("ALPHA", "BUY", "0.1", "50000", client_id="A-1")
    assert market.trade("ALPHA", "BUY", "0.1", "50000", client_id="A-1").pk == first.pk
    assert DerivativeTrade.objects.count() == 1
    with pytest.raises(ClientIdReused):
        market.trade("ALPHA", "BUY", "0.2", "50000", client_id="A-1")
    clear_store()
    assert market.trade("ALPHA", "BUY", "0.1", "50000", client_id="A-1").pk == first.pk
    # Another account may use the same id.
    assert market.trade("BRAVO", "BUY", "0.1", "50000", client_id="A-1").pk != first.pk


@pytest.mark.parametrize("number", ["0", "-1", "0.0001", "NaN", "Infinity", "-Infinity", "1e30", "90001"])
def test_a_quantity_that_is_none_is_refused(market: Derivatives, number: str) -> None:
    with pytest.raises(NumberOutOfRange) as refused:
        market.trade("ALPHA", "BUY", number, "50000")
    assert refused.value.pointer == "/quantity"


@pytest.mark.parametrize("number", ["0", "-1", "50000.001", "NaN", "Infinity", "1e30"])
def test_a_price_that_is_none_is_refused(market: Derivatives, number: str) -> None:
    with pytest.raises(NumberOutOfRange):
        market.trade("ALPHA", "BUY", "1", number)
    with pytest.raises(NumberOutOfRange):
        market.mark(BTC, number)


def test_what_is_not_there_is_refused_by_name(market: Derivatives) -> None:
    with pytest.raises(UnknownContract):
        market.trade("ALPHA", "BUY", "1", "50000", symbol="NO-PERP")
    with pytest.raises(MarkPriceMissing):
        market.trade("ALPHA", "BUY", "1", "100", symbol=STOCK)
    with pytest.raises(TradeWithItself):
        market.trade("DELTA", "BUY", "1", "50000")
    order = market.order("ALPHA", "BUY", "0.1", "50000")
    object.__setattr__(order, "counterparty_id", market.fund.pk)
    with pytest.raises(AccountOfOtherCurrency):
        execute_trade(order=order, actor=SYSTEM, at=market.chain.at, business_date=market.chain.day)
    object.__setattr__(order, "account_id", 999_999)
    with pytest.raises(UnknownDerivativesAccount):
        execute_trade(order=order, actor=SYSTEM, at=market.chain.at, business_date=market.chain.day)


def test_a_price_off_the_mark_and_a_stale_mark_decide_nothing(market: Derivatives) -> None:
    market.trade("BRAVO", "BUY", "0.1", "55000")
    with pytest.raises(PriceTooFarFromMark):
        market.trade("BRAVO", "BUY", "0.1", "55000.01")
    market.chain.at += timedelta(days=1, seconds=1)
    with pytest.raises(MarkPriceStale):
        market.trade("ALPHA", "BUY", "0.1", "50000")


def test_a_mark_half_as_high_needs_to_be_confirmed_and_an_older_one_is_refused(market: Derivatives) -> None:
    with pytest.raises(MarkPriceAbsurd):
        market.mark(BTC, "75000.01", confirmed=False)
    market.mark(BTC, "75000", confirmed=False)
    with pytest.raises(MarkPriceStale):
        set_mark_prices(
            prices={BTC: Decimal(70_000)}, actor=SYSTEM, at=market.chain.at, business_date=market.chain.day,
            priced_at=market.chain.at - timedelta(minutes=1),
        )  # fmt: skip
    with pytest.raises(UnknownContract):
        market.mark("NO-PERP", "1")


def test_a_participant_trades_at_the_quote_and_only_for_itself(market: Derivatives) -> None:
    alpha = market.chain.actor("ALPHA")
    with pytest.raises(PriceBetterThanQuote):
        market.trade("ALPHA", "BUY", "0.1", "49999", actor=alpha)
    market.trade("ALPHA", "BUY", "0.1", "50000", actor=alpha)
    with pytest.raises(UnknownDerivativesAccount):
        market.trade("BRAVO", "BUY", "0.1", "50000", actor=alpha)
    with pytest.raises(CounterpartyNotYours):
        market.trade("ALPHA", "BUY", "0.1", "50000", actor=alpha, with_="BRAVO")


def test_a_position_has_a_limit(market: Derivatives) -> None:
    market.deposit("BRAVO", 10**13)
    market.deposit("DELTA", 10**13)
    market.mark(STOCK, "1.00")
    limit = DerivativeContract.objects.get(symbol=STOCK).position_limit_steps
    market.trade("BRAVO", "BUY", str(limit), "1.00", symbol=STOCK)
    with pytest.raises(PositionTooLarge):
        market.trade("BRAVO", "BUY", "1", "1.00", symbol=STOCK)


def test_below_initial_margin_a_position_may_only_be_made_smaller(market: Derivatives) -> None:
    market.trade("ALPHA", "BUY", "1", "50000")
    market.mark(BTC, "46000")
    with pytest.raises(InsufficientMargin):
        market.trade("ALPHA", "BUY", "0.001", "46000")
    market.trade("ALPHA", "SELL", "0.5", "46000")


def test_liquidated_at_44_444_44_and_not_a_cent_above(market: Derivatives) -> None:
    depth(BTC, 0)
    market.trade("ALPHA", "BUY", "1", "50000", with_="BRAVO")
    assert market.mark(BTC, "44444.45") == 0
    assert market.mark(BTC, "44444.44") == 0
    assert Liquidation.objects.count() == 0
    with pytest.raises(AccountInLiquidation):
        market.trade("ALPHA", "SELL", "0.1", "44444.44", with_="BRAVO")
    depth(BTC, 10**6)
    assert market.mark(BTC, "44444.44") == 1
    found = Liquidation.objects.get()
    assert (found.outcome, found.account_id) == ("FILLED", market.accounts["ALPHA"].pk)
    assert found.fee_minor == -(-found.filled_minor * 150 // 10_000)
    assert live_balance(market, "ALPHA") == found.equity_after_minor


def test_a_gap_is_covered_by_the_fund_and_then_by_deleveraging(market: Derivatives) -> None:
    market.chain.give("CCP", "EUR", 1_000_00)
    market.bring(market.fund, 1_000_00)
    market.trade("ALPHA", "BUY", "1", "50000", with_="BRAVO")
    assert market.mark(BTC, "38000") == 1
    found = Liquidation.objects.get()
    assert (found.outcome, found.covered_minor, found.deleveraged_minor) == ("DELEVERAGED", 1_000_00, 1_000_00)
    assert found.deleveragings.get().account_id == market.accounts["BRAVO"].pk
    assert live_balance(market, "ALPHA") == 0
    # BRAVO's short earned 12,000 to the mark; half of it was closed at 40,000.
    assert live_balance(market, "BRAVO") == 10 * TEN_THOUSAND + 5_000_00


def test_money_comes_from_the_participants_cash_and_goes_back(market: Derivatives) -> None:
    chain = market.chain
    cash = chain.balance("ALPHA", "EUR")
    market.deposit("ALPHA", 500_00, client_id="D-1")
    market.bring(market.accounts["ALPHA"], 500_00, "D-1")
    assert (chain.balance("ALPHA", "EUR"), live_balance(market, "ALPHA")) == (cash, TEN_THOUSAND + 500_00)
    with pytest.raises(BalanceBelowLimit):
        market.bring(market.accounts["ALPHA"], 10**12)
    market.trade("ALPHA", "BUY", "1", "50000")
    withdraw: dict[str, Any] = {
        "account": market.accounts["ALPHA"],
        "actor": SYSTEM,
        "at": chain.at,
        "business_date": chain.day,
    }
    with pytest.raises(WithdrawalExceedsFree) as refused:
        withdraw_margin(amount_minor=500_01, **withdraw)
    assert refused.value.extra["free_minor"] == 500_00
    withdraw_margin(amount_minor=500_00, **withdraw)
    assert chain.balance("ALPHA", "EUR") == cash + 500_00
    for amount in (0, -1, 10**18):
        with pytest.raises(NumberOutOfRange):
            withdraw_margin(amount_minor=amount, **withdraw)


def test_unrealised_profit_cannot_be_withdrawn(market: Derivatives) -> None:
    market.trade("ALPHA", "BUY", "0.1", "50000")
    market.mark(BTC, "60000")
    chain = market.chain
    with pytest.raises(WithdrawalExceedsFree):
        withdraw_margin(
            account=market.accounts["ALPHA"], amount_minor=TEN_THOUSAND + 1, actor=SYSTEM, at=chain.at,
            business_date=chain.day,
        )  # fmt: skip


def test_perpetuals_are_funded_once_for_each_hour_of_funding(market: Derivatives) -> None:
    chain = market.chain
    DailyPriceFactory.create(security_id=chain.assets["STOCK"], date=date(2008, 9, 5), close=Decimal(100))
    market.mark(STOCK, "101.00")
    market.trade("BRAVO", "BUY", "100", "101.00", symbol=STOCK)
    before = live_balance(market, "BRAVO")
    assert fund_positions(at=chain.at, business_date=chain.day) == 1
    assert fund_positions(at=chain.at, business_date=chain.day) == 0
    row = FundingRound.objects.get()
    assert (row.rate_ppm, row.funded_for.astimezone(chain.at.tzinfo).hour) == (3_333, 8)
    # 10,100.00 × 0.3333 %, the cent begun: paid by the long, received by the market maker.
    assert live_balance(market, "BRAVO") == before - 33_67
    paid = {row.account_id: row.amount_minor for row in BalanceMovement.objects.filter(kind="FUNDING")}
    assert paid == {
        market.accounts["BRAVO"].pk: -33_67, market.accounts["DELTA"].pk: 33_66, market.fund.pk: 1
    }  # fmt: skip


def test_a_future_settles_in_cash_on_its_expiry_date_and_trades_no_more(market: Derivatives) -> None:
    chain = market.chain
    market.mark(FUTURE, "100.00")
    market.trade("ALPHA", "BUY", "100", "100.00", symbol=FUTURE)
    chain.move_to(date(2008, 9, 19), 17)
    market.mark(FUTURE, "104.00")
    assert fund_positions(at=chain.at, business_date=chain.day) == 0
    chain.move_to(date(2008, 9, 19), 18)
    assert fund_positions(at=chain.at, business_date=chain.day) == 1
    assert live_balance(market, "ALPHA") == TEN_THOUSAND + 400_00
    assert fund_positions(at=chain.at, business_date=chain.day) == 0
    for trade in (lambda: market.trade("ALPHA", "BUY", "1", "104.00", symbol=FUTURE), lambda: market.mark(FUTURE, "1")):
        with pytest.raises(ContractExpired):
            trade()
