"""Every trigger and constraint of the chain's tables, attacked with raw SQL over a played market.

Each attack names the rule that must refuse it. What the database refuses, no bug above it can do.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from pytest_django import DjangoDbBlocker

pytestmark = pytest.mark.django_db

APPEND_ONLY = (
    "events_auditrecord", "ledger_journalentry", "ledger_posting", "settlement_attempt", "settlement_cycle",
    "trades_cancellationrequest", "trades_match", "trades_refusedline", "clearing_nettingrun",
)  # fmt: skip
NEVER_DELETED = (
    "events_outboxfact", "ledger_account", "ledger_balance", "settlement_instruction", "trades_trade",
    "clearing_novation", "clearing_obligation",
)  # fmt: skip

IMMUTABLE = {
    "trades_trade": (
        "public_id", "trade_id", "reporter_id", "side", "buyer_id", "seller_id", "buyer_account_id",
        "seller_account_id", "security_id", "currency_id", "quantity_units", "price", "amount_minor", "trade_date",
        "settlement_date", "cleared", "transaction_type", "trading_venue", "received_at", "business_date", "match_key",
    ),
    "clearing_novation": ("match_id", "settlement_date", "novated_at", "business_date"),
    "clearing_obligation": (
        "kind", "netting_run_id", "match_id", "account_id", "counterparty_account_id", "security_id", "currency_id",
        "settlement_date", "quantity_units", "cash_minor", "trades", "bought_minor", "sold_minor", "created_at",
    ),
    "settlement_instruction": (
        "public_id", "source", "source_id", "reference", "instructed_by_id", "deliverer_account_id",
        "receiver_account_id", "security_id", "quantity_units", "currency_id", "cash_minor", "intended_date",
        "created_at",
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _played(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Play the small market in a transaction around the file; each attack is a savepoint in it."""
    from reference.queries import forget_directory
    from tests.factories.chain import make_chain, play_small

    with django_db_blocker.unblock(), transaction.atomic():
        play_small(make_chain())
        # Foreign keys are checked at once, not at a commit that never comes.
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        yield
        transaction.set_rollback(True)
    forget_directory()


def run(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.rowcount)


def refused(sql: str, because: str) -> None:
    with pytest.raises(DatabaseError, match=because), transaction.atomic():
        run(sql)


def copy_row(table: str, where: str = "true", **changes: str) -> str:
    """Return the INSERT of a copy of one row of a table, some columns changed to SQL expressions."""
    model = next(model for model in apps.get_models() if model._meta.db_table == table)
    columns = [str(field.column) for field in model._meta.concrete_fields if field.column != "id" or "id" in changes]
    values = [changes.get(column, column) for column in columns]
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {table}"
        f" WHERE {where} ORDER BY 1 LIMIT 1"
    )


