"""Django tells of each login here; a door like a view, so it says what time it is. Heard since the app is ready."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import signals
from django.utils import timezone

from events.services.logins import record_login
from reference.access import actor_of_user
from reference.core.actor import SYSTEM, Actor, Role


def follow_logins() -> None:
    """Have Django tell of each login from now on."""
    for signal, receive in (
        (signals.user_logged_in, _logged_in),
        (signals.user_logged_out, _logged_out),
        (signals.user_login_failed, _failed),
    ):
        signal.connect(receive, dispatch_uid=f"audit {receive.__name__}")


def _logged_in(user: Any, **_: Any) -> None:
    actor = _actor_of(user)
    record_login(
        actor=actor, action="login.done", user_id=user.pk, name=actor.name, words="logged in", now=timezone.now()
    )


def _logged_out(user: Any, **_: Any) -> None:
    if user is not None:
        actor = _actor_of(user)
        record_login(
            actor=actor, action="login.ended", user_id=user.pk, name=actor.name, words="logged out", now=timezone.now()
        )


def _failed(credentials: dict[str, Any], **_: Any) -> None:
    name = str(credentials.get("username", ""))[:150]
    record_login(actor=SYSTEM, action="login.failed", user_id=None, name=name, words="failed", now=timezone.now())


def _actor_of(user: Any) -> Actor:
    """Return who a login acts as; one without a role still leaves its name."""
    return actor_of_user(user) or Actor(name=user.get_username(), role=Role.PARTICIPANT)
