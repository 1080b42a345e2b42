"""Venues in the API: how they stand, their order books, their tapes."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.problems import problems
from reference.core.scopes import Scope
from reference.queries import business_clock
from trades.api.venue_serializers import (
    BookSerializer,
    VenueDetailSerializer,
    VenueExecutionSerializer,
    VenueListSerializer,
    book_document,
    levels_document,
    venue_document,
)
from trades.models import Venue, VenueBook, VenueExecution
from trades.queries.venues import describe_tape, get_book, get_venue, view_book, view_books, view_venues

MOST_LEVELS = 50
LEVELS = OpenApiParameter("levels", int, description=f"Levels of each side, 1 to {MOST_LEVELS}; 10, where left out.")


class VenueList(ActorView[Venue]):
    """Where orders can go."""

    queryset = Venue.objects.all()
    serializer_class = VenueListSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.ORDERS_READ

    @extend_schema(
        operation_id="venues_list",
        summary="List venues",
        responses={200: VenueListSerializer, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        """List the venues: hours, fees, circuit breaker, how much is quoted and traded today, how well they answer."""
        clock = business_clock()
        rows = view_venues(at=clock.at, business_date=clock.business_date)
        return Response({"venues": [venue_document(standing=row) for row in rows]})


class VenueDetail(ActorView[Venue]):
    """One venue."""

    queryset = Venue.objects.all()
    serializer_class = VenueDetailSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.ORDERS_READ

    @extend_schema(
        operation_id="venues_retrieve",
        summary="Read a venue and its books",
        responses={200: VenueDetailSerializer, **problems(400, 404)},
    )
    def get(self, request: Request, mic: str) -> Response:
        """Read a venue with all its order books: best bid and offer, last price, what traded today."""
        clock = business_clock()
        venue = get_venue(mic=mic)
        rows = view_venues(at=clock.at, business_date=clock.business_date)
        standing = next(row for row in rows if row.venue.pk == venue.pk)
        books = view_books(venue=venue, business_date=clock.business_date)
        return Response(
            {
                **venue_document(standing=standing),
                "order_books": [book_document(mic=venue.mic, standing=book) for book in books],
            }
        )


class VenueBookDetail(ActorView[VenueBook]):
    """One order book."""

    queryset = VenueBook.objects.all()
    serializer_class = BookSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.ORDERS_READ

    @extend_schema(
        operation_id="venue_books_retrieve",
        summary="Read an order book",
        parameters=[LEVELS],
        responses={200: BookSerializer, **problems(400, 404)},
    )
    def get(self, request: Request, mic: str, isin: str) -> Response:
        """Read a security's order book at a venue: its best levels, best first, as of its last event."""
        text = request.query_params.get("levels", "10")
        if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= MOST_LEVELS):
            raise ValidationError({"levels": f"A whole number from 1 to {MOST_LEVELS}."})
        found = view_book(
            actor=self.actor, mic=mic, isin=isin, business_date=business_clock().business_date, levels=int(text)
        )
        return Response(levels_document(found=found))


@extend_schema_view(
    get=extend_schema(
        operation_id="venue_executions_list",
        summary="List a book's executions",
        description="The tape of one book, newest first. Who traded is told to who sees all; a party finds itself.",
        responses={200: VenueExecutionSerializer(many=True), **problems(400, 404)},
    )
)
class VenueExecutionList(ActorListView[VenueExecution]):
    """The tape of one book."""

    queryset = VenueExecution.objects.all()
    serializer_class = VenueExecutionSerializer
    read_scope = Scope.ORDERS_READ

    def get_queryset(self) -> QuerySet[VenueExecution]:
        """Return the executions of the book in the address. Raises UnknownVenue, NoSuchBook."""
        if getattr(self, "swagger_fake_view", False):
            return VenueExecution.objects.none()
        return VenueExecution.objects.filter(book=self._book())

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer one page of the tape."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        found = describe_tape(actor=self.actor, rows=page or [], tick=self._book().tick)
        return self.get_paginated_response(
            VenueExecutionSerializer(
                [
                    {
                        "number": row.row.number,
                        "at": row.row.at,
                        "business_date": row.row.business_date,
                        "price": str(row.price),
                        "quantity": row.row.quantity_units,
                        "aggressor": row.row.taker_side,
                        "buyer": row.buyer,
                        "seller": row.seller,
                    }
                    for row in found
                ],
                many=True,
            ).data
        )

    def _book(self) -> VenueBook:
        if not hasattr(self, "_found"):
            self._found = get_book(mic=self.kwargs["mic"], isin=self.kwargs["isin"])
        return self._found
