"""Settlement and the ledger in the API: instructions, holds, the day, positions, statements."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from clearing.services.novate_trades import novate_trades
from settlement.models import Instruction
from tests.factories.market import NOW, TODAY, Market
from tests.factories.settled import API, SETTLES, report, results
from trades.services.match_trades import match_trades


class TestSettlement:
    """Obligations, instructions, cycles, the day."""

    FIELDS = {
        "reference": "DVP-1", "deliverer": "BRAVO", "receiver": "ALPHA", "security": "EQUITY", "quantity": 10,
        "amount": "1000.00", "currency": "EUR", "intended_date": "2008-09-10",
    }  # fmt: skip

    def enter(self, client: Client, **changes: Any) -> Any:
        return client.post(f"{API}/settlement/instructions", self.FIELDS | changes, content_type="application/json")

    def test_operator_enters_once(self, operator: Client, market: Market) -> None:
        first, second = self.enter(operator), self.enter(operator)
        assert (first.status_code, second.status_code) == (201, 200), first.content
        assert first.json()["id"] == second.json()["id"]
        assert (first.json()["amount"], first.json()["quantity"]) == ("1000.00", 10)
        reused = self.enter(operator, quantity=11)
        assert (reused.status_code, reused.json()["code"]) == (409, "instruction-reference-reused")
        assert Instruction.objects.count() == 1

    @pytest.mark.parametrize(
        ("changes", "pointer"),
        [
            ({"deliverer": "NOBODY"}, "/deliverer"),
            ({"receiver": "BRAVO"}, "/receiver"),
            ({"receiver_account": "FUND9"}, "/receiver_account"),
            ({"security": "XS0"}, "/security"),
            ({"currency": "USD"}, "/currency"),
            ({"quantity": -1}, "/quantity"),
            ({"quantity": 10**19}, "/quantity"),
            ({"quantity": 0, "amount": "0"}, "/quantity"),
            ({"security": "BOND", "quantity": 7}, "/quantity"),
            ({"amount": "NaN"}, "/amount"),
            ({"amount": "1e999999"}, "/amount"),
            ({"amount": "-1"}, "/amount"),
            ({"amount": "0.001"}, "/amount"),
            ({"amount": "999999999999999"}, "/amount"),
            ({"intended_date": "2008-09-13"}, "/intended_date"),
            ({"intended_date": "9999-01-01"}, "/intended_date"),
            ({"reference": "\x00"}, "/reference"),
            ({"reference": ""}, "/reference"),
            ({"deliverer_account": "\x00"}, "/deliverer_account"),
            ({"priority": 9}, "/priority"),
            ({"colour": "red"}, "/colour"),
        ],
    )
    def test_refusals(self, operator: Client, market: Market, changes: dict[str, Any], pointer: str) -> None:
        response = self.enter(operator, **changes)
        assert response.status_code in (400, 422), response.content
        assert response["Content-Type"] == "application/problem+json"
        if pointer:
            assert response.json()["errors"][0]["pointer"] == pointer
        assert not Instruction.objects.exists()

    def test_only_operators_enter(self, alpha: Client, auditor: Client, market: Market) -> None:
        assert self.enter(alpha).status_code == self.enter(auditor).status_code == 403

    def test_hold_and_release(self, operator: Client, alpha: Client, auditor: Client, market: Market) -> None:
        url = f"{API}/settlement/instructions/{self.enter(operator).json()['id']}"
        held = alpha.post(f"{url}/hold").json()
        assert (held["held_by_receiver"], held["held_by_deliverer"]) == (True, False)
        assert len(results(alpha, "settlement/instructions?held=true")) == 1
        assert auditor.post(f"{url}/release").status_code == 403
        assert alpha.post(f"{url}/release").json()["held_by_receiver"] is False

    def test_business_day(self, alpha: Client, market: Market) -> None:
        day = alpha.get(f"{API}/business-day").json()
        assert day["business_date"] == "2008-09-08"
        assert day["at"] == "2008-09-08T10:00:00+02:00"

    def test_exposures_before_netting(self, alpha: Client, bravo: Client, operator: Client, market: Market) -> None:
        report(alpha, market, trade_id="A-1")
        report(bravo, market, trade_id="B-1")
        match_trades(at=NOW, business_date=TODAY)
        novate_trades(at=NOW, business_date=TODAY)
        everyone = operator.get(f"{API}/clearing/exposures").json()
        assert {row["member"] for row in everyone["exposures"]} == {"ALPHA", "BRAVO"}
        own = alpha.get(f"{API}/clearing/exposures").json()["exposures"]
        assert [(row["member"], row["unnetted"]["cash"]) for row in own] == [("ALPHA", "-10120.00")]


class TestLedger:
    """Positions, accounts, statements, the trial balance."""

    def test_positions_now_and_as_of(self, alpha: Client, market: Market, settled: str) -> None:
        now = alpha.get(f"{API}/positions/{market.alpha.pk}").json()
        assert now["cash"] == [{"account": "ALPHA-CASH-HOUSE", "currency": "EUR", "amount": "89880.00"}]
        assert now["securities"] == [{"account": "ALPHA-SEC-HOUSE", "isin": market.equity.code, "quantity": 100}]
        before = alpha.get(f"{API}/positions/ALPHA?as_of={TODAY}").json()
        assert before["cash"][0]["amount"] == "100000.00"
        assert before["securities"] == []

    @pytest.mark.parametrize("as_of", ["yesterday", "2008-13-01", "20080908", "2008-W37-1", "%00"])
    def test_bad_as_of(self, alpha: Client, market: Market, as_of: str) -> None:
        response = alpha.get(f"{API}/positions/ALPHA?as_of={as_of}")
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/as_of")

    def test_statement_runs(self, alpha: Client, settled: str) -> None:
        rows = results(alpha, "accounts/ALPHA-CASH-HOUSE/statement")
        assert [(row["amount"], row["balance"]) for row in rows] == [
            ("100000.00", "100000.00"), ("-10120.00", "89880.00"),
        ]  # fmt: skip
        later = results(alpha, f"accounts/ALPHA-CASH-HOUSE/statement?business_date_from={SETTLES}")
        assert [row["balance"] for row in later] == ["89880.00"]

    def test_trial_balance(self, operator: Client, auditor: Client, alpha: Client, settled: str) -> None:
        for client in (operator, auditor):
            assets = client.get(f"{API}/trial-balance").json()["assets"]
            assert all(row["balanced"] for row in assets)
            assert {row["held"] for row in assets} == {"100000.00", 1000}
        assert alpha.get(f"{API}/trial-balance").status_code == 403

    @pytest.mark.parametrize(
        "path",
        [
            "positions/9999999",
            "positions/NOBODY",
            "positions/" + "9" * 40,
            "accounts/x",
            "accounts/%00",
            "participants/0",
            "participants/%00",
            "securities/X",
        ],
    )
    def test_unknown_is_404(self, operator: Client, market: Market, path: str) -> None:
        assert operator.get(f"{API}/{path}").status_code == 404
