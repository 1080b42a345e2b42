"""What the API shows, and to whom: lists, filters, pages, and one trade's whole life."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.test import Client

from clearing.services.discharge_obligations import discharge_obligations
from clearing.services.instruct_settlement import instruct_settlement
from clearing.services.net_obligations import net_obligations
from clearing.services.novate_trades import novate_trades
from ledger.models import Account
from ledger.services import post_entries
from settlement.models import Instruction
from settlement.services.settle_cycle import settle_cycle
from tests.factories.market import NOW, TODAY, Market
from trades.models import Trade
from trades.services.match_trades import match_trades

API = "/api/v1"
SETTLES = TODAY + timedelta(days=2)


def report(client: Client, market: Market, **changes: Any) -> str:
    response = client.post(f"{API}/trades", market.report(**changes), content_type="application/json")
    assert response.status_code in (200, 201), response.content
    return str(response.json()["id"])


def results(client: Client, path: str) -> list[dict[str, Any]]:
    response = client.get(f"{API}/{path}")
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def fund(market: Market) -> None:
    """Give BRAVO securities and ALPHA cash, from an issuance account without a limit."""
    Account.objects.filter(participant=market.csd).update(limit_minor=None)
    rows = [
        (1, market.account(market.csd), market.equity.pk, -1000),
        (1, market.account(market.bravo), market.equity.pk, 1000),
        (2, market.account(market.csd, "CASH"), market.equity.currency_id, -10_000_000),
        (2, market.account(market.alpha, "CASH"), market.equity.currency_id, 10_000_000),
    ]
    ids, accounts, assets, amounts = zip(*[(n, a.pk, asset, amount) for n, a, asset, amount in rows], strict=True)
    post_entries(
        source="OPENING",
        business_date=TODAY,
        at=NOW,
        source_ids=np.array(ids),
        accounts=np.array(accounts),
        assets=np.array(assets),
        amounts=np.array(amounts),
    )


@pytest.fixture
def settled(market: Market, alpha: Client, bravo: Client) -> str:
    """A trade reported by both sides and taken all the way to settlement; ALPHA's public id of it."""
    fund(market)
    public_id = report(alpha, market, trade_id="A-1")
    report(bravo, market, trade_id="B-1")
    assert match_trades(at=NOW, business_date=TODAY) == 1
    novate_trades(at=NOW, business_date=TODAY)
    net_obligations(at=NOW, business_date=SETTLES)
    instruct_settlement(at=NOW, business_date=SETTLES)
    settle_cycle(at=NOW, business_date=SETTLES, name="Cycle")
    discharge_obligations(at=NOW, business_date=SETTLES)
    assert set(Trade.objects.values_list("status", flat=True)) == {"SETTLED"}
    return public_id


class TestLife:
    """GET /trades/{id} and /settlement/instructions/{id}."""

    def test_a_trade_tells_its_whole_life(self, alpha: Client, settled: str) -> None:
        trade = alpha.get(f"{API}/trades/{settled}").json()
        assert (trade["status"], trade["amount"], trade["currency"]) == ("SETTLED", "10120.00", "EUR")
        assert trade["price"] == "101.2"
        assert "cancel" not in trade["links"]
        assert [row["status"] for row in trade["instructions"]] == ["SETTLED"]
        assert [row["status"] for row in trade["obligations"]] == ["DISCHARGED"]
        states = [step["after"] for step in trade["life"] if step["after"]]
        assert states.index("MATCHED") < states.index("CLEARED") < states.index("SETTLED")

    def test_a_stranger_gets_404(self, market: Market, settled: str) -> None:
        from tests.factories.market import login

        stranger = login(participant=market.client_of_alpha, name="charlie")
        response = stranger.get(f"{API}/trades/{settled}")
        assert (response.status_code, response.json()["code"]) == (404, "unknown-trade")
        assert stranger.post(f"{API}/trades/{settled}/cancel").status_code == 404
        assert results(stranger, "trades") == results(stranger, "settlement/instructions") == []
        assert results(stranger, "clearing/obligations") == []
        public_id = Instruction.objects.values_list("public_id", flat=True)[0]
        assert stranger.get(f"{API}/settlement/instructions/{public_id}").status_code == 404
        assert stranger.post(f"{API}/settlement/instructions/{public_id}/hold").status_code == 404
        assert stranger.get(f"{API}/positions/ALPHA").status_code == 404
        assert stranger.get(f"{API}/accounts/ALPHA-SEC-HOUSE").status_code == 404
        assert stranger.get(f"{API}/accounts/ALPHA-SEC-HOUSE/statement").status_code == 404

    def test_the_other_side_does_not_see_my_report(self, bravo: Client, settled: str) -> None:
        assert bravo.get(f"{API}/trades/{settled}").status_code == 404
        assert [row["trade_id"] for row in results(bravo, "trades")] == ["B-1"]

    def test_an_instruction_tells_its_life(self, alpha: Client, settled: str) -> None:
        row = results(alpha, "settlement/instructions")[0]
        document = alpha.get(f"{API}/settlement/instructions/{row['id']}").json()
        assert document["status"] == "SETTLED"
        assert [step["state"] for step in document["life"]][-1] == "SETTLED"


