"""Whether a client may trade, and the one table of legal steps. Pure."""

from collections.abc import Mapping
from enum import StrEnum


class ClientStatus(StrEnum):
    """Whether a client may trade."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"


CLIENT_TRANSITIONS: Mapping[str, frozenset[str]] = {
    ClientStatus.ACTIVE: frozenset({ClientStatus.SUSPENDED, ClientStatus.CLOSED}),
    ClientStatus.SUSPENDED: frozenset({ClientStatus.ACTIVE, ClientStatus.CLOSED}),
    ClientStatus.CLOSED: frozenset(),
}
