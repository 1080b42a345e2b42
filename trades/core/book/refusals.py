"""What an order book refuses, by name. What is refused changes nothing and is not logged."""

from reference.refusals import Refusal


class OrderRefused(Refusal):
    """The order book cannot do this."""


class QuantityNotPositive(OrderRefused):
    """An order is for at least one unit."""

    code = "quantity-not-positive"


class QuantityTooLarge(OrderRefused):
    """The quantity does not fit into 64 bits."""

    code = "quantity-above-int64"


class LimitNotPositive(OrderRefused):
    """A limit is at least one tick."""

    code = "limit-not-positive"


class LimitTooLarge(OrderRefused):
    """The limit, in ticks, does not fit into 64 bits."""

    code = "limit-above-int64"


class LimitOffTick(OrderRefused):
    """The limit is not a multiple of the tick size."""

    code = "limit-off-tick"


class TickNotPositive(OrderRefused):
    """A tick size is a finite number above zero."""

    code = "tick-not-positive"


class NoLiquidity(OrderRefused):
    """There is nobody on the other side of the book for a market order to trade with."""

    code = "market-order-without-liquidity"


class OrderIdReused(OrderRefused):
    """An order with this id has been in this book already."""

    code = "order-id-reused"
    status = 409


class UnknownOrder(OrderRefused):
    """No order with this id has been in this book."""

    code = "unknown-order"
    status = 404


class OrderFilled(OrderRefused):
    """The order is filled: there is nothing left to cancel or to replace."""

    code = "order-filled"
    status = 409


class OrderEnded(OrderRefused):
    """The order has left the book."""

    code = "order-ended"
    status = 409


class ReplaceBelowFilled(OrderRefused):
    """An order cannot be replaced by one for no more than what is filled already: cancel it instead."""

    code = "replace-not-above-filled"
    status = 409


class ExpiryNotAllowed(OrderRefused):
    """Only a GTC limit order has a time at which it expires."""

    code = "expiry-not-allowed"


class OrderExpired(OrderRefused):
    """The time at which the order expires has passed already."""

    code = "order-already-expired"


class TimeGoesBack(OrderRefused):
    """The time lies before that of the book's last event."""

    code = "book-time-goes-back"


class ExpiryDue(OrderRefused):
    """Orders have expired by this time: the venue takes them off the book first."""

    code = "book-expiry-due"
    status = 409


class EventLogBroken(OrderRefused):
    """The events do not continue the book: one is missing, doubled or refused."""

    code = "book-event-log-broken"
