"""Executed orders follow their trades to the end, by the rule of the core."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import pytest
from django.db import connection

from clearing.services.follow_orders import CLEARING_STATUSES, DUE_SQL, SETTLING_STATUSES, follow_orders
from fmi.business_day import run_flow, run_task
from reference.core.actor import SYSTEM
from settlement.services.business_day import open_business_day
from tests.factories.chain import WEDNESDAY, Chain
from tests.factories.executing import make_buyer, make_executed
from trades.core.lifecycle import TradeStatus
from trades.core.order_lifecycle import OrderStatus, follow_trades
from trades.models import Client, CreditUse, Fill, Order, OrderStep, Trade
from trades.queries.limit_invariants import LIMIT_INVARIANTS
from trades.services.advance_trades import set_status
from trades.services.orders.replace_order import replace_order
from trades.services.orders.withdraw_orders import cancel_order

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
        found = {order: OrderStatus(target) for order, _, target, *_ in cursor.fetchall()}
    assert found == expected


def settle_all(chain: Chain) -> None:
    """Bring what is matched through clearing and settlement on Wednesday."""
    chain.novate()
    open_business_day(business_date=WEDNESDAY, at=chain.at)
    chain.move_to(WEDNESDAY)
    chain.settle()


def assert_limits_hold() -> None:
    with connection.cursor() as cursor:
        for sql in LIMIT_INVARIANTS.values():
            cursor.execute(sql)
            assert cursor.fetchall() == []


def used(client: Client) -> int:
    return CreditUse.objects.get(client=client).used_minor


def test_an_open_order_holds_no_credit_for_what_of_it_has_settled(stocked: Chain) -> None:
    """20 of a GTC purchase of 50 at 10.00 are settled: it goes on to hold 300.00 for the rest."""
    chain, client = stocked, make_buyer(stocked)
    order = make_executed(chain, client, reference="O", parts=2, open_units=30)
    settle_all(chain)
    assert (used(client), Trade.objects.filter(status=S, fills__order=order).count()) == (50_000, 2)
    assert follow(chain) == 0
    order.refresh_from_db()
    assert (order.status, order.reserved_minor, used(client)) == ("PARTIALLY_FILLED", 30_000, 30_000)
    assert_limits_hold()
    assert follow(chain) == 0
    # A replacement takes what it adds, and nothing for what is paid for.
    terms: dict[str, Any] = {"at": chain.at, "business_date": chain.day, "actor": SYSTEM}
    replace_order(order_id=order.pk, quantity_units=60, limit_price=None, **terms)
    assert used(client) == 40_000
    cancel_order(order_id=order.pk, **terms)
    follow(chain)
    order.refresh_from_db()
    assert (order.status, order.reserved_minor, used(client)) == ("SETTLED", 0, 0)
    assert_limits_hold()


@pytest.mark.parametrize("end", [S, X])
def test_an_executed_order_holds_no_credit_for_trades_that_have_ended(stocked: Chain, end: TradeStatus) -> None:
    client = make_buyer(stocked)
    order = make_executed(stocked, client, reference="O", parts=3)
    stocked.novate()
    follow(stocked)
    assert used(client) == 30_000
    set_status(trades_sql=f"SELECT {Fill.objects.filter(order=order)[0].trade_id}::bigint AS id", status=end)
    follow(stocked)
    assert used(client) == 20_000
    assert_limits_hold()


@pytest.mark.parametrize(("settled", "after"), [(False, "CLEARED"), (True, "SETTLED")])
def test_an_order_whose_rest_ends_is_followed_in_the_same_pass(stocked: Chain, settled: bool, after: str) -> None:
    """Nothing of its trades moves any more: the end itself has to wake who follows them."""
    chain = stocked
    order = make_executed(chain, make_buyer(chain), reference="O", parts=2, open_units=30)
    if settled:
        settle_all(chain)
    else:
        chain.novate()
    run_flow(run=lambda _: None)
    cancel_order(order_id=order.pk, at=chain.at, business_date=chain.day, actor=SYSTEM)
    assert life(order)[-1] == "CLEARING"
    run_flow(run=lambda task: run_task(task) if task.startswith("clearing.follow_") else None)
    assert life(order)[-1] == after
