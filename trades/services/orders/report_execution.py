"""Take in an execution that a venue reports whose book is not kept here; it is recorded as all executions are."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction

from events.services.audit import record_action
from reference.core.actor import SYSTEM, Actor
from reference.core.calendar import BUSINESS_ZONE
from reference.core.limits import LARGEST_AMOUNT
from reference.locks import take_lock
from reference.queries import directory
from trades.core.executions import Executed, ExecutedSide
from trades.core.order_lifecycle import OPEN_STATUSES, OrderStatus
from trades.core.resolution import price_millionths
from trades.core.slice_lifecycle import SliceStatus
from trades.core.venue_fees import VenueFees
from trades.models import Fill, Order, OrderSlice, Trade, Venue, VenueBook
from trades.queries.capture_context import capture_context
from trades.refusals.orders import UnknownOrder
from trades.refusals.routing import (
    ExecutionAboveQuantity,
    ExecutionAfterEnd,
    ExecutionBeyondLimit,
    ExecutionIdReused,
    ExecutionOfOwnBook,
    ExecutionOutOfRange,
    UnknownCounterparty,
)
from trades.refusals.venues import UnknownVenue
from trades.services.orders.record_fills import FILLS_LOCK, write_executions
from trades.services.orders.step_orders import step_orders

ROUTED_SQL = "UPDATE trades_order SET routed_units = routed_units + %s WHERE id = %s"


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """What a venue says that it executed of an order.

    exchange_id: its MIC. execution_fees: in the order's currency; None: by the venue's schedule. counterparty: code
    of the participant on the other side; None: the venue's market maker.
    """

    execution_id: str
    executed_price: Decimal
    executed_quantity: int
    timestamp: datetime
    exchange_id: str
    execution_fees: Decimal | None = None
    counterparty: str | None = None


class ReportedExecution(NamedTuple):
    """The fill an execution became. outcome: ACCEPTED, or REPEATED where it stood already."""

    outcome: str
    fill: Fill


def report_execution(
    *, order_public_id: UUID, report: ExecutionReport, actor: Actor, at: datetime, business_date: date
) -> ReportedExecution:
    """Record an execution; the same one told again changes nothing and is answered as it stands.

    A venue tells its own executions, an operator anybody's. An execution takes of the order what is neither filled
    nor open at another venue. An order that has ended is final: an execution told after that is refused, whenever it
    happened, and the venue takes it back on its side. Nothing is half done: all is checked, under the order's lock,
    before anything is written.
    Raises UnknownVenue, UnknownOrder, ExecutionIdReused, ExecutionOfOwnBook, ExecutionAfterEnd, ExecutionOutOfRange,
    ExecutionAboveQuantity, ExecutionBeyondLimit, UnknownCounterparty.
    """
    venue = Venue.objects.filter(mic=report.exchange_id, active=True).select_related("participant").first()
    if venue is None or actor.participant_id not in (None, venue.participant_id):
        raise UnknownVenue(pointer="/exchange_id")
    with transaction.atomic():
        take_lock(name=FILLS_LOCK)
        order = Order.objects.select_for_update().filter(public_id=order_public_id).first()
        if order is None:
            raise UnknownOrder
        price, fee_minor = _check_figures(order=order, report=report, at=at)
        standing = _find_standing(order=order, venue=venue, report=report, fee_minor=fee_minor)
        if standing is not None:
            return ReportedExecution("REPEATED", standing)
        _check_order(order=order, venue=venue, report=report, price=price)
        own = ExecutedSide(order.broker_id, order.account_id, order.pk, _open_slice(order, venue, report, at))
        other = _find_counterparty(order=order, venue=venue, report=report, business_date=business_date)
        buys = order.side == "BUY"
        executed = Executed(
            venue_id=venue.pk,
            mic=venue.mic,
            reporter_id=venue.participant_id,
            fees=VenueFees(venue.maker_ppm, venue.taker_ppm, venue.minimum_fee_minor),
            execution_id=report.execution_id,
            at=report.timestamp,
            trade_date=report.timestamp.astimezone(BUSINESS_ZONE).date(),
            security_id=order.security_id,
            price=price,
            quantity_units=report.executed_quantity,
            buyer=own if buys else other,
            seller=other if buys else own,
            buyer_is_maker=not buys,
            fee_minor=fee_minor,
        )
        if order.status == OrderStatus.VALIDATED:
            step_orders(order_ids=[order.pk], status=OrderStatus.ROUTING, at=at)
        write_executions(executions=[executed], at=at, business_date=business_date)
        record_action(
            actor=actor, action="order.executed", at=at, business_date=business_date, object_type="order",
            object_id=order.pk,
            summary=f"{order.client_order_id}: {report.executed_quantity:,} at {price.normalize():f} on {venue.mic}",
            detail={"execution_id": report.execution_id, "exchange_id": venue.mic},
        )  # fmt: skip
        return ReportedExecution("ACCEPTED", Fill.objects.get(venue=venue, execution_id=report.execution_id))


def _check_figures(*, order: Order, report: ExecutionReport, at: datetime) -> tuple[Decimal, int | None]:
    """Return the price and the fee in minor units. Raises ExecutionOutOfRange."""
    entry = directory().securities[order.security_id]
    try:
        price = Decimal(price_millionths(price=report.executed_price)).scaleb(-6)
    except ValueError as error:
        raise ExecutionOutOfRange(f"The price {error}.", pointer="/executed_price") from None
    if not 0 < report.executed_quantity <= LARGEST_AMOUNT or report.executed_quantity % entry.lot_size_units:
        raise ExecutionOutOfRange(
            f"The quantity is a multiple of {entry.lot_size_units}.", pointer="/executed_quantity"
        )
    if not order.received_at <= report.timestamp <= at:
        raise ExecutionOutOfRange("It lies before the order came, or after now.", pointer="/timestamp")
    if report.execution_fees is None:
        return price, None
    fee_minor = report.execution_fees.scaleb(entry.currency.digits)
    if abs(fee_minor) > LARGEST_AMOUNT or fee_minor != int(fee_minor):
        raise ExecutionOutOfRange("The fees are finer than the currency, or absurd.", pointer="/execution_fees")
    return price, int(fee_minor)


def _find_standing(*, order: Order, venue: Venue, report: ExecutionReport, fee_minor: int | None) -> Fill | None:
    """Return the fill of this execution where it stands already. Raises ExecutionIdReused."""
    fill = Fill.objects.filter(venue=venue, execution_id=report.execution_id).first()
    if fill is None:
        if Trade.objects.filter(reporter=venue.participant, trade_id=report.execution_id).exists():
            raise ExecutionIdReused(pointer="/execution_id")
        return None
    same = (fill.order_id, fill.quantity_units, fill.price, fill.at) == (
        order.pk, report.executed_quantity, report.executed_price, report.timestamp,
    ) and fee_minor in (None, fill.fee_minor)  # fmt: skip
    if not same:
        raise ExecutionIdReused(pointer="/execution_id")
    return fill


def _check_order(*, order: Order, venue: Venue, report: ExecutionReport, price: Decimal) -> None:
    """Refuse what the order cannot take."""
    if VenueBook.objects.filter(venue=venue, security_id=order.security_id).exists():
        raise ExecutionOfOwnBook(pointer="/exchange_id")
    if order.status not in OPEN_STATUSES:
        raise ExecutionAfterEnd(f"The order is {order.status}.")
    left = order.quantity_units - order.routed_units
    if report.executed_quantity > left:
        raise ExecutionAboveQuantity(
            f"{left} units of the order are neither filled nor at another venue.", pointer="/executed_quantity",
            left=left,
        )  # fmt: skip
    limit = order.limit_price or order.protection_price
    if limit is not None and (price > limit if order.side == "BUY" else price < limit):
        raise ExecutionBeyondLimit(f"The order's limit is {limit.normalize():f}.", pointer="/executed_price")


def _find_counterparty(*, order: Order, venue: Venue, report: ExecutionReport, business_date: date) -> ExecutedSide:
    """Return the other side, with its own account. Raises UnknownCounterparty."""
    source = directory()
    entry = source.participants.get(venue.market_maker_id)
    if report.counterparty is not None:
        entry = source.participants_by_code.get(report.counterparty)
    accounts = capture_context(actor=SYSTEM, business_date=business_date).accounts
    if entry is None or entry.id == order.broker_id or (entry.id, "HOUSE") not in accounts:
        raise UnknownCounterparty(pointer="/counterparty")
    return ExecutedSide(entry.id, accounts[entry.id, "HOUSE"])


def _open_slice(order: Order, venue: Venue, report: ExecutionReport, at: datetime) -> int:
    """Write the slice that the venue has executed; the fill that follows makes it FILLED. Return its id."""
    part = OrderSlice.objects.create(
        order=order, venue=venue, quantity_units=report.executed_quantity, status=SliceStatus.WAITING, due_at=at,
        note="Reported by the venue.", learned=True, created_at=at,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(ROUTED_SQL, [report.executed_quantity, order.pk])
    return part.pk
