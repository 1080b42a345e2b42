"""Every rule of the tables of membership, collateral and calls, attacked with raw SQL."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from clearing.models import MarginCall
from clearing.services.issue_calls import issue_calls
from tests.factories.chain import Chain
from tests.factories.collateral import call_and_pay_in_part, require

pytestmark = pytest.mark.django_db

APPEND_ONLY = ("clearing_collateralmovement", "clearing_callpayment")
NEVER_DELETED = ("clearing_membership", "clearing_margincall")
IMMUTABLE = {
    "clearing_membership": ("member_id", "im_cash_id", "im_securities_id", "fund_cash_id", "joined_on"),
    "clearing_margincall": (
        "member_id", "currency_id", "kind", "run_id", "amount_minor", "business_date", "called_at", "deadline",
    ),
}  # fmt: skip
MOVING = {
    "clearing_membership": {"group_name", "status"},
    "clearing_margincall": {
        "id", "status", "paid_minor", "paid_at", "overdue_at", "withdrawn_at", "recorded_at",
    },
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _called(file_market: Chain) -> None:
    """ALPHA has put in and taken out; BRAVO's call is paid in part and overdue, DELTA's is open."""
    call_and_pay_in_part(file_market)
    issue_calls(run=require(file_market, DELTA=5_000))
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def refused(sql: str, because: str) -> None:
    """Expect a refusal, at the latest where the transaction would end."""
    with pytest.raises(DatabaseError, match=because), transaction.atomic():
        run(f"{sql}; SET CONSTRAINTS ALL IMMEDIATE")


def copy_row(table: str, where: str = "true", **changes: str) -> str:
    """Return the INSERT of a copy of one row of a table, some columns changed to SQL expressions."""
    model = next(model for model in apps.get_models() if model._meta.db_table == table)
    columns = [str(field.column) for field in model._meta.concrete_fields if field.column != "id"]
    values = [changes.get(column, column) for column in columns]
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {table} WHERE {where} LIMIT 1"


@pytest.mark.parametrize("table", [*APPEND_ONLY, *NEVER_DELETED])
def test_nothing_is_deleted_or_truncated(table: str) -> None:
    refused(f"DELETE FROM {table}", "never deleted|append-only")
    refused(f"TRUNCATE {table} CASCADE", "never truncated")


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_facts_are_not_changed(table: str) -> None:
    refused(f"UPDATE {table} SET id = id", "append-only")


@pytest.mark.parametrize(("table", "column"), [(table, column) for table in IMMUTABLE for column in IMMUTABLE[table]])
def test_the_terms_never_change(table: str, column: str) -> None:
    refused(f"UPDATE {table} SET {column} = {column}", "never change")


@pytest.mark.parametrize("table", sorted(IMMUTABLE))
def test_every_column_is_immutable_or_known_to_move(table: str) -> None:
    model = next(model for model in apps.get_models() if model._meta.db_table == table)
    assert {field.column for field in model._meta.concrete_fields} - set(IMMUTABLE[table]) == MOVING[table]


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ("status = 'LOST'", "margincall_status|is_as_it_says"),
        ("status = 'PAID'", "is_as_it_says"),
        ("status = 'PAID', paid_at = now()", "is_as_it_says"),
        ("status = 'ISSUED', overdue_at = NULL", "cannot go from OVERDUE to ISSUED"),
        ("paid_minor = 70001", "paid_at_most_once|is_as_it_says"),
        ("paid_minor = -1", "paid_at_most_once"),
        ("paid_minor = 40000", "not the sum of its payments"),
        ("paid_minor = amount_minor, status = 'PAID', paid_at = now()", "not the sum of its payments"),
        ("withdrawn_at = now()", "is_as_it_says"),
        ("overdue_at = NULL", "is_as_it_says"),
    ],
)
def test_a_call_is_what_its_payments_make_it(change: str, because: str) -> None:
    refused(f"UPDATE clearing_margincall SET {change} WHERE status = 'OVERDUE'", because)


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"amount_minor": "0"}, "asks_for_something"),
        ({"deadline": "called_at - interval '1 second'"}, "deadline_after_call"),
        ({"kind": "'GIFT'"}, "margincall_kind"),
        ({"status": "'OVERDUE'", "overdue_at": "now()"}, "begins ISSUED and unpaid"),
        ({"paid_minor": "1"}, "begins ISSUED and unpaid"),
        ({"member_id": "0"}, "refers to no row of clearing_membership"),
        ({}, "margincall_once_a_run"),
    ],
)
def test_a_call_begins_as_one(changes: dict[str, str], because: str) -> None:
    refused(copy_row("clearing_margincall", "status = 'ISSUED'", **changes), because)


def test_a_bank_that_is_no_member_is_not_called(chain: Chain) -> None:
    sql = copy_row("clearing_margincall", "status = 'ISSUED'", member_id=str(chain.ids["ECHO"]), run_id="NULL")
    refused(sql, "refers to no row of clearing_membership")


def test_a_payment_is_posted_and_counted() -> None:
    refused(copy_row("clearing_callpayment"), "not the sum of its payments")
    refused(copy_row("clearing_callpayment", amount_minor="0"), "pays_something")
    refused(
        copy_row("clearing_callpayment", amount_minor="10")
        + "; UPDATE clearing_margincall SET paid_minor = paid_minor + 10 WHERE status = 'OVERDUE'",
        "has no journal entry",
    )


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({}, "has no journal entry"),
        ({"amount": "0"}, "collateralmovement_direction"),
        ({"amount": "-amount"}, "collateralmovement_direction"),
        ({"kind": "'WITHDRAWAL'"}, "collateralmovement_direction"),
        ({"kind": "'SUBSTITUTION'"}, "collateralmovement_direction"),
        ({"kind": "'GIFT'"}, "collateralmovement_(kind|direction)"),
        ({"member_id": "0"}, "refers to no row of clearing_membership"),
        ({"kind": "'SUBSTITUTION'", "replaces_id": "id"}, "replaces one that left by substitution"),
    ],
)
def test_a_movement_is_posted_and_goes_its_way(changes: dict[str, str], because: str) -> None:
    refused(copy_row("clearing_collateralmovement", "kind = 'DEPOSIT'", **changes), because)


def test_a_movement_is_of_its_segment(chain: Chain) -> None:
    for asset in ("USD", "DOLLAR"):
        sql = copy_row("clearing_collateralmovement", "kind = 'DEPOSIT'", asset_id=str(chain.assets[asset]))
        refused(sql, "of the currency of its segment")


def test_what_leaves_by_substitution_is_replaced(chain: Chain) -> None:
    sql = copy_row("clearing_collateralmovement", "kind = 'WITHDRAWAL'", kind="'SUBSTITUTION'")
    refused(sql, "has no journal entry|is replaced")


def test_a_membership_has_accounts_of_its_own_at_the_ccp(chain: Chain) -> None:
    member = {"member_id": str(chain.ids["ECHO"]), "status": "'ACTIVE'"}
    refused(copy_row("clearing_membership", **member), "clearing_membership_[a-z_]*_key")
    own = {
        "im_cash_id": str(chain.account("ECHO", "EUR").pk),
        "im_securities_id": str(chain.account("ECHO").pk),
        "fund_cash_id": str(chain.account("BRAVO", "EUR").pk),
    }
    refused(copy_row("clearing_membership", **member, **own), "joins a clearing member with accounts of the CCP")


def test_a_default_is_not_taken_back() -> None:
    run("UPDATE clearing_membership SET status = 'DEFAULTED'")
    refused("UPDATE clearing_membership SET status = 'ACTIVE'", "cannot go from DEFAULTED to ACTIVE")


def test_the_attacks_left_the_calls_as_they_were() -> None:
    assert list(MarginCall.objects.order_by("id").values_list("status", "paid_minor")) == [
        ("OVERDUE", 30_000), ("ISSUED", 0),
    ]  # fmt: skip
