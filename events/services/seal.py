"""Seal what waits of the audit log: leaves at the next positions, a signed head over each batch, the head outside.

The order of the two writes: the batch is committed first, its head appended to the file after it, and no further batch
is sealed before the file has every head. A crash between the two therefore leaves the file exactly one head behind,
which the next run makes up for; the file never holds a head that the database lost in a crash. Anything else, the
file ahead, further behind, or with another head, is a fault that stops the sealing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from events.core.canonical import canonical_sql
from events.core.merkle import compute_root, cut_hashes
from events.core.seals import GENESIS, MOST_RECORDS, Seal, SignedSeal, sign_seal
from events.models import AuditVerification, SealedBatch
from events.queries.seals import last_seal, latest_verification
from events.services.heads import HeadsUnreadable, append_head, read_last_head

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOCK_KEY = int.from_bytes(hashlib.sha256(b"events.seal").digest()[:8], "big", signed=True)
LEAF = f"sha256('\\x00'::bytea || convert_to({canonical_sql(row='r')}, 'UTF8'))"
# The waiting rows leave with the same statement that gives their records a place: all of them, or none.
PLACE_SQL = f"""
    WITH waiting AS MATERIALIZED (
        SELECT u.record_id FROM events_unsealedrecord u JOIN events_auditrecord r ON r.id = u.record_id
        ORDER BY u.record_id LIMIT %(most)s
    ), taken AS (
        DELETE FROM events_unsealedrecord WHERE record_id IN (SELECT record_id FROM waiting)
    ), placed AS (
        INSERT INTO events_auditleaf (position, record_id, leaf)
        SELECT %(last_position)s + row_number() OVER (ORDER BY r.id), r.id, {LEAF}
        FROM waiting w JOIN events_auditrecord r ON r.id = w.record_id
        RETURNING position, leaf
    )
    SELECT count(*), string_agg(leaf, ''::bytea ORDER BY position) FROM placed
"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a run sealed, and why it sealed no more: "" where nothing waits any longer."""

    batches: int = 0
    records: int = 0
    fault: str = ""


class HeadsDisagree(Exception):
    """The database and the file of heads do not tell the same story."""


def seal_records(*, key: Ed25519PrivateKey, heads: Path, now: datetime) -> Sealed:
    """Seal all that waits, in batches of at most MOST_RECORDS; nothing where another process seals just now.

    key: signs the heads. heads: the file outside. now: aware wall time. A disagreement between the file and the
    database stops the run, and is written down once as a verification that failed.
    """
    batches = records = 0
    with _alone() as alone:
        if not alone:
            return Sealed()
        last = last_seal()
        try:
            _make_up(last=last, heads=heads)
        except (HeadsDisagree, HeadsUnreadable) as error:
            _write_down(fault=str(error))
            return Sealed(fault=str(error))
        while True:
            with transaction.atomic(), connection.cursor() as cursor:
                # Whatever the server's habit, no head leaves for a batch that a crash could still take away.
                cursor.execute("SET LOCAL synchronous_commit = on")
                sealed = _seal_batch(last=last, key=key, now=now)
            if sealed is None:
                return Sealed(batches, records)
            append_head(path=heads, signed=sealed)
            last = sealed
            batches, records = batches + 1, records + sealed.seal.count


def restart_heads(*, heads: Path, seals: Iterator[SignedSeal]) -> int:
    """Write all heads of the database to a new file, after a restore or the loss of the old one; return how many.

    The old file stays what it was: it is what an auditor compares. Raises HeadsDisagree where the file stands.
    """
    if heads.exists():
        raise HeadsDisagree(f"{heads} exists; keep it for the auditor and name a new file")
    count = 0
    for signed in seals:
        append_head(path=heads, signed=signed)
        count += 1
    return count


def _seal_batch(*, last: SignedSeal | None, key: Ed25519PrivateKey, now: datetime) -> SignedSeal | None:
    """Seal the next batch in the caller's transaction; None where nothing waits."""
    last_position = last.seal.last_position if last else 0
    with connection.cursor() as cursor:
        cursor.execute(PLACE_SQL, {"most": MOST_RECORDS, "last_position": last_position})
        count, packed = cursor.fetchone()
    if count == 0:
        return None
    seal = Seal(
        number=last.seal.number + 1 if last else 1,
        first_position=last_position + 1,
        last_position=last_position + count,
        root=compute_root(leaves=cut_hashes(packed=bytes(packed))),
        previous_head=last.seal.head if last else GENESIS,
        sealed_at_us=(now - EPOCH) // timedelta(microseconds=1),
    )
    signed = sign_seal(seal=seal, key=key)
    SealedBatch(
        number=seal.number, first_position=seal.first_position, last_position=seal.last_position, root=seal.root,
        previous_head=seal.previous_head, head=seal.head, signature=signed.signature, key_id=signed.key_id,
        sealed_at=now,
    ).save(force_insert=True)  # fmt: skip
    return signed


def _make_up(*, last: SignedSeal | None, heads: Path) -> None:
    """Append the one head that a crash may have kept from the file. Raises HeadsDisagree, HeadsUnreadable."""
    outside = read_last_head(path=heads)
    outside_number, outside_head = (outside.seal.number, outside.seal.head) if outside else (0, GENESIS)
    number = last.seal.number if last else 0
    if outside_number > number:
        raise HeadsDisagree(
            f"the file of heads ends at seal {outside_number}, the database at seal {number}: the database is older"
        )
    if outside_number < number - 1:
        raise HeadsDisagree(
            f"the file of heads ends at seal {outside_number}, the database at seal {number}: heads are missing"
        )
    if last is None:
        return
    if outside_number == number and outside_head != last.seal.head:
        raise HeadsDisagree(f"the head of seal {number} in the file is another than in the database")
    if outside_number == number - 1:
        if outside_head != last.seal.previous_head:
            raise HeadsDisagree(f"the head of seal {outside_number} in the file is another than in the database")
        append_head(path=heads, signed=last)


def _write_down(*, fault: str) -> None:
    """Keep a refusal to seal as a failed verification, once until something else is found."""
    latest = latest_verification()
    if latest is None or latest.fault != fault:
        AuditVerification.objects.create(batches=0, records=0, seconds=0, fault=fault)


@contextmanager
def _alone() -> Iterator[bool]:
    """Hold the sealer's lock for the block; say whether it was free. It is the session's, over several transactions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY])
        had = bool(cursor.fetchone()[0])
    try:
        yield had
    finally:
        if had:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK_KEY])
