"""Bad input is a named refusal with a pointer, never a 500, and nothing is half-written."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from events.models import AuditRecord, OutboxFact
from tests.factories.market import Market
from trades.models import RefusedLine, Submission, Trade

URL = "/api/v1/trades"
BULK = "/api/v1/trades/bulk"

BAD_FIELDS: list[tuple[str, dict[str, Any], str, str]] = [
    ("unknown isin", {"security": "DE0001102341"}, "unknown-security", "/security"),
    ("unknown buyer", {"buyer": "NOBODY"}, "unknown-participant", "/buyer"),
    ("unknown seller", {"seller": "NOBODY"}, "unknown-participant", "/seller"),
    ("buyer is seller", {"seller": "ALPHA"}, "buyer-is-seller", "/seller"),
    ("not a party", {"buyer": "CHARLIE"}, "not-a-party", "/buyer"),
    ("another's report", {"reporter": "BRAVO"}, "not-your-report", "/reporter"),
    ("unknown account", {"account": "FUND9"}, "unknown-account", "/account"),
    ("zero quantity", {"quantity": 0}, "malformed-report", "/quantity"),
    ("negative quantity", {"quantity": -5}, "malformed-report", "/quantity"),
    ("quantity beyond int64", {"quantity": 2**63}, "malformed-report", "/quantity"),
    ("quantity beyond all", {"quantity": 10**400}, "malformed-report", "/quantity"),
    ("fractional quantity", {"quantity": 1.5}, "malformed-report", "/quantity"),
    ("quantity as text", {"quantity": "100"}, "malformed-report", "/quantity"),
    ("quantity as truth", {"quantity": True}, "malformed-report", "/quantity"),
    ("not in lots", {"security": "BOND", "quantity": 1500}, "quantity-not-in-lots", "/quantity"),
    ("quantity beyond the cap", {"quantity": 10**15 + 1}, "malformed-report", "/quantity"),
    ("product beyond int64", {"quantity": 10**15, "price": "999999999"}, "amount-out-of-range", "/quantity"),
    ("zero price", {"price": "0"}, "price-out-of-range", "/price"),
    ("negative price", {"price": "-1"}, "price-out-of-range", "/price"),
    ("absurd price", {"price": "1e999999"}, "price-out-of-range", "/price"),
    ("tiny price", {"price": "1e-999999"}, "price-out-of-range", "/price"),
    ("price NaN", {"price": "NaN"}, "price-out-of-range", "/price"),
    ("price sNaN", {"price": "sNaN"}, "price-out-of-range", "/price"),
    ("price infinite", {"price": "Infinity"}, "price-out-of-range", "/price"),
    ("price too fine", {"price": "1.1234567"}, "price-out-of-range", "/price"),
    ("price hidden beyond 28 digits", {"price": "1." + "0" * 40 + "1"}, "price-out-of-range", "/price"),
    ("price as words", {"price": "a lot"}, "malformed-report", "/price"),
    ("price null", {"price": ...}, "malformed-report", "/price"),
    ("price nested", {"price": [[[[1]]]]}, "malformed-report", "/price"),
    ("amount NaN", {"amount": "NaN"}, "amount-out-of-range", "/amount"),
    ("amount too fine", {"amount": "10120.001"}, "amount-out-of-range", "/amount"),
    ("amount beyond int64", {"amount": "92233720368547758.08"}, "amount-out-of-range", "/amount"),
    ("negative amount", {"amount": "-1"}, "amount-out-of-range", "/amount"),
    ("wrong currency", {"currency": "USD"}, "wrong-currency", "/currency"),
    ("unknown currency", {"currency": "XXX"}, "wrong-currency", "/currency"),
    ("currency with NUL", {"currency": "E\x00R"}, "wrong-currency", "/currency"),
    ("settles before it trades", {"settlement_date": "2008-09-05"}, "settlement-before-trade-date", "/settlement_date"),
    ("settles on a Sunday", {"settlement_date": "2008-09-14"}, "settlement-date-is-holiday", "/settlement_date"),
    ("settles on a holiday", {"settlement_date": "2008-12-25"}, "settlement-date-is-holiday", "/settlement_date"),
    ("settles beyond the calendar", {"settlement_date": "9999-12-31"}, "date-outside-calendar", "/settlement_date"),
    ("traded before the calendar", {"trade_date": "0001-01-01"}, "date-outside-calendar", "/trade_date"),
    ("traded tomorrow", {"trade_date": "2008-09-09"}, "trade-date-in-future", "/trade_date"),
    ("impossible date", {"trade_date": "2008-02-30"}, "malformed-report", "/trade_date"),
    ("date as number", {"trade_date": 20080908}, "malformed-report", "/trade_date"),
    ("unknown field", {"colour": "red"}, "malformed-report", "/colour"),
    ("field with NUL", {"a\x00b": 1}, "malformed-report", "/a\x00b"),
    ("missing field", {"buyer": None}, "malformed-report", "/buyer"),
    ("null trade_id", {"trade_id": ...}, "malformed-report", "/trade_id"),
    ("empty trade_id", {"trade_id": ""}, "malformed-report", "/trade_id"),
    ("long trade_id", {"trade_id": "T" * 36}, "malformed-report", "/trade_id"),
    ("trade_id with NUL", {"trade_id": "T\x00"}, "malformed-report", "/trade_id"),
    ("account with NUL", {"account": "\x00"}, "unknown-account", "/account"),
    ("buyer with quotes", {"buyer": "'; DROP --"}, "unknown-participant", "/buyer"),
]  # fmt: skip

BAD_BODIES: list[tuple[str, bytes, str]] = [
    ("empty", b"", "malformed-report"),
    ("not JSON", b"trade please", "malformed-report"),
    ("cut off", b'{"trade_id": "T-1"', "malformed-report"),
    ("a list", b"[]", "malformed-report"),
    ("null", b"null", "malformed-report"),
    ("a number", b"1e999999", "malformed-report"),
    ("bare NaN", b'{"price": NaN}', "malformed-report"),
    ("deep lists", b"[" * 100_000, "malformed-report"),
    ("deep objects", b'{"price":' * 100_000, "malformed-report"),
    ("broken UTF-8", b'{"trade_id": "\xff\xfe"}', "broken-encoding"),
    ("UTF-16", '{"trade_id": "T-1"}'.encode("utf-16"), "broken-encoding"),
    ("lone surrogate", b'{"trade_id": "\\ud800"}', "malformed-report"),
    ("two documents", b"{}{}", "malformed-report"),
]


def encode(fields: dict[str, Any]) -> bytes:
    """Write a report; Ellipsis stands for null."""
    return json.dumps({name: None if value is ... else value for name, value in fields.items()}).encode()


def assert_nothing_written() -> None:
    assert not Trade.objects.exists()
    assert not OutboxFact.objects.exists()


@pytest.mark.parametrize(
    ("changes", "code", "pointer"), [row[1:] for row in BAD_FIELDS], ids=[r[0] for r in BAD_FIELDS]
)
def test_bad_field_of_one_report(alpha: Client, market: Market, changes: Any, code: str, pointer: str) -> None:
    response = alpha.post(URL, encode(market.report(**changes)), content_type="application/json")
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert response.status_code == 422, problem
    assert problem["status"] == 422
    assert problem["type"].startswith("/problems/")
    assert (problem["errors"][0]["code"], problem["errors"][0]["pointer"]) == (code, pointer)
    assert problem["errors"][0]["detail"]
    assert_nothing_written()
    # That of the login itself is there.
    assert not AuditRecord.objects.exclude(object_type__in=("user", "membership")).exists()


def test_bad_fields_in_bulk(alpha: Client, market: Market) -> None:
    good = encode(market.report(trade_id="GOOD"))
    lines = [encode(market.report(**({"trade_id": f"T-{n}"} | row[1]))) for n, row in enumerate(BAD_FIELDS)]
    response = alpha.post(BULK, b"\n".join([good, *lines, good]), content_type="application/x-ndjson")
    assert response.status_code == 200
    answers = [json.loads(line) for line in response.getvalue().splitlines()]
    assert [answer["line"] for answer in answers] == list(range(1, len(lines) + 3))
    found = [(answer["errors"][0]["code"], answer["errors"][0]["pointer"]) for answer in answers[1:-1]]
    assert found == [(code, pointer) for _, _, code, pointer in BAD_FIELDS]
    assert (answers[0]["outcome"], answers[-1]["outcome"]) == ("ACCEPTED", "REPEATED")
    submission = Submission.objects.get()
    assert (submission.accepted, submission.repeated, submission.refused) == (1, 1, len(lines))
    assert submission.problem == ""
    assert RefusedLine.objects.count() == len(lines)


@pytest.mark.parametrize(("body", "code"), [row[1:] for row in BAD_BODIES], ids=[row[0] for row in BAD_BODIES])
def test_bad_body(alpha: Client, market: Market, body: bytes, code: str) -> None:
    response = alpha.post(URL, body, content_type="application/json")
    assert response["Content-Type"] == "application/problem+json"
    assert response.status_code in (400, 422), response.content
    problem = response.json()
    codes = {problem["code"], *(error["code"] for error in problem.get("errors", []))}
    assert code in codes
    assert_nothing_written()


def test_all_problems_of_a_report_are_told_at_once(alpha: Client, market: Market) -> None:
    report = market.report(currency="USD", price="-1", settlement_date="2008-09-14")
    problem = alpha.post(URL, report, content_type="application/json").json()
    assert {error["pointer"] for error in problem["errors"]} == {"/currency", "/price", "/settlement_date"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/octet-stream", ""])
def test_wrong_content_type(alpha: Client, market: Market, content_type: str) -> None:
    response = alpha.post(URL, b"{}", content_type=content_type)
    assert response.status_code == 415
    assert response.json()["type"] == "/problems/unsupported-media-type"
    response = alpha.post(BULK, b"{}", content_type=content_type or "application/json")
    assert response.status_code == 415


def test_too_large_for_one_report(alpha: Client, market: Market, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = alpha.post(URL, b" " * 2000, content_type="application/json")
    assert response.status_code == 413
    assert response.json()["type"] == "/problems/body-too-large"


def test_wrong_method_and_address(alpha: Client, market: Market) -> None:
    response = alpha.delete(URL)
    assert (response.status_code, response.json()["type"]) == (405, "/problems/method-not-allowed")
    response = alpha.get("/api/v1/nothing-here")
    assert (response.status_code, response.json()["type"]) == (404, "/problems/not-found")
    response = alpha.get("/api/v1/trades/not-a-uuid")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    "query",
    [
        "status=GONE", "security=XS9", "buyer=NOBODY", "trade_date_from=yesterday", "limit=0", "limit=101",
        "limit=many", "limit=0000019999999", "limit=" + "9" * 5000,
        "cursor=broken", "submission=7", "statis=NEW", "q=%00", "cleared=perhaps", "limit=%D9%A1",
    ],
)  # fmt: skip
def test_bad_filter_is_refused(alpha: Client, market: Market, query: str) -> None:
    response = alpha.get(f"{URL}?{query}")
    if query == "cleared=perhaps":
        assert response.status_code in (200, 400)
        return
    assert response.status_code in (400, 404), response.content
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("address", "status"),
    [("venues/%00", 404), ("positions?account=%00", 400), ("venues/XAAA/books/X?levels=0050" + "9" * 5_000, 400)],
)
def test_what_no_database_holds_is_the_senders_fault(alpha: Client, market: Market, address: str, status: int) -> None:
    response = alpha.get(f"/api/v1/{address}")
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("0256-03-03T12:07:47.053+18:15", 200),
        ("9999-12-31T23:59:59-23:59", 400),
        ("0001-01-01T00:00:00+23:59", 400),
        ("0001-01-01T00:00:00", 400),
        ("2008-09-08T10:00:00+24:00", 400),
    ],
)
def test_a_moment_that_no_database_reads_is_no_server_error(
    operator: Client, market: Market, moment: str, status: int
) -> None:
    for name in ("at_from", "at_until"):
        response = operator.get("/api/v1/market-data/quotes", {name: moment})
        assert response.status_code == status, response.content
    quote = {"security": "EQUITY", "at": moment, "bid": "1", "ask": "1", "last": "1"}
    response = operator.post("/api/v1/market-data/quotes", quote, content_type="application/json")
    assert (response.status_code, response["Content-Type"]) == (422, "application/problem+json")


def test_a_quote_is_of_its_moment_whatever_its_offset(operator: Client, market: Market) -> None:
    quote = {"security": "EQUITY", "at": "2008-09-08T04:30:00+20:00", "bid": "1", "ask": "1", "last": "1"}
    response = operator.post("/api/v1/market-data/quotes", quote, content_type="application/json")
    assert response.status_code == 201, response.content
    (row,) = operator.get("/api/v1/market-data/quotes", {"at_until": "2008-09-08T04:30:00+20:00"}).json()["results"]
    assert row["at"].startswith("2008-09-07T10:30:00")


@pytest.mark.parametrize("path", ["market-data/quotes", "market-data/prices", "trades", "orders", "participants"])
@pytest.mark.parametrize(
    "position",
    [
        "p=x", "p=", "p=%00", "p=0256-03-03T12:07:47%2B18:15", "p=0001-01-01T00:00:00", "p=2008-13-41", "p=-1", "p=1e9",
        "p=" + "9" * 30, "p=" + "9" * 5_000, "p=%D9%A1", "p=%FF", "r=1&p=x", "o=" + "9" * 5_000, "o=-1", "r=x", "",
    ],
)  # fmt: skip
def test_a_made_up_cursor_is_the_senders_fault(operator: Client, market: Market, path: str, position: str) -> None:
    cursor = b64encode(position.encode()).decode()
    response = operator.get(f"/api/v1/{path}", {"cursor": cursor})
    assert response.status_code in (200, 400, 404), response.content


def test_a_parameter_or_a_body_that_no_operation_describes_is_refused(operator: Client) -> None:
    from reference.api.base import ActorView
    from reference.api.parameters import _descriptions
    from tests.api.test_every_endpoint import ARGUMENT, addresses

    values = {"pk": "1", "account_id": "1", "version": "1"}
    asked, wrong = 0, []
    for address in addresses():
        if not (address.view and issubclass(address.view, ActorView)):
            continue
        path = "/" + ARGUMENT.sub(lambda found: values.get(found[1], str(uuid4())), address.route) + "?nope=1"
        methods = [*address.methods, *(["get"] if hasattr(address.view, "get") else [])]
        for method in methods:
            answer = operator.generic(method.upper(), path, "{}", content_type="application/json")
            told = answer.status_code, [error["pointer"] for error in answer.json().get("errors", [])]
            asked += 1
            # What stands under nothing is not listed.
            if told != (400, ["/nope"]) and not (method == "get" and told == (404, [])):
                wrong.append(f"{method} {path}: {told}")
    assert (wrong, asked > 200) == ([], True)
    # Whatever was asked first.
    _descriptions.clear()
    pause = "/api/v1/business-day/pause"
    for body in ('{"x": 1}', "[1]", '"x"'):
        under_key_or_not: list[Any] = [{}, {"Idempotency-Key": None}]
        for headers in under_key_or_not:
            answer = operator.post(pause, body, content_type="application/json", headers=headers)
            assert answer.status_code == 400, body
    for body in ("", "{}"):
        assert operator.post(pause, body, content_type="application/json").status_code == 200, body
