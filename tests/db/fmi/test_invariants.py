"""Each invariant holds over a played market, and each is broken on purpose with raw SQL and seen by its name.

Triggers are silenced and CHECK constraints dropped inside the transaction: what no statement can do in the
product is done here, to know that it would be seen.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import date

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from clearing.queries.allocation_invariants import ALLOCATION_INVARIANTS
from clearing.queries.derivatives_invariants import DERIVATIVES_INVARIANTS
from clearing.queries.position_invariants import POSITION_INVARIANTS
from clearing.queries.risk_invariants import RISK_INVARIANTS
from fmi.invariants import INVARIANTS, check_invariants
from fmi.reports import run_report
from trades.queries.compliance_invariants import COMPLIANCE_INVARIANTS
from trades.queries.limit_invariants import LIMIT_INVARIANTS
from trades.queries.order_invariants import ORDER_INVARIANTS
from trades.queries.venue_invariants import VENUE_INVARIANTS

pytestmark = pytest.mark.django_db

SOME_BALANCE = (
    "(SELECT b.id FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id"
    " JOIN reference_asset r ON r.id = b.asset_id WHERE a.code = '{}-CASH-HOUSE' AND r.code = 'EUR')"
)
ALPHAS, BRAVOS = SOME_BALANCE.format("ALPHA"), SOME_BALANCE.format("BRAVO")
SETTLED = (
    "(SELECT min(id) FROM settlement_instruction WHERE status = 'SETTLED' AND quantity_units > 0 AND cash_minor > 0)"
)
ENTRY = f"(SELECT id FROM ledger_journalentry WHERE source = 'INSTRUCTION' AND source_id = {SETTLED})"
LEGS = "cash leg if and only if securities leg, both on their accounts and as much as has settled"
PARTS = "parts of an instruction add up to what has settled of it"
PART = "(SELECT min(id) FROM settlement_partialsettlement)"
LENT = "credit owed is what the central bank's credit accounts have lent"
PLEDGED = "collateral held by the central bank is what is pledged for open credits"
CREDIT = "each credit is covered, within its line, and booked as its state says"
DISTRIBUTED = "a corporate action pays its holders what they are entitled to, and only once it is paid"
CLAIMED = "a market claim is one instruction, which settles after its delivery"
NOT_CHECKED = "ALTER TABLE ledger_balance DROP CONSTRAINT balance_not_below_floor"

# what is done -> (the statements, the invariants that must see it; others may)
BREAKS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "money out of nothing": (
        (f"UPDATE ledger_balance SET balance = balance + 1 WHERE id = {ALPHAS}",),
        ("sum per asset zero", "balance equals the sum of its postings"),
    ),
    "a gap in the positions of events": (
        ("UPDATE events_outboxfact SET position = 1000000007 WHERE id = (SELECT max(id) FROM events_outboxfact)",),
        ("positions of events are dense, and what is published has one",),
    ),
    "an obligation that left and is carried nowhere": (
        ("UPDATE clearing_obligation SET carried_at = now() WHERE kind = 'NET'",),
        ("what leaves an obligation is carried, and no more than was left of it",),
    ),
    "money moved without a posting": (
        (
            f"UPDATE ledger_balance SET balance = balance - 1 WHERE id = {ALPHAS}",
            f"UPDATE ledger_balance SET balance = balance + 1 WHERE id = {BRAVOS}",
        ),
        ("balance equals the sum of its postings",),
    ),
    "a balance that vanished": (
        (f"DELETE FROM ledger_balance WHERE id = {ALPHAS}",),
        ("balance equals the sum of its postings",),
    ),
    "one posting of an entry changed": (
        (
            "UPDATE ledger_posting SET amount = amount + 1"
            f" WHERE id = (SELECT min(id) FROM ledger_posting WHERE entry_id = {ENTRY})",
        ),
        ("every journal entry balanced",),
    ),
    "postings whose entry is gone": (
        (f"DELETE FROM ledger_journalentry WHERE id = {ENTRY}",),
        ("every journal entry balanced",),
    ),
    "an account below its limit": (
        (NOT_CHECKED, f"UPDATE ledger_balance SET floor = balance + 1 WHERE id = {ALPHAS}"),
        ("no restricted balance below its limit",),
    ),
    "a delivery whose payment is missing": (
        (
            f"DELETE FROM ledger_posting WHERE entry_id = {ENTRY}"
            " AND asset_id IN (SELECT id FROM reference_asset WHERE kind = 'CASH')",
        ),
        (LEGS,),
    ),
    "a payment whose delivery is missing": (
        (
            f"DELETE FROM ledger_posting WHERE entry_id = {ENTRY}"
            " AND asset_id IN (SELECT id FROM reference_asset WHERE kind = 'SECURITY')",
        ),
        (LEGS,),
    ),
    "an instruction that settled in name only": (
        (
            "UPDATE settlement_instruction SET status = 'SETTLED', settled_at = now(),"
            " settled_units = quantity_units, settled_minor = cash_minor,"
            " cycle_id = (SELECT min(id) FROM settlement_cycle) WHERE status = 'PENDING'",
        ),
        (LEGS,),
    ),
    "an instruction that moved and says it did not": (
        (
            "UPDATE settlement_instruction SET status = 'PENDING', settled_at = NULL, cycle_id = NULL,"
            " settled_units = 0, settled_minor = 0"
            f" WHERE id = {SETTLED}",
        ),
        (LEGS,),
    ),
    "an instruction that moved twice as much": (
        (
            f"UPDATE ledger_posting SET amount = 2 * amount WHERE entry_id = {ENTRY}"
            " AND asset_id IN (SELECT id FROM reference_asset WHERE kind = 'CASH')",
        ),
        (LEGS,),
    ),
    "an instruction that moved between others": (
        (
            f"UPDATE ledger_posting SET account_id = (SELECT id FROM ledger_account WHERE code = 'ALPHA-SEC-FUND')"
            f" WHERE entry_id = {ENTRY} AND amount > 0"
            " AND asset_id IN (SELECT id FROM reference_asset WHERE kind = 'SECURITY')",
        ),
        (LEGS,),
    ),
    "a part without its payment": (
        (
            f"DELETE FROM ledger_posting WHERE entry_id = (SELECT id FROM ledger_journalentry WHERE source = 'PARTIAL'"
            f" AND source_id = {PART}) AND asset_id IN (SELECT id FROM reference_asset WHERE kind = 'CASH')",
        ),
        (LEGS,),
    ),
    "a part posted as another": (
        (
            "UPDATE ledger_journalentry SET source_id = -source_id WHERE source = 'PARTIAL'",
        ),
        (LEGS, PARTS),
    ),
    "a part that settled a cent too much": (
        (f"UPDATE settlement_partialsettlement SET settled_minor = settled_minor + 1 WHERE id = {PART}",),
        (PARTS,),
    ),
    "more settled than all parts": (
        (
            "UPDATE settlement_instruction SET settled_units = settled_units + 1"
            f" WHERE id = (SELECT instruction_id FROM settlement_partialsettlement WHERE id = {PART})",
        ),
        (LEGS, PARTS),
    ),
    "an entry of an instruction that is none": (
        (
            "UPDATE ledger_journalentry SET source = 'INSTRUCTION', source_id = -1"
            " WHERE source = 'OPENING' AND source_id = 1",
        ),
        (LEGS,),
    ),
    "a credit of which a cent was forgotten": (
        ("UPDATE settlement_creditdraw SET amount_minor = amount_minor - 1",),
        (LENT,),
    ),
    "a credit that was forgiven": (
        ("UPDATE settlement_creditdraw SET status = 'REIMBURSED', reimbursed_at = now()",),
        (LENT, PLEDGED, CREDIT),
    ),
    "a pledge that is kept in part": (
        ("UPDATE settlement_collateralpledge SET units = units + 1",),
        (PLEDGED,),
    ),
    "a pledge that was worth less": (
        ("UPDATE settlement_collateralpledge SET unit_value_minor = 1",),
        (CREDIT,),
    ),
    "a credit above its line's limit": (
        ("UPDATE settlement_creditline SET limit_minor = 1",),
        (CREDIT,),
    ),
    "a report in two matches": (
        (
            "INSERT INTO trades_match (buy_trade_id, sell_trade_id, rule, buyer_account_id, seller_account_id,"
            " security_id, currency_id, quantity_units, amount_minor, settlement_date, cleared, matched_at,"
            " business_date) SELECT (SELECT id FROM trades_trade WHERE trade_id = 'U1'), buy_trade_id, rule,"
            " buyer_account_id, seller_account_id, security_id, currency_id, quantity_units, amount_minor,"
            " settlement_date, cleared,"
            " matched_at, business_date FROM trades_match WHERE rule = 'EXACT' ORDER BY id LIMIT 1",
        ),
        ("each report in at most one match", "a report is matched if and only if it has a match"),
    ),
    "a report matched with nobody": (
        ("UPDATE trades_trade SET status = 'MATCHED' WHERE trade_id = 'U1'",),
        ("a report is matched if and only if it has a match",),
    ),
    "a matched report that is new again": (
        ("UPDATE trades_trade SET status = 'NEW' WHERE trade_id = 'N-A'",),
        ("a report is matched if and only if it has a match",),
    ),
    "a new report that nobody looks for": (
        ("DELETE FROM trades_unmatchedtrade WHERE trade_id = (SELECT id FROM trades_trade WHERE trade_id = 'U1')",),
        ("the unmatched pool is the reports that are new",),
    ),
    "a cancelled report still looked for": (
        (
            "INSERT INTO trades_unmatchedtrade (trade_id, checked, difference)"
            " SELECT id, true, '' FROM trades_trade WHERE trade_id = 'C'",
        ),
        ("the unmatched pool is the reports that are new",),
    ),
    "a trade settled before its obligations": (
        ("UPDATE trades_trade SET status = 'SETTLED' WHERE trade_id = 'L1-C'",),
        ("trade status agrees with its obligations",),
    ),
    "a trade not settled after them": (
        ("UPDATE trades_trade SET status = 'CLEARED' WHERE trade_id = 'S1-A'",),
        ("trade status agrees with its obligations",),
    ),
    "a gross trade not settled after them": (
        ("UPDATE trades_trade SET status = 'MATCHED' WHERE trade_id = 'G-A'",),
        ("trade status agrees with its obligations",),
    ),
    "a cleared trade that was never novated": (
        ("DELETE FROM clearing_novation WHERE netting_run_id IS NULL",),
        ("trade status agrees with its obligations",),
    ),
    "an obligation discharged by nothing": (
        ("UPDATE clearing_obligation SET discharged_at = now() WHERE discharged_at IS NULL",),
        ("a discharged obligation has settled",),
    ),
    "a netting run that made securities": (
        ("UPDATE clearing_obligation SET quantity_units = quantity_units + 1"
         " WHERE id = (SELECT min(id) FROM clearing_obligation WHERE kind = 'NET')",),
        ("netting conserves: obligations of a run, with the CCP's side of what was carried into it, sum to zero",),
    ),
    "a dividend paid short": (
        ("UPDATE settlement_entitlement SET amount = amount + 1",),
        (DISTRIBUTED,),
    ),
    "a claim paid before its delivery": (
        ("UPDATE settlement_instruction SET status = 'SETTLED', settled_minor = cash_minor, settled_at = now(),"
         " cycle_id = (SELECT min(id) FROM settlement_cycle) WHERE source = 'CORPORATE'",),
        (CLAIMED,),
    ),
    "a netting run that lost money": (
        ("UPDATE clearing_obligation SET cash_minor = cash_minor - 1, sold_minor = sold_minor - 1"
         " WHERE id = (SELECT min(id) FROM clearing_obligation WHERE kind = 'NET')",),
        ("netting conserves: obligations of a run, with the CCP's side of what was carried into it, sum to zero",),
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _played(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Play the small market once around the file; each test is a savepoint in it."""
    from reference.queries import forget_directory
    from tests.factories.chain import make_chain, play_small
    from tests.factories.credit import lend, price
    from tests.factories.distributing import announce, pay, record
    from tests.factories.instructions import instruct

    with django_db_blocker.unblock(), transaction.atomic():
        chain = make_chain()
        play_small(chain)
        chain.give("BRAVO", "BOND", 100_000)
        chain.give("CHARLIE", "EUR", 40_000_001)
        instruct(chain, "BRAVO", "CHARLIE", 300_001, 40_000_001, symbol="BOND", partial=True)
        cycle = chain.cycle(partials=True)
        assert cycle is not None
        assert cycle.partly == 1
        price(chain, "STOCK", "10")
        lend(chain, "DELTA", 100_000)
        instruct(chain, "ALPHA", "DELTA", 100, 70_000)
        cycle = chain.cycle()
        assert cycle is not None
        assert cycle.credit_drawn_minor == {"EUR": 65_000}
        chain.give("ALPHA", "SHARE", 10)
        announce(chain, "DIVIDEND", "SHARE", rate="1.25", ex_date=date(2008, 9, 11))
        assert (record(chain), pay(chain)) == (1, 1)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        yield
        transaction.set_rollback(True)
    forget_directory()


