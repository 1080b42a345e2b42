"""The states of one party's instruction and the one table of legal steps. Pure."""

from collections.abc import Mapping
from enum import StrEnum


class PartyStatus(StrEnum):
    """How far one party's instruction is: what settles is the pair it became part of."""

    UNMATCHED = "UNMATCHED"
    MATCHED = "MATCHED"
    CANCELLED = "CANCELLED"


PARTY_TRANSITIONS: Mapping[str, frozenset[str]] = {
    PartyStatus.UNMATCHED: frozenset({PartyStatus.MATCHED, PartyStatus.CANCELLED}),
    PartyStatus.MATCHED: frozenset(),
    PartyStatus.CANCELLED: frozenset(),
}
