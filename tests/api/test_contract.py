"""The API's contract: its schema, its examples, and the list of its problems."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from django.test import Client
from django.urls import URLPattern, get_resolver

from tests.factories.market import Market
from trades.api import examples
from trades.api.serializers import TradeReportSerializer
from trades.core.problems import PROBLEM_TYPES
from trades.core.report import TradeReport

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("get", "post", "put", "patch", "delete")
# What it would end stays for ever; it says so by name.
ALWAYS_REFUSED = {
    ("delete", "/api/v1/static-data/accounts/{key}"),
    ("delete", "/api/v1/static-data/currencies/{key}"),
}


def api_views() -> list[URLPattern]:
    from fmi.api.urls import urlpatterns

    found: list[Any] = []
    waiting: list[Any] = list(urlpatterns)
    while waiting:
        pattern = waiting.pop()
        if hasattr(pattern, "url_patterns"):
            waiting += pattern.url_patterns
        else:
            found.append(pattern)
    return found


def test_every_operation_is_described(schema: dict[str, Any]) -> None:
    paths = schema["paths"]
    assert len([path for path in paths if path.startswith("/api/v1/")]) == len(api_views())
    for path, operations in paths.items():
        for method in METHODS:
            if method in operations:
                operation = operations[method]
                assert operation["operationId"], path
                assert operation["description"], path
                assert operation["summary"], path
                assert set(operation["responses"]) >= {"400", "406", "429"}, path
                assert (min(operation["responses"]) < "400") != ((method, path) in ALWAYS_REFUSED), path
                if "/auth/" not in path:
                    assert set(operation["responses"]) >= {"401", "403"}, path
                    assert operation["security"][0].get("bearerToken"), f"{method} {path} names no scope"
                bodies = [operation.get("requestBody", {})]
                bodies += [answer for status, answer in operation["responses"].items() if status < "300"]
                for body in bodies:
                    media = body.get("content", {}).get("application/json", {"example": None})
                    assert "example" in media or "examples" in media, f"{method} {path} has no example"


def test_amounts_are_decimal_strings_and_quantities_integers(schema: dict[str, Any]) -> None:
    trade = schema["components"]["schemas"]["Trade"]["properties"]
    assert (trade["amount"]["type"], trade["price"]["type"], trade["quantity"]["type"]) == (
        "string",
        "string",
        "integer",
    )
    assert (trade["cleared"]["type"], trade["id"]["format"], trade["trade_date"]["format"]) == (
        "boolean",
        "uuid",
        "date",
    )
    assert schema["components"]["schemas"]["TradeReportRequest"]["properties"]["cleared"]["default"] is True


def test_every_view_answers_through_drf() -> None:
    assert get_resolver().resolve("/api/v1/trades").url_name == "api-trades"
    for pattern in api_views():
        assert hasattr(pattern.callback, "cls"), pattern


def test_docs_page_is_served(operator: Client) -> None:
    page = operator.get("/api/docs")
    assert page.status_code == 200
    assert b"swagger-ui" in page.content


def test_the_description_is_written_once(schema: dict[str, Any], monkeypatch: Any) -> None:
    import json

    from drf_spectacular.generators import SchemaGenerator

    from fmi import api_schema

    written: list[Any] = []

    def write(self: Any, **options: Any) -> dict[str, Any]:
        written.append(options)
        return schema

    monkeypatch.setattr(SchemaGenerator, "get_schema", write)
    for kept in (api_schema._document, api_schema._written):
        kept.cache_clear()
    first = Client().get("/api/schema?format=json&x=1")
    again = Client(headers={"Cookie": "x=2"}).get("/api/schema?format=json&x=2")
    assert json.loads(first.content) == schema
    assert (again.content, again["ETag"]) == (first.content, first["ETag"])
    assert Client().get("/api/schema")["Content-Type"].startswith("application/vnd.oai.openapi")
    assert Client().get("/api/schema?format=json", headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert len(written) == 1
    for kept in (api_schema._document, api_schema._written):
        kept.cache_clear()


def test_description_of_a_report_is_what_is_read() -> None:
    assert tuple(TradeReportSerializer().fields) != ()
    assert set(TradeReportSerializer().fields) == set(TradeReport.__struct_fields__)


def test_the_example_of_a_report_runs(alpha: Client, market: Market) -> None:
    fields = examples.ONE_SIDE | {"security": market.dollar_equity.code}
    response = alpha.post("/api/v1/trades", fields, content_type="application/json")
    assert response.status_code == 201, response.content
    assert set(response.json()) == set(examples.CAPTURED)
    problem = alpha.post(
        "/api/v1/trades", fields | {"security": "DE0007164600", "trade_id": "T-2"}, content_type="application/json"
    ).json()
    assert problem.pop("correlation_id")
    assert problem == examples.REFUSED


def test_the_bulk_examples_run(alpha: Client, market: Market) -> None:
    body = (
        examples.CSV_EXAMPLE.replace("US0378331005", market.dollar_equity.code) + "T-2,X,BRAVO,Y,1,1,USD,2008-09-08\n"
    )
    response = alpha.post("/api/v1/trades/bulk", body.encode(), content_type="text/csv")
    accepted, refused = response.getvalue().splitlines()
    import json

    assert set(json.loads(accepted)) == set(examples.LINE_ACCEPTED)
    assert json.loads(refused)["errors"][0] == examples.LINE_REFUSED["errors"][0]  # type: ignore[index]


def problem_codes(path: Path) -> set[str]:
    """Return the codes that a module makes Problems and header refusals of."""
    codes = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Problem", "HeaderRefused"):
            first = node.args[0]
            assert isinstance(first, ast.Constant | ast.Attribute), ast.dump(first)
            if isinstance(first, ast.Constant):
                codes.add(str(first.value))
    return codes


def test_every_problem_of_a_report_is_documented() -> None:
    modules = [*(ROOT / "trades/core").glob("*.py"), *(ROOT / "trades/services").glob("*.py")]
    found = set().union(*(problem_codes(path) for path in modules))
    assert found <= set(PROBLEM_TYPES)
    from reference.core.calendar import DateOutsideCalendar

    assert set(PROBLEM_TYPES) - found <= {DateOutsideCalendar.code}


def test_every_problem_has_its_page(client: Client) -> None:
    for code in PROBLEM_TYPES:
        assert client.get(f"/problems/{code}").status_code == 200
