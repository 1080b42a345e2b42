"""Market data in the API: read by everybody, taken in from operators."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from django.test import Client

    from tests.factories.market import Market

BASE = "/api/v1/market-data"
PATHS = ("quotes", "prices", "exchange-rates")
QUOTE = {"security": "EQUITY", "at": "2008-09-08T09:30:00+02:00", "bid": "100", "ask": "100.5", "last": "100.25"}
PRICE = {
    "security": "EQUITY", "date": "2008-09-05", "open": "99", "high": "101", "low": "98", "close": "100", "volume": 7,
}  # fmt: skip
RATE = {"currency": "USD", "date": "2008-09-05", "value": "0.7009"}
GOOD: dict[str, dict[str, Any]] = {"quotes": QUOTE, "prices": PRICE, "exchange-rates": RATE}


@pytest.fixture(autouse=True)
def empty_store(market: Market) -> None:
    from reference import quote_store

    quote_store.forget()


def post(client: Client, path: str, body: Any, content_type: str = "application/json") -> Any:
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return client.post(f"{BASE}/{path}", data, content_type=content_type)


@pytest.mark.parametrize("path", PATHS)
def test_one_line_is_answered_as_itself(operator: Client, path: str) -> None:
    first = post(operator, path, GOOD[path])
    assert (first.status_code, first.json()) == (201, {"accepted": 1, "repeated": 0, "refused": []})
    again = post(operator, path, GOOD[path])
    assert (again.status_code, again.json()["repeated"]) == (200, 1)
    field = {"quotes": "last", "prices": "close", "exchange-rates": "value"}[path]
    other = post(operator, path, GOOD[path] | {field: "100.1"})
    assert (other.status_code, other.json()["code"]) == (409, "market-data-differs")
    wrong = post(operator, path, GOOD[path] | {field: "0"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, f"/{field}")
    (row,) = operator.get(f"{BASE}/{path}").json()["results"]
    assert Decimal(row[field]) == Decimal(GOOD[path][field])


@pytest.mark.parametrize("path", PATHS)
def test_participants_and_auditors_read_and_take_nothing_in(alpha: Client, auditor: Client, path: str) -> None:
    for client in (alpha, auditor):
        assert client.get(f"{BASE}/{path}").status_code == 200
        assert post(client, path, GOOD[path]).status_code == 403


def test_nobody_reads_without_a_login(client: Client, market: Market) -> None:
    for path in (*PATHS, "quotes/latest"):
        assert client.get(f"{BASE}/{path}").status_code == 401


def test_of_a_list_the_good_lines_are_kept(operator: Client) -> None:
    lines = [QUOTE, QUOTE | {"bid": "101"}, 7, QUOTE | {"at": "2008-09-08T09:31:00+02:00"}]
    answer = post(operator, "quotes", lines)
    assert answer.status_code == 201
    assert answer.json()["accepted"] == 2
    assert [(row["line"], row["code"]) for row in answer.json()["refused"]] == [
        (2, "quote-crossed"), (3, "market-line-malformed"),
    ]  # fmt: skip


def test_a_file_comes_as_body_or_upload(operator: Client) -> None:
    text = "currency,date,value\nUSD,2008-09-05,0.7\nUSD,2008-09-08,-1\n"
    body = post(operator, "exchange-rates", text, "text/csv")
    assert (body.status_code, body.json()["refused"][0]["line"]) == (201, 3)
    upload = operator.post(f"{BASE}/exchange-rates", {"file": SimpleUploadedFile("rates.csv", text.encode())})
    assert (upload.status_code, upload.json()["repeated"]) == (200, 1)
    broken = post(operator, "exchange-rates", b"\xff\xfe", "text/csv")
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed-body")
    assert operator.get(f"{BASE}/exchange-rates").json()["results"][0]["source"] == "FILE"


def test_the_last_quotes_and_the_history(operator: Client, alpha: Client, market: Market) -> None:
    later = QUOTE | {"at": "2008-09-08T09:45:00+02:00", "bid": "100.2"}
    other = QUOTE | {"security": "DOLLAR", "bid": "99"}
    assert post(operator, "quotes", [later, QUOTE, other]).json()["accepted"] == 3
    rows = alpha.get(f"{BASE}/quotes/latest").json()
    assert {row["security"]: (row["bid"], row["mid"]) for row in rows} == {
        market.equity.code: ("100.2", "100.35"), market.dollar_equity.code: ("99", "99.75"),
    }  # fmt: skip
    assert len(alpha.get(f"{BASE}/quotes/latest?security=equity").json()) == 1
    assert alpha.get(f"{BASE}/quotes/latest?security=NOBODY").status_code == 404
    history = alpha.get(f"{BASE}/quotes?security=EQUITY").json()["results"]
    assert [row["bid"] for row in history] == ["100.2", "100"]
    until = alpha.get(f"{BASE}/quotes", {"security": "EQUITY", "at_until": "2008-09-08T09:40:00+02:00"})
    assert [row["bid"] for row in until.json()["results"]] == ["100"]
    assert alpha.get(f"{BASE}/quotes?business_date=2008-09-09").json()["results"] == []
    for query in ("?latest=1", "?at_until=x", "?security=NOBODY"):
        assert alpha.get(f"{BASE}/quotes{query}").status_code == 400


def test_a_participant_reads_no_price_of_a_day_that_is_not_over(operator: Client, alpha: Client) -> None:
    for day in ("2008-09-05", "2008-09-08", "2008-09-09"):
        assert post(operator, "prices", PRICE | {"date": day}).status_code == 201

    def days(client: Client) -> list[str]:
        return [row["date"] for row in client.get(f"{BASE}/prices").json()["results"]]

    assert days(operator) == ["2008-09-09", "2008-09-08", "2008-09-05"]
    assert days(alpha) == ["2008-09-05"]


def test_too_many_lines_and_unknown_parameters(operator: Client) -> None:
    assert post(operator, "quotes", [QUOTE] * 10_001).json()["code"] == "too-many-market-lines"
    assert post(operator, "quotes?source=a b", QUOTE).json()["code"] == "market-source-invalid"
    assert post(operator, "quotes?sauce=a", QUOTE).status_code == 400
    assert post(operator, "quotes?source=REUTERS", QUOTE).status_code == 201
    assert operator.get(f"{BASE}/quotes?source=REUTERS").json()["results"][0]["source"] == "REUTERS"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)
bounded = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@bounded
@given(path=st.sampled_from(PATHS), value=anything, text=st.binary(max_size=60))
def test_whatever_is_sent_is_no_server_error(operator: Client, path: str, value: Any, text: bytes) -> None:
    body = json.dumps(value).encode("utf-8", "surrogatepass")
    for content, kind in ((body, "application/json"), (text, "text/csv"), (text, "multipart/form-data; boundary=x")):
        assert operator.post(f"{BASE}/{path}", content, content_type=kind).status_code in (200, 400, 422)
