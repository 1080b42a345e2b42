"""What a clearing member can be called for, the states of a margin call and the one table of legal steps."""

from collections.abc import Mapping
from enum import StrEnum


class CallKind(StrEnum):
    """What a call asks for; it says where the money goes."""

    INITIAL = "INITIAL"
    VARIATION = "VARIATION"
    INTRADAY = "INTRADAY"
    FUND = "FUND"
    ASSESSMENT = "ASSESSMENT"


# The calls that ask for collateral: what is open of them counts against a later shortfall.
COLLATERAL_KINDS = (CallKind.INITIAL, CallKind.INTRADAY)


class CallStatus(StrEnum):
    """Where a call stands."""

    ISSUED = "ISSUED"
    OVERDUE = "OVERDUE"
    PAID = "PAID"
    WITHDRAWN = "WITHDRAWN"


OPEN_STATUSES = (CallStatus.ISSUED, CallStatus.OVERDUE)

TRANSITIONS: Mapping[str, frozenset[str]] = {
    CallStatus.ISSUED: frozenset({CallStatus.OVERDUE, CallStatus.PAID, CallStatus.WITHDRAWN}),
    CallStatus.OVERDUE: frozenset({CallStatus.PAID, CallStatus.WITHDRAWN}),
    CallStatus.PAID: frozenset(),
    CallStatus.WITHDRAWN: frozenset(),
}
