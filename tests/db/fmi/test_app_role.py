"""The role of web, worker and beat reads and adds to what is only ever added; the database refuses it all else.

The role is made as `manage.py prepare` makes it, in a transaction around the file that is undone. That its rights are
enough for a whole business day, by connections of its own: tests/chaos/test_backup.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import ProgrammingError, connection, transaction
from django.test import override_settings
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from events.models import AuditRecord
from events.services.seal import seal_records
from events.services.verify import signing_key
from fmi.app_role import grant_app_role
from reference.audit import record_action
from reference.core.actor import SYSTEM
from tests.factories.chain import WEDNESDAY, Chain, at_time, make_chain, play_small
from tests.factories.role_attacks import AUDIT_TABLES, ROLE_ATTACKS

pytestmark = pytest.mark.django_db
ROLE = "fmi_app_of_this_test"
ATTACKS_ON_A_TABLE = {
    "change": "UPDATE {table} SET {column} = {column}",
    "change nothing": "UPDATE {table} SET {column} = {column} WHERE false",
    "delete": "DELETE FROM {table}",
    "empty": "TRUNCATE {table} CASCADE",
    "drop": "DROP TABLE {table} CASCADE",
    "another column": "ALTER TABLE {table} ADD COLUMN mine int",
    "no triggers": "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "lock for a change": "SELECT * FROM {table} FOR UPDATE",
}


@pytest.fixture(scope="module")
def played(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Chain]:
    """Play the small market, and make the role."""
    from reference.queries import forget_directory

    with django_db_blocker.unblock(), transaction.atomic():
        chain = make_chain()
        play_small(chain)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with override_settings(DATABASE_URL=f"postgresql://{ROLE}:a-password@127.0.0.1/fmi"):
            assert grant_app_role() == ROLE
            assert grant_app_role() == ROLE, "it may be repeated"
        yield chain
        transaction.set_rollback(True)
    forget_directory()


@pytest.fixture(autouse=True)
def _as_the_role(played: Chain) -> Iterator[None]:
    """Act as the role, in a savepoint of the test."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE {ROLE}")
        yield
        transaction.set_rollback(True)


def run(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def refused(sql: str) -> None:
    with pytest.raises(ProgrammingError) as refusal, transaction.atomic():
        run(sql)
    assert isinstance(refusal.value.__cause__, psycopg.errors.InsufficientPrivilege), refusal.value


def test_the_role_is_the_one_that_acts_and_owns_nothing() -> None:
    assert run("SELECT current_user") == [(ROLE,)]
    assert run("SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles"
               " WHERE rolname = current_user") == [(False,) * 5]  # fmt: skip
    assert run("SELECT relname FROM pg_class WHERE relowner = current_user::regrole") == []
    assert run("SELECT proname FROM pg_proc WHERE proowner = current_user::regrole") == []
    assert run("SELECT roleid::regrole::text FROM pg_auth_members WHERE member = current_user::regrole") == []


@pytest.mark.parametrize("table", AUDIT_TABLES)
@pytest.mark.parametrize("attack", ATTACKS_ON_A_TABLE.values(), ids=ATTACKS_ON_A_TABLE)
def test_the_audit_log_and_its_seals_are_out_of_reach(table: str, attack: str) -> None:
    ((column,),) = run(
        f"SELECT attname::text FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 LIMIT 1"
    )
    refused(attack.format(table=table, column=column))


@pytest.mark.parametrize("table", AUDIT_TABLES)
def test_none_of_their_triggers_is_dropped_or_replaced(table: str) -> None:
    triggers = run(
        "SELECT tgname::text, p.proname::text FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid"
        f" WHERE tgrelid = '{table}'::regclass AND NOT tgisinternal"
    )
    assert triggers
    for trigger, function in triggers:
        refused(f"DROP TRIGGER {trigger} ON {table}")
        refused(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        refused(f"DROP FUNCTION {function}() CASCADE")
        refused(f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")


def test_it_gives_itself_no_right() -> None:
    """PostgreSQL warns and does nothing, for it may read the table."""
    run("GRANT ALL ON events_auditrecord TO CURRENT_ROLE")
    refused("UPDATE events_auditrecord SET actor = 'nobody'")


@pytest.mark.parametrize("attack", ROLE_ATTACKS)
def test_what_is_only_added_to_is_out_of_reach(attack: str) -> None:
    refused(attack)


def test_the_product_writes_its_record_and_goes_on_under_the_role(played: Chain) -> None:
    """Else the refusals above could be those of a role that may do nothing at all."""
    before = AuditRecord.objects.count()
    assert before
    record_action(
        actor=SYSTEM, action="test.done", at=at_time(WEDNESDAY, 11), business_date=WEDNESDAY, summary="Done",
        object_type="test", object_id=1, detail={},
    )  # fmt: skip
    assert AuditRecord.objects.latest("pk").action == "test.done"
    assert played.capture("UNDER", "ALPHA", "BRAVO", by="ALPHA", quantity=3).outcome == "ACCEPTED"
    assert played.status("UNDER") == "NEW"
    assert AuditRecord.objects.count() == before + 2
    assert seal_records(key=signing_key(), heads=settings.AUDIT_HEADS, now=timezone.now()).fault == ""
    assert run("SELECT count(*) FROM events_unsealedrecord") == [(0,)]
    run("SET CONSTRAINTS ALL IMMEDIATE")
