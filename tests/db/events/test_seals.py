"""The sealed audit log: whatever a superuser with all triggers off does to it, verification names the bad range."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from events.core import seals as core
from events.core.seals import key_id_of, sign_seal, write_public_key, write_seal
from events.models import AuditLeaf, AuditRecord, AuditVerification, SealedBatch, UnsealedRecord
from events.queries import audit_faults
from events.queries.seals import audit_is_in_doubt, last_seal, prove_record, read_seals, verified_since, waiting_records
from events.services import seal as sealing
from events.services.audit import record_actions
from events.services.heads import append_head, read_heads
from events.services.seal import HeadsDisagree, restart_heads, seal_records
from events.services.verify import signing_key, trusted_keys, verify_and_keep
from reference.core.actor import SYSTEM
from tests.factories.chain import MONDAY, at_time

pytestmark = pytest.mark.django_db
AT = at_time(MONDAY, 10)
BATCHES, SIZE = 5, 4


def record(count: int = 1) -> None:
    """Write some audit records."""
    record_actions(
        actor=SYSTEM, action="thing.changed", at=AT, business_date=MONDAY, object_type="thing",
        objects=[(number, f"thing {number}", {"before": number, "after": "é"}) for number in range(count)],
    )  # fmt: skip


def seal(*, key: Ed25519PrivateKey | None = None, heads: Path | None = None, now: datetime | None = None) -> str:
    """Seal what waits; return the fault."""
    now = now or timezone.now()
    return seal_records(key=key or signing_key(), heads=heads or settings.AUDIT_HEADS, now=now).fault


def verify(first: int = 1) -> str:
    """Verify against the heads outside; return the first fault."""
    return verify_and_keep(keys=trusted_keys(), heads=settings.AUDIT_HEADS, first=first).fault


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Five seals of four records each, and one record that waits; the ids of the sealed ones."""
    monkeypatch.setattr(sealing, "MOST_RECORDS", SIZE)
    monkeypatch.setattr(audit_faults, "BATCHES_AT_ONCE", 2)
    record(BATCHES * SIZE)
    assert seal() == ""
    ids = list(AuditRecord.objects.order_by("id").values_list("id", flat=True))
    record()
    assert verify() == ""
    return ids


