"""Executed orders follow their trades to the end, by the rule of the core."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest
from django.db import connection

from clearing.services.follow_orders import CLEARING_STATUSES, DUE_SQL, SETTLING_STATUSES, follow_orders
from settlement.services.business_day import open_business_day
from tests.factories.chain import WEDNESDAY, Chain
from tests.factories.executing import make_buyer, make_executed
from trades.core.lifecycle import TradeStatus
from trades.core.order_lifecycle import OrderStatus, follow_trades
from trades.models import Fill, Order, OrderStep, Trade
from trades.services.advance_trades import set_status

M, C, S, X = TradeStatus.MATCHED, TradeStatus.CLEARED, TradeStatus.SETTLED, TradeStatus.CANCELLED


def follow(chain: Chain) -> int:
    return follow_orders(at=chain.at)


def life(order: Order) -> list[str]:
    return list(OrderStep.objects.filter(order=order).order_by("id").values_list("status", flat=True))


@pytest.fixture
def stocked(chain: Chain) -> Chain:
    for code in ("ALPHA", "BRAVO"):
        chain.give(code, "STOCK", 1_000)
        chain.give(code, "EUR", 10_000_000)
    return chain


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_an_order_goes_through_every_state_to_settled(stocked: Chain, side: str) -> None:
    chain, order = stocked, make_executed(stocked, make_buyer(stocked), reference="O", parts=2, side=side)
    assert follow(chain) == 1
    assert life(order)[-1] == "CLEARING"
    chain.novate()
    assert follow(chain) == 1
    assert life(order)[-1] == "CLEARED"
    assert follow(chain) == 0
    open_business_day(business_date=WEDNESDAY, at=chain.at)
    chain.move_to(WEDNESDAY)
    chain.net()
    assert follow(chain) == 0, "netted, and not instructed yet"
    chain.instruct()
    assert follow(chain) == 1
    assert life(order)[-1] == "SETTLING"
    chain.cycle()
    assert follow(chain) == 0
    chain.discharge()
    assert follow(chain) == 1
    assert life(order) == [
        "RECEIVED", "VALIDATED", "ROUTING", "FILLED", "CLEARING", "CLEARED", "SETTLING", "SETTLED",
    ]  # fmt: skip
    assert follow(chain) == 0


def test_what_was_missed_is_caught_up_step_by_step(stocked: Chain) -> None:
    chain, order = stocked, make_executed(stocked, make_buyer(stocked), reference="O", parts=1)
    chain.novate()
    open_business_day(business_date=WEDNESDAY, at=chain.at)
    chain.move_to(WEDNESDAY)
    chain.settle()
    assert follow_orders(at=chain.at, statuses=SETTLING_STATUSES) == 0
    assert follow_orders(at=chain.at, statuses=CLEARING_STATUSES) == 1
    assert life(order)[-4:] == ["CLEARING", "CLEARED", "SETTLING", "SETTLED"]
    order.refresh_from_db()
    assert (order.status, order.reserved_minor) == ("SETTLED", 0)


def test_an_order_all_of_whose_trades_are_withdrawn_is_cancelled(stocked: Chain) -> None:
    chain, order = stocked, make_executed(stocked, make_buyer(stocked), reference="O", parts=2)
    one, other = Fill.objects.filter(order=order).values_list("trade_id", flat=True)
    set_status(trades_sql=f"SELECT {one}::bigint AS id", status=X)
    follow(chain)
    assert life(order)[-1] == "CLEARING"
    set_status(trades_sql=f"SELECT {other}::bigint AS id", status=X)
    follow(chain)
    assert life(order)[-1] == "CANCELLED"


def test_the_statement_agrees_with_the_rule_for_every_mix_of_trades(stocked: Chain) -> None:
    client = make_buyer(stocked)
    mixes = [mix for parts in (1, 2, 3) for mix in combinations_with_replacement((M, C, S, X), parts)]
    expected = {}
    for number, mix in enumerate(mixes):
        order = make_executed(stocked, client, reference=f"O{number}", parts=len(mix))
        expected[order.pk] = follow_trades(trades=mix)
        fills = Fill.objects.filter(order=order).order_by("id").values_list("trade_id", flat=True)
        for trade, status in zip(fills, mix, strict=True):
            if status != M:
                Trade.objects.filter(pk=trade).update(status=X if status == X else C)
            if status == S:
                Trade.objects.filter(pk=trade).update(status=S)
    assert len(expected) == 4 + 10 + 20
    with connection.cursor() as cursor:
        cursor.execute(DUE_SQL, [[str(OrderStatus.FILLED)]])
        found = {order: OrderStatus(target) for order, _, target in cursor.fetchall()}
    assert found == expected
