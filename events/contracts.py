"""What a fact is: the base of every app's contracts."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Fact:
    """Base of every contract: a frozen dataclass of JSON values, with its schema version."""

    VERSION: ClassVar[int] = 1
