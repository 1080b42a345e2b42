"""The words of the order book: what goes in, what comes out, what is logged. All of it frozen."""

from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from trades.core.book.refusals import LimitNotPositive, LimitOffTick, LimitTooLarge, TickNotPositive

LARGEST_INT64: Final = 2**63 - 1


class OrderSide(StrEnum):
    """Which side of the book an order stands on (FIX tag 54)."""

    BUY = "BUY"
    SELL = "SELL"


class TimeInForce(StrEnum):
    """How long an order stands (FIX tag 59). A market order never rests, whichever it has."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class SelfTrade(StrEnum):
    """What happens when an order would trade with one of the same owner (FIX tag 2362)."""

    ALLOW = "ALLOW"
    CANCEL_INCOMING = "CANCEL_INCOMING"
    CANCEL_RESTING = "CANCEL_RESTING"
    CANCEL_BOTH = "CANCEL_BOTH"


class OrderEnd(StrEnum):
    """Why an order, or what is left of it, is in the book no more."""

    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    UNFILLED = "UNFILLED"  # What IOC and market orders found no other side for.
    NOT_FILLABLE = "NOT_FILLABLE"  # A FOK that could not be filled whole.
    SELF_TRADE = "SELF_TRADE"


class BookEventKind(StrEnum):
    """What was asked of the book."""

    ADD = "ADD"
    CANCEL = "CANCEL"
    REPLACE = "REPLACE"
    EXPIRE = "EXPIRE"
    END_SESSION = "END_SESSION"


class BookEvent(NamedTuple):
    """One accepted request. The book is a function of these alone; zero and None where a kind has no such field."""

    number: int
    kind: BookEventKind
    time: int
    order_id: int = 0
    side: OrderSide | None = None
    quantity_units: int = 0
    price_ticks: int | None = None
    time_in_force: TimeInForce | None = None
    owner: int | None = None
    expires_at: int | None = None


class Execution(NamedTuple):
    """One fill, at the maker's price. Its number is unique in the book and the same after a rebuild."""

    number: int
    time: int
    price_ticks: int
    quantity_units: int
    maker_order_id: int
    taker_order_id: int
    taker_side: OrderSide
    maker_owner: int | None
    taker_owner: int | None


class Removal(NamedTuple):
    """Units that left the book without a fill."""

    order_id: int
    quantity_units: int
    reason: OrderEnd


class Outcome(NamedTuple):
    """What one request did. For a new order: quantity = fills + resting + its removal."""

    event_number: int
    order_id: int
    executions: tuple[Execution, ...]
    removals: tuple[Removal, ...]
    resting_units: int


class LevelView(NamedTuple):
    """All that rests at one price."""

    price_ticks: int
    quantity_units: int
    orders: int


class RestingOrder(NamedTuple):
    """An order that stands in the book."""

    order_id: int
    side: OrderSide
    price_ticks: int
    open_units: int
    filled_units: int
    time_in_force: TimeInForce
    owner: int | None
    expires_at: int | None


def count_ticks(*, price: Decimal, tick: Decimal) -> int:
    """Return a price in ticks, exactly.

    Raises TickNotPositive, LimitNotPositive, LimitTooLarge, LimitOffTick (the extra members tell both numbers).
    """
    if not (tick.is_finite() and tick > 0):
        raise TickNotPositive(f"{tick} is no tick size.", tick=str(tick))
    if not price.is_finite() or price <= 0:
        raise LimitNotPositive(f"{price} is no price.", price=str(price))
    # Whole numbers: Decimal's own division rounds to the context's digits.
    price_over, price_under = price.as_integer_ratio()
    tick_over, tick_under = tick.as_integer_ratio()
    ticks, rest = divmod(price_over * tick_under, price_under * tick_over)
    if rest:
        raise LimitOffTick(f"{price} is not a multiple of {tick}.", price=str(price), tick=str(tick))
    if ticks > LARGEST_INT64:
        raise LimitTooLarge(price=str(price), tick=str(tick))
    return ticks
