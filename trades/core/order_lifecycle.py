"""The states of an order and the one table of legal steps, and what its fills and trades say of it. Pure."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from reference.refusals import Refusal
from trades.core.lifecycle import TradeStatus


class FilledAboveQuantity(Refusal):
    """More than the order's quantity would be filled."""

    code = "filled-above-quantity"
    status = 409


class OrderStatus(StrEnum):
    """Where an order stands."""

    RECEIVED = "RECEIVED"
    VALIDATED = "VALIDATED"
    ROUTING = "ROUTING"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CLEARING = "CLEARING"
    CLEARED = "CLEARED"
    SETTLING = "SETTLING"
    SETTLED = "SETTLED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


# CANCELLED, EXPIRED and REJECTED mean that nothing of the order trades. What an order has filled before its rest is
# cancelled or expires goes on to CLEARING, and settles. A trade that is not cleared settles gross: no CLEARING. After
# execution an order is CANCELLED when all its trades are withdrawn.
ORDER_TRANSITIONS: Mapping[str, frozenset[str]] = {
    OrderStatus.RECEIVED: frozenset({OrderStatus.VALIDATED, OrderStatus.REJECTED}),
    OrderStatus.VALIDATED: frozenset(
        {OrderStatus.ROUTING, OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED}
    ),
    OrderStatus.ROUTING: frozenset(
        {
            OrderStatus.PARTIALLY_FILLED,
            OrderStatus.FILLED,
            OrderStatus.REJECTED,
            OrderStatus.CANCELLED,
            OrderStatus.EXPIRED,
        }
    ),
    OrderStatus.PARTIALLY_FILLED: frozenset(
        {OrderStatus.FILLED, OrderStatus.CLEARING, OrderStatus.SETTLING, OrderStatus.CANCELLED}
    ),
    OrderStatus.FILLED: frozenset({OrderStatus.CLEARING, OrderStatus.SETTLING, OrderStatus.CANCELLED}),
    OrderStatus.CLEARING: frozenset({OrderStatus.CLEARED, OrderStatus.SETTLING, OrderStatus.CANCELLED}),
    OrderStatus.CLEARED: frozenset({OrderStatus.SETTLING, OrderStatus.CANCELLED}),
    OrderStatus.SETTLING: frozenset({OrderStatus.SETTLED, OrderStatus.CANCELLED}),
    OrderStatus.SETTLED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
}

OPEN_STATUSES = frozenset({OrderStatus.VALIDATED, OrderStatus.ROUTING, OrderStatus.PARTIALLY_FILLED})
"""In these an order can be cancelled or replaced, and can expire."""

AFTER_EXECUTION = (OrderStatus.CLEARING, OrderStatus.CLEARED, OrderStatus.SETTLING, OrderStatus.SETTLED)
"""What an order that is at no venue any more goes through, one after the other."""


def is_legal_order_step(*, before: OrderStatus, after: OrderStatus) -> bool:
    """Tell whether an order may go from one state to the other in one step."""
    return after in ORDER_TRANSITIONS[before]


def steps_between(*, before: OrderStatus, after: OrderStatus) -> tuple[OrderStatus, ...]:
    """Return the states an order whose fills are trades comes to on the way to one of them; none where it is past it.

    It leaves none out: what has settled was cleared, and sent to settle.
    """
    if after == OrderStatus.CANCELLED:
        return (after,)
    start = AFTER_EXECUTION.index(before) + 1 if before in AFTER_EXECUTION else 0
    return AFTER_EXECUTION[start : AFTER_EXECUTION.index(after) + 1]


def follow_fills(*, quantity_units: int, filled_units: int) -> OrderStatus:
    """Return the status of an order at the venues, by what is filled. Raises FilledAboveQuantity."""
    if filled_units > quantity_units:
        raise FilledAboveQuantity(f"{filled_units} of {quantity_units} units would be filled.")
    if filled_units == quantity_units:
        return OrderStatus.FILLED
    return OrderStatus.PARTIALLY_FILLED if filled_units else OrderStatus.ROUTING


def follow_end(*, filled_units: int, end: OrderStatus) -> OrderStatus:
    """Return the status of an order whose rest is CANCELLED or EXPIRED: `end`, or CLEARING if a part was filled."""
    return OrderStatus.CLEARING if filled_units else end


def follow_trades(*, trades: Collection[TradeStatus], instructed: bool = False) -> OrderStatus:
    """Return the status of an order none of which is open at a venue, by its trades: the hindmost decides.

    trades: the statuses of the trades its fills became, at least one; withdrawn ones do not hold the others up.
    instructed: its obligations are at the CSD.
    """
    alive = {trade for trade in trades if trade != TradeStatus.CANCELLED}
    if not alive:
        return OrderStatus.CANCELLED
    if alive == {TradeStatus.SETTLED}:
        return OrderStatus.SETTLED
    if instructed or TradeStatus.SETTLED in alive:
        return OrderStatus.SETTLING
    return OrderStatus.CLEARED if alive == {TradeStatus.CLEARED} else OrderStatus.CLEARING
