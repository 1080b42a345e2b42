"""Record facts; deliver what waits in the outbox."""

from collections.abc import Callable, Mapping
from typing import Any, Literal
from uuid import UUID

import msgspec
from django.db import connection, transaction

from events.contracts import Fact, Share
from events.services.audit import record_set
from reference.origin import Door, current_origin

# Every fact passes here, so it is written without the ORM: a quarter of its cost.
FACT_SQL = """
    INSERT INTO events_outboxfact (name, version, payload, key, shares, correlation_id)
    VALUES (%s, %s, %s::jsonb, %s, %s::jsonb, %s)
"""
# The same as parts of the one statement that makes the fact true: one for each row of {made}, a CTE with ids.
FACT_PART = """
    INSERT INTO events_outboxfact (name, version, payload, key, shares, correlation_id)
    SELECT %(fact_name)s::text, %(fact_version)s::smallint, %(fact_payload)s::jsonb, %(fact_key)s::text,
        %(fact_shares)s::jsonb, %(fact_correlation)s::uuid
    FROM {made}
"""
Shares = Mapping[int, Share]


def record_fact(*, fact: Fact, key: str = "", shares: Shares | Literal["*"] | None = None) -> None:
    """Put a fact in the outbox. Call it inside the transaction that makes the fact true.

    key: what its events are ordered by, the contract's own where it is left out. shares: what each participant (by its
    id) reads of it, "*" where everybody reads the whole fact; None: operators and auditors alone.
    """
    parameters = fact_parameters(fact=fact, key=key, shares=shares)
    with connection.cursor() as cursor:
        cursor.execute(FACT_SQL, list(parameters.values()))
    if current_origin().door is Door.TASK:
        # Nobody acted: what the system did by itself is one record a set.
        record_set(name=parameters["fact_name"], payload=parameters["fact_payload"])


def fact_parameters(*, fact: Fact, key: str = "", shares: Shares | Literal["*"] | None = None) -> dict[str, Any]:
    """Return the parameters of FACT_PART."""
    payload = msgspec.json.encode(fact).decode()
    return {
        "fact_name": type(fact).__name__,
        "fact_version": fact.VERSION,
        "fact_payload": payload,
        "fact_key": key or fact.KEY,
        "fact_shares": write_shares(payload=payload, shares=shares),
        "fact_correlation": current_origin().correlation_id,
    }


def write_shares(*, payload: str, shares: Shares | Literal["*"] | None) -> str | None:
    """Return the shares as their column holds them."""
    if shares is None:
        return None
    if shares == "*":
        return f'{{"*":{payload}}}'
    return msgspec.json.encode({str(participant): share for participant, share in shares.items()}).decode()


def deliver_facts(
    *,
    dispatch: Callable[[str, Mapping[str, Any], UUID | None], None],
    before_acknowledging: Callable[[], None] = lambda: None,
    limit: int = 500,
) -> int:
    """Hand waiting facts to `dispatch(name, payload, correlation_id)` as recorded; return how many were delivered.

    Rows are leased with SKIP LOCKED, so two deliverers share the work and a row that commits late is
    not skipped. The rows are acknowledged by the commit that follows the hand-over: a crash between
    the two delivers again, never not at all. Consumers drain whatever is due, so twice changes nothing.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, name, payload, correlation_id FROM events_outboxfact WHERE delivered_at IS NULL"
            " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
            [limit],
        )
        rows = cursor.fetchall()
        for _, name, payload, cause in rows:
            dispatch(name, msgspec.json.decode(payload) if isinstance(payload, str) else payload, cause)
        before_acknowledging()
        if rows:
            cursor.execute(
                "UPDATE events_outboxfact SET delivered_at = clock_timestamp() WHERE id = ANY(%s)",
                [[row[0] for row in rows]],
            )
    return len(rows)
