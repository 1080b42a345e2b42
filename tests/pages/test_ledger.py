"""Accounts, statements, the trial balance, balances as of a date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client


def test_accounts_show_what_they_hold(operator: Client) -> None:
    text = get_text(operator, "/ledger/?participant=ALPHA")
    assert "ALPHA-CASH-HOUSE Participant ALPHA Cash itself 99,100.00 EUR" in text
    assert "BRAVO" not in text


def test_balances_as_of_a_date_are_those_of_its_end(operator: Client) -> None:
    text = get_text(operator, "/ledger/?participant=ALPHA&as_of=2008-09-09")
    assert "100,000.00 EUR" in text
    rows = get_csv(operator, "/ledger/?participant=ALPHA&as_of=2008-09-09&format=csv")
    assert {(row["account"], row["balance"]) for row in rows} == {
        ("ALPHA-CASH-HOUSE", "10000000"),
        ("ALPHA-SEC-HOUSE", "1000"),
    }


def test_statement_runs_from_opening_to_closing_balance(operator: Client) -> None:
    text = get_text(operator, "/ledger/accounts/ALPHA-CASH-HOUSE/")
    # Pays 1,000.00 for S1, receives 100.00 for G.
    assert "EUR Currency EUR 100,000.00 EUR 100.00 1,000.00 99,100.00 EUR" in text
    rows = get_csv(operator, "/ledger/accounts/ALPHA-CASH-HOUSE/?from=2008-09-01&to=2008-09-10&format=csv")
    assert rows[0]["amount"] == "10000000"
    assert rows[-1]["balance"] == "9910000"
    assert "No posting on these dates" in get_text(
        operator, "/ledger/accounts/ALPHA-CASH-HOUSE/?from=2008-09-09&to=2008-09-09"
    )


def test_a_line_of_the_statement_leads_to_its_instruction(operator: Client) -> None:
    from settlement.models import Instruction

    row = Instruction.objects.filter(status="SETTLED").first()
    assert row is not None
    response = operator.get(f"/things/instruction/{row.pk}/")
    assert response["Location"] == f"/instructions/{row.public_id}/"


def test_trial_balance_agrees(operator: Client) -> None:
    text = get_text(operator, "/ledger/trial-balance/")
    assert "Every asset balances." in text
    rows = {row["asset"]: row for row in get_csv(operator, "/ledger/trial-balance/?format=csv")}
    assert rows["EUR"]["held"] == rows["EUR"]["issued"] == "30000000"
    assert rows["EUR"]["difference"] == "0"


def test_participant_sees_its_own_accounts_only(delta: Client) -> None:
    assert {row["participant"] for row in get_csv(delta, "/ledger/?format=csv")} <= {"DELTA"}
    assert "ALPHA" not in get_text(delta, "/ledger/")
    assert delta.get("/ledger/accounts/ALPHA-CASH-HOUSE/").status_code == 404
    assert delta.get("/ledger/trial-balance/").status_code == 403


def test_a_date_that_is_none_is_passed_over(operator: Client) -> None:
    assert operator.get("/ledger/?as_of=tomorrow").status_code == 200
    assert operator.get("/ledger/accounts/ALPHA-CASH-HOUSE/?from=2008-99-99").status_code == 200
