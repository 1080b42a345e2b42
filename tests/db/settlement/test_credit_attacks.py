"""Every rule of the tables of credit, attacked with raw SQL; a database that refuses cannot be talked into it."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from settlement.models import CollateralPledge, CreditDraw, DryRun
from settlement.services.reimburse_credit import reimburse_credits
from tests.factories.chain import Chain
from tests.factories.credit import lend, price
from tests.factories.instructions import instruct

pytestmark = pytest.mark.django_db

TABLES = ("settlement_creditline", "settlement_creditdraw", "settlement_collateralpledge", "settlement_dryrun")
FOUR = "credit_account_id, collateral_account_id, overnight_account_id, overnight_collateral_account_id"
LINE = "(SELECT min(id) FROM settlement_creditline)"
NEW_DRAW = (
    "INSERT INTO settlement_creditdraw (line_id, cycle_id, business_date, at, amount_minor, status) SELECT"
    " line_id, (SELECT max(id) FROM settlement_cycle), business_date, at, {amount}, '{status}'"
    " FROM settlement_creditdraw"
)


@pytest.fixture(autouse=True)
def _lent(chain: Chain) -> None:
    """Let BRAVO owe 90,000 of 100,000, drawn in the first cycle of two; and let a dry run have been done."""
    price(chain, "BOND", "98")
    lend(chain, "BRAVO", 100_000)
    chain.give("ALPHA", "BOND", 2_000)
    instruct(chain, "ALPHA", "BRAVO", 1_000, 90_000, symbol="BOND")
    assert chain.cycle() is not None
    instruct(chain, "ALPHA", "CHARLIE", 1_000, 0, symbol="BOND")
    assert chain.cycle() is not None
    DryRun.objects.create(business_date=chain.day, at=chain.at, by="operator", state="DONE", progress_percent=100)
    run("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def refused(sql: str, because: str) -> None:
    """Expect a refusal, at the latest where the transaction would end."""
    with pytest.raises(DatabaseError, match=because), transaction.atomic():
        run(f"{sql}; SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_deleted_or_truncated(table: str) -> None:
    refused(f"DELETE FROM {table}", "never deleted|append-only")
    refused(f"TRUNCATE {table} CASCADE", "never truncated")


def test_a_pledge_is_a_fact() -> None:
    refused("UPDATE settlement_collateralpledge SET units = units", "append-only")


@pytest.mark.parametrize("column", ["line_id", "cycle_id", "business_date", "at", "amount_minor"])
def test_the_terms_of_a_credit_never_change(column: str) -> None:
    refused(f"UPDATE settlement_creditdraw SET {column} = {column}", "never change")


@pytest.mark.parametrize("column", ["account_id", "currency_id", *FOUR.split(", ")])
def test_the_accounts_of_a_line_never_change(column: str) -> None:
    refused(f"UPDATE settlement_creditline SET {column} = {column}", "never change")


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ("status = 'GIVEN'", "creditdraw_status|ends_as_it_says"),
        ("status = 'REIMBURSED'", "ends_as_it_says"),
        ("status = 'RELOCATED'", "ends_as_it_says"),
        ("reimbursed_at = now()", "ends_as_it_says"),
        ("relocated_at = now()", "ends_as_it_says"),
    ],
)
def test_a_credit_says_when_it_ended(change: str, because: str) -> None:
    refused(f"UPDATE settlement_creditdraw SET {change}", because)


def test_what_is_reimbursed_is_never_owed_again(chain: Chain) -> None:
    chain.give("BRAVO", "EUR", 90_000)
    reimburse_credits(business_date=chain.day, at=chain.at)
    for status in ("OPEN", "RELOCATED"):
        refused(
            f"UPDATE settlement_creditdraw SET status = '{status}', reimbursed_at = NULL, relocated_at = "
            + ("NULL" if status == "OPEN" else "now()"),
            "cannot go from REIMBURSED",
        )


def test_what_is_relocated_is_never_intraday_again(chain: Chain) -> None:
    reimburse_credits(business_date=chain.day, at=chain.at)
    refused("UPDATE settlement_creditdraw SET status = 'OPEN', relocated_at = NULL", "cannot go from RELOCATED")


def test_a_credit_begins_open_lends_something_and_is_within_the_limit() -> None:
    refused(NEW_DRAW.format(amount=1, status="REIMBURSED"), "begins OPEN")
    refused(NEW_DRAW.format(amount=0, status="OPEN"), "lends_something")
    refused(NEW_DRAW.format(amount=10_001, status="OPEN"), "more credit than the line gives")


def test_a_credit_without_pledges_does_not_outlive_its_transaction() -> None:
    refused(NEW_DRAW.format(amount=10_000, status="OPEN"), "covered by what is pledged")


def test_one_credit_a_line_and_cycle() -> None:
    refused(NEW_DRAW.replace("max(id)", "min(id)").format(amount=1, status="OPEN"), "creditdraw_once_a_cycle")


def test_a_line_that_is_switched_off_lends_nothing() -> None:
    run("UPDATE settlement_creditline SET active = false")
    refused(NEW_DRAW.format(amount=1, status="OPEN"), "more credit than the line gives")


def test_a_pledge_is_worth_something_and_named_once() -> None:
    copy = (
        "INSERT INTO settlement_collateralpledge (credit_id, securities_account_id, security_id, units,"
        " unit_value_minor) SELECT credit_id, securities_account_id, {security}, {units}, {value}"
        " FROM settlement_collateralpledge"
    )
    other = "(SELECT max(asset_ptr_id) FROM reference_security)"
    refused(copy.format(security=other, units=0, value=1), "collateralpledge_is_worth")
    refused(copy.format(security=other, units=1, value=0), "collateralpledge_is_worth")
    refused(copy.format(security="security_id", units=1, value=1), "once_a_credit")


def test_a_line_is_for_a_house_cash_account_at_anothers_accounts(chain: Chain) -> None:
    insert = (
        f"INSERT INTO settlement_creditline (account_id, currency_id, limit_minor, active, {FOUR})"
        f" SELECT {{account}}, currency_id, 1, true, {{four}} FROM settlement_creditline WHERE id = {LINE}"
    )
    house = chain.account("ALPHA", "EUR").pk
    for account, four in (
        (chain.account("ALPHA").pk, FOUR),  # securities
        (chain.account("ALPHA", "EUR", "FUND").pk, FOUR),  # a client's
        (house, FOUR.replace("credit_account_id, ", "account_id, ", 1)),  # BRAVO's own cash
        (chain.account("BANK", "EUR").pk, FOUR),  # the central bank's own
        (house, FOUR.replace("collateral_account_id", "overnight_collateral_account_id", 1)),
    ):
        refused(insert.format(account=account, four=four), "creditline_accounts|house cash account")
    refused(insert.format(account="account_id", four=FOUR), "creditline_once")
    refused("UPDATE settlement_creditline SET limit_minor = -1", "limit_not_negative")


def test_haircuts_are_between_nothing_and_all_of_a_known_kind_and_once_a_day() -> None:
    insert = "INSERT INTO settlement_collateralhaircut (category, valid_from, percent) VALUES ('{}', '{}', {})"
    refused(insert.format("LIQUID_SHARES", "2000-01-01", -1), "between_nothing_and_all")
    refused(insert.format("LIQUID_SHARES", "2000-01-01", 101), "between_nothing_and_all")
    refused(insert.format("GOLD", "2000-01-01", 1), "collateralhaircut_category")
    refused(insert.format("LIQUID_SHARES", "1998-01-01", 1), "collateralhaircut_once")


def test_a_dry_run_ends_once_and_says_why_it_failed() -> None:
    refused("UPDATE settlement_dryrun SET result = '{}'", "has ended never changes")
    refused("UPDATE settlement_dryrun SET by = by", "never change")
    insert = (
        "INSERT INTO settlement_dryrun (business_date, at, by, state, progress_percent, problem, result)"
        " SELECT business_date, at, by, {}, result FROM settlement_dryrun"
    )
    for values in ("'FAILED', 10, ''", "'DONE', 99, ''", "'DONE', 100, 'why'", "'GONE', 100, ''"):
        refused(insert.format(values), "dryrun_state")
    refused(insert.format("'RUNNING', 101, ''"), "dryrun_progress")


def test_the_market_has_what_is_attacked() -> None:
    assert (CreditDraw.objects.count(), CollateralPledge.objects.count(), DryRun.objects.count()) == (1, 1, 1)
