"""Each trade in derivatives is in the audit log once: who, what, from where, what its account had and has."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from clearing.models import DerivativeEvent
from clearing.services.commit_derivatives import commit_pending
from clearing.services.fund_positions import fund_positions
from clearing.services.trade_derivatives import execute_trades
from events.models import AuditRecord
from events.models.seal import UnsealedRecord
from reference.core.actor import SYSTEM
from reference.origin import Door, Origin, acting_from
from reference.refusals import Refusal
from tests.factories.derivatives import BTC, FUTURE, STOCK, Derivatives, clear_store, make_derivatives
from tests.factories.reference import DailyPriceFactory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.factories.chain import Chain

TEN_THOUSAND = 10_000_00
CORRELATION = UUID(int=7)
FROM = Origin(door=Door.API, address="192.0.2.7", client="fmi_key", correlation_id=CORRELATION)


@pytest.fixture
def market(chain: Chain) -> Iterator[Derivatives]:
    made = make_derivatives(chain, money={"ALPHA": TEN_THOUSAND, "BRAVO": 10 * TEN_THOUSAND})
    made.mark(BTC, "50000")
    yield made
    clear_store()


def trades_told() -> list[AuditRecord]:
    return list(AuditRecord.objects.filter(action="derivativesaccount.traded").order_by("id"))


def test_a_trade_leaves_one_record_with_before_and_after(market: Derivatives) -> None:
    alpha, chain = market.chain.actor("ALPHA"), market.chain
    market.trade("ALPHA", "BUY", "0.3", "50000")
    market.mark(BTC, "51000")
    with acting_from(FROM):
        market.trade("ALPHA", "SELL", "0.1", "51000", actor=alpha, client_id="A-1")
        # Asked again it is the same trade, and no other action.
        market.trade("ALPHA", "SELL", "0.1", "51000", actor=alpha, client_id="A-1")
    first, record = trades_told()
    event, account = DerivativeEvent.objects.get(client_id="A-1"), market.accounts["ALPHA"]
    assert (record.actor, record.role, record.participant) == (alpha.name, "PARTICIPANT", account.participant)
    assert (record.door, record.address, record.client) == ("API", "192.0.2.7", "fmi_key")
    assert (record.correlation_id, record.at, record.business_date) == (CORRELATION, chain.at, chain.day)
    assert (record.object_type, record.object_id) == ("derivativeaccount", account.pk)
    assert record.summary == f"SELL 0.100 {BTC} at 51000.00"
    assert record.detail == {
        "symbol": BTC, "side": "SELL", "quantity": "0.100", "price": "51000.00", "counterparty_id": None,
        "client_id": "A-1", "event": event.sequence, "value_minor": 5_100_00,
        "position_steps": {"before": 300, "after": 200},
        "balance_minor": {"before": TEN_THOUSAND, "after": TEN_THOUSAND + 100_00},
    }  # fmt: skip
    assert (first.actor, first.detail["position_steps"]) == ("system", {"before": 0, "after": 300})
    assert UnsealedRecord.objects.filter(record_id__in=[first.pk, record.pk]).count() == 2


def test_of_a_batch_each_trade_that_was_made_is_told_and_no_refused_one(market: Derivatives) -> None:
    orders = [
        market.order("ALPHA", "BUY", "0.5", "50000", client_id="A-1"),
        market.order("ALPHA", "BUY", "0.6", "50000", client_id="A-2"),
        market.order("ALPHA", "BUY", "0", "50000", client_id="A-3"),
        market.order("BRAVO", "SELL", "0.5", "50000", client_id="B-1", with_="ALPHA"),
    ]
    chain = market.chain
    results = execute_trades(orders=orders, actor=SYSTEM, at=chain.at, business_date=chain.day)
    assert [isinstance(result, Refusal) for result in results] == [False, True, True, False]
    told: list[Any] = [(row.object_id, row.detail["client_id"], row.detail["position_steps"]) for row in trades_told()]
    assert told == [
        (market.accounts["ALPHA"].pk, "A-1", {"before": 0, "after": 500}),
        (market.accounts["BRAVO"].pk, "B-1", {"before": 0, "after": -500}),
    ]
    # Taken again by whoever comes by, it is not told again.
    commit_pending()
    assert len(trades_told()) == 2


def test_funding_and_the_settlement_of_a_future_are_told_each_contract_once(market: Derivatives) -> None:
    chain = market.chain
    DailyPriceFactory.create(security_id=chain.assets["STOCK"], date=date(2008, 9, 5), close=Decimal(100))
    for symbol in (STOCK, FUTURE):
        market.mark(symbol, "101.00")
        market.trade("BRAVO", "BUY", "100", "101.00", symbol=symbol)
    for _ in range(2):
        fund_positions(at=chain.at, business_date=chain.day)
    chain.move_to(date(2008, 9, 19), 18)
    for _ in range(2):
        fund_positions(at=chain.at, business_date=chain.day)
    told = AuditRecord.objects.filter(object_type="derivativecontract").exclude(action="markprice.set").order_by("id")
    rows = [(row.action, row.summary, row.actor, row.detail["movements"]) for row in told]
    assert rows == [
        ("derivativecontract.funded", "STOCK-PERP funded for 2008-09-08 08:00", "system", 3),
        ("derivativecontract.funded", "STOCK-PERP funded for 2008-09-19 16:00", "system", 3),
        ("derivativecontract.expired", "STOCK-FUT-200809 settled at expiry", "system", 0),
    ]
