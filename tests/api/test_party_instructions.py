"""Instructions of single parties in the API: entered, matched, amended, linked, cancelled, seen by whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from clearing.services.novate_trades import novate_trades
from settlement.models import Instruction, PartyInstruction
from settlement.services.allege_instructions import allege_instructions
from settlement.services.match_instructions import match_instructions
from settlement.services.settle_cycle import settle_cycle
from tests.factories.market import NOW, TODAY, Market
from tests.factories.settled import API, SETTLES, fund, report, results
from tests.factories.signing import make_key, send
from trades.services.match_trades import match_trades

ROOT = f"{API}/settlement"
RECEIPT = {
    "reference": "BUY-1", "movement": "RECE", "counterparty": "BRAVO", "security": "EQUITY", "quantity": 10,
    "amount": "1000.00", "currency": "EUR", "intended_date": "2008-09-10",
}  # fmt: skip
DELIVERY = RECEIPT | {"reference": "SELL-1", "movement": "DELI", "counterparty": "ALPHA"}


def enter(client: Client, entry: dict[str, Any], **changes: Any) -> Any:
    fields = {name: value for name, value in (entry | changes).items() if value is not None}
    return client.post(f"{ROOT}/instructions", fields, content_type="application/json")


def match() -> int:
    return match_instructions(at=NOW, business_date=TODAY)


def own_life(client: Client, party_id: str) -> list[dict[str, Any]]:
    """Return the life of what a party's instruction became."""
    pair = client.get(f"{ROOT}/party-instructions/{party_id}").json()["instruction"]
    steps: list[dict[str, Any]] = client.get(f"{ROOT}/instructions/{pair}").json()["life"]
    return steps


@pytest.fixture
def matched(alpha: Client, bravo: Client, market: Market) -> str:
    """Both sides of one delivery, matched; the instruction's id."""
    enter(alpha, RECEIPT)
    enter(bravo, DELIVERY)
    assert match() == 1
    return str(Instruction.objects.get().public_id)


class TestEntry:
    """A participant enters its own side."""

    def test_entered_once_and_matched(self, alpha: Client, bravo: Client, market: Market) -> None:
        first, second = enter(alpha, RECEIPT), enter(alpha, RECEIPT)
        assert (first.status_code, second.status_code) == (201, 200), first.content
        assert first["Location"] == f"{ROOT}/party-instructions/{first.json()['id']}"
        assert (first.json()["matching_status"], first.json()["settlement_status"]) == ("NMAT", "USET")
        assert enter(alpha, RECEIPT, quantity=11).json()["code"] == "instruction-reference-reused"
        assert enter(bravo, DELIVERY, partial="PART").status_code == 201
        assert match() == 1
        own = alpha.get(f"{ROOT}/party-instructions/{first.json()['id']}").json()
        [pair] = results(alpha, "settlement/instructions")
        assert (own["status"], own["instruction"], own["matching_status"]) == ("MATCHED", pair["id"], "MACH")
        assert (pair["settlement_status"], pair["pending_status"], pair["reason_codes"]) == ("USET", "PEND", ["FUTU"])
        assert pair["partial_allowed"] is False

    @pytest.mark.parametrize(
        ("changes", "code", "pointer"),
        [
            ({"counterparty": "NOBODY"}, "unknown-participant", "/counterparty"),
            ({"account": "FUND9"}, "unknown-account", "/account"),
            ({"counterparty_account": "FUND9"}, "unknown-account", "/counterparty_account"),
            ({"security": "XS0"}, "unknown-security", "/security"),
            ({"security": None}, "unknown-security", "/security"),
            ({"currency": "USD"}, "instruction-refused", "/currency"),
            ({"currency": "XXX"}, "unknown-currency", "/currency"),
            ({"movement": "CRDT"}, "instruction-refused", "/movement"),
            ({"payment": "PFOD"}, "instruction-refused", "/movement"),
            ({"payment": "FREE"}, "instruction-refused", "/amount"),
            ({"amount": "0"}, "instruction-refused", "/amount"),
            ({"quantity": 0}, "instruction-refused", "/quantity"),
            ({"partial": "PARQ", "partial_minimum": 11}, "partial-minimum-refused", "/partial_minimum"),
            ({"partial": "MAYBE"}, "invalid-input", "/partial"),
            ({"trade_date": "2008-09-11"}, "instruction-refused", "/trade_date"),
            ({"intended_date": "2008-09-13"}, "not-a-business-day", "/intended_date"),
            ({"links": [{"kind": "WITH", "reference": "NONE"}]}, "unknown-linked-instruction", "/reference"),
            ({"links": [{"kind": "NEAR", "reference": "X"}]}, "invalid-input", "/links/0/kind"),
            ({"common_reference": "\x00"}, "invalid-input", "/common_reference"),
            ({"colour": "red"}, "invalid-input", "/colour"),
        ],
    )
    def test_refused_by_name(
        self, alpha: Client, market: Market, changes: dict[str, Any], code: str, pointer: str
    ) -> None:
        response = enter(alpha, RECEIPT, **changes)
        assert response.status_code in (400, 422), response.content
        problem = response.json()
        assert (problem["code"], problem["errors"][0]["pointer"]) == (code, pointer)
        assert not PartyInstruction.objects.exists()

    def test_whose_side(self, alpha: Client, operator: Client, auditor: Client, market: Market) -> None:
        assert enter(alpha, RECEIPT, participant="BRAVO").status_code == 403
        assert enter(auditor, RECEIPT).status_code == 403
        assert enter(operator, RECEIPT).json()["errors"][0]["pointer"] == "/participant"
        assert enter(operator, RECEIPT, participant="ALPHA").json()["account"] == "ALPHA-SEC-HOUSE"

    def test_a_payment_only(self, alpha: Client, bravo: Client, market: Market) -> None:
        payment = {"payment": "PFOD", "security": None, "quantity": None}
        pays = enter(alpha, RECEIPT, movement="DBIT", **payment).json()
        enter(bravo, DELIVERY, movement="CRDT", **payment)
        assert (pays["movement"], pays["security"]) == ("DBIT", None)
        assert match() == 1
        [pair] = results(alpha, "settlement/instructions")
        assert (pair["security"], pair["quantity"], pair["amount"]) == (None, 0, "1000.00")


