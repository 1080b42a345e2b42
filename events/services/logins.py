"""Logins in the audit log: who came in, who left, who tried in vain. Password checks of the API fail here too."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import signals
from django.utils import timezone

from events.services.audit import record_action
from reference.access import actor_of_user
from reference.core.actor import SYSTEM, Actor, Role
from reference.queries import business_clock
from reference.refusals import BusinessClockNotSet


def follow_logins() -> None:
    """Have Django tell of each login from now on."""
    for signal, receive in (
        (signals.user_logged_in, _logged_in),
        (signals.user_logged_out, _logged_out),
        (signals.user_login_failed, _failed),
    ):
        signal.connect(receive, dispatch_uid=f"audit {receive.__name__}")


def _logged_in(user: Any, **_: Any) -> None:
    _record(user=user, action="login.done", words="logged in")


def _logged_out(user: Any, **_: Any) -> None:
    if user is not None:
        _record(user=user, action="login.ended", words="logged out")


def _failed(credentials: dict[str, Any], **_: Any) -> None:
    name = str(credentials.get("username", ""))[:150]
    _write(actor=SYSTEM, action="login.failed", object_id=None, name=name, words="failed")


def _record(*, user: Any, action: str, words: str) -> None:
    actor = actor_of_user(user) or Actor(name=user.get_username(), role=Role.PARTICIPANT)
    _write(actor=actor, action=action, object_id=user.pk, name=actor.name, words=words)


def _write(*, actor: Actor, action: str, object_id: int | None, name: str, words: str) -> None:
    """Write the record, at business time; where no clock is set yet, at the wall's."""
    try:
        clock = business_clock()
        at, business_date = clock.at, clock.business_date
    except BusinessClockNotSet:
        at = timezone.now()
        business_date = at.date()
    record_action(
        actor=actor, action=action, at=at, business_date=business_date, object_type="user", object_id=object_id,
        summary=f"Login {name}: {words}", detail={"name": name},
    )  # fmt: skip
