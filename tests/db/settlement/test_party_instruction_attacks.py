"""Every trigger and constraint of what parties instruct and link, attacked with raw SQL."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from settlement.models import Instruction, InstructionLink, PartyInstruction, PartyLink
from tests.db.fmi.test_raw_sql_attacks import copy_row
from tests.factories.chain import Chain
from tests.factories.instructing import instruct, instruct_both, match_all

pytestmark = pytest.mark.django_db
PARTY, LINK = "settlement_partyinstruction", "settlement_partylink"
TERMS = (
    "public_id", "movement", "participant_id", "account_id", "counterparty_id", "counterparty_account_id", "payment",
    "security_id", "quantity_units", "currency_id", "cash_minor", "intended_date", "trade_date", "reference",
    "common_reference", "created_at",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _instructed(chain: Chain) -> None:
    """M and L matched and linked, W unmatched and linked with M, and one cancelled."""
    instruct_both(chain, "M")
    instruct_both(chain, "L", units=6)
    match_all(chain)
    instruct(chain, "W", "DELI", "ALPHA", "BRAVO", units=7, links=[("AFTER", "M-D")])
    instruct(chain, "V", "DELI", "ALPHA", "BRAVO", units=8, links=[("WITH", "L-D")])
    instruct(chain, "V-R", "RECE", "BRAVO", "ALPHA", units=8)
    match_all(chain)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def refused(sql: str, because: str) -> None:
    with pytest.raises(DatabaseError, match=because), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def fresh(**changes: str) -> str:
    """Return the INSERT of a copy of the unmatched instruction W under another reference, with changes."""
    return copy_row(PARTY, "reference = 'W'", **{"public_id": "gen_random_uuid()", "reference": "'X'"} | changes)


def test_there_is_something_to_attack() -> None:
    assert set(PartyInstruction.objects.values_list("status", flat=True)) == {"MATCHED", "UNMATCHED"}
    assert PartyLink.objects.filter(resolved_at=None).count() == 1
    assert InstructionLink.objects.count() == 1
    with connection.cursor() as cursor:
        cursor.execute(fresh())


@pytest.mark.parametrize("table", [PARTY, LINK])
def test_rows_neither_vanish_nor_are_truncated(table: str) -> None:
    refused(f"DELETE FROM {table}", "never deleted")
    refused(f"TRUNCATE {table} CASCADE", "never truncated")


@pytest.mark.parametrize("column", TERMS)
def test_the_terms_never_change(column: str) -> None:
    refused(f"UPDATE {PARTY} SET {column} = {column}", "never change")


@pytest.mark.parametrize("column", ["kind", "party_instruction_id", "other_id", "created_at"])
def test_a_link_never_becomes_another(column: str) -> None:
    refused(f"UPDATE {LINK} SET {column} = {column}", "never change")


def test_every_column_is_immutable_or_known_to_move() -> None:
    moving = {field.column for field in PartyInstruction._meta.concrete_fields} - set(TERMS)
    assert moving == {
        "id", "priority", "partial", "partial_minimum_units", "held", "status", "instruction_id", "checked",
        "alleged_at", "changed_at", "ended_at", "recorded_at",
    }  # fmt: skip


ATTACKS = {
    "the same reference twice": (fresh(reference="'W'"), "partyinstruction_reference_once"),
    "a movement that is none": (fresh(movement="'UP'"), "partyinstruction_movement"),
    "a priority that is none": (fresh(priority="5"), "partyinstruction_priority"),
    "against payment for nothing": (fresh(cash_minor="0"), "partyinstruction_payment"),
    "free of payment for money": (fresh(payment="'FREE'"), "partyinstruction_payment"),
    "a payment with a quantity": (fresh(payment="'PFOD'"), "partyinstruction_payment"),
    "a negative payment": (fresh(cash_minor="-1"), "partyinstruction_payment"),
    "a delivery of no security": (fresh(security_id="NULL"), "partyinstruction_payment"),
    "an absurd quantity": (fresh(quantity_units="1000000000000001"), "partyinstruction_not_absurd"),
    "a least part above the quantity": (
        fresh(partial="'PARQ'", partial_minimum_units="8"),
        "partyinstruction_partial",
    ),
    "a least part without parts": (fresh(partial_minimum_units="1"), "partyinstruction_partial"),
    "settled before traded": (fresh(trade_date="intended_date + 1"), "partyinstruction_dates"),
    "over another's account": (fresh(participant_id="counterparty_id"), "its own securities accounts"),
    "over a cash account": (
        fresh(account_id="(SELECT linked_cash_id FROM ledger_account a WHERE a.id = account_id)"),
        "its own securities accounts",
    ),
    "a counterparty's account that is another's": (
        fresh(counterparty_account_id="(SELECT id FROM ledger_account WHERE code = 'CHARLIE-SEC-HOUSE')"),
        "its own securities accounts",
    ),
    "a transfer into the same account": (
        fresh(counterparty_id="participant_id", counterparty_account_id="account_id"),
        "partyinstruction_two_accounts",
    ),
    "born matched": (
        fresh(status="'MATCHED'", instruction_id=f"(SELECT min(instruction_id) FROM {PARTY})", ended_at="now()"),
        "begins UNMATCHED",
    ),
    "matched into nothing": (
        f"UPDATE {PARTY} SET status = 'MATCHED', ended_at = now() WHERE reference = 'W'",
        "partyinstruction_matched_into_one",
    ),
    "unmatched again": (
        f"UPDATE {PARTY} SET status = 'UNMATCHED', instruction_id = NULL, ended_at = NULL WHERE reference = 'M-D'",
        "cannot go from MATCHED",
    ),
    "matched twice": (
        f"UPDATE {PARTY} SET status = 'MATCHED', ended_at = now(), instruction_id ="
        f" (SELECT instruction_id FROM {PARTY} WHERE reference = 'M-D') WHERE reference = 'W'",
        "partyinstruction_one_a_side",
    ),
    "matched into other terms": (
        f"UPDATE {PARTY} SET instruction_id = (SELECT instruction_id FROM {PARTY} WHERE reference = 'L-D')"
        " WHERE reference = 'M-D'",
        "what its parties instructed|partyinstruction_one_a_side",
    ),
    "a link with itself": (copy_row(LINK, other_id="party_instruction_id"), "partylink_two_instructions"),
    "a kind of link that is none": (copy_row(LINK, kind="'NEAR'"), "partylink_kind"),
    "the same link twice": (copy_row(LINK), "partylink_once"),
    "a circle of links in effect": (
        "INSERT INTO settlement_instructionlink (kind, instruction_id, other_id, created_at)"
        " SELECT 'AFTER', v.a, v.b, now() FROM (SELECT min(id) AS x, max(id) AS y FROM settlement_instruction) i"
        " CROSS JOIN LATERAL (VALUES (i.x, i.y), (i.y, i.x)) v (a, b)",
        "wait for each other",
    ),
    "a link in effect with itself": (
        "INSERT INTO settlement_instructionlink (kind, instruction_id, other_id, created_at)"
        " SELECT 'WITH', min(id), min(id), now() FROM settlement_instruction",
        "instructionlink_two_instructions",
    ),
    "the same link in effect twice": (copy_row("settlement_instructionlink"), "instructionlink_once"),
}


@pytest.mark.parametrize("name", list(ATTACKS))
def test_refused(name: str) -> None:
    refused(*ATTACKS[name])


def test_nothing_settles_that_its_parties_did_not_instruct(chain: Chain) -> None:
    """A matched instruction of other terms, freshly made, cannot be given to a party's instruction."""
    waiting = PartyInstruction.objects.get(reference="W")
    other = Instruction.objects.filter(quantity_units=6).values_list("pk", flat=True).get()
    with connection.cursor() as cursor:
        cursor.execute(
            copy_row("settlement_instruction", f"id = {other}", public_id="gen_random_uuid()", source_id="NULL")
            + " RETURNING id"
        )
        [made] = cursor.fetchone()
    refused(
        f"UPDATE {PARTY} SET status = 'MATCHED', ended_at = now(), instruction_id = {made} WHERE id = {waiting.pk}",
        "what its parties instructed",
    )
