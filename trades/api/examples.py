"""Examples of the API's documentation; a test sends each of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

ONE_SIDE: dict[str, Any] = {
    "trade_id": "T-2008-09-08-000001",
    "buyer": "ALPHA",
    "seller": "BRAVO",
    "security": "US0378331005",
    "quantity": 1000,
    "price": "157.92",
    "currency": "USD",
    "trade_date": "2008-09-08",
}
CAPTURED: dict[str, Any] = {
    "id": "01985a7e-3c00-7000-8000-000000000001",
    "trade_id": "T-2008-09-08-000001",
    "status": "NEW",
    "outcome": "ACCEPTED",
    "links": {
        "self": "/api/v1/trades/01985a7e-3c00-7000-8000-000000000001",
        "cancel": "/api/v1/trades/01985a7e-3c00-7000-8000-000000000001/cancel",
    },
}
REFUSED: dict[str, Any] = {
    "type": "/problems/trade-report-refused",
    "title": "Trade report refused",
    "status": 422,
    "detail": "There is no security with ISIN or symbol 'DE0007164600'.",
    "code": "trade-report-refused",
    "errors": [
        {
            "pointer": "/security",
            "code": "unknown-security",
            "detail": "There is no security with ISIN or symbol 'DE0007164600'.",
        }
    ],
}
LINE_ACCEPTED = {"line": 1, "outcome": "ACCEPTED", "id": "01985a7e-3c00-7000-8000-000000000001"}
LINE_REFUSED = {
    "line": 2,
    "outcome": "REFUSED",
    "errors": [{"pointer": "/buyer", "code": "unknown-participant", "detail": "There is no participant 'X'."}],
}

REPORT_EXAMPLE = OpenApiExample("One side", value=ONE_SIDE, request_only=True, media_type="application/json")
CAPTURED_EXAMPLE = OpenApiExample("Taken", value=CAPTURED, response_only=True, status_codes=["201"])
REPEATED_EXAMPLE = OpenApiExample(
    "Repeated", value=CAPTURED | {"outcome": "REPEATED"}, response_only=True, status_codes=["200"]
)
REFUSED_EXAMPLE = OpenApiExample("Refused", value=REFUSED, response_only=True, status_codes=["422"])
LINE_EXAMPLES = [
    OpenApiExample("A line taken", value=LINE_ACCEPTED, response_only=True),
    OpenApiExample("A line refused", value=LINE_REFUSED, response_only=True),
]
CSV_EXAMPLE = (
    "trade_id,buyer,seller,security,quantity,price,currency,trade_date\n"
    "T-1,ALPHA,BRAVO,US0378331005,1000,157.92,USD,2008-09-08\n"
)
