"""A request of each operation that succeeds in the market of the fuzzer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from reference.core.identifiers import isin_check_digit, lei_check_digits

ARGUMENT = re.compile(r"\{(\w+)\}")

# What the addresses that begin so name: keys of the market, or the word itself.
NAMES = {
    "/api/v1/accounts/{key}": "account",
    "/api/v1/allocations/{public_id}": "allocation",
    "/api/v1/audit/{id}": "audit",
    "/api/v1/clearing/calls/{id}": "call",
    "/api/v1/clearing/defaults/{id}": "case",
    "/api/v1/clearing/defaults/{id}/auction": "suspended_case",
    "/api/v1/clearing/defaults/{id}/collateral-sales": "suspended_case",
    "/api/v1/clearing/defaults/{id}/hedges": "suspended_case",
    "/api/v1/clearing/defaults/{id}/portings": "suspended_case",
    "/api/v1/clearing/defaults/{id}/steps/{step}": "proposed_case declare",
    "/api/v1/clearing/lots/{id}": "lot",
    "/api/v1/clearing/portings/{id}": "offered",
    "/api/v1/clearing/{trade_id}": "trade_id",
    "/api/v1/compliance/alerts/{id}": "compliance_alert",
    "/api/v1/compliance/restricted/{id}": "entry",
    "/api/v1/compliance/rules/{code}": "FAT-FINGER",
    "/api/v1/derivatives/positions/{account_id}": "derivatives",
    "/api/v1/derivatives/trades/{account_id}": "derivatives",
    "/api/v1/events/schemas/{name}/{version}": "schema 1",
    "/api/v1/execution/{public_id}": "order",
    "/api/v1/keys/{client_id}": "key",
    "/api/v1/orders/{public_id}": "order",
    "/api/v1/participants/{key}": "ALPHA",
    "/api/v1/position-alerts/{id}": "alert",
    "/api/v1/position-limits/{id}": "limit",
    "/api/v1/positions/{key}": "ALPHA",
    "/api/v1/proposals/{public_id}": "proposal",
    "/api/v1/securities/{code}": "security",
    "/api/v1/settlement/comparisons/{id}": "comparison",
    "/api/v1/settlement/corporate-actions/{id}": "recorded_action",
    "/api/v1/settlement/corporate-actions/{id}/cancel": "action",
    "/api/v1/settlement/instructions/{public_id}": "instruction",
    "/api/v1/settlement/party-instructions/{public_id}": "party",
    "/api/v1/settlement/{trade_id}": "trade_id",
    "/api/v1/static-data/accounts/{key}": "account",
    "/api/v1/static-data/brokers/{key}": "ECHO",
    "/api/v1/static-data/clients/{key}": "idle_client",
    "/api/v1/static-data/currencies/{key}": "EUR",
    "/api/v1/static-data/instruments/{key}": "bond",
    "/api/v1/static-data/participants/{key}": "ECHO",
    "/api/v1/static-data/traders/{key}": "idle_trader",
    "/api/v1/submissions/{public_id}": "submission",
    "/api/v1/trades/{public_id}": "new",
    "/api/v1/venues/{mic}": "mic",
    "/api/v1/venues/{mic}/books/{isin}": "mic security",
    "/api/v1/webhooks/{public_id}": "webhook",
    "/api/v1/webhooks/{public_id}/deliveries/{delivery_id}": "webhook delivery",
    "/order/{public_id}": "order",
}
# Whose these are to do; all others are an operator's.
ALPHAS = (
    "/api/v1/allocations", "/api/v1/clearing/calls/{id}/pay", "/api/v1/clearing/lots/{id}/bids",
    "/api/v1/clearing/portings/{id}/answer", "/api/v1/clearing/what-if", "/api/v1/clearing/collateral/",
    "/api/v1/clearing/{trade_id}", "/api/v1/derivatives/deposit", "/api/v1/derivatives/trade",
    "/api/v1/derivatives/withdraw", "/api/v1/keys", "/api/v1/orders", "/api/v1/proposals/{public_id}/withdraw",
    "/api/v1/settlement/instructions/{public_id}", "/api/v1/settlement/party-instructions/{public_id}",
    "/api/v1/settlement/{trade_id}", "/api/v1/static-data/clients", "/api/v1/static-data/traders", "/api/v1/trades",
    "/api/v1/webhooks", "/order/",
)  # fmt: skip
OPERATORS = ("/api/v1/trades/bulk",)
ORDER = {
    "client_order_id": "GOOD-1", "client": "{client}", "security": "{security}", "side": "BUY", "quantity": 10,
    "order_type": "LIMIT", "limit_price": "10.00", "time_in_force": "DAY",
}  # fmt: skip
TRADE = {
    "trade_id": "GOOD-T", "buyer": "ALPHA", "seller": "BRAVO", "security": "{security}", "quantity": 100,
    "price": "10.00", "currency": "EUR", "trade_date": "{day}",
}  # fmt: skip
PERSON = {"name": "Good & Co", "lei": "{lei}", "bic": "GOODDEFF", "code": "GOODCO", "clearing_member": "ALPHA"}
LINK = {"kind": "WITH", "reference": "OTHER-I-D"}
BODIES: dict[str, Any] = {
    "POST /api/v1/allocations": {
        "trade": "{block}", "method": "QUANTITY", "lines": [{"account": "FUND", "quantity": 60}],
    },
    "POST /api/v1/allocations/{public_id}/cancel": {"reason": "a mistake"},
    "POST /api/v1/allocations/{public_id}/reallocate": {
        "method": "PERCENTAGE", "lines": [{"account": "FUND", "percentage": "100"}],
    },
    "POST /api/v1/auth/refresh": {"refresh_token": "{refresh_token}"},
    "POST /api/v1/auth/revoke": {"token": "{refresh_token}"},
    "POST /api/v1/auth/token": {"api_key": "{api_key}", "api_secret": "{api_secret}"},
    "POST /api/v1/business-day/outage": {"reason": "A cable is cut"},
    "POST /api/v1/business-day/step": {},
    "POST /api/v1/clearing/calls/{id}/withdraw": {"why": "a mistake"},
    "POST /api/v1/clearing/collateral/deposit": {"currency": "EUR", "amount": "1.00"},
    "POST /api/v1/clearing/collateral/release": {"currency": "EUR"},
    "POST /api/v1/clearing/collateral/substitute": {"currency": "EUR", "security": "SHARE", "quantity": 1},
    "POST /api/v1/clearing/collateral/withdraw": {"currency": "EUR", "amount": "1.00"},
    "POST /api/v1/clearing/default-drills": {"member": "BRAVO", "lots": 1},
    "POST /api/v1/clearing/defaults": {"member": "ALPHA", "reason": "Call not paid"},
    "POST /api/v1/clearing/defaults/{id}/auction": {"lots": 1, "minutes": 60},
    "POST /api/v1/clearing/defaults/{id}/collateral-sales": {
        "buyer": "ALPHA", "isin": "{share}", "units": 1, "price": "1.00",
    },
    "POST /api/v1/clearing/defaults/{id}/hedges": {
        "counterparty": "ALPHA", "isin": "{security}", "quantity": -5, "cost": "2.50",
    },
    "POST /api/v1/clearing/defaults/{id}/portings": {"client": "GOLF", "to_member": "ALPHA"},
    "POST /api/v1/clearing/lots/{id}/bids": {"price": "75.00"},
    "POST /api/v1/clearing/portings/{id}/answer": {"accept": True},
    "POST /api/v1/clearing/what-if": {"positions": [{"security": "STOCK", "quantity": 10}]},
    "POST /api/v1/compliance/alerts/{id}": {"status": "CLOSED", "note": "Approved in advance"},
    "POST /api/v1/compliance/restricted": {"security": "{bond}", "participant": "ALPHA", "reason": "Insider list"},
    "PATCH /api/v1/compliance/rules/{code}": {"ceiling_minor": 5_000},
    "POST /api/v1/derivatives/accounts": {"participant": "ECHO", "currency": "EUR"},
    "POST /api/v1/derivatives/deposit": {"account_id": "{derivatives}", "amount": "1.00"},
    "POST /api/v1/derivatives/mark-price": {"symbol": "BTC-PERP", "price": "50000"},
    "POST /api/v1/derivatives/trade": {
        "account_id": "{derivatives}", "symbol": "BTC-PERP", "side": "BUY", "quantity": "0.1", "price": "50000",
    },
    "POST /api/v1/derivatives/withdraw": {"account_id": "{derivatives}", "amount": "1.00"},
    "POST /api/v1/execution/{public_id}": {
        "execution_id": "GOOD-E", "executed_price": "9.98", "executed_quantity": 40, "exchange_id": "XOUT",
        "timestamp": "2008-09-11T10:00:00+02:00", "execution_fees": "0.15",
    },
    "POST /api/v1/keys": {"name": "Order router", "scopes": ["orders:read"]},
    "POST /api/v1/keys/{client_id}/rotate": {"grace_hours": 1},
    "POST /api/v1/login-waits/end": {"name": "alpha"},
    "POST /api/v1/market-data/exchange-rates": {"currency": "USD", "date": "{day}", "value": "0.71"},
    "POST /api/v1/market-data/prices": {
        "security": "{bond}", "date": "{day}", "open": "98", "high": "99", "low": "97", "close": "98.5", "volume": 10,
    },
    "POST /api/v1/market-data/quotes": {
        "security": "{security}", "at": "2008-09-11T10:00:00+02:00", "bid": "9.99", "ask": "10.01", "last": "10.00",
    },
    "POST /api/v1/orders": ORDER,
    "POST /api/v1/orders/{public_id}/cancel": {"reason": "no longer wanted"},
    "POST /api/v1/orders/{public_id}/replace": {"quantity": 50},
    "POST /api/v1/orders/bulk": [ORDER],
    "POST /api/v1/position-limits": {"participant": "BRAVO", "security": "{security}", "units": 1_000},
    "POST /api/v1/proposals/{public_id}/approve": {"reason": "as agreed"},
    "POST /api/v1/proposals/{public_id}/reject": {"reason": "too low"},
    "POST /api/v1/settlement/corporate-actions": {
        "kind": "DIVIDEND", "security": "SHARE", "ex_date": "2008-09-15", "record_date": "2008-09-16",
        "payment_date": "2008-09-17", "rate": "0.10",
    },
    "POST /api/v1/settlement/exchanges": {
        "reference": "GOOD-FX", "buyer": "ALPHA", "seller": "BRAVO", "paid_currency": "EUR", "paid_amount": "700",
        "bought_currency": "USD", "bought_amount": "1000", "intended_date": "2008-09-12",
    },
    "POST /api/v1/settlement/instructions": {
        "reference": "GOOD-I", "deliverer": "BRAVO", "receiver": "ALPHA", "security": "STOCK", "quantity": 10,
        "amount": "1000.00", "currency": "EUR", "intended_date": "2008-09-12",
    },
    "PATCH /api/v1/settlement/instructions/{public_id}": {"priority": 1},
    "POST /api/v1/settlement/instructions/{public_id}/links": LINK,
    "PATCH /api/v1/settlement/party-instructions/{public_id}": {"priority": 3, "hold": True},
    "POST /api/v1/settlement/party-instructions/{public_id}/links": LINK | {"reference": "OTHER-P"},
    "POST /api/v1/settlement/penalties/correct": {"business_date": "{day}", "why": "the price was wrong"},
    "POST /api/v1/static-data/accounts": {"participant": "ALPHA", "kind": "CASH", "name": "GOOD"},
    "PATCH /api/v1/static-data/accounts/{key}": {"linked_cash": "ALPHA-CASH-FUND"},
    "POST /api/v1/static-data/brokers": PERSON | {"role": "BROKER"},
    "PATCH /api/v1/static-data/brokers/{key}": {"name": "Good & Co"},
    "POST /api/v1/static-data/clients": {
        "code": "GOOD", "name": "Good", "broker": "ALPHA", "settlement_account": "{account}",
        "default_currency": "EUR", "credit_limit": "1.00", "daily_limit": "1.00",
    },
    "PATCH /api/v1/static-data/clients/{key}": {"name": "Good"},
    "POST /api/v1/static-data/currencies": {"code": "GBP", "name": "Pound sterling", "calendar": "TARGET"},
    "PATCH /api/v1/static-data/currencies/{key}": {"tolerance_below_minor": 7},
    "POST /api/v1/static-data/instruments": {
        "isin": "{isin}", "symbol": "GOOD", "name": "Good", "issuer_name": "Good SA", "security_type": "EQUITY",
        "quotation": "UNIT", "currency": "EUR",
    },
    "PATCH /api/v1/static-data/instruments/{key}": {"name": "Good"},
    "POST /api/v1/static-data/participants": PERSON | {"role": "BROKER"},
    "PATCH /api/v1/static-data/participants/{key}": {"name": "Good & Co"},
    "POST /api/v1/static-data/traders": {"code": "T-GOOD", "name": "Good", "user": "alpha"},
    "PATCH /api/v1/static-data/traders/{key}": {"name": "Good"},
    "POST /api/v1/trades": TRADE,
    "POST /api/v1/trades/{public_id}/cancel": {"reason": "a mistake"},
    "POST /api/v1/trades/bulk": [TRADE, {"trade_id": "NO-GOOD"}],
    "POST /api/v1/webhooks": {"url": "https://hooks.example.com/fmi", "events": ["TradesMatched"]},
    "PATCH /api/v1/webhooks/{public_id}": {"description": "Good"},
    "POST /api/v1/webhooks/{public_id}/redeliver": {"since": "2008-01-01T00:00:00Z"},
    "POST /api/v1/webhooks/{public_id}/rotate-secret": {"grace_hours": 1},
    "POST /order/": ORDER,
}  # fmt: skip
QUERIES: dict[str, dict[str, Any]] = {
    "GET /api/v1/clearing/margin-statement": {"member": "ALPHA"},
    "GET /api/v1/positions/history": {"account": "{account}"},
    "DELETE /api/v1/settlement/instructions/{public_id}/links": {"reference": "OTHER-I-D"},
    "DELETE /api/v1/settlement/party-instructions/{public_id}/links": {"reference": "OTHER-P"},
}
# What is done before, and undone with it.
BEFORE: dict[str, str] = {
    "POST /api/v1/business-day/outage/end": "POST /api/v1/business-day/outage",
    "POST /api/v1/settlement/instructions/{public_id}/release": "POST /api/v1/settlement/instructions/{public_id}/hold",
    "POST /api/v1/settlement/party-instructions/{public_id}/release":
        "POST /api/v1/settlement/party-instructions/{public_id}/hold",
    "DELETE /api/v1/settlement/instructions/{public_id}/links":
        "POST /api/v1/settlement/instructions/{public_id}/links",
    "DELETE /api/v1/settlement/party-instructions/{public_id}/links":
        "POST /api/v1/settlement/party-instructions/{public_id}/links",
}  # fmt: skip
MEDIA = {"POST /api/v1/trades/bulk": "application/x-ndjson"}


@dataclass(frozen=True)
class Good:
    """A request that succeeds: by whom, of what, and after which other, if any."""

    label: str
    by: str
    path_parameters: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    media_type: str | None = None
    before: str = ""

    def fields(self) -> dict[str, Any]:
        """Return what schemathesis makes a case of."""
        made: dict[str, Any] = {"headers": {"Idempotency-Key": str(uuid4())}}
        for name in ("path_parameters", "query", "body", "media_type"):
            value = getattr(self, name)
            if value is not None:
                made[name] = dict(value) if isinstance(value, dict) else value
        return made


def good_requests(*, labels: list[str], keys: Mapping[str, Any]) -> dict[str, Good]:
    """Return a request for each operation, by its label. keys: of the market, which fill the braces."""
    lei, isin = "999900TESTGOODCO10", "XS123456789"
    known = {"lei": lei + lei_check_digits(body=lei), "isin": isin + isin_check_digit(body=isin)} | dict(keys)
    return {label: _good_request(label, known) for label in labels}


def _good_request(label: str, known: dict[str, Any]) -> Good:
    method, path = label.split(" ", 1)
    heads = [head for head in NAMES if path == head or path.startswith(f"{head}/")]
    words = NAMES[max(heads, key=len)].split() if heads else []
    values = [known.get(word, word) for word in words]
    is_alphas = method != "GET" and path.startswith(ALPHAS) and path not in OPERATORS
    body = _fill(BODIES.get(label), known)
    return Good(
        label=label,
        by="alpha" if is_alphas else "operator",
        path_parameters={name: str(value) for name, value in zip(ARGUMENT.findall(path), values, strict=True)},
        query=_fill(QUERIES.get(label, {}), known),
        body=body,
        media_type=None if body is None else MEDIA.get(label, "application/json"),
        before=BEFORE.get(label, ""),
    )


def _fill(value: Any, known: Mapping[str, Any]) -> Any:
    """Return a value with the keys in braces filled in."""
    if isinstance(value, dict):
        return {name: _fill(inner, known) for name, inner in value.items()}
    if isinstance(value, list):
        return [_fill(inner, known) for inner in value]
    if isinstance(value, str) and (found := ARGUMENT.fullmatch(value)):
        filled = known[found[1]]
        return filled if isinstance(filled, int) else str(filled)
    return value
