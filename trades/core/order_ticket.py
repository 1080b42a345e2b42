"""An order as it comes in, as it is resolved, and what it is resolved against. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec

from reference.core.directory import CurrencyEntry, SecurityEntry
from reference.core.limits import LARGEST_AMOUNT
from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.report import PRICE_DIGITS, Problem

PROTECTION = Decimal("0.05")
"""How much worse than the quote a market order may trade (CME's market orders with protection)."""
LARGEST_PRICE = Decimal(10) ** 12


class OrderType(StrEnum):
    """At which price an order trades (FIX tag 40)."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"


ClientOrderId = Annotated[str, msgspec.Meta(min_length=1, max_length=36, pattern=r"\A[A-Za-z0-9][A-Za-z0-9 ./_:+-]*\Z")]
PartyCode = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]


class OrderTicket(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """The fields of an order. Codes, not ids; the price as a decimal; dates ISO 8601."""

    client_order_id: ClientOrderId
    client: PartyCode
    security: Annotated[str, msgspec.Meta(min_length=1, max_length=24, description="ISIN or symbol")]
    side: OrderSide
    quantity: Annotated[int, msgspec.Meta(gt=0, le=LARGEST_AMOUNT)]
    order_type: OrderType
    limit_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    expires_on: date | None = None
    trader: PartyCode | None = None


@dataclass(frozen=True, slots=True)
class ClientTerms:
    """A client as its orders are checked: whose it is, its account, its limits in its own currency."""

    id: int
    code: str
    broker_id: int
    account_id: int
    currency: CurrencyEntry
    status: str
    credit_limit_minor: int
    daily_limit_minor: int
    margin_percent: Decimal
    short_sale_allowed: bool


@dataclass(frozen=True, slots=True)
class TraderTerms:
    """A trader as an order names it. user: the login it is linked to, empty for none."""

    id: int
    code: str
    broker_id: int
    active: bool
    user: str


@dataclass(frozen=True, slots=True)
class Quoted:
    """The quote when an order came."""

    bid: Decimal | None
    ask: Decimal | None

    @property
    def mid(self) -> Decimal | None:
        """Return the middle; None where a side is missing."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class TicketContext:
    """All that tickets are resolved against.

    clients: those whose orders the actor may send, by code. traders: by code. default_trader: the actor's own.
    securities: by ISIN and by symbol. quotes: by security id. ticks: by security id, where a venue trades it.
    rates: currency id -> value of one unit in the base currency.
    """

    clients: Mapping[str, ClientTerms]
    traders: Mapping[str, TraderTerms]
    default_trader: TraderTerms | None
    securities: Mapping[str, SecurityEntry]
    quotes: Mapping[int, Quoted]
    rates: Mapping[int, Decimal]
    business_date: date


class ResolvedTicket(NamedTuple):
    """An order in ids and minor units. place: its position among the tickets of the set.

    price: at which it is reckoned, the limit or a market order's protection price; None: a market order without a
    quote. notional_minor: quantity times price, in `currency_id`. credit_rate: minor units of the client's currency
    for one of the order's; None where there is no rate. ordered_minor: notional in the client's currency, rounded up.
    reserve_minor: what it takes of the client's credit: of a purchase all of it, of a sale nothing.
    """

    place: int
    public_id: UUID
    digest: bytes
    client_order_id: str
    client: ClientTerms
    trader: TraderTerms | None
    security: SecurityEntry
    side: OrderSide
    order_type: OrderType
    time_in_force: TimeInForce
    quantity_units: int
    limit_price: Decimal | None
    expires_on: date | None
    quote: Quoted | None
    price: Decimal | None
    notional_minor: int
    credit_rate: Decimal | None
    ordered_minor: int
    reserve_minor: int


def digest_ticket(*, ticket: OrderTicket, isin: str) -> bytes:
    """Return the fingerprint of a ticket's content: equal for equal orders, however they are written."""
    price = None if ticket.limit_price is None else f"{ticket.limit_price.normalize():f}"
    content = [
        ticket.client_order_id, ticket.client, isin, ticket.side, ticket.quantity, ticket.order_type, price,
        ticket.time_in_force, ticket.expires_on, ticket.trader,
    ]  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(content)).digest()


def protect_price(*, side: OrderSide, quote: Quoted | None, digits: int = 2) -> Decimal | None:
    """Return the worst price at which a market order may trade: PROTECTION beyond the quote's other side.

    None where that side has no quote. digits: of the tick; rounded towards the quote, so never beyond it.
    """
    touch = None if quote is None else quote.ask if side == OrderSide.BUY else quote.bid
    if touch is None:
        return None
    tick = Decimal(1).scaleb(-digits)
    if side == OrderSide.BUY:
        return max((touch * (1 + PROTECTION)).quantize(tick, rounding=ROUND_FLOOR), touch)
    return min((touch * (1 - PROTECTION)).quantize(tick, rounding=ROUND_CEILING), touch)


