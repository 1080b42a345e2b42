"""The demo's clients and their orders, fed into the product through its own services."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal

from clearing.services.allocate_blocks import allocate_block
from fmi.demo.market import MarketSecurity
from fmi.demo.orders import CLIENTS, GTC_BUSINESS_DAYS, OrderEvent, limit_price
from ledger.models import Account, AccountKind
from reference.core.actor import SYSTEM
from reference.core.calendar import BUSINESS_ZONE
from reference.market_data import SecurityQuote, quotes_at
from reference.queries import directory
from reference.refusals import Refusal
from settlement.services.business_day import next_business_date
from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.order_lifecycle import OPEN_STATUSES, OrderStatus
from trades.core.order_ticket import OrderTicket, OrderType
from trades.models import AllocationMethod, Client, Order, Trader, Venue, VenueBook
from trades.queries.blocks import find_block
from trades.services.open_client import open_client, open_trader
from trades.services.orders.place_orders import place_orders
from trades.services.orders.replace_order import replace_order
from trades.services.orders.withdraw_orders import cancel_orders

MARGIN_PERCENT = Decimal(10)
MINOR_UNITS = 100
# When the venues' main hours are over, and long before the day's trades are netted.
SHARED_AT = time(17, 40)


def open_clients(*, at: datetime, business_date: date) -> int:
    """Open the demo's clients, and a trader at each of their brokers; return how many are new."""
    source = directory()
    standing = set(Client.objects.values_list("code", flat=True))
    accounts = {
        (account.participant.code, account.name): account.pk
        for account in Account.objects.filter(kind=AccountKind.SECURITIES).select_related("participant")
    }
    new = [client for client in CLIENTS if client.code not in standing]
    for client in new:
        open_client(
            code=client.code, name=client.name, broker_id=source.participant_ids[client.broker],
            settlement_account_id=accounts[client.broker, client.account],
            default_currency_id=source.currencies_by_code[client.currency].id,
            credit_limit_minor=client.credit * MINOR_UNITS, daily_limit_minor=client.daily * MINOR_UNITS,
            margin_percent=MARGIN_PERCENT, actor=SYSTEM, at=at, business_date=business_date,
        )  # fmt: skip
    traders = set(Trader.objects.values_list("code", flat=True))
    for broker in sorted({client.broker for client in CLIENTS}):
        if f"{broker}-T1" not in traders:
            entry = source.participants_by_code[broker]
            open_trader(
                code=f"{broker}-T1", name=f"First trader of {entry.name}", broker_id=entry.id, actor=SYSTEM, at=at,
                business_date=business_date,
            )  # fmt: skip
    return len(new)


def ordering_accounts() -> set[tuple[str, str]]:
    """Return the accounts that orders are settled in, by participant and name: clients' and the market makers'."""
    makers = Venue.objects.values_list("market_maker__code", flat=True)
    return {(client.broker, client.account) for client in CLIENTS} | {(code, "HOUSE") for code in makers}


def with_books(securities: Iterable[MarketSecurity]) -> list[MarketSecurity]:
    """Return those of the securities that a venue trades."""
    source = directory()
    booked = set(VenueBook.objects.order_by().values_list("security_id", flat=True).distinct())
    return [row for row in securities if source.securities_by_isin[row.isin].id in booked]


def trade_orders(*, events: Iterable[OrderEvent], after: datetime, until: datetime, business_date: date) -> None:
    """Let clients place, replace and cancel what is due of a day in (after, until], and share their blocks at its end.

    Done twice, it changes nothing: an order stands once under its client's reference.
    """
    midnight = datetime.combine(business_date, time(), tzinfo=BUSINESS_ZONE)
    due = [event for event in events if after < midnight + event.at <= until]
    if due:
        source = directory()
        wanted = [source.securities_by_isin[event.isin].id for event in due]
        quotes = quotes_at(security_ids=wanted, at=until)
        _place([event for event in due if event.kind == "PLACE"], quotes=quotes, at=until, business_date=business_date)
        _replace([event for event in due if event.kind == "REPLACE"], quotes, until, business_date)
        _cancel([event for event in due if event.kind == "CANCEL"], at=until, business_date=business_date)
    if after < datetime.combine(business_date, SHARED_AT, tzinfo=BUSINESS_ZONE) <= until:
        _share_blocks(at=until, business_date=business_date)


