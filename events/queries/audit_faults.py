"""Hold the whole audit log against its seals: what the records say, their leaves, the seals, the heads outside.

Everything is recomputed: each record's canonical text and its hash by the database, set by set, in an expression that
this code brings along; trees, heads and signatures here. Nothing that the database says of itself is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection

from events.core.canonical import canonical_sql
from events.core.merkle import compute_root, cut_hashes
from events.core.seals import GENESIS, SignedSeal, find_signature_fault
from events.models import SealedBatch
from events.queries.seals import EPOCH, last_seal, read_seals, signed_seal_of

BATCHES_AT_ONCE = 16
# A transaction that writes records is never open this long, so none is sealed so much later than its neighbours.
LONGEST_TRANSACTION = timedelta(hours=1)
CONTENT_SQL = f"""
    SELECT number, count(*), string_agg(leaf, ''::bytea ORDER BY position), min(record_id), max(record_id),
           min(record_id) FILTER (WHERE now_leaf IS NULL), min(record_id) FILTER (WHERE now_leaf <> leaf),
           min(record_id) FILTER (WHERE digest_version = 2 AND digest <> now_leaf), min(recorded_at), max(recorded_at)
    FROM (
        SELECT b.number, l.position, l.leaf, l.record_id, r.digest, r.digest_version, r.recorded_at,
               CASE WHEN r.id IS NOT NULL
                    THEN sha256('\\x00'::bytea || convert_to({canonical_sql(row="r")}, 'UTF8')) END AS now_leaf
        FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS b (number, first, last)
        JOIN events_auditleaf l ON l.position BETWEEN b.first AND b.last
        LEFT JOIN events_auditrecord r ON r.id = l.record_id
        OFFSET 0
    ) sealed
    GROUP BY number ORDER BY number
"""
REST_CHECKS = (
    (
        "leaves under no seal: positions {0} to {1}, {2} of them",
        "SELECT min(position), max(position), count(*) FROM events_auditleaf WHERE position < 1"
        " OR position > (SELECT coalesce(max(last_position), 0) FROM events_sealedbatch)",
    ),
    (
        "records neither sealed nor waiting for it: {0} to {1}, {2} of them",
        "SELECT min(r.id), max(r.id), count(*) FROM events_auditrecord r"
        " WHERE NOT EXISTS (SELECT 1 FROM events_auditleaf l WHERE l.record_id = r.id)"
        " AND NOT EXISTS (SELECT 1 FROM events_unsealedrecord u WHERE u.record_id = r.id)",
    ),
    (
        "records gone before they were sealed: {0} to {1}, {2} of them",
        "SELECT min(u.record_id), max(u.record_id), count(*) FROM events_unsealedrecord u"
        " WHERE NOT EXISTS (SELECT 1 FROM events_auditrecord r WHERE r.id = u.record_id)",
    ),
    (
        "records changed before they were sealed: {0} to {1}, {2} of them",
        "SELECT min(r.id), max(r.id), count(*) FROM events_unsealedrecord u JOIN events_auditrecord r"
        " ON r.id = u.record_id WHERE r.digest_version = 2"
        f" AND r.digest <> sha256('\\x00'::bytea || convert_to({canonical_sql(row='r')}, 'UTF8'))",
    ),
    (
        "records said to wait that are sealed: {0} to {1}, {2} of them",
        "SELECT min(u.record_id), max(u.record_id), count(*) FROM events_unsealedrecord u"
        " JOIN events_auditleaf l ON l.record_id = u.record_id",
    ),
)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and the first bad range in words: "" where all is as it was sealed."""

    batches: int
    records: int
    fault: str


def verify_log(
    *,
    keys: Mapping[str, Ed25519PublicKey],
    read_outside: Callable[[], Sequence[SignedSeal]],
    first: int = 1,
) -> Verified:
    """Verify the log from seal `first` on; the rest, what is sealed by nobody, is always looked at.

    keys: the trusted ones by key id. read_outside: reads the heads kept outside, in order. May run beside the sealer.
    """
    known = last_seal()
    outside = read_outside()
    walk = _Walk(keys=keys, outside={signed.seal.number: signed.seal.head for signed in outside}, first=first)
    seals = read_seals(first=first)
    while not walk.fault and (group := list(islice(seals, BATCHES_AT_ONCE))):
        walk.follow(group=group)
    if walk.fault:
        return Verified(walk.batches, walk.records, walk.fault)
    fault = _find_outside_fault(outside=outside, known=known.seal.number if known else 0, keys=keys)
    return Verified(walk.batches, walk.records, fault or _find_rest_fault())


