"""The facts this app announces."""

from dataclasses import dataclass

from events.contracts import Fact


@dataclass(frozen=True)
class TradesCaptured(Fact):
    """Trade reports were taken and wait to be matched."""

    count: int


@dataclass(frozen=True)
class TradesMatched(Fact):
    """Reports were paired; their matches wait to be cleared or to go gross."""

    count: int


@dataclass(frozen=True)
class TradesCancelled(Fact):
    """Trades were cancelled, by their parties or by age."""

    count: int
