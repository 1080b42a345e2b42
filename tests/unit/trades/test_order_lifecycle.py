"""The life of an order: the table, and what fills and trades say."""

from __future__ import annotations

import pytest

from trades.core.lifecycle import TradeStatus
from trades.core.order_lifecycle import (
    OPEN_STATUSES,
    ORDER_TRANSITIONS,
    FilledAboveQuantity,
    OrderStatus,
    follow_end,
    follow_fills,
    follow_trades,
    is_legal_order_step,
)

NEW, MATCHED, CLEARED, SETTLED, CANCELLED = TradeStatus


def reachable(status: OrderStatus) -> set[OrderStatus]:
    found, waiting = {status}, [status]
    while waiting:
        for after in ORDER_TRANSITIONS[waiting.pop()]:
            if OrderStatus(after) not in found:
                found.add(OrderStatus(after))
                waiting.append(OrderStatus(after))
    return found


def test_every_status_is_in_the_table_and_reached_and_none_comes_back() -> None:
    assert set(ORDER_TRANSITIONS) == set(OrderStatus)
    assert reachable(OrderStatus.RECEIVED) == set(OrderStatus)
    for status in OrderStatus:
        for after in ORDER_TRANSITIONS[status]:
            assert status not in reachable(OrderStatus(after))


def test_the_ends_are_four_and_every_open_order_can_be_filled_or_cancelled() -> None:
    ends = {status for status in OrderStatus if not ORDER_TRANSITIONS[status]}
    assert ends == {OrderStatus.SETTLED, OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED}
    for status in OPEN_STATUSES:
        assert OrderStatus.FILLED in reachable(status)
        assert is_legal_order_step(before=status, after=OrderStatus.CANCELLED)


def test_a_settled_order_has_had_a_fill() -> None:
    """Without the two filled states there is no way to SETTLED."""
    unfilled = {OrderStatus.RECEIVED, OrderStatus.VALIDATED, OrderStatus.ROUTING}
    for before in unfilled:
        for after in set(ORDER_TRANSITIONS[before]) - unfilled:
            assert after in {
                OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.REJECTED, OrderStatus.CANCELLED,
                OrderStatus.EXPIRED,
            }  # fmt: skip


def test_fills_decide_until_the_order_is_full() -> None:
    assert follow_fills(quantity_units=10, filled_units=0) == OrderStatus.ROUTING
    assert follow_fills(quantity_units=10, filled_units=9) == OrderStatus.PARTIALLY_FILLED
    assert follow_fills(quantity_units=10, filled_units=10) == OrderStatus.FILLED
    with pytest.raises(FilledAboveQuantity):
        follow_fills(quantity_units=10, filled_units=11)


def test_what_was_filled_before_the_end_goes_on_to_clearing() -> None:
    assert follow_end(filled_units=0, end=OrderStatus.EXPIRED) == OrderStatus.EXPIRED
    assert follow_end(filled_units=4, end=OrderStatus.CANCELLED) == OrderStatus.CLEARING
    assert is_legal_order_step(before=OrderStatus.PARTIALLY_FILLED, after=OrderStatus.CLEARING)


@pytest.mark.parametrize(
    ("trades", "instructed", "status"),
    [
        ([MATCHED], False, OrderStatus.CLEARING),
        ([CLEARED, MATCHED], False, OrderStatus.CLEARING),
        ([CLEARED, CLEARED], False, OrderStatus.CLEARED),
        ([CLEARED, CLEARED], True, OrderStatus.SETTLING),
        ([CLEARED, SETTLED], False, OrderStatus.SETTLING),
        ([SETTLED, SETTLED], True, OrderStatus.SETTLED),
        ([SETTLED, CANCELLED], True, OrderStatus.SETTLED),
        ([CANCELLED], False, OrderStatus.CANCELLED),
    ],
)
def test_the_hindmost_trade_decides(trades: list[TradeStatus], instructed: bool, status: OrderStatus) -> None:
    assert follow_trades(trades=trades, instructed=instructed) == status
