"""What the API shows, and to whom: lists, filters, pages, and one trade's whole life."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from settlement.models import Instruction
from tests.factories.market import NOW, TODAY, Market
from tests.factories.settled import API, report, results
from trades.models import Trade
from trades.services.match_trades import match_trades


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
            with django_assert_max_num_queries(9):
                rows = results(client, path)
            if path != "submissions":
                assert rows
        assert Client().get(f"{API}/{path}").status_code == 401

    def test_a_list_costs_the_same_queries_whatever_its_length(
        self, alpha: Client, market: Market, three: None, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(2):
            assert len(results(alpha, "trades?limit=1")) == 1
        with django_assert_num_queries(2):
            assert len(results(alpha, "trades?limit=3")) == 3

    def test_browsable(self, alpha: Client, market: Market, three: None) -> None:
        page = alpha.get(f"{API}/trades", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert b"A-2" in page.content


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