def _quote_of(event: OrderEvent, quotes: dict[int, SecurityQuote]) -> SecurityQuote | None:
    return quotes.get(directory().securities_by_isin[event.isin].id)


def _place(
    events: Iterable[OrderEvent], *, quotes: dict[int, SecurityQuote], at: datetime, business_date: date
) -> None:
    """Place the orders as one set; where no quote stands there is no price to name, and no order."""
    brokers = {client.code: client.broker for client in CLIENTS}
    tickets = []
    for event in events:
        quote, style = _quote_of(event, quotes), event.style
        if quote is None:
            continue
        limit = None
        if style.order_type == OrderType.LIMIT:
            limit = limit_price(side=event.side, offset_bp=style.offset_bp, bid=quote.bid, ask=quote.ask)
        lasts = style.time_in_force == TimeInForce.GTC
        tickets.append(
            OrderTicket(
                client_order_id=event.client_order_id,
                client=event.client,
                security=event.isin,
                side=OrderSide(event.side),
                quantity=event.quantity,
                order_type=OrderType(style.order_type),
                limit_price=limit,
                time_in_force=TimeInForce(style.time_in_force),
                expires_on=next_business_date(after=business_date, count=GTC_BUSINESS_DAYS) if lasts else None,
                trader=f"{brokers[event.client]}-T1",
            )
        )
    place_orders(tickets=tickets, actor=SYSTEM, at=at, business_date=business_date)


def _standing(events: Sequence[OrderEvent]) -> dict[tuple[str, str], Order]:
    """Return those of the orders that are open, by client and reference."""
    found = Order.objects.select_related("client").filter(
        client__code__in={event.client for event in events},
        client_order_id__in=[event.client_order_id for event in events],
        status__in=OPEN_STATUSES,
    )
    return {(order.client.code, order.client_order_id): order for order in found}


def _replace(events: Sequence[OrderEvent], quotes: dict[int, SecurityQuote], at: datetime, business_date: date) -> None:
    """Move the limits of orders that wait to where they trade."""
    standing = _standing(events) if events else {}
    for event in events:
        order, quote = standing.get((event.client, event.client_order_id)), _quote_of(event, quotes)
        if order is None or quote is None:
            continue
        limit = limit_price(side=event.side, offset_bp=event.style.offset_bp, bid=quote.bid, ask=quote.ask)
        # A venue may fill it first, and a limit may leave no room: then it stays as it is.
        with suppress(Refusal):
            replace_order(
                order_id=order.pk, quantity_units=order.quantity_units, limit_price=limit, at=at,
                business_date=business_date, actor=SYSTEM,
            )  # fmt: skip


def _cancel(events: Sequence[OrderEvent], *, at: datetime, business_date: date) -> None:
    """Take orders back that still wait."""
    standing = _standing(events) if events else {}
    if standing:
        cancel_orders(
            order_ids=[order.pk for order in standing.values()], end=OrderStatus.CANCELLED, at=at,
            business_date=business_date, actor=SYSTEM, note="The client changed its mind",
        )  # fmt: skip


def _share_blocks(*, at: datetime, business_date: date) -> None:
    """Share what block clients have traded today among their accounts, in their percentages, each order once."""
    shares = {client.code: client.block for client in CLIENTS if client.block}
    blocks = Order.objects.select_related("client").filter(
        client__code__in=shares, business_date=business_date, filled_units__gt=0, allocations__isnull=True
    )
    for order in blocks.order_by("pk"):
        told = {account: Decimal(percent) for account, percent in shares[order.client.code]}
        # Too small a block leaves an account without a unit: then it stays whole.
        with suppress(Refusal):
            allocate_block(
                block=find_block(actor=SYSTEM, order=order), method=AllocationMethod.PERCENTAGE, told=told,
                actor=SYSTEM, at=at, business_date=business_date,
            )  # fmt: skip
