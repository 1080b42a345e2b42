"""The states of a clearing membership and the one table of legal steps."""

from collections.abc import Mapping
from enum import StrEnum


class MembershipStatus(StrEnum):
    """Where a clearing member stands with the CCP. A default is never taken back: who is readmitted joins anew."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    DEFAULTED = "DEFAULTED"
    TERMINATED = "TERMINATED"


TRANSITIONS: Mapping[str, frozenset[str]] = {
    MembershipStatus.ACTIVE: frozenset(
        {MembershipStatus.SUSPENDED, MembershipStatus.DEFAULTED, MembershipStatus.TERMINATED}
    ),
    MembershipStatus.SUSPENDED: frozenset(
        {MembershipStatus.ACTIVE, MembershipStatus.DEFAULTED, MembershipStatus.TERMINATED}
    ),
    MembershipStatus.DEFAULTED: frozenset({MembershipStatus.TERMINATED}),
    MembershipStatus.TERMINATED: frozenset(),
}
