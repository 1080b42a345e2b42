"""The states of a settlement instruction and the one table of legal steps."""

from collections.abc import Mapping
from enum import StrEnum


class InstructionStatus(StrEnum):
    """Where an instruction stands."""

    PENDING = "PENDING"
    SETTLED = "SETTLED"
    CANCELLED = "CANCELLED"


TRANSITIONS: Mapping[str, frozenset[str]] = {
    InstructionStatus.PENDING: frozenset({InstructionStatus.SETTLED, InstructionStatus.CANCELLED}),
    InstructionStatus.SETTLED: frozenset(),
    InstructionStatus.CANCELLED: frozenset(),
}


class Reason(StrEnum):
    """Why an instruction waits: the T2S reason codes in use here."""

    LACK = "LACK"
    MONY = "MONY"
    HOLD = "PREA"
    LINK = "LINK"
    AWAITING = "CYCL"
    MINIMUM = "MINO"
