"""Answers kept under the key they were asked with: asked again, the same answer, and nothing is done again.

The answer is written in the transaction of the effect, so either both stand or neither. A transaction-level advisory
lock on the key keeps a second request out while the first is under way, and a unique index has the last word.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, connection

from reference.models.stored_answer import KEPT_HOURS
from reference.prepared import fetch_prepared
from reference.refusals import IdempotencyKeyInFlight, IdempotencyKeyReused

CLAIM_SQL = """
SELECT in_flight, fingerprint, status, headers, body
FROM reference_claim_answer(%(client)s::text, %(key)s::text, %(lock)s::bigint)
"""
FIND_SQL = """
SELECT false, fingerprint, status, headers::text, body FROM reference_storedanswer
WHERE client = %(client)s::text AND key = %(key)s::text
"""
STORE_SQL = """
INSERT INTO reference_storedanswer (client, key, fingerprint, status, headers, body)
VALUES (%(client)s::text, %(key)s::text, %(fingerprint)s::bytea, %(status)s::smallint, %(headers)s::jsonb,
        %(body)s::bytea)
RETURNING id
"""
HOLD_SQL = "SELECT pg_try_advisory_lock(%(lock)s::bigint)"
LET_GO_SQL = "SELECT pg_advisory_unlock(%(lock)s::bigint)"
EXPIRE_SQL = f"DELETE FROM reference_storedanswer WHERE created_at <= now() - interval '{KEPT_HOURS} hours'"


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, under which key, and the SHA-256 of what is asked.

    client: the login, the API key it came with, its role and its participant.
    """

    client: str
    key: str
    fingerprint: bytes

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of who asks and under which key."""
        return hashlib.sha256(f"{self.client}\0{self.key}".encode()).digest()

    @property
    def lock(self) -> int:
        """Return the number of the advisory lock."""
        return int.from_bytes(self.digest[:8], "big", signed=True)

    @property
    def reference(self) -> str:
        """Return a reference of at most 40 characters for what is done under the key, the same whenever it is asked."""
        return f"key-{self.digest.hex()[:36]}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered. body: None where it was a stream or a secret, of which nothing is kept."""

    status: int
    body: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)


def claim_answer(*, asked: Asked) -> Answer | None:
    """Take the key for the caller's transaction, in one statement; return the answer where one is stored already.

    Raises IdempotencyKeyInFlight where another transaction holds it, IdempotencyKeyReused where the answer is another
    request's.
    """
    row = fetch_prepared(statement=CLAIM_SQL, parameters={"client": asked.client, "key": asked.key, "lock": asked.lock})
    return _answer_of(row=row, asked=asked)


@contextmanager
def holding_key(*, asked: Asked) -> Iterator[Answer | None]:
    """Hold the key over several transactions of this connection; give the answer where one is stored already.

    For effects that commit by themselves. Raises IdempotencyKeyInFlight, IdempotencyKeyReused.
    """
    wanted = {"client": asked.client, "key": asked.key}
    found = _answer_of(row=fetch_prepared(statement=FIND_SQL, parameters=wanted), asked=asked)
    if found is not None:
        yield found
        return
    held = fetch_prepared(statement=HOLD_SQL, parameters={"lock": asked.lock})
    if not (held and held[0]):
        raise IdempotencyKeyInFlight
    try:
        yield _answer_of(row=fetch_prepared(statement=FIND_SQL, parameters=wanted), asked=asked)
    finally:
        fetch_prepared(statement=LET_GO_SQL, parameters={"lock": asked.lock})


def store_answer(*, asked: Asked, answer: Answer) -> None:
    """Keep an answer. Raises IdempotencyKeyInFlight where the key has one by now: the caller's transaction ends."""
    try:
        fetch_prepared(
            statement=STORE_SQL,
            parameters={
                "client": asked.client,
                "key": asked.key,
                "fingerprint": asked.fingerprint,
                "status": answer.status,
                "headers": json.dumps(dict(answer.headers)),
                "body": answer.body,
            },
        )
    except IntegrityError as error:
        if "storedanswer_once" in str(error):
            raise IdempotencyKeyInFlight from error
        raise


def delete_expired() -> int:
    """Forget the answers that are older than a day; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(EXPIRE_SQL)
        deleted: int = cursor.rowcount
    return deleted


def _answer_of(*, row: tuple[Any, ...] | None, asked: Asked) -> Answer | None:
    """Return the stored answer of a row. Raises IdempotencyKeyInFlight, IdempotencyKeyReused."""
    if row is None:
        return None
    in_flight, fingerprint, status, headers, body = row
    if in_flight:
        raise IdempotencyKeyInFlight
    if bytes(fingerprint) != asked.fingerprint:
        raise IdempotencyKeyReused
    return Answer(status, None if body is None else bytes(body), json.loads(headers))
