"""Examples of orders in the API's documentation; a test sends each of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

TICKET: dict[str, Any] = {
    "client_order_id": "O-2008-09-08-000001",
    "client": "ALDER-DESK",
    "security": "US0378331005",
    "side": "BUY",
    "quantity": 1000,
    "order_type": "LIMIT",
    "limit_price": "157.92",
    "time_in_force": "DAY",
}
LINKS = {
    "self": "/api/v1/orders/01985a7e-3c00-7000-8000-000000000001",
    "cancel": "/api/v1/orders/01985a7e-3c00-7000-8000-000000000001/cancel",
    "replace": "/api/v1/orders/01985a7e-3c00-7000-8000-000000000001/replace",
}
PLACED: dict[str, Any] = {
    "id": "01985a7e-3c00-7000-8000-000000000001",
    "client_order_id": "O-2008-09-08-000001",
    "status": "VALIDATED",
    "outcome": "ACCEPTED",
    "warnings": [],
    "links": LINKS,
}
SHORT = "ALDER-DESK can sell 0 AAPL, not 1000."
REJECTED: dict[str, Any] = {
    "type": "/problems/order-rejected",
    "title": "Order rejected",
    "status": 422,
    "detail": SHORT,
    "code": "order-rejected",
    "errors": [{"pointer": "", "code": "short-sale-not-allowed", "detail": SHORT}],
    "correlation_id": "01985a7e-3bff-7000-8000-000000000007",
    "order_status": "REJECTED",
    "id": "01985a7e-3c00-7000-8000-000000000001",
    "client_order_id": "O-2008-09-08-000002",
    "outcome": "REJECTED",
    "links": {"self": LINKS["self"]},
}

TICKET_EXAMPLE = OpenApiExample("A limit order", value=TICKET, request_only=True, media_type="application/json")
PLACED_EXAMPLE = OpenApiExample("Taken", value=PLACED, response_only=True, status_codes=["201"])
REPEATED_EXAMPLE = OpenApiExample(
    "Repeated", value=PLACED | {"outcome": "REPEATED"}, response_only=True, status_codes=["200"]
)
REJECTED_EXAMPLE = OpenApiExample(
    "Rejected", value=REJECTED, response_only=True, status_codes=["422"], media_type="application/problem+json"
)
