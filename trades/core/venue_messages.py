"""What is said between the router and a venue. A venue answers the same request any number of times alike. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from trades.core.book.terms import OrderSide, TimeInForce


class RequestKind(StrEnum):
    """What a venue is asked."""

    NEW = "NEW"
    CANCEL = "CANCEL"
    REPLACE = "REPLACE"
    STATUS = "STATUS"


@dataclass(frozen=True, slots=True)
class VenueRequest:
    """One request. order_id: ours, a slice's id; a NEW that the venue has already taken is answered as it stands.

    quantity_units: of a REPLACE, the whole new quantity with what is filled. limit: None for a market order.
    expires_at: of a GTC order, the first moment at which it is no more.
    """

    kind: RequestKind
    venue_id: int
    security_id: int
    order_id: int
    side: OrderSide | None = None
    quantity_units: int = 0
    limit: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    owner: int | None = None
    expires_at: datetime | None = None


class VenueOrderStatus(StrEnum):
    """Where an order stands at the venue."""

    RESTING = "RESTING"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"  # Never taken: code and message say why.
    UNKNOWN = "UNKNOWN"  # The venue has never heard of it.


@dataclass(frozen=True, slots=True)
class VenueAnswer:
    """How an order stands at the venue after a request. filled_units: in all, over its whole life there."""

    order_id: int
    status: VenueOrderStatus
    filled_units: int = 0
    open_units: int = 0
    code: str = ""
    message: str = ""
