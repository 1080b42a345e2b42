"""The states of a default case and of an auction lot, each with its one table of legal steps."""

from collections.abc import Mapping
from enum import StrEnum


class CaseStatus(StrEnum):
    """Where a default stands.

    SUSPENDED: its positions are out of settlement, and are ported, hedged and cut into lots. AUCTION: bids are
    taken. TRANSFERRED: nothing of it is open any more. ALLOCATED: the waterfall has paid.
    """

    PROPOSED = "PROPOSED"
    WITHDRAWN = "WITHDRAWN"
    DECLARED = "DECLARED"
    SUSPENDED = "SUSPENDED"
    AUCTION = "AUCTION"
    TRANSFERRED = "TRANSFERRED"
    ALLOCATED = "ALLOCATED"
    CLOSED = "CLOSED"


CASE_TRANSITIONS: Mapping[str, frozenset[str]] = {
    CaseStatus.PROPOSED: frozenset({CaseStatus.DECLARED, CaseStatus.WITHDRAWN}),
    CaseStatus.WITHDRAWN: frozenset(),
    CaseStatus.DECLARED: frozenset({CaseStatus.SUSPENDED}),
    # Where all its positions are ported, or it has none, nothing is auctioned.
    CaseStatus.SUSPENDED: frozenset({CaseStatus.AUCTION, CaseStatus.TRANSFERRED}),
    # What is not sold is cut into lots again.
    CaseStatus.AUCTION: frozenset({CaseStatus.SUSPENDED, CaseStatus.TRANSFERRED}),
    CaseStatus.TRANSFERRED: frozenset({CaseStatus.ALLOCATED}),
    CaseStatus.ALLOCATED: frozenset({CaseStatus.CLOSED}),
    CaseStatus.CLOSED: frozenset(),
}

# The line that a case walks when nothing stands in its way.
CASE_PATH = (
    CaseStatus.PROPOSED,
    CaseStatus.DECLARED,
    CaseStatus.SUSPENDED,
    CaseStatus.AUCTION,
    CaseStatus.TRANSFERRED,
    CaseStatus.ALLOCATED,
    CaseStatus.CLOSED,
)
OVER = (CaseStatus.WITHDRAWN, CaseStatus.CLOSED)


class LotStatus(StrEnum):
    """Where an auction lot stands."""

    DRAFT = "DRAFT"
    OPEN = "OPEN"
    SOLD = "SOLD"
    UNSOLD = "UNSOLD"


LOT_TRANSITIONS: Mapping[str, frozenset[str]] = {
    LotStatus.DRAFT: frozenset({LotStatus.OPEN}),
    LotStatus.OPEN: frozenset({LotStatus.SOLD, LotStatus.UNSOLD}),
    LotStatus.SOLD: frozenset(),
    LotStatus.UNSOLD: frozenset(),
}
