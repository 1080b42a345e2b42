"""What a fact is: the base of every app's contracts, and what of it a participant reads."""

from dataclasses import dataclass
from typing import ClassVar

MOST_IDS = 100


@dataclass(frozen=True)
class Fact:
    """Base of every contract: a frozen dataclass of JSON values, with its schema version."""

    VERSION: ClassVar[int] = 1
    # What its events are ordered by, where whoever records it names nothing narrower.
    KEY: ClassVar[str] = "fmi"


@dataclass(frozen=True)
class Share:
    """What of a fact concerns one participant: how many of the things it speaks of, and the first hundred of them."""

    count: int
    ids: tuple[str, ...] = ()

    VERSION: ClassVar[int] = 1