class _Walk:
    """The way along the seals, up to the first fault."""

    def __init__(self, *, keys: Mapping[str, Ed25519PublicKey], outside: Mapping[int, bytes], first: int) -> None:
        before = SealedBatch.objects.filter(number=first - 1).first() if first > 1 else None
        signed = signed_seal_of(batch=before) if before else None
        self.keys, self.outside = keys, outside
        self.number = first - 1
        self.position = signed.seal.last_position if signed else 0
        self.head = signed.seal.head if signed else GENESIS
        self.sealed_at_us = signed.seal.sealed_at_us if signed else 0
        self.latest: datetime | None = None
        self.batches = self.records = 0
        self.fault = "" if first == 1 or signed else f"seal {first - 1} is not there"

    def follow(self, *, group: list[SignedSeal]) -> None:
        """Check some seals and what they cover."""
        good = []
        for signed in group:
            self.fault = self._find_chain_fault(signed=signed)
            if self.fault:
                break
            good.append(signed)
            self.number, self.position = signed.seal.number, signed.seal.last_position
            self.head = signed.seal.head
        chain_fault = self.fault
        with connection.cursor() as cursor:
            seals = [signed.seal for signed in good]
            cursor.execute(
                CONTENT_SQL,
                [[s.number for s in seals], [s.first_position for s in seals], [s.last_position for s in seals]],
            )
            content = {row[0]: row[1:] for row in cursor.fetchall()}
        for signed in good:
            # What a seal covers comes before whatever is wrong with the seals after it.
            self.fault = self._find_content_fault(signed=signed, row=content.get(signed.seal.number))
            if self.fault:
                return
            self.batches, self.records = self.batches + 1, self.records + signed.seal.count
        self.fault = chain_fault

    def _find_chain_fault(self, *, signed: SignedSeal) -> str:
        """Say what is wrong with a seal where it stands, "" where nothing is."""
        seal = signed.seal
        if seal.number != self.number + 1:
            missing = f"seal {self.number + 1}" + ("" if seal.number == self.number + 2 else f" to {seal.number - 1}")
            return f"{missing} is not there: positions {self.position + 1} to {seal.first_position - 1}"
        if seal.first_position != self.position + 1:
            return f"{_place(signed)} does not begin at position {self.position + 1}"
        if seal.previous_head != self.head:
            return f"{_place(signed)} does not follow the seal before it"
        told = self.outside.get(seal.number)
        if told is not None and told != seal.head:
            return f"{_place(signed)} has another head than outside"
        fault = find_signature_fault(signed=signed, keys=self.keys)
        return f"{_place(signed)} {fault}" if fault else ""

    def _find_content_fault(self, *, signed: SignedSeal, row: tuple[Any, ...] | None) -> str:
        """Say what is wrong with what a seal covers, "" where nothing is."""
        if row is None:
            return f"{_place(signed)}: its leaves are gone"
        count, packed, first_record, last_record, gone, changed, redigested, earliest, latest = row
        place = f"{_place(signed)}, records {first_record} to {last_record}"
        before = self._follow_clock(sealed_at_us=signed.seal.sealed_at_us, latest=latest)
        if gone is not None:
            return f"{place}: record {gone} is gone"
        if changed is not None:
            return f"{place}: record {changed} is not what was sealed"
        if count != signed.seal.count:
            return f"{place}: {signed.seal.count - count} leaves are gone"
        if compute_root(leaves=cut_hashes(packed=bytes(packed))) != signed.seal.root:
            return f"{place}: the leaves do not lead to the sealed root"
        if redigested is not None:
            return f"{place}: record {redigested} was changed before it was sealed"
        if before is not None and earliest < before - LONGEST_TRANSACTION:
            return f"{place}: a record says it is of {earliest.isoformat()}, and was put in long after it"
        return ""

    def _follow_clock(self, *, sealed_at_us: int, latest: datetime | None) -> datetime | None:
        """Return the latest time of the records sealed before, None where the machine's clock was set back since.

        The signed time of the seals tells: nobody but the sealer writes an earlier one than before.
        """
        before = self.latest if sealed_at_us >= self.sealed_at_us else None
        # Records that are later than their seal were written before the clock went back.
        latest = None if latest is None else min(latest, EPOCH + timedelta(microseconds=sealed_at_us))
        self.sealed_at_us, self.latest = sealed_at_us, max(filter(None, (before, latest)), default=None)
        return before


def _place(signed: SignedSeal) -> str:
    """Name a seal and its range."""
    return f"seal {signed.seal.number} (positions {signed.seal.first_position} to {signed.seal.last_position})"


def _find_outside_fault(*, outside: Sequence[SignedSeal], known: int, keys: Mapping[str, Ed25519PublicKey]) -> str:
    """Compare the ends of both stories, and look at the heads outside themselves.

    known: the number of the database's last seal before the file was read. The file may be one head behind.
    """
    expected = 1
    for signed in outside:
        if signed.seal.number != expected:
            return f"the heads outside have seal {signed.seal.number} where {expected} should follow"
        fault = find_signature_fault(signed=signed, keys=keys)
        if fault:
            return f"the head of seal {signed.seal.number} outside {fault}"
        expected += 1
    told = expected - 1
    if told < known - 1:
        return f"the heads outside end at seal {told}, the database at seal {known}"
    now = last_seal()
    number, position = (now.seal.number, now.seal.last_position) if now else (0, 0)
    if told > number:
        lost = outside[-1].seal.last_position - position
        return (
            f"the database ends at seal {number} (position {position}), the heads outside at seal {told}:"
            f" {lost} sealed records are gone"
        )
    return ""


def _find_rest_fault() -> str:
    """Look at what is under no seal."""
    with connection.cursor() as cursor:
        for words, statement in REST_CHECKS:
            cursor.execute(statement)
            found = cursor.fetchone()
            if found[2]:
                return words.format(*found)
    return ""
