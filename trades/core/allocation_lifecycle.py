"""The states of a block's allocation and the one table of legal steps. Pure."""

from collections.abc import Mapping
from enum import StrEnum


class AllocationStatus(StrEnum):
    """Where an allocation stands."""

    WAITING = "WAITING"  # For its trade to be matched and novated, or for its order to be done.
    APPLIED = "APPLIED"  # The contracts have moved to the accounts.
    CANCELLED = "CANCELLED"  # Taken back, by its party or with its trade.
    LAPSED = "LAPSED"  # It waited past the cut-off, or for something that never came.


ALLOCATION_TRANSITIONS: Mapping[str, frozenset[str]] = {
    AllocationStatus.WAITING: frozenset(
        {AllocationStatus.APPLIED, AllocationStatus.CANCELLED, AllocationStatus.LAPSED}
    ),
    AllocationStatus.APPLIED: frozenset({AllocationStatus.CANCELLED}),
    AllocationStatus.CANCELLED: frozenset(),
    AllocationStatus.LAPSED: frozenset(),
}

EFFECTIVE_STATUSES = (AllocationStatus.WAITING, AllocationStatus.APPLIED)
"""A block has at most one allocation in these."""