class TestLists:
    """Filters, pages, and every list for every role."""

    @pytest.fixture
    def three(self, market: Market, alpha: Client) -> None:
        for number in range(3):
            report(alpha, market, trade_id=f"A-{number}", quantity=100 + number)

    def test_newest_first_in_pages(self, alpha: Client, three: None) -> None:
        first = alpha.get(f"{API}/trades?limit=2").json()
        assert [row["trade_id"] for row in first["results"]] == ["A-2", "A-1"]
        second = alpha.get(first["next"]).json()
        assert [row["trade_id"] for row in second["results"]] == ["A-0"]
        assert second["next"] is None

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("q=A-", 3), ("q=A-1", 1), ("q=B", 0), ("status=NEW", 3), ("status=NEW&status=MATCHED", 3),
            ("status=SETTLED", 0), ("side=BUY", 3), ("side=SELL", 0), ("security=EQUITY", 3), ("security=BOND", 0),
            ("participant=BRAVO", 3), ("buyer=BRAVO", 0), ("seller=bravo", 3), ("reporter=ALPHA", 3),
            ("currency=EUR", 3), ("currency=USD", 0), ("trade_date_from=2008-09-08&trade_date_to=2008-09-08", 3),
            ("settlement_date_from=2008-09-11", 0), ("business_date_from=2008-09-09", 0), ("cleared=true", 3),
            ("cleared=false", 0), ("submission=00000000-0000-0000-0000-000000000000", 0), ("q=&security=", 3),
        ],
    )  # fmt: skip
    def test_filters(self, alpha: Client, three: None, query: str, count: int) -> None:
        assert len(results(alpha, f"trades?{query}")) == count

    PATHS = (
        "trades", "submissions", "participants", "securities", "accounts", "clearing/netting-runs",
        "clearing/obligations", "settlement/instructions", "settlement/cycles", "audit",
    )  # fmt: skip

    @pytest.mark.parametrize("path", PATHS)
    def test_every_list_for_every_role(
        self, path: str, settled: str, alpha: Client, operator: Client, auditor: Client,
        django_assert_max_num_queries: Any,
    ) -> None:  # fmt: skip
        for client in (alpha, operator, auditor):
            with django_assert_max_num_queries(8):
                rows = results(client, path)
            if path != "submissions":
                assert rows
        assert Client().get(f"{API}/{path}").status_code == 401

    def test_a_list_costs_the_same_queries_whatever_its_length(
        self, alpha: Client, market: Market, three: None, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(3):
            assert len(results(alpha, "trades?limit=1")) == 1
        with django_assert_num_queries(3):
            assert len(results(alpha, "trades?limit=3")) == 3

    def test_browsable(self, alpha: Client, market: Market, three: None) -> None:
        page = alpha.get(f"{API}/trades", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert b"A-2" in page.content


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


class TestCancel:
    """POST /trades/{id}/cancel."""

    def test_alone_before_the_match(self, alpha: Client, market: Market) -> None:
        public_id = report(alpha, market)
        response = alpha.post(f"{API}/trades/{public_id}/cancel", {"reason": "typo"}, content_type="application/json")
        assert (response.status_code, response.json()["outcome"]) == (200, "CANCELLED")
        again = alpha.post(f"{API}/trades/{public_id}/cancel")
        assert (again.status_code, again.json()["code"]) == (409, "trade-not-cancellable")

    def test_both_after_the_match(self, alpha: Client, bravo: Client, market: Market) -> None:
        mine, theirs = report(alpha, market, trade_id="A"), report(bravo, market, trade_id="B")
        match_trades(at=NOW, business_date=TODAY)
        assert alpha.post(f"{API}/trades/{mine}/cancel").status_code == 202
        assert bravo.post(f"{API}/trades/{theirs}/cancel").status_code == 200
        assert set(Trade.objects.values_list("status", flat=True)) == {"CANCELLED"}

    def test_bad_wishes(self, alpha: Client, auditor: Client, market: Market) -> None:
        url = f"{API}/trades/{report(alpha, market)}/cancel"
        for body in (b"[", b"[]", b"null", b'{"reason": null}', b'{"reason": "\\u0000"}', b'{"x": 1}', b"\xff",
                     b'{"a":' * 100_000, b'{"reason": NaN}', b"1" * 5000):  # fmt: skip
            response = alpha.post(url, body, content_type="application/json")
            assert response.status_code == 400, body[:20]
            assert response["Content-Type"] == "application/problem+json"
        assert auditor.post(url).status_code == 403
        assert Trade.objects.get().status == "NEW"
