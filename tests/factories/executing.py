"""Orders that are executed: each fill a locked-in trade of the chain's market, as a venue would have reported it."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from uuid import uuid4

from ledger.models import Account
from reference.models import Participant, Security
from tests.factories.chain import Chain
from tests.factories.ordering import place_order, quote
from tests.factories.trading import make_client
from tests.factories.venues import make_venue
from trades.core.order_lifecycle import OrderStatus
from trades.models import Client, Fill, Order, OrderSlice, Trade, Venue
from trades.services.orders.step_orders import step_orders


def make_buyer(chain: Chain, *, code: str = "BUYER", broker: str = "ALPHA") -> Client:
    """Open a client of a member's with wide limits, and put a quote of the stock on the market."""
    member = Participant.objects.get(code=broker)
    quote(security=Security.objects.get(symbol="STOCK"), at=chain.at)
    return make_client(
        broker=member, account=Account.objects.get(participant=member, kind="SECURITIES", name="HOUSE"), code=code,
        credit_limit_minor=10**12, daily_limit_minor=10**12, short_sale_allowed=True,
    )  # fmt: skip


def make_executed(
    chain: Chain, client: Client, *, reference: str, parts: int, side: str = "BUY", open_units: int = 0
) -> Order:
    """Execute an order of the client in so many parts of 10 at 10.00 each, with BRAVO; the trades are matched.

    open_units: what is left open besides; the order is then good till cancelled.
    """
    security = Security.objects.get(symbol="STOCK")
    order = place_order(
        client=client, security=security, side=side, quantity=10 * parts + open_units, client_order_id=reference,
        at=chain.at, business_date=chain.day, time_in_force="GTC" if open_units else "DAY",
    )  # fmt: skip
    venue = Venue.objects.first() or make_venue(mic="XAAA", market_maker_id=chain.ids["BRAVO"], opens_at=time(9))
    step_orders(order_ids=[order.pk], status=OrderStatus.ROUTING, at=chain.at)
    piece = OrderSlice.objects.create(
        order=order, venue=venue, quantity_units=10 * parts, filled_units=10 * parts, status="FILLED", attempts=1,
        due_at=chain.at, quoted_price=Decimal("10.00"), latency_ms=7, created_at=chain.at,
    )  # fmt: skip
    buyer, seller = ("ALPHA", "BRAVO") if side == "BUY" else ("BRAVO", "ALPHA")
    for number in range(parts):
        trade_id = f"{reference}-{number}"
        chain.capture(trade_id, buyer, seller, quantity=10)
        trade = Trade.objects.get(trade_id=trade_id)
        Fill.objects.create(
            public_id=uuid4(), order=order, slice=piece, venue=venue, execution_id=trade_id, trade=trade, maker=False,
            quantity_units=10, price=Decimal(10), amount_minor=trade.amount_minor, fee_minor=2,
            quoted_price=Decimal("10.00"), at=chain.at, business_date=chain.day,
        )  # fmt: skip
    Order.objects.filter(pk=order.pk).update(
        filled_units=10 * parts, filled_minor=10_000 * parts, fees_minor=2 * parts, routed_units=10 * parts
    )
    after = OrderStatus.PARTIALLY_FILLED if open_units else OrderStatus.FILLED
    step_orders(order_ids=[order.pk], status=after, at=chain.at)
    order.refresh_from_db()
    return order
