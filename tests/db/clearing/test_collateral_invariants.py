"""Each invariant of collateral and calls is broken on purpose, with triggers silenced, and seen by its name."""

from __future__ import annotations

import pytest
from django.db import connection

from clearing.queries.collateral_invariants import COLLATERAL_INVARIANTS
from fmi.invariants import check_invariants
from tests.factories.chain import Chain
from tests.factories.collateral import call_and_pay_in_part

pytestmark = pytest.mark.django_db

MOVED, DEBITED, PAID, OWN = COLLATERAL_INVARIANTS
ALPHA = "(SELECT id FROM reference_participant WHERE code = 'ALPHA')"
BRAVO = "(SELECT id FROM reference_participant WHERE code = 'BRAVO')"
ALPHAS_MARGIN = "(SELECT id FROM ledger_account WHERE code = 'CCP-CASH-IM-ALPHA')"
CHARLIES_MARGIN = "(SELECT id FROM ledger_account WHERE code = 'CCP-CASH-IM-CHARLIE')"
OF_ALPHA = f"p.account_id = {ALPHAS_MARGIN} AND e.id = p.entry_id"

BREAKS: dict[str, tuple[str, set[str]]] = {
    "a movement of more than was posted": (
        "UPDATE clearing_collateralmovement SET amount = amount + 1 WHERE kind = 'DEPOSIT'",
        {MOVED},
    ),
    "a movement that never was": ("DELETE FROM clearing_collateralmovement WHERE kind = 'WITHDRAWAL'", {MOVED, OWN}),
    "collateral booked on another member's account": (
        f"UPDATE ledger_posting SET account_id = {CHARLIES_MARGIN} WHERE account_id = {ALPHAS_MARGIN}",
        {MOVED, OWN},
    ),
    "a movement in another member's name": (
        f"UPDATE clearing_collateralmovement SET member_id = {BRAVO}",
        {MOVED, OWN},
    ),
    "a payment of more than was posted": (
        "UPDATE clearing_callpayment SET amount_minor = amount_minor + 1",
        {DEBITED, PAID},
    ),
    "a payment that never was": ("DELETE FROM clearing_callpayment", {DEBITED, PAID, OWN}),
    "a call that says more is paid than was": (
        "UPDATE clearing_margincall SET paid_minor = paid_minor + 1 WHERE status = 'OVERDUE'",
        {PAID},
    ),
    "a call that is another's": (f"UPDATE clearing_margincall SET member_id = {ALPHA}", {DEBITED, OWN}),
    "variation margin kept as collateral": (
        "UPDATE clearing_margincall SET kind = 'VARIATION' WHERE status = 'OVERDUE'",
        {DEBITED},
    ),
    "a survivor's margin used for a default": (
        f"UPDATE ledger_journalentry e SET source = 'DEFAULT' FROM ledger_posting p WHERE {OF_ALPHA}",
        {MOVED, OWN},
    ),
    "margin taken by something unknown": (
        f"UPDATE ledger_journalentry e SET source = 'FEE' FROM ledger_posting p WHERE {OF_ALPHA}",
        {MOVED, OWN},
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _called(file_market: Chain) -> None:
    """ALPHA has put in and taken out; BRAVO's call is paid in part."""
    call_and_pay_in_part(file_market)


def broken() -> set[str]:
    return {finding.name for finding in check_invariants() if finding.violations} & set(COLLATERAL_INVARIANTS)


def test_the_books_hold() -> None:
    assert broken() == set()


@pytest.mark.parametrize("what", BREAKS)
def test_what_is_broken_is_seen(what: str) -> None:
    sql, expected = BREAKS[what]
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(sql)
        assert cursor.rowcount > 0
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert broken() == expected


def test_a_defaulters_own_margin_may_be_used() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("UPDATE clearing_membership SET status = 'DEFAULTED' WHERE member_id = " + ALPHA)
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"UPDATE ledger_journalentry e SET source = 'DEFAULT' FROM ledger_posting p WHERE {OF_ALPHA}")
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert OWN not in broken()
