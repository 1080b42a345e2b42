"""A published fact as the outside reads it: a CloudEvents 1.0 event in its JSON format. Pure.

CloudEvents 1.0.2, sections 3.1 (required and optional attributes) and 3.2 (extensions: lower-case letters and digits).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

SPEC_VERSION: Final = "1.0"
TYPE_PREFIX: Final = "fmi."
EVERYBODY: Final = "*"
SHARE_NAME: Final = "Share"
SHARE_VERSION: Final = 1


def schema_id(*, name: str, version: int) -> str:
    """Return what the schema of an event's data calls itself; events/schemas/<name>.<version>.json holds it."""
    return f"urn:mini-fmi:{name}:{version}"


@dataclass(frozen=True, slots=True)
class PublishedFact:
    """A fact that has its place in the order of all facts.

    key: facts of one key keep their order. position: 1, 2, 3 … without a gap. recorded_at: wall time.
    payload: of the contract's shape, for operators and auditors. shares: participant's id as text -> its own share;
    {"*": …} where everybody reads the payload; None where no participant reads anything.
    """

    id: int
    name: str
    version: int
    key: str
    payload: Mapping[str, Any]
    shares: Mapping[str, Any] | None
    correlation_id: str | None
    position: int
    recorded_at: datetime


def build_event(*, fact: PublishedFact, source: str, participant_id: int | None = None) -> dict[str, Any] | None:
    """Return the fact as a CloudEvents event; None where the participant has no share in it.

    participant_id: None for who reads everything. A participant reads its own share instead of the payload.
    """
    data: Any = fact.payload
    schema = (fact.name, fact.version)
    if participant_id is not None:
        shares = fact.shares or {}
        if EVERYBODY not in shares:
            if str(participant_id) not in shares:
                return None
            data = shares[str(participant_id)]
            schema = (SHARE_NAME, SHARE_VERSION)
    event = {
        "specversion": SPEC_VERSION,
        "id": str(fact.id),
        "source": source,
        "type": TYPE_PREFIX + fact.name,
        "time": fact.recorded_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "subject": fact.key,
        "datacontenttype": "application/json",
        "dataschema": schema_id(name=schema[0], version=schema[1]),
        "position": fact.position,
        "data": data,
    }
    if fact.correlation_id is not None:
        event["correlationid"] = fact.correlation_id
    return event


def write_fact(fact: PublishedFact) -> str:
    """Return a fact as the stream inside the product holds it."""
    return json.dumps(
        {
            "id": fact.id,
            "name": fact.name,
            "version": fact.version,
            "key": fact.key,
            "payload": fact.payload,
            "shares": fact.shares,
            "correlation_id": fact.correlation_id,
            "position": fact.position,
            "recorded_at": fact.recorded_at.isoformat(),
        },
        separators=(",", ":"),
    )


def read_fact(text: str) -> PublishedFact:
    """Return the fact that `write_fact` wrote. Raises ValueError for any other text."""
    try:
        fields = json.loads(text)
        return PublishedFact(**(fields | {"recorded_at": datetime.fromisoformat(fields["recorded_at"])}))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"this is no published fact: {error}") from error
