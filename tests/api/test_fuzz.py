"""Bodies that no schema describes: the answer is never a server error, and a refusal writes nothing.

What the schema describes is in tests/fuzz.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories.market import Market
from trades.core.report import TradeReport
from trades.models import RefusedLine, Trade

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.decimals().map(str)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
fields = st.dictionaries(st.sampled_from(TradeReport.__struct_fields__) | st.text(max_size=8), values, max_size=4)
bounded = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def encode(value: Any) -> bytes:
    """Write JSON as a careless client does: with NaN, lone surrogates and all."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


@bounded
@given(value=values)
@pytest.mark.parametrize("path", ["trades", "settlement/instructions"])
def test_any_json(operator: Client, market: Market, path: str, value: Any) -> None:
    response = operator.post(f"/api/v1/{path}", encode(value), content_type="application/json")
    assert response.status_code in (400, 422)
    assert not Trade.objects.exists()


@bounded
@given(lines=st.lists(fields.map(encode) | values.map(encode) | st.binary(max_size=60), max_size=8))
def test_any_lines(alpha: Client, market: Market, lines: list[bytes]) -> None:
    before = RefusedLine.objects.count()
    kind = "application/x-ndjson"
    response = alpha.post("/api/v1/trades/bulk", b"\n".join(lines), content_type=kind, CONTENT_TYPE=kind)
    assert response.status_code == 200
    outcomes = [json.loads(line) for line in response.getvalue().splitlines()]
    assert [item["line"] for item in outcomes] == sorted(item["line"] for item in outcomes)
    refused = sum(item["outcome"] == "REFUSED" for item in outcomes)
    assert RefusedLine.objects.count() - before == refused


@bounded
@given(body=st.binary(max_size=200))
def test_any_csv(alpha: Client, market: Market, body: bytes) -> None:
    header = b"trade_id,buyer,seller,security,quantity,price,currency,trade_date\n"
    for content in (body, header + body):
        response = alpha.post("/api/v1/trades/bulk", content, content_type="text/csv", CONTENT_TYPE="text/csv")
        assert response.status_code in (200, 400, 422)
        if response.status_code == 200:
            response.getvalue()
