"""States of a delivery and its legal steps, and why an endpoint is switched off. Pure."""

from enum import StrEnum


class DeliveryState(StrEnum):
    """How the delivery of an event to an endpoint stands."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


# From every end it goes back to PENDING when somebody asks for it again.
DELIVERY_TRANSITIONS: dict[str, frozenset[str]] = {
    DeliveryState.PENDING: frozenset({DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.CANCELLED}),
    DeliveryState.DELIVERED: frozenset({DeliveryState.PENDING}),
    DeliveryState.FAILED: frozenset({DeliveryState.PENDING}),
    DeliveryState.CANCELLED: frozenset({DeliveryState.PENDING}),
}


class DisabledBecause(StrEnum):
    """Why nothing is sent to an endpoint."""

    ASKED = "ASKED"  # Somebody switched it off.
    GONE = "GONE"  # It answered 410.
    FAILING = "FAILING"  # Days of nothing but failures.
    NO_READER = "NO_READER"  # Its owner may not read these events any more.
    REMOVED = "REMOVED"


DISABLED_WORDS = {
    DisabledBecause.ASKED: "Switched off",
    DisabledBecause.GONE: "It answered 410 Gone",
    DisabledBecause.FAILING: "Nothing but failures for five days",
    DisabledBecause.NO_READER: "Its owner may not read these events any more",
    DisabledBecause.REMOVED: "Removed",
}
