"""Reads of the sealed log: seals, what waits, the last verification, proofs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from events.core.canonical import canonical_sql
from events.core.proof import write_proof
from events.core.seals import Seal, SignedSeal
from events.models import AuditLeaf, AuditVerification, SealedBatch

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many records wait for their seal, and since when the oldest does (None where none waits)."""

    count: int
    since: datetime | None


def signed_seal_of(*, batch: SealedBatch) -> SignedSeal:
    """Return a batch's row as the seal that it is."""
    seal = Seal(
        number=batch.number,
        first_position=batch.first_position,
        last_position=batch.last_position,
        root=bytes(batch.root),
        previous_head=bytes(batch.previous_head),
        sealed_at_us=(batch.sealed_at - EPOCH) // timedelta(microseconds=1),
    )
    return SignedSeal(seal, batch.key_id, bytes(batch.signature))


def last_seal() -> SignedSeal | None:
    """Return the last seal in the database, None before the first."""
    batch = SealedBatch.objects.order_by("-number").first()
    return None if batch is None else signed_seal_of(batch=batch)


def read_seals(*, first: int = 1) -> Iterator[SignedSeal]:
    """Return the seals from a number on, in order."""
    for batch in SealedBatch.objects.filter(number__gte=first).order_by("number").iterator(chunk_size=1_000):
        yield signed_seal_of(batch=batch)


def waiting_records() -> Waiting:
    """Return how many records wait for their seal, and since when."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), (SELECT min(r.recorded_at) FROM (SELECT record_id FROM events_unsealedrecord"
            " ORDER BY record_id LIMIT 100) w JOIN events_auditrecord r ON r.id = w.record_id)"
            " FROM events_unsealedrecord"
        )
        count, since = cursor.fetchone()
    return Waiting(count, since)


def verifications() -> QuerySet[AuditVerification]:
    """Return the verifications, newest first."""
    return AuditVerification.objects.order_by("-id")


def latest_verification() -> AuditVerification | None:
    """Return the last verification, None before the first."""
    return verifications().first()


def audit_is_in_doubt() -> bool:
    """Say whether the last verification found a fault."""
    latest = latest_verification()
    return latest is not None and latest.fault != ""


def verified_since() -> datetime | None:
    """Return since when the log has not been looked through: its last verification, else its first seal; wall time.

    A refusal to seal, which stands among the verifications, looked at nothing. None where nothing was sealed yet.
    """
    looked = verifications().exclude(Q(batches=0) & ~Q(fault=""))
    latest = looked.values_list("verified_at", flat=True).first()
    return latest or SealedBatch.objects.order_by("number").values_list("sealed_at", flat=True).first()


def seals() -> QuerySet[SealedBatch]:
    """Return the sealed batches, newest first."""
    return SealedBatch.objects.order_by("-number")


def seal_of(*, record_id: int) -> tuple[AuditLeaf, SealedBatch] | None:
    """Return a record's leaf and the batch it is sealed in; None while it waits."""
    leaf = AuditLeaf.objects.filter(record_id=record_id).first()
    if leaf is None:
        return None
    batch = SealedBatch.objects.filter(last_position__gte=leaf.position).order_by("last_position").first()
    return None if batch is None else (leaf, batch)


def prove_record(*, record_id: int) -> dict[str, Any] | None:
    """Return the proof that a record is in the sealed log (events/core/proof.py); None while it waits for its seal."""
    found = seal_of(record_id=record_id)
    if found is None:
        return None
    leaf, batch = found
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {canonical_sql(row='r')} FROM events_auditrecord r WHERE r.id = %s", [record_id])
        (record,) = cursor.fetchone()
    leaves = (
        AuditLeaf.objects.filter(position__range=(batch.first_position, batch.last_position))
        .order_by("position")
        .values_list("leaf", flat=True)
    )
    return write_proof(
        record=record,
        position=leaf.position,
        leaves=[bytes(other) for other in leaves],
        signed=signed_seal_of(batch=batch),
    )


def sealed_per_day(*, days: int) -> list[tuple[str, int, int]]:
    """Return (day, records, batches) of the last days on which something was sealed, oldest first. Wall-clock days."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (sealed_at AT TIME ZONE 'UTC')::date::text, sum(last_position - first_position + 1)::bigint,"
            " count(*) FROM events_sealedbatch GROUP BY 1 ORDER BY 1 DESC LIMIT %s",
            [days],
        )
        return list(reversed(cursor.fetchall()))