@pytest.fixture
def superuser(log: list[int]) -> Iterator[Callable[..., None]]:
    """Raw SQL with every trigger off, foreign keys too."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET session_replication_role = replica")
        yield lambda statement, *given: cursor.execute(statement, given)
        cursor.execute("SET session_replication_role = origin")


def test_what_is_recorded_is_sealed_and_its_head_is_outside(log: list[int]) -> None:
    assert [(s.seal.first_position, s.seal.last_position) for s in read_seals()] == [
        (1, 4), (5, 8), (9, 12), (13, 16), (17, 20),
    ]  # fmt: skip
    assert list(read_heads(path=settings.AUDIT_HEADS)) == list(read_seals())
    assert list(AuditLeaf.objects.order_by("position").values_list("record_id", flat=True)) == log
    assert waiting_records().count == UnsealedRecord.objects.count() == 1
    # A record's digest is its leaf.
    assert {bytes(leaf.leaf) == bytes(leaf.record.digest) for leaf in AuditLeaf.objects.select_related("record")} == {
        True
    }
    found = AuditVerification.objects.latest("id")
    assert (found.batches, found.records, found.fault) == (BATCHES, BATCHES * SIZE, "")
    assert seal() == ""
    assert waiting_records().count == 0
    assert verify(first=4) == ""


def test_a_record_of_before_keeps_its_first_digest_and_is_sealed_with_it(log: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "INSERT INTO events_auditrecord (recorded_at, at, business_date, actor, role, action, object_type, summary,"
            " detail, digest_version, digest) VALUES (now(), now(), '2008-09-08', 'a', 'b', 'c', '', '', '{}', 1,"
            " sha256('old')) RETURNING id"
        )
        cursor.execute("INSERT INTO events_unsealedrecord SELECT max(id) FROM events_auditrecord")
        cursor.execute("SET session_replication_role = origin")
        assert seal() == ""
        assert verify() == ""
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE events_auditrecord SET digest = sha256('new') WHERE digest_version = 1")
        cursor.execute("SET session_replication_role = origin")
    assert "is not what was sealed" in verify()


EDITS = {
    "edit": "UPDATE events_auditrecord SET summary = 'nothing' WHERE id = {1}",
    "edit of who": "UPDATE events_auditrecord SET actor = 'somebody' WHERE id = {1}",
    "edit of from where": "UPDATE events_auditrecord SET address = '192.0.2.9' WHERE id = {1}",
    "edit of what was before": """UPDATE events_auditrecord SET detail = detail || '{{"before": 0}}' WHERE id = {1}""",
    "edit with its digest": "UPDATE events_auditrecord SET summary = 'x', digest = sha256('x') WHERE id = {1}",
    "delete": "DELETE FROM events_auditrecord WHERE id = {1}",
    "delete with its leaf": "DELETE FROM events_auditleaf WHERE record_id = {1};"
    " DELETE FROM events_auditrecord WHERE id = {1}",
    "reorder": "UPDATE events_auditleaf SET record_id = -1 WHERE record_id = {1};"
    " UPDATE events_auditleaf SET record_id = {1} WHERE record_id = {2};"
    " UPDATE events_auditleaf SET record_id = {2} WHERE record_id = -1",
    "reorder with the leaves": "UPDATE events_auditleaf SET position = 1000 WHERE record_id = {1};"
    " UPDATE events_auditleaf SET position = 6 WHERE record_id = {2};"
    " UPDATE events_auditleaf SET position = 7 WHERE record_id = {1}",
    "edit of the root": "UPDATE events_sealedbatch SET root = sha256('x') WHERE number = 2",
    "edit of the head": "UPDATE events_sealedbatch SET previous_head = sha256('x') WHERE number = 2",
    "edit of the time": "UPDATE events_sealedbatch SET sealed_at = sealed_at - interval '1 day' WHERE number = 2",
    "a dropped seal": "DELETE FROM events_sealedbatch WHERE number = 2",
    "a dropped seal with all it covers": "DELETE FROM events_auditrecord WHERE id IN"
    " (SELECT record_id FROM events_auditleaf WHERE position BETWEEN 5 AND 8);"
    " DELETE FROM events_auditleaf WHERE position BETWEEN 5 AND 8; DELETE FROM events_sealedbatch WHERE number = 2",
}


@pytest.mark.parametrize("attack", EDITS)
def test_an_edit_of_what_is_sealed_is_found_where_it_is(
    attack: str, log: list[int], superuser: Callable[..., None]
) -> None:
    for statement in EDITS[attack].format("", log[5], log[6]).split("; "):
        superuser(statement)
    fault = verify()
    assert "seal 2" in fault
    assert "positions 5 to 8" in fault
    assert audit_is_in_doubt()
    with pytest.raises(CommandError, match="seal 2"):
        call_command("verify_audit", stdout=io.StringIO())


INSERT = """
    INSERT INTO events_auditrecord (id, recorded_at, at, business_date, actor, role, action, object_type, summary,
        detail, digest_version, digest)
    SELECT %s, recorded_at + %s, at, business_date, actor, role, action, object_type, 'put in', detail, 2, digest
    FROM events_auditrecord WHERE id = %s
"""


def test_what_was_put_in_beside_the_seals_is_found(log: list[int], superuser: Callable[..., None]) -> None:
    superuser(INSERT, -7, timedelta(0), log[5])
    assert verify() == "records neither sealed nor waiting for it: -7 to -7, 1 of them"
    # Sealed with the others, it still says a time long before theirs.
    superuser("DELETE FROM events_auditrecord WHERE id = -7")
    put_in(superuser, number=-7, of=log[5], ago=timedelta(hours=2))
    assert seal() == ""
    assert "put in long after it" in verify()


def test_a_clock_set_back_is_told_from_a_record_put_in(log: list[int], superuser: Callable[..., None]) -> None:
    """The seals' signed times went back with it; what waited then is of a later time than its seal."""
    now = timezone.now()
    for minutes in (0, 1):
        put_in(superuser, number=-1 - minutes, of=log[5], ago=timedelta(minutes=120 - minutes))
        assert seal(now=now - timedelta(minutes=120 - minutes)) == ""
        assert verify() == ""
    put_in(superuser, number=-3, of=log[5], ago=timedelta())
    assert seal() == ""
    assert verify() == ""
    put_in(superuser, number=-4, of=log[5], ago=timedelta(minutes=90))
    assert seal() == ""
    assert "put in long after it" in verify()


def put_in(superuser: Callable[..., None], *, number: int, of: int, ago: timedelta) -> None:
    """Put in a copy of a record with a time before its own and the digest that it would have, to be sealed."""
    superuser(INSERT, number, -ago, of)
    digest = f"sha256('\\x00'::bytea || convert_to({core_canonical()}, 'UTF8'))"
    superuser(f"UPDATE events_auditrecord r SET digest = {digest} WHERE id = %s", number)
    superuser("INSERT INTO events_unsealedrecord VALUES (%s)", number)