def do(statements: tuple[str, ...]) -> None:
    """Do what no trigger would let through; every statement must change something."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for sql in statements:
            cursor.execute(sql)
            assert cursor.rowcount != 0, sql
        cursor.execute("SET LOCAL session_replication_role = origin")


def broken() -> dict[str, list[str]]:
    return {finding.name: finding.examples for finding in check_invariants() if finding.violations}


def test_the_played_market_breaks_none() -> None:
    assert broken() == {}
    assert len(check_invariants()) == len(INVARIANTS)


def test_every_invariant_is_broken_by_one_of_these_tests() -> None:
    # Those of risk and of derivatives are broken beside what they are about, in tests/db/clearing.
    elsewhere = {
        *RISK_INVARIANTS, *DERIVATIVES_INVARIANTS, *ALLOCATION_INVARIANTS, *POSITION_INVARIANTS, *COMPLIANCE_INVARIANTS,
        *ORDER_INVARIANTS, *LIMIT_INVARIANTS, *VENUE_INVARIANTS,
    }  # fmt: skip
    assert {name for _, names in BREAKS.values() for name in names} == set(INVARIANTS) - elsewhere


@pytest.mark.parametrize("what", sorted(BREAKS))
def test_it_is_seen(what: str) -> None:
    statements, names = BREAKS[what]
    do(statements)
    found = broken()
    assert set(names) <= set(found), found
    assert all(examples and all(examples) for examples in found.values())


@pytest.mark.parametrize("what", sorted(BREAKS))
def test_the_command_names_it_and_exits_with_an_error(what: str) -> None:
    statements, names = BREAKS[what]
    do(statements)
    output = io.StringIO()
    with pytest.raises(CommandError, match=rf"of {len(INVARIANTS)} invariants do not hold"):
        call_command("check_invariants", stdout=output)
    lines = output.getvalue().splitlines()
    for name in names:
        assert any(line.startswith("FAILS") and line.endswith(name) for line in lines), output.getvalue()


def test_the_command_prints_one_line_an_invariant_where_all_hold() -> None:
    output = io.StringIO()
    call_command("check_invariants", stdout=output)
    lines = output.getvalue().splitlines()
    assert len(lines) == len(INVARIANTS)
    assert all(line.startswith("holds") for line in lines)


def test_the_command_speaks_json() -> None:
    output = io.StringIO()
    call_command("check_invariants", json=True, stdout=output)
    findings = json.loads(output.getvalue())
    assert [finding["name"] for finding in findings] == list(INVARIANTS)


def test_a_run_report_carries_the_violations() -> None:
    do(BREAKS["money out of nothing"][0])
    report = run_report(findings=check_invariants())
    assert report["invariants"]["sum per asset zero"] == 1


def test_examples_are_few_and_violations_all_counted() -> None:
    do(("UPDATE trades_trade SET status = 'NEW'",))
    finding = next(found for found in check_invariants() if found.name.startswith("a report is matched"))
    assert finding.violations > len(finding.examples) == 5
