"""Pre-trade checks: each looks at a set of orders and says which it warns of or rejects, by a stable code. Pure.

The checks are named in settings.PRE_TRADE_CHECKS and called in that order, each with the orders that none before it
has rejected. Those that use up a limit come last; within a set the orders use it in the order in which they came.
Controls before an order is sent: Commission Delegated Regulation (EU) 2017/589 (RTS 6), Article 15.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from reference.core.actor import Actor
from trades.core.book.refusals import LimitOffTick
from trades.core.book.terms import OrderSide, count_ticks
from trades.core.client_lifecycle import ClientStatus
from trades.core.order_ticket import ResolvedTicket

DEFAULT_TICK = Decimal("0.01")


class Severity(StrEnum):
    """What a check says of an order that it does not simply let pass."""

    WARN = "WARN"
    REJECT = "REJECT"


class Verdict(NamedTuple):
    """A check's word on one order. place: the ticket's position in its set."""

    place: int
    severity: Severity
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class OrderSituation:
    """What the checks see beside the orders, as it is while the clients are locked.

    credit_used_minor, ordered_minor: client id -> what is used, in the client's currency.
    free_cash_minor: client id -> cash of its account in its currency, less the margin of all that stands on it.
    free_units: (account id, security id) -> held, plus bought and not yet settled, less sold or to be sold.
    ticks: security id -> tick of the venues that trade it. inactive: ids of participants.
    rule_kinds: the kinds of compliance rules that the orders could break.
    read: what settings.PRE_TRADE_READS has floors above this one read with it, by name.
    """

    actor: Actor
    at: datetime
    business_date: date
    credit_used_minor: Mapping[int, int]
    ordered_minor: Mapping[int, int]
    free_cash_minor: Mapping[int, int]
    free_units: Mapping[tuple[int, int], int]
    ticks: Mapping[int, Decimal]
    rule_kinds: frozenset[str]
    inactive: frozenset[int] = frozenset()
    read: Mapping[str, Sequence[Any]] = field(default_factory=dict)


def check_active(*, tickets: Sequence[ResolvedTicket], situation: OrderSituation) -> list[Verdict]:
    """Reject orders of whoever, or in whatever, may not trade: client, broker, trader, security."""
    verdicts = []
    for ticket in tickets:
        if ticket.client.status != ClientStatus.ACTIVE:
            message = f"The client {ticket.client.code} is {ticket.client.status.lower()}."
            verdicts.append(Verdict(ticket.place, Severity.REJECT, "client-not-active", message))
        elif ticket.client.broker_id in situation.inactive:
            message = f"The broker of {ticket.client.code} is not active."
            verdicts.append(Verdict(ticket.place, Severity.REJECT, "broker-not-active", message))
        elif ticket.trader is not None and not ticket.trader.active:
            message = f"The trader {ticket.trader.code} is not active."
            verdicts.append(Verdict(ticket.place, Severity.REJECT, "trader-not-active", message))
        elif not ticket.security.active:
            message = f"{ticket.security.symbol} is not traded any more."
            verdicts.append(Verdict(ticket.place, Severity.REJECT, "inactive-security", message))
    return verdicts


def check_price(*, tickets: Sequence[ResolvedTicket], situation: OrderSituation) -> list[Verdict]:
    """Reject quantities that are not in lots, limits off the tick, and market orders while no quote stands."""
    verdicts = []
    for ticket in tickets:
        lot_units = ticket.security.lot_size_units
        if ticket.quantity_units % lot_units:
            message = f"The quantity must be a multiple of {lot_units}."
            verdicts.append(Verdict(ticket.place, Severity.REJECT, "quantity-not-in-lots", message))
        elif ticket.price is None:
            message = f"No quote of {ticket.security.symbol} stands, so a market order has no price."
            verdicts.append(Verdict(ticket.place, Severity.REJECT, "no-quote", message))
        elif ticket.credit_rate is None:
            message = f"There is no exchange rate from {ticket.security.currency.code} to the client's currency."
            verdicts.append(Verdict(ticket.place, Severity.REJECT, "exchange-rate-missing", message))
        elif ticket.limit_price is not None:
            try:
                count_ticks(price=ticket.limit_price, tick=tick_of(ticket=ticket, situation=situation))
            except LimitOffTick as refusal:
                verdicts.append(Verdict(ticket.place, Severity.REJECT, refusal.code, refusal.message))
    return verdicts


def tick_of(*, ticket: ResolvedTicket, situation: OrderSituation) -> Decimal:
    """Return the tick of an order's security: the venues', or a hundredth where none trades it yet."""
    return situation.ticks.get(ticket.security.id, DEFAULT_TICK)


def check_short_sale(*, tickets: Sequence[ResolvedTicket], situation: OrderSituation) -> list[Verdict]:
    """Reject sales of more than the account holds or has bought, less what it sells already.

    Uncovered sales are for clients to whom they are allowed (Regulation (EU) No 236/2012, Article 12).
    """
    verdicts = []
    sold: dict[tuple[int, int], int] = {}
    for ticket in tickets:
        if ticket.side != OrderSide.SELL:
            continue
        key = (ticket.client.account_id, ticket.security.id)
        free = situation.free_units.get(key, 0) - sold.get(key, 0)
        if ticket.quantity_units > free and not ticket.client.short_sale_allowed:
            message = (
                f"{ticket.client.code} can sell {max(free, 0)} {ticket.security.symbol}, not {ticket.quantity_units}."
            )
            verdicts.append(Verdict(ticket.place, Severity.REJECT, "short-sale-not-allowed", message))
        else:
            sold[key] = sold.get(key, 0) + ticket.quantity_units
    return verdicts


def check_margin(*, tickets: Sequence[ResolvedTicket], situation: OrderSituation) -> list[Verdict]:
    """Reject orders for which the account does not hold the client's margin in cash.

    Margin is the client's percentage of what its purchases and its uncovered sales are worth.
    """
    verdicts = []
    taken: dict[tuple[int, int], int] = {}
    for ticket in tickets:
        worth_minor = ticket.reserve_minor
        if ticket.side == OrderSide.SELL:
            free = situation.free_units.get((ticket.client.account_id, ticket.security.id), 0)
            worth_minor = ticket.ordered_minor if ticket.quantity_units > free else 0
        margin_minor = margin_of(amount_minor=worth_minor, percent=ticket.client.margin_percent)
        if not margin_minor:
            continue
        cash = (ticket.client.account_id, ticket.client.currency.id)
        free_minor = situation.free_cash_minor.get(ticket.client.id, 0) - taken.get(cash, 0)
        if margin_minor > free_minor:
            digits = ticket.client.currency.digits
            message = (
                f"The order needs {_text(margin_minor, digits)} of margin,"
                f" and {_text(max(free_minor, 0), digits)} of the account's cash is free."
            )
            verdicts.append(Verdict(ticket.place, Severity.REJECT, "margin-not-covered", message))
        else:
            taken[cash] = taken.get(cash, 0) + margin_minor
    return verdicts


def margin_of(*, amount_minor: int, percent: Decimal) -> int:
    """Return a percentage of an amount, rounded up."""
    return int((amount_minor * percent / 100).to_integral_value(rounding=ROUND_CEILING))


def check_credit(*, tickets: Sequence[ResolvedTicket], situation: OrderSituation) -> list[Verdict]:
    """Reject purchases that open orders and unsettled purchases leave no credit for."""
    return _check_limit(
        asked=[(ticket, ticket.reserve_minor, ticket.client.credit_limit_minor) for ticket in tickets],
        used=situation.credit_used_minor,
        code="credit-limit-exceeded",
        name="credit limit",
    )


def check_daily_limit(*, tickets: Sequence[ResolvedTicket], situation: OrderSituation) -> list[Verdict]:
    """Reject orders above what the client may order in one business day, purchases and sales together."""
    return _check_limit(
        asked=[(ticket, ticket.ordered_minor, ticket.client.daily_limit_minor) for ticket in tickets],
        used=situation.ordered_minor,
        code="daily-limit-exceeded",
        name="daily limit",
    )


def _check_limit(
    *, asked: Sequence[tuple[ResolvedTicket, int, int]], used: Mapping[int, int], code: str, name: str
) -> list[Verdict]:
    """Reject what does not fit. asked: ticket, how much it takes, the client's limit."""
    verdicts = []
    taken: dict[int, int] = {}
    for ticket, amount_minor, limit_minor in asked:
        client = ticket.client
        free_minor = limit_minor - used.get(client.id, 0) - taken.get(client.id, 0)
        if amount_minor > max(free_minor, 0):
            digits = client.currency.digits
            message = (
                f"The order takes {_text(amount_minor, digits)} of the {name},"
                f" of which {_text(max(free_minor, 0), digits)} of {_text(limit_minor, digits)} is free."
            )
            verdicts.append(Verdict(ticket.place, Severity.REJECT, code, message))
        else:
            taken[client.id] = taken.get(client.id, 0) + amount_minor
    return verdicts


def _text(minor: int, digits: int) -> str:
    """Write an amount of minor units."""
    return f"{Decimal(minor).scaleb(-digits):,}"
