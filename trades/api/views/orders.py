"""Orders in the API: placed one by one or as a list, listed, cancelled, replaced."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.idempotency import Once
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from trades.api import order_examples
from trades.api.order_capture import answer_of, lines_of, refuse_order, reject_order, ticket_of, tickets_of
from trades.api.order_serializers import (
    CancelOrderSerializer,
    OrderLineSerializer,
    OrderSerializer,
    OrderTicketSerializer,
    PlacedOrderSerializer,
    RejectedOrderSerializer,
    ReplaceOrderSerializer,
)
from trades.core.order_lifecycle import OrderStatus
from trades.core.order_ticket import OrderTicket
from trades.filters_orders import OrderFilter
from trades.models import Order
from trades.queries.orders import get_order
from trades.queries.visible import orders_visible_to
from trades.services.orders.place_orders import place_orders
from trades.services.orders.replace_order import replace_order
from trades.services.orders.routing_lock import routing_lock
from trades.services.orders.withdraw_orders import cancel_order

SENDERS = (Role.PARTICIPANT, Role.OPERATOR)
REJECTION = {(422, "application/problem+json"): RejectedOrderSerializer}


class OrderList(ActorListView[Order]):
    """Orders: list and place."""

    queryset = Order.objects.all()
    serializer_class = OrderSerializer
    filterset_class = OrderFilter
    read_scope = Scope.ORDERS_READ
    write_scope = Scope.ORDERS_WRITE

    def get_queryset(self) -> QuerySet[Order]:
        """Return what the actor sees."""
        return orders_visible_to(actor=self.actor).select_related("client", "trader", "account")

    def get_serializer_class(self) -> Any:
        """Return the shape of a ticket for the form of the browsable API, the shape of an order otherwise."""
        return OrderTicketSerializer if self.request.method == "POST" else OrderSerializer

    @extend_schema(operation_id="orders_list", summary="List orders, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List orders, newest first. A participant sees the orders of its own clients."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="orders_place",
        summary="Place one order",
        request=OrderTicketSerializer,
        responses={201: PlacedOrderSerializer, 200: PlacedOrderSerializer, **problems(400, 403, 409), **REJECTION},
        examples=[
            order_examples.TICKET_EXAMPLE,
            order_examples.PLACED_EXAMPLE,
            order_examples.REPEATED_EXAMPLE,
            order_examples.REJECTED_EXAMPLE,
        ],
    )
    def post(self, request: Request) -> Response:
        """Place one order for a client.

        201: it passed every check and goes to the venues. 422 `order-rejected`: a pre-trade check rejected it; it
        stands as REJECTED and the problem links to it. 400 and 422 `order-refused`: it is malformed, and nothing was
        written. The same client_order_id with the same content is the same order and answers 200 (422 if that was
        rejected); with other content it is refused with 409.
        """
        actor = self.require_role(*SENDERS)
        ticket = ticket_of(request=request)
        clock = business_clock()
        (outcome,) = place_orders(tickets=[ticket], actor=actor, at=clock.at, business_date=clock.business_date)
        if outcome.outcome == "REFUSED":
            refuse_order(problems=outcome.problems)
        answer = answer_of(ticket=ticket, outcome=outcome)
        if outcome.status == OrderStatus.REJECTED:
            reject_order(answer=answer, problems=outcome.problems)
        code = status.HTTP_201_CREATED if outcome.outcome == "ACCEPTED" else status.HTTP_200_OK
        return Response(answer, status=code, headers={"Location": answer["links"]["self"]})


class OrderBulk(ActorView[Order]):
    """Many orders at once."""

    queryset = Order.objects.all()
    serializer_class = OrderTicketSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.ORDERS_WRITE

    @extend_schema(
        operation_id="orders_place_bulk",
        summary="Place up to a thousand orders",
        request=OrderTicketSerializer(many=True),
        responses={200: OrderLineSerializer(many=True), **problems(400, 403, 413, 415)},
    )
    def post(self, request: Request) -> Response:
        """Place a JSON array of orders, in order; the answer has one item for each.

        Each stands or falls by itself. Within the array they use the clients' limits in the order of the array.
        """
        actor = self.require_role(*SENDERS)
        tickets = tickets_of(request=request)
        clock = business_clock()
        outcomes = place_orders(
            tickets=[ticket for ticket in tickets if isinstance(ticket, OrderTicket)],
            actor=actor,
            at=clock.at,
            business_date=clock.business_date,
        )
        return Response(lines_of(tickets=tickets, outcomes=outcomes))


class _OrderChange(ActorView[Order]):
    """What is done to an order that stands at its venues."""

    queryset = Order.objects.all()
    filter_backends: list[Any] = []
    write_scope = Scope.ORDERS_WRITE
    guarded_by = ()

    def holding_subject(self) -> AbstractContextManager[None]:
        """Hold the router off, as its own services do: they commit by themselves, so that no row can be held here."""
        return routing_lock()


class OrderCancel(_OrderChange):
    """Cancellation."""

    serializer_class = CancelOrderSerializer
    # The venues are asked between two transactions; the audit record of the first knows the request again.
    answered_once = Once.APART

    @extend_schema(
        operation_id="orders_cancel",
        summary="Cancel what is left of an order",
        request=CancelOrderSerializer,
        responses={200: OrderSerializer, **problems(400, 403, 404, 409)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Cancel what is not filled yet. What is filled stands, clears and settles."""
        actor = self.require_role(*SENDERS)
        wish = CancelOrderSerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=wish.fields)
        wish.is_valid(raise_exception=True)
        order = get_order(actor=actor, public_id=public_id)
        clock = business_clock()
        cancel_order(
            order_id=order.pk,
            at=clock.at,
            business_date=clock.business_date,
            actor=actor,
            note=wish.validated_data["reason"],
            asked=self.asked,
        )
        return Response(OrderSerializer(get_order(actor=actor, public_id=public_id)).data)


class OrderReplace(_OrderChange):
    """Replacement."""

    serializer_class = ReplaceOrderSerializer
    # As a cancellation.
    answered_once = Once.APART

    @extend_schema(
        operation_id="orders_replace",
        summary="Replace an order's quantity or limit",
        request=ReplaceOrderSerializer,
        responses={200: OrderSerializer, **problems(400, 403, 404, 409, 422)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Change the quantity, the limit, or both, of an open order; the limits are checked again.

        `quantity` is the whole new quantity, with what is filled. What is not named stays as it is when the
        replacement takes effect. An order keeps its place in the book only where nothing but its quantity goes down.
        """
        actor = self.require_role(*SENDERS)
        wish = ReplaceOrderSerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=wish.fields)
        wish.is_valid(raise_exception=True)
        order = get_order(actor=actor, public_id=public_id)
        clock = business_clock()
        replace_order(
            order_id=order.pk,
            quantity_units=wish.validated_data.get("quantity"),
            limit_price=wish.validated_data.get("limit_price"),
            at=clock.at,
            business_date=clock.business_date,
            actor=actor,
            asked=self.asked,
        )
        return Response(OrderSerializer(get_order(actor=actor, public_id=public_id)).data)
