"""The facts this app announces."""

from dataclasses import dataclass

from events.contracts import Fact


@dataclass(frozen=True)
class TradesNovated(Fact):
    """The CCP stepped in between the parties of matched trades."""

    count: int


@dataclass(frozen=True)
class ObligationsNetted(Fact):
    """Obligations, net or gross, wait for their settlement instructions."""

    count: int


@dataclass(frozen=True)
class ObligationsDischarged(Fact):
    """Obligations were settled, and trades with them."""

    count: int
    trades: int