def core_canonical() -> str:
    from events.core.canonical import canonical_sql

    return canonical_sql(row="r")


def test_what_happens_before_the_seal_is_found(log: list[int], superuser: Callable[..., None]) -> None:
    (waiting,) = UnsealedRecord.objects.values_list("pk", flat=True)
    with transaction.atomic():
        superuser("UPDATE events_auditrecord SET summary = 'x' WHERE id = %s", waiting)
        assert verify() == f"records changed before they were sealed: {waiting} to {waiting}, 1 of them"
        assert seal() == ""
        assert f"record {waiting} was changed before it was sealed" in verify()
        transaction.set_rollback(True)
    Path(settings.AUDIT_HEADS).write_text(
        "".join(json.dumps(write_seal(signed=signed)) + "\n" for signed in read_seals())
    )
    with transaction.atomic():
        superuser("DELETE FROM events_auditrecord WHERE id = %s", waiting)
        assert verify() == f"records gone before they were sealed: {waiting} to {waiting}, 1 of them"
        transaction.set_rollback(True)
    superuser("DELETE FROM events_unsealedrecord")
    assert "neither sealed nor waiting" in verify()


def test_a_tail_that_was_cut_off_is_found_by_the_heads_outside(log: list[int], superuser: Callable[..., None]) -> None:
    superuser("DELETE FROM events_auditrecord WHERE id > %s", log[11])
    for statement in (
        "DELETE FROM events_auditleaf WHERE position > 12",
        "DELETE FROM events_sealedbatch WHERE number > 3",
        "DELETE FROM events_unsealedrecord",
    ):
        superuser(statement)
    assert verify() == (
        "the database ends at seal 3 (position 12), the heads outside at seal 5: 8 sealed records are gone"
    )
    # Nor is anything sealed on top of it, and the alarm is written down once.
    superuser("SET session_replication_role = origin")
    record()
    for _ in range(2):
        assert "the database is older" in seal()
    assert AuditVerification.objects.filter(fault__contains="the database is older").count() == 1
    with pytest.raises(CommandError, match="Nothing is sealed"):
        call_command("seal_audit", stdout=io.StringIO())


FOREIGN = "is signed with the key {}, which is none of the trusted ones"


def test_a_history_signed_again_is_found_with_another_key_and_with_the_same(
    log: list[int], superuser: Callable[..., None], tmp_path: Path
) -> None:
    superuser("UPDATE events_auditrecord SET summary = 'never' WHERE id = %s", log[1])
    outside = settings.AUDIT_HEADS.read_text()
    for key, fault in (
        (Ed25519PrivateKey.generate(), "none of the trusted"),
        (signing_key(), "seal 1 (positions 1 to 4) has another head than outside"),
    ):
        superuser("DELETE FROM events_sealedbatch")
        superuser("DELETE FROM events_auditleaf")
        superuser(
            f"UPDATE events_auditrecord r SET digest = sha256('\\x00'::bytea || convert_to({core_canonical()}, 'UTF8'))"
        )
        superuser("DELETE FROM events_unsealedrecord")
        superuser("INSERT INTO events_unsealedrecord SELECT id FROM events_auditrecord")
        forged = tmp_path / key_id_of(key=key.public_key())
        assert seal(key=key, heads=forged) == ""
        found = verify_and_keep(keys=trusted_keys(), heads=forged).fault
        # With a file of heads of his own only another key betrays him; against the real one nothing helps.
        assert found == ("" if "outside" in fault else f"seal 1 (positions 1 to 4) {FOREIGN.format(forged.name)}")
        assert verify() == "seal 1 (positions 1 to 4) has another head than outside"
    assert settings.AUDIT_HEADS.read_text() == outside


def test_a_crash_between_commit_and_file_is_made_up_for(log: list[int]) -> None:
    path = settings.AUDIT_HEADS
    # The last head never came there, or half of it did, or all but the end of its line.
    for cut in (slice(0, 0), slice(0, 40), slice(0, -1)):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[:-1]) + lines[-1][cut])
        assert verify() == ""
        assert seal() == ""
        assert list(read_heads(path=path)) == list(read_seals())
        assert verify() == ""
        record()
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]))
    assert "heads are missing" in seal()
    assert "the heads outside end at seal 2" in verify()
    path.write_text("".join([*lines[:1], *lines[2:]]))
    assert "where 2 should follow" in verify()
    path.write_text("nonsense\n")
    assert "is no head" in seal()
    assert "is no head" in verify()


