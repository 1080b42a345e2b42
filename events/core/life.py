"""One step of a thing's life, as every app tells it and pages and the API show it. Pure."""

from dataclasses import dataclass, field
from datetime import datetime

SYSTEM_NAME = "system"


@dataclass(frozen=True)
class Link:
    """What a step points at: a kind ("trade", "instruction", "netting-run", "cycle", …) and its public key."""

    kind: str
    key: str


@dataclass(frozen=True)
class LifeStep:
    """Something happened to a thing: when, from which state to which, why, by whom.

    at: business time; until: when the last of several like it happened, where one step tells of several.
    recorded_at: wall-clock time, where the fact keeps it.
    state: how the step is drawn; often `after`. details: (label, value) pairs, already in words.
    """

    at: datetime
    title: str
    state: str
    before: str = ""
    after: str = ""
    why: str = ""
    by: str = SYSTEM_NAME
    until: datetime | None = None
    recorded_at: datetime | None = None
    details: tuple[tuple[str, str], ...] = field(default=())
    link: Link | None = None


def order_steps(*, steps: list[LifeStep]) -> list[LifeStep]:
    """Return the steps by business time; those of one moment stay in the order they were told."""
    return sorted(steps, key=lambda step: step.at)
