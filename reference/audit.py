"""The audit log as this floor reaches it: it is kept on a higher one, and settings say by what."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from reference.core.actor import Actor


def record_action(
    *, actor: Actor, action: str, at: datetime, business_date: date, summary: str, object_type: str,
    object_id: int, detail: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write one audit record, in the transaction of the action it tells of, by settings.ACTION_RECORDER."""
    import_string(settings.ACTION_RECORDER)(
        actor=actor, action=action, at=at, business_date=business_date, summary=summary[:200],
        object_type=object_type, object_id=object_id, detail=detail,
    )  # fmt: skip