class TestVisibility:
    """A participant touches its own only; what names it is alleged."""

    def test_own_and_alleged(self, alpha: Client, bravo: Client, operator: Client, market: Market) -> None:
        own = enter(alpha, RECEIPT).json()["id"]
        match()
        allege_instructions(at=NOW.replace(hour=11), business_date=TODAY)
        assert len(results(alpha, "settlement/party-instructions?status=UNMATCHED")) == 1
        assert results(bravo, "settlement/party-instructions") == []
        [alleged] = results(bravo, "settlement/allegements")
        assert (alleged["participant"], alleged["movement"]) == ("ALPHA", "RECE")
        assert not {"reference", "priority", "held", "account"} & set(alleged)
        assert results(alpha, "settlement/allegements") == []
        assert len(results(operator, "settlement/allegements")) == 1
        for path in ("", "/hold", "/release", "/cancel"):
            method = bravo.post if path else bravo.get
            assert method(f"{ROOT}/party-instructions/{own}{path}").status_code == 404
        assert bravo.patch(f"{ROOT}/party-instructions/{own}", {"priority": 1}, "application/json").status_code == 404

    def test_each_side_sees_its_reasons(self, alpha: Client, bravo: Client, operator: Client, matched: str) -> None:
        settle_cycle(name="Cycle", at=NOW, business_date=SETTLES)
        seen = [results(client, "settlement/instructions")[0]["reason_codes"] for client in (bravo, alpha, operator)]
        assert seen == [["FUTU", "LACK"], ["FUTU", "CLAC"], ["FUTU", "LACK"]]


