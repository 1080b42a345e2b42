"""The states of a trade and the one table of legal steps. Everything that knows them derives from here."""

from collections.abc import Mapping
from enum import StrEnum


class TradeStatus(StrEnum):
    """Where a trade stands."""

    NEW = "NEW"
    MATCHED = "MATCHED"
    CLEARED = "CLEARED"
    SETTLED = "SETTLED"
    CANCELLED = "CANCELLED"


class Side(StrEnum):
    """Which side of the trade a report speaks for; BOTH is a locked-in trade of a venue or the operator."""

    BUY = "BUY"
    SELL = "SELL"
    BOTH = "BOTH"


# A trade that is not to be cleared goes from MATCHED to SETTLED, gross.
TRANSITIONS: Mapping[str, frozenset[str]] = {
    TradeStatus.NEW: frozenset({TradeStatus.MATCHED, TradeStatus.CANCELLED}),
    TradeStatus.MATCHED: frozenset({TradeStatus.CLEARED, TradeStatus.SETTLED, TradeStatus.CANCELLED}),
    TradeStatus.CLEARED: frozenset({TradeStatus.SETTLED, TradeStatus.CANCELLED}),
    TradeStatus.SETTLED: frozenset(),
    TradeStatus.CANCELLED: frozenset(),
}


def is_legal_step(*, before: TradeStatus, after: TradeStatus) -> bool:
    """Tell whether a trade may go from one state to the other in one step."""
    return after in TRANSITIONS[before]
