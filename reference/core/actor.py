"""Who acts: the name, the role and the participant behind a request, a task or a command."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a login may do: run the system, act for one participant, or read everything."""

    OPERATOR = "OPERATOR"
    PARTICIPANT = "PARTICIPANT"
    AUDITOR = "AUDITOR"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `participant_id` is the participant's key for the role PARTICIPANT, None otherwise."""

    name: str
    role: Role
    participant_id: int | None = None

    @property
    def is_operator(self) -> bool:
        """Say whether the actor runs the system."""
        return self.role is Role.OPERATOR

    @property
    def sees_all(self) -> bool:
        """Say whether the actor reads every participant's records."""
        return self.role is not Role.PARTICIPANT


SYSTEM = Actor(name="system", role=Role.OPERATOR)
