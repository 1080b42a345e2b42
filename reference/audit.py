"""The audit log as this floor reaches it: it is kept on a higher one, and settings say by what."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from reference.core.actor import Actor

_told_by_caller: ContextVar[bool] = ContextVar("told_by_caller", default=False)


@contextmanager
def telling_itself() -> Iterator[None]:
    """Say that the caller records what the block changes of logins, so that it is not recorded twice."""
    token = _told_by_caller.set(True)
    try:
        yield
    finally:
        _told_by_caller.reset(token)


def is_told_by_caller() -> bool:
    """Tell whether whoever changes something records it itself."""
    return _told_by_caller.get()


def record_action(
    *, actor: Actor, action: str, at: datetime, business_date: date, summary: str, object_type: str,
    object_id: int, detail: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write one audit record, in the transaction of the action it tells of, by settings.ACTION_RECORDER."""
    import_string(settings.ACTION_RECORDER)(
        actor=actor, action=action, at=at, business_date=business_date, summary=summary[:200],
        object_type=object_type, object_id=object_id, detail=detail,
    )  # fmt: skip
