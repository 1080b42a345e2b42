"""Reading orders from request bodies and answering what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request

from trades.api.capture import FORM_TYPES, JSON_TYPE, errors_of, is_utf8, media_type_of
from trades.core.order_parsing import convert_ticket, read_ticket, read_tickets
from trades.core.order_ticket import OrderTicket
from trades.core.report import Problem
from trades.refusals.orders import ClientOrderIdReused, MalformedOrder, OrderRefused, OrderRejected, TooManyOrders
from trades.refusals.reports import BrokenEncoding
from trades.services.orders.place_orders import OrderOutcome

MOST_ORDERS = 1_000


def ticket_of(*, request: Request) -> OrderTicket:
    """Read one order from a JSON body or a form.

    Raises MalformedOrder, BrokenEncoding, OrderRefused (a field is wrong), UnsupportedMediaType.
    """
    media_type = media_type_of(request)
    if media_type == JSON_TYPE:
        body = request.body
        ticket = read_ticket(data=body)
        if isinstance(ticket, Problem) and not is_utf8(body):
            raise BrokenEncoding("The body is not valid UTF-8.")
    elif media_type in FORM_TYPES:
        fields = {name: value for name, value in request.POST.items() if name != "csrfmiddlewaretoken"}
        ticket = convert_ticket(fields=fields)
    elif not media_type and not request.body:
        raise MalformedOrder("The body is empty.")
    else:
        raise UnsupportedMediaType(media_type)
    if not isinstance(ticket, Problem):
        return ticket
    if ticket.pointer:
        refuse_order(problems=[ticket])
    raise MalformedOrder(ticket.message)


def tickets_of(*, request: Request) -> list[OrderTicket | Problem]:
    """Read a JSON array of orders. Raises MalformedOrder, TooManyOrders, UnsupportedMediaType."""
    if media_type_of(request) != JSON_TYPE:
        raise UnsupportedMediaType(media_type_of(request))
    tickets = read_tickets(data=request.body)
    if isinstance(tickets, Problem):
        raise MalformedOrder(tickets.message)
    if len(tickets) > MOST_ORDERS:
        raise TooManyOrders(f"{len(tickets)} orders are more than the {MOST_ORDERS} that one request takes.")
    return tickets


def refuse_order(*, problems: Sequence[Problem]) -> NoReturn:
    """Raise what an order with these problems is refused with: OrderRefused, or ClientOrderIdReused."""
    if problems[0].code == ClientOrderIdReused.code:
        raise ClientOrderIdReused(problems[0].message, pointer=problems[0].pointer)
    summary = " ".join(problem.message for problem in problems[:3])
    raise OrderRefused(summary, errors=errors_of(problems=problems))


def reject_order(*, answer: dict[str, Any], problems: Sequence[Problem]) -> NoReturn:
    """Raise what an order that stands as REJECTED is answered with: the problem, and where the order is."""
    # `status` of a problem document is that of HTTP.
    known = {name: answer[name] for name in ("id", "client_order_id", "outcome", "links")}
    errors = errors_of(problems=problems)
    raise OrderRejected(problems[0].message, errors=errors, order_status=answer["status"], **known)


def links_of_order(*, public_id: Any) -> dict[str, str]:
    """Return where to go from an order."""
    here = f"/api/v1/orders/{public_id}"
    return {"self": here, "cancel": f"{here}/cancel", "replace": f"{here}/replace"}


def answer_of(*, ticket: OrderTicket, outcome: OrderOutcome) -> dict[str, Any]:
    """Return what became of an order that stands."""
    return {
        "id": str(outcome.public_id),
        "client_order_id": ticket.client_order_id,
        "status": outcome.status,
        "outcome": outcome.outcome,
        "warnings": list(outcome.warnings),
        "links": links_of_order(public_id=outcome.public_id),
    }


def lines_of(*, tickets: Sequence[OrderTicket | Problem], outcomes: Sequence[OrderOutcome]) -> list[dict[str, Any]]:
    """Return what became of each order of a list. outcomes: of those that could be read, in order."""
    placed = iter(outcomes)
    lines: list[dict[str, Any]] = []
    for line, ticket in enumerate(tickets, start=1):
        outcome = OrderOutcome("REFUSED", problems=(ticket,)) if isinstance(ticket, Problem) else next(placed)
        document: dict[str, Any] = {"line": line, "outcome": outcome.outcome}
        if outcome.public_id is not None:
            document["id"] = str(outcome.public_id)
        if outcome.status is not None:
            document["status"] = outcome.status
        if outcome.warnings:
            document["warnings"] = list(outcome.warnings)
        if outcome.problems:
            document["errors"] = errors_of(problems=outcome.problems)
        lines.append(document)
    return lines
