"""The states of a credit drawn by auto-collateralisation and the one table of legal steps."""

from collections.abc import Mapping
from enum import StrEnum


class CreditStatus(StrEnum):
    """Where a credit stands."""

    OPEN = "OPEN"
    RELOCATED = "RELOCATED"
    REIMBURSED = "REIMBURSED"


TRANSITIONS: Mapping[str, frozenset[str]] = {
    CreditStatus.OPEN: frozenset({CreditStatus.RELOCATED, CreditStatus.REIMBURSED}),
    CreditStatus.RELOCATED: frozenset({CreditStatus.REIMBURSED}),
    CreditStatus.REIMBURSED: frozenset(),
}
