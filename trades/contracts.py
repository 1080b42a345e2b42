"""The facts this app announces."""

from dataclasses import dataclass

from events.contracts import Fact


@dataclass(frozen=True)
class TradesCaptured(Fact):
    """Trade reports were taken and wait to be matched."""

    KEY = "trades"

    count: int


@dataclass(frozen=True)
class TradesMatched(Fact):
    """Reports were paired; their matches wait to be cleared or to go gross."""

    KEY = "trades"

    count: int


@dataclass(frozen=True)
class TradesCancelled(Fact):
    """Trades were cancelled, by their parties or by age."""

    KEY = "trades"

    count: int


@dataclass(frozen=True)
class VenuesTraded(Fact):
    """Venues executed orders; their fills wait to be recorded."""

    KEY = "orders"

    count: int


@dataclass(frozen=True)
class OrdersFilled(Fact):
    """Executions were recorded: fills of orders, each with its trade."""

    KEY = "orders"

    count: int


@dataclass(frozen=True)
class OrdersEnded(Fact):
    """The rest of orders ended; what was filled of them clears and settles."""

    KEY = "orders"

    count: int


@dataclass(frozen=True)
class OrdersPlaced(Fact):
    """Orders passed their checks and wait to be routed."""

    KEY = "orders"

    count: int


@dataclass(frozen=True)
class TradesEnriched(Fact):
    """Trades were enriched and held against the compliance rules; some of them raised alerts."""

    KEY = "trades"

    count: int
    alerts: int
