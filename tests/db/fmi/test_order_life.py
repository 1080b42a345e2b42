"""An order's life is told from its receipt to the postings, in the order in which it happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clearing.services.follow_orders import follow_orders
from fmi.order_life import MOST_FILLS_TOLD, read_order_life
from reference.core.actor import SYSTEM
from settlement.services.business_day import open_business_day
from tests.factories.chain import WEDNESDAY
from tests.factories.executing import make_buyer, make_executed
from trades.refusals.orders import UnknownOrder

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from tests.factories.chain import Chain


def settle(chain: Chain) -> None:
    chain.novate()
    follow_orders(at=chain.at)
    open_business_day(business_date=WEDNESDAY, at=chain.at)
    chain.move_to(WEDNESDAY)
    chain.net()
    chain.instruct()
    follow_orders(at=chain.at)
    chain.cycle()
    chain.discharge()
    follow_orders(at=chain.at)


@pytest.fixture
def stocked(chain: Chain) -> Chain:
    for code in ("ALPHA", "BRAVO"):
        chain.give(code, "STOCK", 1_000)
        chain.give(code, "EUR", 10_000_000)
    return chain


def test_the_whole_life(stocked: Chain) -> None:
    order = make_executed(stocked, make_buyer(stocked), reference="O", parts=2)
    settle(stocked)
    order.refresh_from_db()
    life = read_order_life(order=order, actor=stocked.actor("ALPHA"))
    states = [step.after for step in life.steps if step.after in (
        "RECEIVED", "VALIDATED", "ROUTING", "FILLED", "CLEARING", "CLEARED", "SETTLING", "SETTLED",
    )]  # fmt: skip
    assert states.index("FILLED") < states.index("CLEARING") < states.index("CLEARED") < states.index("SETTLING")
    titles = " | ".join(step.title for step in life.steps)
    for words in ("Received from BUYER", "10 at 10 on XAAA", "Netted with the other trades", "postings to the ledger"):
        assert words in titles, words
    assert titles.index("10 at 10 on XAAA") < titles.index("Filled") < titles.index("Netted with")
    assert [step.at for step in life.steps] == sorted(step.at for step in life.steps)
    assert [row.account.code for row in life.obligations] == [order.account.code]
    assert [row.status for row in life.instructions] == ["SETTLED"]


def test_of_very_many_fills_the_first_are_told_and_it_costs_no_more(
    stocked: Chain, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    order = make_executed(stocked, make_buyer(stocked), reference="O", parts=MOST_FILLS_TOLD + 5)
    stocked.novate()
    with django_assert_max_num_queries(16):
        life = read_order_life(order=order, actor=SYSTEM)
    titles = [step.title for step in life.steps]
    assert sum("on XAAA" in title for title in titles) == MOST_FILLS_TOLD
    assert "5 further fills of 50 in all" in titles


def test_another_brokers_order_is_unknown(stocked: Chain) -> None:
    from trades.queries.orders import get_order

    order = make_executed(stocked, make_buyer(stocked), reference="O", parts=1)
    assert get_order(actor=stocked.actor("ALPHA"), public_id=order.public_id) == order
    with pytest.raises(UnknownOrder):
        get_order(actor=stocked.actor("BRAVO"), public_id=order.public_id)