def test_the_market_has_rows_everywhere() -> None:
    with connection.cursor() as cursor:
        for table in (*APPEND_ONLY, *NEVER_DELETED, "trades_unmatchedtrade", "settlement_daystep"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone()[0] > 0, table
        cursor.execute("SELECT DISTINCT status FROM trades_trade")
        assert {row[0] for row in cursor.fetchall()} == {"NEW", "MATCHED", "CLEARED", "SETTLED", "CANCELLED"}
        cursor.execute("SELECT DISTINCT status FROM settlement_instruction")
        assert {row[0] for row in cursor.fetchall()} == {"PENDING", "SETTLED"}


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_facts_are_neither_changed_nor_deleted(table: str) -> None:
    refused(f"UPDATE {table} SET id = id", "append-only")
    refused(f"DELETE FROM {table}", "append-only")


@pytest.mark.parametrize("table", NEVER_DELETED)
def test_nothing_is_deleted(table: str) -> None:
    refused(f"DELETE FROM {table}", "never deleted")


@pytest.mark.parametrize("table", [*APPEND_ONLY, *NEVER_DELETED])
def test_nothing_is_truncated(table: str) -> None:
    refused(f"TRUNCATE {table} CASCADE", "never truncated")


@pytest.mark.parametrize(("table", "column"), [(table, column) for table in IMMUTABLE for column in IMMUTABLE[table]])
def test_the_terms_never_change(table: str, column: str) -> None:
    refused(f"UPDATE {table} SET {column} = {column}", "never change")


@pytest.mark.parametrize("table", sorted(IMMUTABLE))
def test_every_column_is_immutable_or_known_to_move(table: str) -> None:
    model = next(model for model in apps.get_models() if model._meta.db_table == table)
    moving = {field.column for field in model._meta.concrete_fields} - set(IMMUTABLE[table])
    known = {
        "trades_trade": {"id", "status", "submission_id", "recorded_at"},
        "clearing_novation": {"netting_run_id", "cancelled_at"},
        "clearing_obligation": {"id", "discharged_at", "cancelled_at", "carried_at"},
        "settlement_instruction": {
            "id", "priority", "held_by_deliverer", "held_by_receiver", "status", "reason", "shortfall", "cycle_id",
            "settled_at", "recorded_at", "settled_units", "settled_minor", "partial_allowed", "partial_minimum_units",
            "cancel_wanted_by_deliverer", "cancel_wanted_by_receiver",
        },
    }  # fmt: skip
    assert moving == known[table]


TRADE_STEPS = [
    (before, after)
    for before, afters in {
        "NEW": ("CLEARED", "SETTLED"),
        "MATCHED": ("NEW",),
        "CLEARED": ("NEW", "MATCHED"),
        "SETTLED": ("NEW", "MATCHED", "CLEARED", "CANCELLED"),
        "CANCELLED": ("NEW", "MATCHED", "CLEARED", "SETTLED"),
    }.items()
    for after in afters
]


@pytest.mark.parametrize(("before", "after"), TRADE_STEPS)
def test_a_trade_takes_no_illegal_step(before: str, after: str) -> None:
    refused(f"UPDATE trades_trade SET status = '{after}' WHERE status = '{before}'", "cannot go from")


@pytest.mark.parametrize("after", ["PENDING", "CANCELLED"])
def test_a_settled_instruction_stays_settled(after: str) -> None:
    refused(
        f"UPDATE settlement_instruction SET status = '{after}', cycle_id = NULL, settled_at = NULL,"
        " settled_units = 0, settled_minor = 0 WHERE status = 'SETTLED'",
        "cannot go from SETTLED",
    )


ATTACKS = {
    # the ledger
    "a balance moved by hand": (
        "UPDATE ledger_balance SET balance = balance + 1",
        "moved by postings only",
    ),
    "a balance out of nothing": (
        "INSERT INTO ledger_balance (account_id, asset_id, balance, floor) SELECT a.id, r.id, 1000, 0"
        " FROM ledger_account a CROSS JOIN reference_asset r WHERE a.code = 'DELTA-SEC-HOUSE' AND r.code = 'USD'",
        "begins at zero",
    ),
    "a second balance of the same": (copy_row("ledger_balance", balance="0"), "balance_unique"),
    "a limit above the balance": ("UPDATE ledger_balance SET floor = balance + 1", "balance_not_below_floor"),
    "a posting of nothing": (copy_row("ledger_posting", amount="0"), "posting_amount_not_zero"),
    "one posting too many": (copy_row("ledger_posting"), "does not sum to zero"),
    "postings that balance across entries only": (
        "INSERT INTO ledger_posting (entry_id, account_id, asset_id, amount, business_date)"
        " SELECT p.entry_id, p.account_id, p.asset_id, v.amount, p.business_date FROM (VALUES (1), (-1)) v (amount)"
        " JOIN LATERAL (SELECT * FROM ledger_posting ORDER BY id * v.amount LIMIT 1) p ON true",
        "does not sum to zero",
    ),
    "postings to no entry": (
        "INSERT INTO ledger_posting (entry_id, account_id, asset_id, amount, business_date)"
        " SELECT 999999999, account_id, asset_id, v.amount, business_date"
        " FROM (SELECT * FROM ledger_posting ORDER BY id LIMIT 1) p CROSS JOIN (VALUES (1), (-1)) v (amount)",
        "refers to no journal entry",
    ),
    "postings on another date than their entry's": (
        "INSERT INTO ledger_posting (entry_id, account_id, asset_id, amount, business_date)"
        " SELECT entry_id, account_id, asset_id, v.amount, business_date + 1"
        " FROM (SELECT * FROM ledger_posting ORDER BY id LIMIT 1) p CROSS JOIN (VALUES (1), (-1)) v (amount)",
        "refers to no journal entry of its business date",
    ),
    "postings to no account": (
        "INSERT INTO ledger_posting (entry_id, account_id, asset_id, amount, business_date)"
        " SELECT entry_id, 999999999, asset_id, v.amount, business_date"
        " FROM (SELECT * FROM ledger_posting ORDER BY id LIMIT 1) p CROSS JOIN (VALUES (1), (-1)) v (amount)",
        "refers to no account",
    ),
    "postings in no asset": (
        "INSERT INTO ledger_posting (entry_id, account_id, asset_id, amount, business_date)"
        " SELECT entry_id, account_id, 999999999, v.amount, business_date"
        " FROM (SELECT * FROM ledger_posting ORDER BY id LIMIT 1) p CROSS JOIN (VALUES (1), (-1)) v (amount)",
        "ledger_balance_asset_id",
    ),
    "money an account does not have": (
        "INSERT INTO ledger_posting (entry_id, account_id, asset_id, amount, business_date)"
        " SELECT e.id, b.account_id, b.asset_id, v.sign * (c.balance + 1), e.business_date"
        " FROM (SELECT * FROM ledger_journalentry ORDER BY id LIMIT 1) e"
        " CROSS JOIN (SELECT b.* FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id"
        "  JOIN reference_asset r ON r.id = b.asset_id WHERE a.code = 'ALPHA-CASH-HOUSE' AND r.code = 'EUR') c"
        " CROSS JOIN (VALUES (-1), (1)) v (sign)"
        " JOIN ledger_balance b ON b.asset_id = c.asset_id AND ((v.sign = -1 AND b.id = c.id) OR (v.sign = 1 AND"
        "  b.account_id = (SELECT id FROM ledger_account WHERE code = 'BRAVO-CASH-HOUSE')))",
        "balance_not_below_floor",
    ),
    "the same entry twice": (copy_row("ledger_journalentry"), "journalentry_source"),
    "a securities account without cash": (
        "UPDATE ledger_account SET linked_cash_id = NULL WHERE kind = 'SECURITIES'",
        "account_linked_cash",
    ),
    "an account of another kind": (
        copy_row("ledger_account", code="'X'", name="'X'", kind="'GOLD'"),
        "account_kind",
    ),
    "an account that changes hands": (
        "UPDATE ledger_account SET participant_id = participant_id + 1",
        "never change",
    ),
    "an account paid for by another's": (
        "UPDATE ledger_account s SET linked_cash_id = c.id FROM ledger_account c"
        " WHERE s.code = 'ALPHA-SEC-HOUSE' AND c.code = 'BRAVO-CASH-HOUSE'",
        "paid for by no cash account of its participant",
    ),
    # trades
    "a trade reported twice": (
        copy_row("trades_trade", public_id="gen_random_uuid()"),
        "trade_reported_once",
    ),
    "a trade with itself": (
        copy_row("trades_trade", public_id="gen_random_uuid()", trade_id="'X'", seller_id="buyer_id"),
        "trade_buyer_is_not_seller",
    ),
    "a trade of nothing": (
        copy_row("trades_trade", public_id="gen_random_uuid()", trade_id="'X'", quantity_units="0"),
        "trade_positive",
    ),
    "a trade for nothing": (
        copy_row("trades_trade", public_id="gen_random_uuid()", trade_id="'X'", amount_minor="-1"),
        "trade_positive",
    ),
    "a trade of absurd size": (
        copy_row("trades_trade", public_id="gen_random_uuid()", trade_id="'X'", amount_minor="1000000000000001"),
        "trade_not_absurd",
    ),
    "a trade that settles before it was made": (
        copy_row("trades_trade", public_id="gen_random_uuid()", trade_id="'X'", settlement_date="trade_date - 1"),
        "trade_dates",
    ),
    "a side that is none": (
        copy_row("trades_trade", public_id="gen_random_uuid()", trade_id="'X'", side="'LEFT'"),
        "trade_side|trade_reported_by_its_side",
    ),
    "a state that is none": (
        copy_row("trades_trade", public_id="gen_random_uuid()", trade_id="'X'", status="'LOST'"),
        "trade_status",
    ),
    "a report by the other side": (
        copy_row(
            "trades_trade", "side = 'BUY'", public_id="gen_random_uuid()", trade_id="'X'", reporter_id="seller_id"
        ),
        "trade_reported_by_its_side",
    ),
    "a report that names the other side's account": (
        copy_row(
            "trades_trade",
            "side = 'BUY'",
            public_id="gen_random_uuid()",
            trade_id="'X'",
            seller_account_id="buyer_account_id",
        ),
        "trade_reported_by_its_side",
    ),
    "an unmatched trade that is no trade": (
        "INSERT INTO trades_unmatchedtrade (trade_id, checked, difference) VALUES (999999999, false, '')",
        "trades_unmatchedtrade.trade_id refers to no row",
    ),
    "a report in two matches": (copy_row("trades_match"), "buy_trade_id|sell_trade_id"),
    "a match of reports that are none": (
        copy_row("trades_match", buy_trade_id="999999998", sell_trade_id="999999999"),
        "refers to no row of trades_trade",
    ),
    "a submission whose counts do not add up": (
        "UPDATE trades_submission SET lines = lines + 1",
        "submission_counts_add_up",
    ),
    "a line refused twice": (copy_row("trades_refusedline"), "refusedline_unique"),
    "a cancellation asked twice": (copy_row("trades_cancellationrequest"), "cancellation_asked_once"),
    # clearing
    "a match novated twice": (copy_row("clearing_novation"), "clearing_novation_pkey"),
    "a novation of no match": (
        copy_row("clearing_novation", match_id="999999999"),
        "refers to no row of trades_match",
    ),
    "a netted novation cancelled": (
        "UPDATE clearing_novation SET cancelled_at = now() WHERE netting_run_id IS NOT NULL",
        "novation_netted_or_cancelled",
    ),
    "a net obligation twice": (copy_row("clearing_obligation", "kind = 'NET'"), "obligation_net_once"),
    "a gross obligation twice": (
        copy_row("clearing_obligation", "kind = 'GROSS'"),
        "clearing_obligation_match_id",
    ),
    "an obligation whose cash is not what was sold less bought": (
        copy_row(
            "clearing_obligation", "kind = 'NET'", account_id="counterparty_account_id", sold_minor="sold_minor + 1"
        ),
        "obligation_cash_is_sold_less_bought",
    ),
    "a net obligation without its run": (
        copy_row("clearing_obligation", "kind = 'NET'", netting_run_id="NULL"),
        "obligation_kind",
    ),
    "a net obligation cancelled": (
        "UPDATE clearing_obligation SET cancelled_at = now() WHERE kind = 'NET'",
        "obligation_cancelled_only_gross",
    ),
    "a discharged obligation cancelled": (
        "UPDATE clearing_obligation SET cancelled_at = now() WHERE kind = 'GROSS' AND discharged_at IS NOT NULL",
        "obligation_cancelled_only_gross",
    ),
    "an obligation of no account": (
        copy_row("clearing_obligation", "kind = 'NET'", account_id="999999999"),
        "refers to no row of ledger_account",
    ),
    # settlement
    "an instruction twice": (
        copy_row("settlement_instruction", "status = 'PENDING'", public_id="gen_random_uuid()"),
        "instruction_source_once",
    ),
    "an instruction born settled": (
        copy_row("settlement_instruction", "status = 'SETTLED'", public_id="gen_random_uuid()", source_id="-1"),
        "begins PENDING",
    ),
    "an instruction from an account to itself": (
        copy_row(
            "settlement_instruction",
            "status = 'PENDING'",
            public_id="gen_random_uuid()",
            source_id="-1",
            receiver_account_id="deliverer_account_id",
        ),
        "instruction_two_accounts",
    ),
    "an instruction that moves nothing": (
        copy_row(
            "settlement_instruction",
            "status = 'PENDING'",
            public_id="gen_random_uuid()",
            source_id="-1",
            quantity_units="0",
            cash_minor="0",
        ),
        "instruction_moves_something",
    ),
    "an instruction in no security": (
        copy_row(
            "settlement_instruction",
            "status = 'PENDING'",
            public_id="gen_random_uuid()",
            source_id="-1",
            security_id="currency_id",
        ),
        "refers to no row of reference_security",
    ),
    "settled without a cycle": (
        "UPDATE settlement_instruction SET status = 'SETTLED' WHERE status = 'PENDING'",
        "instruction_settled_in_a_cycle",
    ),
    "pending with a cycle": (
        "UPDATE settlement_instruction SET settled_at = now() WHERE status = 'PENDING'",
        "instruction_settled_in_a_cycle",
    ),
    "a priority that is none": ("UPDATE settlement_instruction SET priority = 5", "instruction_priority"),
    "a cycle whose counts do not add up": (
        copy_row("settlement_cycle", number="99", considered="considered + 1"),
        "cycle_counts_add_up",
    ),
    "a cycle number twice": (copy_row("settlement_cycle"), "cycle_number_once"),
    "an attempt twice": (copy_row("settlement_attempt"), "attempt_once_a_cycle"),
    "a step of a day twice": (copy_row("settlement_daystep"), "daystep_once"),
    "an action that is none": ("UPDATE settlement_scheduledstep SET action = 'NAP'", "scheduledstep_action"),
    "a step the day after": ("UPDATE settlement_scheduledstep SET day_offset = 1", "scheduledstep_day_offset"),
}


@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_it_is_refused(attack: str) -> None:
    sql, because = ATTACKS[attack]
    refused(sql, because)


REFERENCES = {
    "trades_trade": ("reporter_id", "buyer_id", "seller_id", "buyer_account_id", "security_id", "currency_id"),
    "settlement_instruction": ("deliverer_account_id", "receiver_account_id", "security_id", "currency_id"),
    "trades_match": ("buyer_account_id", "seller_account_id"),
    "clearing_obligation": ("account_id", "counterparty_account_id"),
}


@pytest.mark.parametrize(("table", "column"), [(table, column) for table in REFERENCES for column in REFERENCES[table]])
def test_a_reference_to_no_row_is_refused(table: str, column: str) -> None:
    """References that have no foreign key are checked by their statement."""
    changes = {column: "999999999"}
    where = "true"
    if table == "trades_trade":
        where = "side = 'BOTH'"
        changes |= {"public_id": "gen_random_uuid()", "trade_id": "'X'", "status": "'MATCHED'"}
    elif table == "settlement_instruction":
        where = "status = 'PENDING'"
        changes |= {"public_id": "gen_random_uuid()", "source_id": "-1"}
    elif table == "trades_match":
        unused = "(SELECT min(id) FROM trades_trade WHERE status = 'NEW')"
        changes |= {"buy_trade_id": unused, "sell_trade_id": unused}
    else:
        where = "kind = 'NET'"
        changes |= {"currency_id": "security_id"}
    refused(copy_row(table, where, **changes), rf"{table}\.{column} refers to no row")


def test_a_truncate_is_let_through_only_where_the_session_says_so() -> None:
    """Test teardown does; nothing of the product sets it."""
    with transaction.atomic():
        run("SET LOCAL fmi.allow_truncate = 'on'")
        run("TRUNCATE settlement_attempt")
        transaction.set_rollback(True)


def test_a_legal_step_and_an_unchanged_status_pass() -> None:
    assert run("UPDATE trades_trade SET status = status") > 0
    assert run("UPDATE trades_trade SET status = 'CANCELLED' WHERE status = 'NEW'") > 0
