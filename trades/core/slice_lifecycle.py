"""The states of the part of an order that is at one venue, and the one table of legal steps. Pure."""

from collections.abc import Mapping
from enum import StrEnum


class SliceStatus(StrEnum):
    """Where a slice stands."""

    WAITING = "WAITING"  # To be sent, or asked again after a failure.
    RESTING = "RESTING"  # In the venue's book.
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"  # The rest was taken back, by the client or by the router.
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"  # The venue refused it, or was given up after its last attempt.


OPEN_SLICES = (SliceStatus.WAITING, SliceStatus.RESTING)
"""In these a slice may still trade."""


class WishKind(StrEnum):
    """What may be wished of an order that is at the venues."""

    CANCEL = "CANCEL"
    EXPIRE = "EXPIRE"
    REPLACE = "REPLACE"


SLICE_TRANSITIONS: Mapping[str, frozenset[str]] = {
    SliceStatus.WAITING: frozenset(
        {
            SliceStatus.RESTING,
            SliceStatus.FILLED,
            SliceStatus.CANCELLED,
            SliceStatus.EXPIRED,
            SliceStatus.REJECTED,
        }
    ),
    SliceStatus.RESTING: frozenset({SliceStatus.FILLED, SliceStatus.CANCELLED, SliceStatus.EXPIRED}),
    SliceStatus.FILLED: frozenset(),
    SliceStatus.CANCELLED: frozenset(),
    SliceStatus.EXPIRED: frozenset(),
    SliceStatus.REJECTED: frozenset(),
}