class TestActions:
    """Hold, amend, link, cancel."""

    def test_amend_process_indicators_only(self, alpha: Client, bravo: Client, matched: str) -> None:
        url = f"{ROOT}/instructions/{matched}"
        amended = alpha.patch(url, {"priority": 1, "partial": "PART", "hold": True}, "application/json")
        assert amended.status_code == 200, amended.content
        answer = amended.json()
        assert (answer["priority"], answer["partial_allowed"], answer["held_by_receiver"]) == (1, False, True)
        assert bravo.patch(url, {"partial": "PARQ", "partial_minimum": 4}, "application/json").json()["partial_allowed"]
        refused = alpha.patch(url, {"quantity": 11}, "application/json")
        assert (refused.status_code, refused.json()["code"]) == (422, "not-amendable")
        assert "instruct anew" in alpha.get("/problems/not-amendable").content.decode()
        assert alpha.patch(url, {"colour": 1}, "application/json").status_code == 400
        own = results(alpha, "settlement/party-instructions")[0]["id"]
        party = alpha.patch(
            f"{ROOT}/party-instructions/{own}", {"priority": 3, "hold": True}, "application/json"
        ).json()
        assert (party["priority"], party["held"]) == (3, True)

    def test_no_amendment_releases(self, alpha: Client, matched: str) -> None:
        """A release by a key is signed, an amendment is not: so none of the two takes a hold away."""
        own = results(alpha, "settlement/party-instructions")[0]["id"]
        key = make_key("settlement:read", "settlement:write", name="alpha")
        for url in (f"{ROOT}/instructions/{matched}", f"{ROOT}/party-instructions/{own}"):
            assert alpha.patch(url, {"hold": True}, "application/json").status_code == 200
            for fields in ({"hold": False}, {"hold": False, "priority": 1}, {"hold": "false"}, {"hold": 0}):
                refused = send(key, "PATCH", url, fields, signed=False)
                problem = refused.json()
                assert (refused.status_code, problem["code"]) == (422, "release-not-by-amendment"), problem
                assert problem["errors"][0]["pointer"] == "/hold"
                assert f"{url}/release" in problem["detail"]
            assert Instruction.objects.get().held_by_receiver
            assert PartyInstruction.objects.get(public_id=own).held
            assert PartyInstruction.objects.get(public_id=own).priority != 1
            assert send(key, "POST", f"{url}/release", signed=False).json()["code"] == "signature-missing"
            assert send(key, "POST", f"{url}/release").status_code == 200
            assert not Instruction.objects.get().held_by_receiver
        assert "/release" in alpha.get("/problems/release-not-by-amendment").content.decode()

    def test_settled_is_not_amended(self, alpha: Client, matched: str, market: Market) -> None:
        fund(market)
        settle_cycle(name="Cycle", at=NOW, business_date=SETTLES)
        refused = alpha.patch(f"{ROOT}/instructions/{matched}", {"priority": 1}, "application/json")
        assert (refused.status_code, refused.json()["code"]) == (409, "instruction-settling")
        assert results(alpha, "settlement/instructions")[0]["settlement_status"] == "SETT"

    def test_cancelled_by_both(self, alpha: Client, bravo: Client, matched: str) -> None:
        url = f"{ROOT}/instructions/{matched}/cancel"
        first = alpha.post(url).json()
        assert (first["status"], first["cancel_wanted_by_receiver"], first["cancel_wanted_by_deliverer"]) == (
            "PENDING", True, False,
        )  # fmt: skip
        assert bravo.post(url).json()["settlement_status"] == "CANC"
        assert bravo.post(url).json()["code"] == "instruction-not-pending"

    def test_cancelled_alone_while_unmatched(self, alpha: Client, market: Market) -> None:
        own = enter(alpha, RECEIPT).json()["id"]
        assert alpha.post(f"{ROOT}/party-instructions/{own}/cancel").json()["status"] == "CANCELLED"

    def test_links(self, alpha: Client, bravo: Client, operator: Client, matched: str) -> None:
        second = enter(alpha, RECEIPT, reference="BUY-2", quantity=5, links=[{"kind": "AFTER", "reference": "BUY-1"}])
        own = second.json()
        assert [(link["kind"], link["in_effect"]) for link in own["links"]] == [("AFTER", False)]
        url = f"{ROOT}/party-instructions/{own['id']}/links"
        circular = alpha.post(url, {"kind": "BEFORE", "reference": "BUY-1"}, content_type="application/json")
        assert circular.json()["code"] == "contradictory-links"
        enter(bravo, DELIVERY, reference="SELL-2", quantity=5)
        assert match() == 1
        detail = alpha.get(f"{ROOT}/instructions/{matched}").json()
        assert [(link["kind"], link["in_effect"]) for link in detail["links"]] == [("BEFORE", True)]
        titles = [step["title"] for step in own_life(alpha, own["id"])]
        assert titles == ["Instructed by ALPHA", "Linked", "Instructed by BRAVO", "Matched"]
        assert alpha.delete(f"{url}?reference=BUY-1").json()["links"] == []
        assert alpha.get(f"{ROOT}/instructions/{matched}").json()["links"] == []
        linked = operator.post(f"{ROOT}/instructions/{matched}/links", {"kind": "WITH", "reference": "SELL-2"},
                               content_type="application/json")  # fmt: skip
        assert linked.status_code == 200, linked.content
        assert alpha.delete(f"{ROOT}/instructions/{matched}/links?reference=BUY-2").status_code == 422

    def test_exchange(self, alpha: Client, bravo: Client, operator: Client, market: Market) -> None:
        body = {
            "reference": "FX-1", "buyer": "ALPHA", "seller": "BRAVO", "paid_currency": "EUR", "paid_amount": "700",
            "bought_currency": "USD", "bought_amount": "1000", "intended_date": "2008-09-10",
        }  # fmt: skip
        both = operator.post(f"{ROOT}/exchanges", body, content_type="application/json")
        assert both.status_code == 201, both.content
        assert [row["amount"] for row in both.json()["instructions"]] == ["700.00", "1000.00"]
        assert operator.post(f"{ROOT}/exchanges", body, content_type="application/json").status_code == 200
        for client in (alpha, bravo):
            own = client.post(f"{ROOT}/exchanges", body | {"reference": "FX-2"}, content_type="application/json")
            assert len(own.json()["party_instructions"]) == 2
        assert match() == 2
        same = body | {"bought_currency": "EUR"}
        assert operator.post(f"{ROOT}/exchanges", same, content_type="application/json").status_code == 422


