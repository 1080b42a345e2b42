"""Orders of clients, placed through the service, and the quotes they are reckoned at."""

from __future__ import annotations

import itertools
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from reference.core.actor import SYSTEM, Actor
from reference.market_data import SecurityQuote
from reference.models import Security
from reference.quote_services import publish_quotes
from tests.factories.market import NOW, TODAY
from trades.core.order_ticket import OrderTicket
from trades.models import Client, Order
from trades.services.orders.place_orders import OrderOutcome, place_orders

_numbers = itertools.count(1)


def make_ticket(*, client: Client | str, security: Security | str, **changes: Any) -> OrderTicket:
    """Return a ticket to buy 100 at a limit of 10.00 for the day, with changes."""
    fields: dict[str, Any] = {
        "client_order_id": f"O-{next(_numbers)}",
        "client": client if isinstance(client, str) else client.code,
        "security": security if isinstance(security, str) else security.code,
        "side": "BUY",
        "quantity": 100,
        "order_type": "MARKET" if changes.get("order_type") == "MARKET" else "LIMIT",
    }
    if fields["order_type"] == "LIMIT":
        fields["limit_price"] = Decimal("10.00")
    return OrderTicket(**fields | changes)


def place(
    *tickets: OrderTicket, actor: Actor = SYSTEM, at: datetime = NOW, business_date: date = TODAY
) -> list[OrderOutcome]:
    """Place tickets and return what became of each."""
    return place_orders(tickets=tickets, actor=actor, at=at, business_date=business_date)


def place_order(
    *, client: Client, security: Security, actor: Actor = SYSTEM, at: datetime = NOW, business_date: date = TODAY,
    **changes: Any,
) -> Order:  # fmt: skip
    """Place one good order and return its row."""
    ticket = make_ticket(client=client, security=security, **changes)
    (outcome,) = place(ticket, actor=actor, at=at, business_date=business_date)
    assert outcome.outcome == "ACCEPTED", outcome
    assert outcome.public_id is not None
    return Order.objects.get(public_id=outcome.public_id)


def quote(*, security: Security, bid: str = "9.99", ask: str = "10.01", at: datetime = NOW, units: int = 1_000) -> None:
    """Publish a quote."""
    price_bid, price_ask = Decimal(bid), Decimal(ask)
    made = SecurityQuote(
        security_id=security.pk, at=at, bid=price_bid, ask=price_ask, last=(price_bid + price_ask) / 2,
        bid_units=units, ask_units=units, last_units=units, source="TEST",
    )  # fmt: skip
    publish_quotes(quotes=[made])
