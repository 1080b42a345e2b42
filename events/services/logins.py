"""Logins in the audit log: who came in, who left, who tried in vain, and how logins changed.

Password checks of the API fail here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from events.services.audit import record_action
from reference.core.actor import Actor
from reference.queries import business_moment

NOUNS = {"user": "Login", "membership": "Role of login", "group": "Group"}
VERBS = {"add": "was made", "change": "was changed", "delete": "was deleted"}


def record_login(*, actor: Actor, action: str, user_id: int | None, name: str, words: str, now: datetime) -> None:
    """Write what became of a login, at business time; where no clock is set yet, at `now`, the wall's.

    name: as it was typed, where nobody has it.
    """
    at, business_date = business_moment(now=now)
    record_action(
        actor=actor, action=action, at=at, business_date=business_date, object_type="user", object_id=user_id,
        summary=f"Login {name}: {words}", detail={"name": name},
    )  # fmt: skip


def record_change(
    *, actor: Actor, action: str, noun: str, object_id: int, name: str, detail: Mapping[str, Any], now: datetime
) -> None:  # fmt: skip
    """Write what changed of a login, its role or a group, before and after. noun: of NOUNS. now: wall time."""
    at, business_date = business_moment(now=now)
    record_action(
        actor=actor, action=action, at=at, business_date=business_date, object_type=noun, object_id=object_id,
        summary=f"{NOUNS[noun]} {name} {VERBS[action.partition('.')[2]]}"[:200], detail={"name": name, **detail},
    )  # fmt: skip