class TestTradeSettlement:
    """How one trade settles, by its id or its reporter's reference."""

    def test_from_unmatched_to_settled(self, alpha: Client, bravo: Client, market: Market, auditor: Client) -> None:
        fund(market)
        public_id = report(alpha, market, trade_id="A-1", cleared=False)
        assert alpha.get(f"{ROOT}/{public_id}").json()["settlement_status"] == "UNMATCHED"
        report(bravo, market, trade_id="B-1", cleared=False)
        match_trades(at=NOW, business_date=TODAY)
        assert alpha.get(f"{ROOT}/{public_id}").json()["settlement_status"] == "UNINSTRUCTED"
        assert auditor.post(f"{ROOT}/{public_id}").status_code == 403
        first, again = alpha.post(f"{ROOT}/{public_id}").json(), alpha.post(f"{ROOT}/A-1").json()
        assert first == again
        assert (first["settlement_status"], first["pending_status"], first["netted"]) == ("USET", "PEND", False)
        assert (first["settlement_date"], first["final_amount"], first["currency"]) == (
            SETTLES.isoformat(), "10120.00", "EUR",
        )  # fmt: skip
        settle_cycle(name="Cycle", at=NOW, business_date=SETTLES)
        settled = bravo.get(f"{ROOT}/B-1").json()
        assert (settled["settlement_status"], settled["settlement_id"]) == ("SETT", first["settlement_id"])

    def test_cleared_and_netted(self, alpha: Client, settled: str) -> None:
        answer = alpha.post(f"{ROOT}/{settled}").json()
        assert (answer["settlement_status"], answer["trade_status"], answer["netted"]) == ("SETT", "SETTLED", True)
        assert len(answer["instructions"]) == 1

    def test_cleared_waits_for_the_netting(self, alpha: Client, bravo: Client, market: Market) -> None:
        public_id = report(alpha, market, trade_id="A-1")
        report(bravo, market, trade_id="B-1")
        match_trades(at=NOW, business_date=TODAY)
        novate_trades(at=NOW, business_date=TODAY)
        assert alpha.post(f"{ROOT}/{public_id}").json()["settlement_status"] == "UNINSTRUCTED"

    @pytest.mark.parametrize("trade_id", ["NONE", "00000000-0000-0000-0000-000000000000", "%00"])
    def test_unknown_or_anothers(self, alpha: Client, bravo: Client, market: Market, trade_id: str) -> None:
        assert alpha.get(f"{ROOT}/{trade_id}").status_code == 404
        own = report(bravo, market, trade_id="B-1", quantity=7)
        assert alpha.get(f"{ROOT}/{own}").status_code == alpha.post(f"{ROOT}/B-1").status_code == 404
