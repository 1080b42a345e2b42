"""The facts this app announces."""

from dataclasses import dataclass

from events.contracts import Fact


@dataclass(frozen=True)
class CycleSettled(Fact):
    """A settlement cycle settled instructions; who sent them can discharge what they stood for."""

    KEY = "settlement"

    cycle: int
    settled: int


@dataclass(frozen=True)
class InstructionsCreated(Fact):
    """Instructions wait to be settled."""

    KEY = "settlement"

    count: int


@dataclass(frozen=True)
class InstructionsReleased(Fact):
    """Instructions that were held, or refused by a rule that is gone, may settle."""

    KEY = "settlement"

    count: int


@dataclass(frozen=True)
class OutageEnded(Fact):
    """Cycles run again."""

    KEY = "settlement"

    outage: int


@dataclass(frozen=True)
class PartyInstructionsEntered(Fact):
    """Instructions of single parties wait to be matched."""

    KEY = "settlement"

    count: int


@dataclass(frozen=True)
class ComparisonOrdered(Fact):
    """A dry run of the models of delivery versus payment waits to be computed."""

    KEY = "comparison"

    run: int
