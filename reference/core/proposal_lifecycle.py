"""The states of a proposal that needs a second pair of eyes, and the one table of legal steps. Pure."""

from collections.abc import Mapping
from enum import StrEnum


class ProposalStatus(StrEnum):
    """Where a proposal stands."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"


DECIDED = (
    ProposalStatus.APPROVED, ProposalStatus.REJECTED, ProposalStatus.EXPIRED, ProposalStatus.WITHDRAWN,
)  # fmt: skip

PROPOSAL_TRANSITIONS: Mapping[str, frozenset[str]] = {
    ProposalStatus.PROPOSED: frozenset(DECIDED),
    **{status: frozenset() for status in DECIDED},
}