def reckon_notional_minor(*, security: SecurityEntry, quantity_units: int, price: Decimal) -> int:
    """Return quantity times price in minor units of the security's currency, rounded up."""
    amount = quantity_units * price * security.amount_per_price()
    return int(amount.scaleb(security.currency.digits).to_integral_value(rounding=ROUND_CEILING))


def rate_between(*, rates: Mapping[int, Decimal], currency: CurrencyEntry, into: CurrencyEntry) -> Decimal | None:
    """Return what one minor unit of a currency is in minor units of another; None where a rate is missing."""
    if currency.id == into.id:
        return Decimal(1)
    rate, other = rates.get(currency.id), rates.get(into.id)
    if rate is None or other is None:
        return None
    # As the column keeps it.
    return (rate / other).scaleb(into.digits - currency.digits).quantize(Decimal("0.0000000001"))


def convert_minor(*, amount_minor: int, rate: Decimal) -> int:
    """Return an amount in the other currency's minor units, rounded up: a limit is never used less than due."""
    return int((amount_minor * rate).to_integral_value(rounding=ROUND_CEILING))


def resolve_ticket(
    *, ticket: OrderTicket, place: int, public_id: UUID, context: TicketContext
) -> ResolvedTicket | list[Problem]:
    """Resolve codes to ids and amounts to minor units, or say everything that makes the order malformed."""
    problems = _term_problems(ticket=ticket, context=context)
    client = context.clients.get(ticket.client)
    security = context.securities.get(ticket.security)
    trader = context.default_trader if ticket.trader is None else context.traders.get(ticket.trader)
    if client is None:
        problems.append(Problem("unknown-client", "/client", f"There is no client {ticket.client!r}."))
    if security is None:
        message = f"There is no security with ISIN or symbol {ticket.security!r}."
        problems.append(Problem("unknown-security", "/security", message))
    if ticket.trader is not None and (trader is None or (client is not None and trader.broker_id != client.broker_id)):
        message = f"The client's broker has no trader {ticket.trader!r}."
        problems.append(Problem("unknown-trader", "/trader", message))
    if trader is not None and client is not None and trader.broker_id != client.broker_id:
        trader = None
    if problems or client is None or security is None:
        return problems
    quote = context.quotes.get(security.id)
    price = ticket.limit_price or protect_price(side=ticket.side, quote=quote)
    notional_minor = 0
    if price is not None:
        notional_minor = reckon_notional_minor(security=security, quantity_units=ticket.quantity, price=price)
    rate = rate_between(rates=context.rates, currency=security.currency, into=client.currency)
    ordered_minor = 0 if rate is None else convert_minor(amount_minor=notional_minor, rate=rate)
    if max(notional_minor, ordered_minor) > LARGEST_AMOUNT:
        message = "Quantity times price is not an amount that can be booked."
        return [Problem("amount-out-of-range", "/quantity", message)]
    return ResolvedTicket(
        place=place,
        public_id=public_id,
        digest=digest_ticket(ticket=ticket, isin=security.isin),
        client_order_id=ticket.client_order_id,
        client=client,
        trader=trader,
        security=security,
        side=ticket.side,
        order_type=ticket.order_type,
        time_in_force=ticket.time_in_force,
        quantity_units=ticket.quantity,
        limit_price=ticket.limit_price,
        expires_on=ticket.expires_on,
        quote=quote,
        price=price,
        notional_minor=notional_minor,
        credit_rate=rate,
        ordered_minor=ordered_minor,
        reserve_minor=ordered_minor if ticket.side == OrderSide.BUY else 0,
    )


def price_problem(*, price: Decimal) -> str:
    """Say what is wrong with a price in itself; empty where nothing is."""
    if not price.is_finite() or not 0 < price < LARGEST_PRICE:
        return "The price is not a positive number below 10^12."
    exponent = price.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > PRICE_DIGITS:
        return f"The price has more than {PRICE_DIGITS} decimal digits."
    return ""


def _term_problems(*, ticket: OrderTicket, context: TicketContext) -> list[Problem]:
    """Say which of an order's terms do not go together, whoever sends it."""
    problems = []
    if ticket.order_type == OrderType.LIMIT and ticket.limit_price is None:
        problems.append(Problem("limit-price-missing", "/limit_price", "A limit order names its price."))
    if ticket.order_type == OrderType.MARKET and ticket.limit_price is not None:
        problems.append(Problem("limit-price-unwanted", "/limit_price", "A market order has no limit."))
    if ticket.limit_price is not None and (wrong := price_problem(price=ticket.limit_price)):
        problems.append(Problem("price-out-of-range", "/limit_price", wrong))
    if ticket.expires_on is not None and ticket.time_in_force != TimeInForce.GTC:
        problems.append(Problem("only-gtc-expires", "/expires_on", "Only a GTC order has a last day."))
    elif ticket.expires_on is not None and ticket.expires_on < context.business_date:
        message = f"The last day {ticket.expires_on} is over: it is {context.business_date}."
        problems.append(Problem("expired-already", "/expires_on", message))
    return problems
