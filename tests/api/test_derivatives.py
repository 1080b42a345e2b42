"""Derivatives in the API: what the seed asks for, who may, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.models import AuditRecord
from tests.factories.chain import make_chain
from tests.factories.derivatives import BTC, Derivatives, clear_store, make_derivatives
from tests.factories.market import login

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

URL = "/api/v1/derivatives"


@pytest.fixture
def market(db: None) -> Iterator[Derivatives]:
    made = make_derivatives(make_chain(), money={"ALPHA": 10_000_00, "BRAVO": 100_000_00})
    made.mark(BTC, "50000")
    yield made
    clear_store()


@pytest.fixture
def operator(market: Derivatives) -> Client:
    return login(name="operator")


@pytest.fixture
def auditor(market: Derivatives) -> Client:
    return login(name="auditor", role="AUDITOR")


@pytest.fixture
def alpha(market: Derivatives) -> Client:
    return login(participant=market.accounts["ALPHA"].participant, name="alpha")


def order(market: Derivatives, code: str = "ALPHA", **changes: Any) -> dict[str, Any]:
    return {
        "account_id": market.accounts[code].pk, "symbol": BTC, "side": "BUY", "quantity": 0.1, "price": 50000,
        **changes,
    }  # fmt: skip


def post(client: Client, path: str, body: Any) -> Any:
    return client.post(f"{URL}/{path}", body, content_type="application/json")


def test_the_seeds_own_example_end_to_end(market: Derivatives, operator: Client) -> None:
    made = post(operator, "trade", order(market))
    assert made.status_code == 201
    # Without an id of its client's own, the trade is known by the Idempotency-Key.
    assert made.json()["client_trade_id"].startswith("key-")
    assert made.json() | {"id": 0, "at": "", "sequence": 0, "client_trade_id": ""} == {
        "id": 0, "sequence": 0, "cause": "TRADE", "account_id": market.accounts["ALPHA"].pk, "symbol": BTC,
        "side": "BUY", "quantity": "0.100", "price": "50000.00", "value": "5000.00", "currency": "EUR", "at": "",
        "client_trade_id": "",
    }  # fmt: skip
    assert post(operator, "mark-price", {"symbol": BTC, "price": 51000}).json()["liquidated"] == 0
    found = operator.get(f"{URL}/positions/{market.accounts['ALPHA'].pk}").json()
    assert (found["balance"], found["profit"], found["equity"]) == ("10000.00", "100.00", "10100.00")
    (position,) = found["positions"]
    assert (position["quantity"], position["entry_price"], position["mark_price"]) == ("0.100", "50000.00", "51000.00")
    assert (found["initial_margin"], found["maintenance_margin"]) == ("1020.00", "510.00")
    (price,) = operator.get(f"{URL}/mark-price").json()
    assert (price["symbol"], price["price"]) == (BTC, "51000.00")
    trades = operator.get(f"{URL}/trades/{market.accounts['DELTA'].pk}").json()["results"]
    assert [(row["side"], row["quantity"]) for row in trades] == [("SELL", "0.100")]


def test_liquidation_prices_of_the_seed_and_the_liquidation_itself(market: Derivatives, operator: Client) -> None:
    alpha, bravo = market.accounts["ALPHA"].pk, market.accounts["BRAVO"].pk
    assert post(operator, "trade", order(market, quantity=1, counterparty_id=bravo)).status_code == 201
    (position,) = operator.get(f"{URL}/positions/{alpha}").json()["positions"]
    assert (position["liquidation_price"], position["bankruptcy_price"]) == ("44444.44", "40000.00")
    assert post(operator, "mark-price", {"symbol": BTC, "price": "44444.45"}).json()["liquidated"] == 0
    assert post(operator, "mark-price", {"symbol": BTC, "price": "44444.44"}).json()["liquidated"] == 1
    (row,) = operator.get(f"{URL}/liquidations").json()["results"]
    assert (row["account_id"], row["outcome"], row["fee"]) == (alpha, "FILLED", "666.67")
    assert row["equity_after"] == "3777.77"
    report = operator.get(f"{URL}/margin-report").json()
    assert report["insurance_funds"] == [{"currency": "EUR", "balance": "666.67"}]
    assert {account["account_id"] for account in report["accounts"]} == {row.pk for row in market.accounts.values()}


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"quantity": 1.001}, 409, "insufficient-margin"),
        ({"quantity": 0}, 422, "number-out-of-range"),
        ({"quantity": -1}, 422, "number-out-of-range"),
        ({"quantity": "1e40"}, 422, "number-out-of-range"),
        ({"quantity": "1e-999999"}, 422, "number-out-of-range"),
        ({"quantity": "NaN"}, 400, "invalid-input"),
        ({"quantity": "Infinity"}, 400, "invalid-input"),
        ({"quantity": True}, 400, "invalid-input"),
        ({"price": 0}, 422, "number-out-of-range"),
        ({"price": "0.001"}, 422, "number-out-of-range"),
        ({"price": 60000}, 422, "price-too-far-from-mark"),
        ({"symbol": "ETH-PERP"}, 422, "unknown-contract"),
        ({"symbol": "STOCK-PERP", "price": 100, "quantity": 1}, 409, "mark-price-missing"),
        ({"account_id": 999_999_999}, 422, "unknown-derivatives-account"),
        ({"side": "HOLD"}, 400, "invalid-input"),
        ({"surprise": 1}, 400, "invalid-input"),
        ({"client_trade_id": "no spaces"}, 400, "invalid-input"),
    ],
)
def test_refusals_have_stable_codes(
    market: Derivatives, operator: Client, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = post(operator, "trade", order(market, **changes))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.json()
    assert answer["Content-Type"] == "application/problem+json"


def test_insufficient_margin_says_the_figures(market: Derivatives, operator: Client) -> None:
    problem = post(operator, "trade", order(market, quantity=1.1)).json()
    assert (problem["equity"], problem["margin_required"]) == ("10000.00", "11000.00")


def test_a_client_trade_id_trades_once(market: Derivatives, operator: Client) -> None:
    body = order(market, client_trade_id="A-1")
    first, second = post(operator, "trade", body), post(operator, "trade", body)
    assert first.json() == second.json()
    assert post(operator, "trade", body | {"quantity": 0.2}).json()["code"] == "client-id-reused"


def test_a_trade_is_in_the_audit_log_once_and_a_refused_one_is_not(market: Derivatives, alpha: Client) -> None:
    before = set(AuditRecord.objects.values_list("pk", flat=True))
    assert post(alpha, "trade", order(market, quantity=1.1)).status_code == 409
    assert post(alpha, "trade", order(market, quantity=0)).status_code == 422
    made = post(alpha, "trade", order(market, client_trade_id="A-1"))
    assert post(alpha, "trade", order(market, client_trade_id="A-1")).json() == made.json()
    (record,) = AuditRecord.objects.exclude(pk__in=before)
    account = market.accounts["ALPHA"]
    assert (record.action, record.object_type, record.object_id) == (
        "derivativesaccount.traded", "derivativeaccount", account.pk,
    )  # fmt: skip
    assert (record.actor, record.role, record.participant) == ("alpha", "PARTICIPANT", account.participant)
    assert (record.door, record.address) == ("API", "127.0.0.1")
    assert str(record.correlation_id) == made["X-Request-ID"]
    assert (record.detail["event"], record.detail["client_id"]) == (made.json()["sequence"], "A-1")
    assert record.detail["position_steps"] == {"before": 0, "after": 100}


def test_a_participant_sees_and_moves_its_own_accounts_only(market: Derivatives, alpha: Client) -> None:
    own, other = market.accounts["ALPHA"].pk, market.accounts["BRAVO"].pk
    assert post(alpha, "trade", order(market)).status_code == 201
    assert post(alpha, "trade", order(market, code="BRAVO")).json()["code"] == "unknown-derivatives-account"
    assert post(alpha, "trade", order(market, counterparty_id=other)).json()["code"] == "counterparty-not-yours"
    assert post(alpha, "trade", order(market, price=49_000)).json()["code"] == "price-better-than-quote"
    assert post(alpha, "deposit", {"account_id": other, "amount": 1}).status_code == 422
    assert post(alpha, "withdraw", {"account_id": other, "amount": 1}).status_code == 422
    assert post(alpha, "mark-price", {"symbol": BTC, "price": 1}).status_code == 403
    assert alpha.get(f"{URL}/positions/{own}").status_code == 200
    assert alpha.get(f"{URL}/positions/{other}").status_code == 404
    assert alpha.get(f"{URL}/trades/{other}").status_code == 404
    assert [row["account_id"] for row in alpha.get(f"{URL}/margin-report").json()["accounts"]] == [own]


def test_an_auditor_reads_everything_and_moves_nothing(market: Derivatives, auditor: Client) -> None:
    assert len(auditor.get(f"{URL}/margin-report").json()["accounts"]) == 3
    for path, body in (
        ("trade", order(market)),
        ("deposit", {"account_id": market.accounts["ALPHA"].pk, "amount": 1}),
        ("mark-price", {"symbol": BTC, "price": 50000}),
    ):
        assert post(auditor, path, body).status_code == 403


def test_money_in_and_out(market: Derivatives, alpha: Client) -> None:
    own = market.accounts["ALPHA"].pk
    market.chain.give("ALPHA", "EUR", 500_00)
    body = {"account_id": own, "amount": "500.00", "client_id": "IN-1"}
    assert post(alpha, "deposit", body).json() == post(alpha, "deposit", body).json()
    assert post(alpha, "deposit", {"account_id": own, "amount": "0.01"}).json()["code"] == "balance-below-limit"
    out = post(alpha, "withdraw", {"account_id": own, "amount": 10_500})
    assert (out.status_code, out.json()["amount"]) == (201, "-10500.00")
    records = list(
        AuditRecord.objects.filter(actor="alpha", action__startswith="derivativesaccount.")
        .order_by("id")
        .values_list("action", "actor", "door", "address", "object_id", "detail__balance_minor")
    )
    assert records == [
        (f"derivativesaccount.{done}", "alpha", "API", "127.0.0.1", own, {"before": before, "after": after})
        for done, before, after in (("deposited", 1_000_000, 1_050_000), ("withdrawn", 1_050_000, 0))
    ]
    assert post(alpha, "withdraw", {"account_id": own, "amount": "0.01"}).json()["code"] == "withdrawal-exceeds-free"
    for amount in (0, -5, "0.001", "1e30"):
        assert post(alpha, "withdraw", {"account_id": own, "amount": amount}).json()["code"] == "number-out-of-range"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"price": 0}, "number-out-of-range"),
        ({"price": "75000.01"}, "mark-price-absurd"),
        ({"price": 50000, "at": "2008-09-01T10:00:00Z"}, "mark-price-stale"),
        ({"price": 50000, "at": "2030-09-01T10:00:00Z"}, "mark-price-stale"),
        ({"symbol": "ETH-PERP", "price": 1}, "unknown-contract"),
    ],
)
def test_bad_mark_prices(market: Derivatives, operator: Client, body: dict[str, Any], code: str) -> None:
    assert post(operator, "mark-price", {"symbol": BTC, **body}).json()["code"] == code


def test_contracts_and_funding_are_listed(market: Derivatives, alpha: Client) -> None:
    rows = alpha.get(f"{URL}/contracts").json()
    assert [row["symbol"] for row in rows] == [BTC, "STOCK-FUT-200809", "STOCK-PERP"]
    assert rows[0]["mark_price"] == "50000.00"
    assert alpha.get(f"{URL}/funding").json()["results"] == []
    assert alpha.get(f"{URL}/margin-report?x=1").status_code == 400


def test_an_operator_opens_accounts_and_what_stands_is_answered(
    market: Derivatives, operator: Client, alpha: Client
) -> None:
    body = {"participant": "ECHO", "currency": "EUR"}
    opened = post(operator, "accounts", body)
    assert (opened.status_code, opened.json()["ledger_account"]) == (201, "CCP-CASH-DV-ECHO")
    assert post(operator, "accounts", body).json() == opened.json()
    assert post(operator, "accounts", body | {"participant": "NOBODY"}).json()["code"] == "unknown-participant"
    assert post(operator, "accounts", body | {"currency": "XXX"}).json()["code"] == "unknown-currency"
    assert post(alpha, "accounts", body).status_code == 403
    trade = order(market, account_id=opened.json()["account_id"])
    assert post(operator, "trade", trade).json()["code"] == "insufficient-margin"
