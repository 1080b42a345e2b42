"""Margin in the API: the report, what-if, and how one trade is cleared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.chain import Chain

API = "/api/v1/clearing"
JSON = "application/json"


@pytest.fixture
def chain(db: None) -> Chain:
    """ALPHA buys 100 STOCK of BRAVO at 10.00; it swings by 1 % around 12.00."""
    from clearing.services.open_membership import open_memberships
    from tests.factories.chain import MONDAY, make_chain
    from tests.factories.risk import SHORT, price_days, set_parameters

    made = make_chain()
    for code in ("ALPHA", "BRAVO"):
        made.give(code, "EUR", 1_000_000)
    open_memberships(joined_on=MONDAY)
    set_parameters(**SHORT)
    price_days(made, "STOCK", [12, 12.12] * 12 + [12], last=MONDAY)
    made.trade("T", "ALPHA", "BRAVO", quantity=100)
    return made


def client_of(chain: Chain, code: str) -> Client:
    from reference.models import Participant
    from tests.factories.market import login

    return login(participant=Participant.objects.get(code=code), name=code.lower())


@pytest.fixture
def alpha(chain: Chain) -> Client:
    return client_of(chain, "ALPHA")


@pytest.fixture
def operator(chain: Chain) -> Client:
    from tests.factories.market import login

    return login(name="operator")


def post(client: Client, path: str, body: Any = None, status: int = 200) -> dict[str, Any]:
    response = client.post(f"{API}/{path}", body, content_type=JSON)
    assert response.status_code == status, response.content
    document: dict[str, Any] = response.json()
    return document


def trade_id(reference: str) -> str:
    from trades.models import Trade

    return str(Trade.objects.get(trade_id=reference).public_id)


def test_a_matched_trade_is_novated_and_says_what_margin_it_takes(chain: Chain, alpha: Client) -> None:
    from clearing.models import Novation

    assert post(alpha, trade_id("T-A"))["clearing_status"] == "UNMATCHED"
    chain.match()
    answer = post(alpha, trade_id("T-A"))
    assert (answer["clearing_id"], answer["clearing_status"]) == (str(Novation.objects.get().pk), "NOVATED")
    # 1,200.00 × (1 − 12.00 / 12.12) = 11.89, rounded up; priced on the close of the day before, 12.12: 12.00.
    assert answer["margin_required"] == answer["portfolio_margin"] == "12.00"
    assert answer["net_positions"] == [
        {"isin": chain.isins["STOCK"], "symbol": "STOCK", "quantity": 100, "cash": "-1000.00"}
    ]
    assert (answer["settlement_amount"], answer["settlement_date"]) == ("-1000.00", "2008-09-10")
    assert post(alpha, trade_id("T-A")) == answer
    assert alpha.get(f"{API}/{trade_id('T-A')}").json() == answer
    bravo = post(client_of(chain, "BRAVO"), trade_id("T-B"))
    assert (bravo["settlement_amount"], bravo["net_positions"][0]["quantity"]) == ("1000.00", -100)


def test_netted_it_says_what_all_of_it_settles_for(chain: Chain, alpha: Client) -> None:
    chain.trade("U", "BRAVO", "ALPHA", quantity=40, price="11")
    chain.clear()
    chain.give("BRAVO", "STOCK", 100)
    chain.move_to(chain.day.replace(day=10))
    chain.net()
    answer = post(alpha, trade_id("T-A"))
    assert (answer["clearing_status"], answer["settlement_amount"]) == ("NETTED", "-560.00")
    assert answer["net_positions"][0]["quantity"] == 60
    chain.instruct()
    chain.cycle()
    chain.discharge()
    answer = post(alpha, trade_id("T-A"))
    assert (answer["clearing_status"], answer["margin_required"], answer["net_positions"]) == ("SETTLED", "0.00", [])


def test_other_peoples_trades_and_auditors(chain: Chain) -> None:
    from tests.factories.market import login

    chain.match()
    post(client_of(chain, "CHARLIE"), trade_id("T-A"), status=404)
    post(client_of(chain, "BRAVO"), trade_id("T-A"), status=404)
    post(login(name="auditor", role="AUDITOR"), trade_id("T-A"), status=403)


def test_a_trade_that_goes_gross_and_one_without_a_price(chain: Chain, alpha: Client) -> None:
    chain.trade("G", "ALPHA", "BRAVO", quantity=7, cleared=False)
    chain.trade("S", "ALPHA", "BRAVO", security="SHARE", quantity=7)
    chain.match()
    assert post(alpha, trade_id("G-A"))["clearing_status"] == "NOT_CLEARED"
    answer = post(alpha, trade_id("S-A"))
    assert (answer["clearing_status"], answer["margin_required"]) == ("NOVATED", None)
    assert "SHARE had no price" in answer["margin_refused"]


def test_the_report_of_a_run(chain: Chain, alpha: Client, operator: Client) -> None:
    from clearing.services.run_evening import run_evening

    assert alpha.get(f"{API}/margin-report").json() == {"run": None, "refused": [], "segments": []}
    chain.clear()
    chain.move_to(chain.day, 18, 30)
    run = run_evening(at=chain.at, business_date=chain.day)
    assert run is not None
    [segment] = alpha.get(f"{API}/margin-report").json()["segments"]
    [portfolio] = segment["portfolios"]
    assert (portfolio["account"], portfolio["worth"], portfolio["variation"]) == (
        "ALPHA-SEC-HOUSE", "200.00", "200.00",
    )  # fmt: skip
    # The five worst of the long side: 1,200.00 × (1 − 12.00 / 12.12).
    assert (portfolio["requirement"], portfolio["flat_rate"], segment["requirement"]) == ("11.89", "240.00", "11.89")
    everything = operator.get(f"{API}/margin-report?run={run.pk}").json()
    assert [len(one["portfolios"]) for one in everything["segments"]] == [2]
    assert operator.get(f"{API}/margin-report?run=x").status_code == 400
    assert operator.get(f"{API}/margin-report?runs=1").status_code == 400


def test_what_if_before_after_and_the_increment_by_its_parts(chain: Chain, alpha: Client) -> None:
    chain.clear()
    answer = post(alpha, "what-if", {"positions": [{"security": "STOCK", "quantity": 100}]})
    [segment] = answer["segments"]
    assert (answer["account"], segment["currency"]) == ("ALPHA-SEC-HOUSE", "EUR")
    assert [segment[part]["requirement"] for part in ("before", "after", "increment")] == ["12.00", "24.00", "12.00"]
    for name, value in segment["increment"].items():
        difference = float(segment["after"][name]) - float(segment["before"][name])
        assert float(value) == pytest.approx(difference)
    # Sold again, nothing is left.
    [segment] = post(alpha, "what-if", {"csv": f"isin,quantity\n{chain.isins['STOCK']},-100\n"})["segments"]
    assert (segment["after"]["requirement"], segment["increment"]["requirement"]) == ("0.00", "-12.00")


def test_what_if_takes_an_upload_and_another_account_that_one_may_see(chain: Chain, alpha: Client) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    upload = SimpleUploadedFile("positions.csv", b"security,quantity\nSTOCK,-50\n", content_type="text/csv")
    response = alpha.post(f"{API}/what-if", {"file": upload, "account": "ECHO-SEC-HOUSE"})
    assert response.status_code == 200, response.content
    assert response.json()["account"] == "ECHO-SEC-HOUSE"
    assert response.json()["segments"][0]["before"]["requirement"] == "0.00"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "validation"),
        ({"positions": [], "csv": "x"}, 400, "validation"),
        ({"positions": [{"security": "STOCK", "quantity": "NaN"}]}, 400, "validation"),
        ({"positions": [{"security": "STOCK", "quantity": 10**13}]}, 400, "validation"),
        ({"positions": [{"security": "STOCK", "quantity": 1}], "more": 1}, 400, "validation"),
        ({"positions": [{"security": "NOPE", "quantity": 1}]}, 422, "positions-unreadable"),
        ({"csv": "security,price\nSTOCK,1\n"}, 422, "positions-unreadable"),
        ({"positions": [{"security": "BOND", "quantity": 1000}]}, 422, "position-unpriced"),
        ({"positions": [{"security": "STOCK", "quantity": 1}], "account": "BRAVO-SEC-HOUSE"}, 404, "unknown-portfolio"),
    ],
)
def test_what_if_refuses_by_name(alpha: Client, body: dict[str, Any], status: int, code: str) -> None:
    response = alpha.post(f"{API}/what-if", body, content_type=JSON)
    assert response.status_code == status, response.content
    if status != 400:
        assert response.json()["code"] == code
