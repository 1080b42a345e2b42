"""Record who did what, and from where."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from django.db import connection

from reference.core.actor import SYSTEM, Actor
from reference.origin import current_origin

# Every action passes here, so it is written without the ORM: a quarter of its cost. The database itself adds the
# wall time and the digest (events/models/audit.py), so nothing that writes a record can write it otherwise.
COLUMNS = """at, business_date, actor, role, participant_id, door, address, client, correlation_id, action, object_type,
        object_id, summary, detail"""
ACTION_PART = f"""
    INSERT INTO events_auditrecord ({COLUMNS})
    SELECT %(action_at)s::timestamptz, %(action_business_date)s::date, %(actor)s::text, %(role)s::text,
        %(participant_id)s::bigint, %(door)s::text, %(address)s::text, %(client)s::text, %(correlation_id)s::uuid,
        %(action)s::text, %(object_type)s::text, id, %(summary)s::text, %(detail)s::jsonb
    FROM {{made}}
"""
ACTIONS_SQL = f"""
    INSERT INTO events_auditrecord ({COLUMNS})
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, object_id, summary, detail::jsonb
    FROM unnest(%s::bigint[], %s::text[], %s::text[]) WITH ORDINALITY AS o (object_id, summary, detail, place)
    ORDER BY place
"""

SET_SQL = f"""
    INSERT INTO events_auditrecord ({COLUMNS})
    SELECT at, business_date, %s, %s, NULL, %s, %s, %s, %s, 'set.done', 'fact', NULL, %s, %s::jsonb
    FROM reference_businessclock
"""


TOLD_SQL = f"""
    INSERT INTO events_auditrecord ({COLUMNS})
    SELECT action_at, action_business_date, actor, role, participant_id, door, address, client, correlation_id, action,
        object_type, object_id, summary, detail
    FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) AS (
        action_at timestamptz, action_business_date date, actor text, role text, participant_id bigint, door text,
        address text, client text, correlation_id uuid, action text, object_type text, object_id bigint, summary text,
        detail jsonb)) WITH ORDINALITY AS o
    ORDER BY ordinality
"""


def record_action(
    *,
    actor: Actor,
    action: str,
    at: datetime,
    business_date: date,
    summary: str,
    object_type: str = "",
    object_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write one audit record, in the transaction of the action it tells of."""
    record_actions(
        actor=actor,
        action=action,
        at=at,
        business_date=business_date,
        object_type=object_type,
        objects=[(object_id, summary, detail or {})],
    )


def record_actions(
    *,
    actor: Actor,
    action: str,
    at: datetime,
    business_date: date,
    object_type: str,
    objects: Sequence[tuple[int | None, str, Mapping[str, Any]]],
) -> None:
    """Write one audit record per (object_id, summary, detail): the same action done to several objects."""
    origin = current_origin()
    with connection.cursor() as cursor:
        cursor.execute(
            ACTIONS_SQL,
            [
                at,
                business_date,
                actor.name,
                actor.role,
                actor.participant_id,
                origin.door.value,
                origin.address,
                origin.client,
                origin.correlation_id,
                action,
                object_type,
                [object_id for object_id, _, _ in objects],
                [summary for _, summary, _ in objects],
                [msgspec.json.encode(detail).decode() for _, _, detail in objects],
            ],
        )


def tell_action(*, object_id: int | None, detail: Mapping[str, Any], **action: Any) -> dict[str, Any]:
    """Return a record, as JSON has it, of who acts now and from where; record_told writes it with what is done.

    For what is decided in one place and written in another, perhaps by another process. action: as action_parameters.
    """
    told = action_parameters(detail={}, **action) | {"object_id": object_id, "detail": detail}
    return {name: value if name == "detail" else _plain(value) for name, value in told.items()}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else str(value)


def record_told(*, records: Sequence[Mapping[str, Any]]) -> None:
    """Write records that tell_action returned, in the transaction of what they tell of."""
    if records:
        with connection.cursor() as cursor:
            cursor.execute(TOLD_SQL, [msgspec.json.encode(records).decode()])


def record_set(*, name: str, payload: str) -> None:
    """Write what a task did to a whole set, at the business clock's time, as the system's action.

    name: of the fact that tells of it. payload: its JSON; of a list only its length is kept, the fact has the list.
    """
    told = {
        key: len(value) if isinstance(value, list) else value for key, value in msgspec.json.decode(payload).items()
    }
    words = ", ".join(f"{key} {value}" for key, value in told.items() if not isinstance(value, dict))
    origin = current_origin()
    with connection.cursor() as cursor:
        cursor.execute(
            SET_SQL,
            [
                SYSTEM.name, SYSTEM.role, origin.door.value, origin.address, origin.client, origin.correlation_id,
                f"{name}: {words}"[:200], msgspec.json.encode(told).decode(),
            ],
        )  # fmt: skip


def action_parameters(
    *,
    actor: Actor,
    action: str,
    at: datetime,
    business_date: date,
    object_type: str,
    summary: str,
    detail: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the parameters of ACTION_PART."""
    origin = current_origin()
    return {
        "action_at": at,
        "action_business_date": business_date,
        "actor": actor.name,
        "role": actor.role,
        "participant_id": actor.participant_id,
        "door": origin.door.value,
        "address": origin.address,
        "client": origin.client,
        "correlation_id": origin.correlation_id,
        "action": action,
        "object_type": object_type,
        "summary": summary,
        "detail": msgspec.json.encode(detail).decode(),
    }