def test_heads_begin_anew_in_a_new_file_only(log: list[int], tmp_path: Path) -> None:
    with pytest.raises(HeadsDisagree, match="exists"):
        restart_heads(heads=settings.AUDIT_HEADS, seals=read_seals())
    new = tmp_path / "new" / "heads.jsonl"
    assert restart_heads(heads=new, seals=read_seals()) == BATCHES
    assert new.read_text() == settings.AUDIT_HEADS.read_text()
    settings.AUDIT_HEADS.unlink()
    assert "heads are missing" in seal()
    call_command("seal_audit", restart_heads=True, stdout=io.StringIO())
    assert verify() == ""


def test_a_head_outside_is_itself_looked_at(log: list[int]) -> None:
    path = settings.AUDIT_HEADS
    heads = list(read_heads(path=path))
    forged = sign_seal(seal=replace(heads[-1].seal, root=bytes(32)), key=Ed25519PrivateKey.generate())
    path.write_text("".join(json.dumps(write_seal(signed=signed)) + "\n" for signed in heads[:-1]))
    append_head(path=path, signed=forged)
    assert verify() == "seal 5 (positions 17 to 20) has another head than outside"


def test_one_records_proof_holds_without_the_database(log: list[int], tmp_path: Path) -> None:
    proof = prove_record(record_id=log[6])
    assert proof is not None
    assert json.loads(proof["record"])[0] == log[6]
    (path := tmp_path / "proof.json").write_text(json.dumps(proof))
    key = write_public_key(key=signing_key().public_key())
    output = io.StringIO()
    call_command("verify_audit", proof=path, public_key=[key], stdout=output)
    assert "The proof holds: position 7, seal 2" in output.getvalue()
    path.write_text(json.dumps(proof | {"record": proof["record"].replace("thing 6", "thing 5")}))
    with pytest.raises(CommandError, match="does not lead to the sealed root"):
        call_command("verify_audit", proof=path, public_key=[key], stdout=output)
    (waiting,) = UnsealedRecord.objects.values_list("pk", flat=True)
    assert prove_record(record_id=waiting) is None


ATTACKS = (
    "UPDATE events_auditleaf SET leaf = sha256('x')",
    "DELETE FROM events_auditleaf",
    "TRUNCATE events_auditleaf, events_sealedbatch",
    "UPDATE events_sealedbatch SET key_id = ''",
    "DELETE FROM events_sealedbatch",
    "TRUNCATE events_unsealedrecord",
    "UPDATE events_unsealedrecord SET record_id = 0",
    "DELETE FROM events_auditverification",
    "UPDATE events_auditverification SET fault = ''",
    "INSERT INTO events_sealedbatch SELECT number + 2, first_position + 8, last_position + 8, root, head, sha256('x'),"
    " signature, key_id, sealed_at FROM events_sealedbatch WHERE number = 5",
    "INSERT INTO events_sealedbatch SELECT number + 1, first_position + 4, last_position + 4, root, head, sha256('x'),"
    " signature, key_id, sealed_at FROM events_sealedbatch WHERE number = 5",
    "INSERT INTO events_auditleaf SELECT 0, id, digest FROM events_auditrecord ORDER BY id DESC LIMIT 1",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_with_its_triggers_the_database_refuses_by_itself(attack: str, log: list[int]) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attack)


def test_two_sealers_do_not_meet(log: list[int]) -> None:
    import psycopg

    parameters = connection.get_connection_params()
    with psycopg.connect(
        host=parameters["host"], port=parameters["port"], user=parameters["user"], password=parameters["password"],
        dbname=parameters["dbname"],
    ) as other:  # fmt: skip
        other.execute("SELECT pg_advisory_lock(%s)", [sealing.LOCK_KEY])
        assert seal() == ""
        assert waiting_records().count == 1
        # Closing the connection gives the lock back too, but only when its server process has noticed.
        other.execute("SELECT pg_advisory_unlock(%s)", [sealing.LOCK_KEY])
    assert seal() == ""
    assert waiting_records().count == 0
    found = last_seal()
    assert found is not None
    assert found.seal.number == SealedBatch.objects.count() == BATCHES + 1
    assert core.MOST_RECORDS == 4_096


def test_how_long_the_log_has_not_been_verified_is_known() -> None:
    assert verified_since() is None
    record()
    sealed = timezone.now() - timedelta(days=3)
    assert seal(now=sealed) == ""
    assert verified_since() == sealed
    # A refusal to seal looks at nothing.
    AuditVerification.objects.create(batches=0, records=0, seconds=0, fault="heads are missing")
    assert verified_since() == sealed
    found = verify_and_keep(keys=trusted_keys(), heads=settings.AUDIT_HEADS)
    found.refresh_from_db()
    assert verified_since() == found.verified_at
