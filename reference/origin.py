"""Where what happens now comes from: the door, the address, the API key, and the id that ties its traces together.

A request, a task and a command each set it once, at the door; the audit log, the outbox and the log lines read it.
It says nothing about what may be done: that is the actor's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID


class Door(StrEnum):
    """Through what somebody or something acts."""

    PAGE = "PAGE"
    API = "API"
    ADMIN = "ADMIN"
    TASK = "TASK"
    COMMAND = "COMMAND"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an action comes from.

    address: the client's IP address, "" where there is none. client: the public id of the API key, "" without one; the
    task's or the command's name behind those doors. correlation_id: the same in logs, audit, events, problem documents
    and traces of all that follows from one request or one tick.
    """

    door: Door = Door.COMMAND
    address: str = ""
    client: str = ""
    correlation_id: UUID | None = None


_current: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039 (frozen)


def current_origin() -> Origin:
    """Return where what happens now comes from."""
    return _current.get()


def enter_origin(origin: Origin) -> Token[Origin]:
    """Say where what happens from here on comes from; `leave_origin` with what is returned ends it."""
    return _current.set(origin)


def leave_origin(token: Token[Origin]) -> None:
    """Go back to the origin before the one that was entered."""
    _current.reset(token)


def note_client(*, client: str) -> None:
    """Add which API key acts, once that is known, until the door closes."""
    _current.set(replace(_current.get(), client=client))


@contextmanager
def acting_from(origin: Origin) -> Iterator[None]:
    """Say for the block where what happens comes from."""
    token = enter_origin(origin)
    try:
        yield
    finally:
        leave_origin(token)
