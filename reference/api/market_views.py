"""Market data in the API: quotes, daily prices and exchange rates, read by everybody and taken in from operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.market_serializers import (
    DailyPriceEntrySerializer,
    DailyPriceSerializer,
    ExchangeRateEntrySerializer,
    ExchangeRateSerializer,
    IngestedSerializer,
    LastQuoteSerializer,
    QuoteEntrySerializer,
    QuoteSerializer,
)
from reference.api.parsers import CsvParser, read_text
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.market_data import last_quotes
from reference.market_filters import DailyPriceFilter, ExchangeRateFilter, QuoteFilter
from reference.market_ingest import ingest_market_data, read_csv
from reference.models import DailyPrice, ExchangeRate, Quote
from reference.queries import business_clock, directory
from reference.refusals import Refusal

Answer = TypeVar("Answer", bound=Callable[..., Response])

API_SOURCE = "API"
FILE_SOURCE = "FILE"
MOST_LINES = 10_000
SECURITY_PARAMETER = OpenApiParameter("security", OpenApiTypes.STR, description="ISIN or symbol; all, where left out.")
SOURCE_PARAMETER = OpenApiParameter(
    "source", OpenApiTypes.STR, description="Who gave the data, 1 to 16 letters, digits, dashes or underscores."
)


class TooManyMarketLines(Refusal):
    """One request takes at most 10,000 lines of market data as JSON; send more as CSV."""

    code = "too-many-market-lines"


class MarketDataView(ActorListView[Any]):
    """A kind of market data: listed for everybody, taken in from operators."""

    kind: ClassVar[str]
    parser_classes = [*ActorView.parser_classes, CsvParser]
    read_scope = Scope.MARKET_READ
    write_scope = Scope.MARKET_WRITE

    def take_in(self, request: Request) -> Response:
        """Take in one line, a list of lines, or a CSV file; one line alone answers as itself."""
        actor = self.require_role(Role.OPERATOR)
        source = request.query_params.get("source")
        lines, alone = _lines_of(request)
        data: Any = request.data
        is_file = isinstance(data, str) or "file" in request.FILES
        outcome = ingest_market_data(
            kind=self.kind,
            lines=lines,
            source=source or (FILE_SOURCE if is_file else API_SOURCE),
            at=business_clock().at,
            actor=actor,
        )
        if alone and outcome.refused:
            raise outcome.refused[0].refusal
        status = 201 if outcome.accepted else 200
        return Response(IngestedSerializer(outcome).data, status=status)


def described(*, kind: str, entry: type[Any]) -> Callable[[Answer], Answer]:
    """Describe how lines of a kind are taken in."""
    decorator: Callable[[Answer], Answer] = extend_schema(
        operation_id=f"market_{kind}_take_in",
        summary=f"Take in {kind.replace('_', ' ')}",
        description=(
            "One object, a list of at most 10,000, or a CSV file whose first line names the fields. For operators. "
            "Good lines are kept and bad ones refused with line and reason; the same line twice is no error, other "
            "content under a key that stands is refused. One object alone is answered as itself: refused, by problem."
        ),
        parameters=[SOURCE_PARAMETER],
        request={"application/json": entry, "text/csv": OpenApiTypes.STR},
        responses={201: IngestedSerializer, 200: IngestedSerializer, **problems(400, 403, 409, 413, 422)},
    )
    return decorator


def _lines_of(request: Request) -> tuple[Iterator[tuple[int, Any]], bool]:
    """Return the request's numbered lines, and whether it is one alone. Raises TooManyMarketLines, ParseError."""
    data: Any = request.data
    if isinstance(data, str):
        return read_csv(data), False
    if "file" in request.FILES:
        return read_csv(read_text(request.FILES["file"])), False
    if isinstance(data, list):
        if len(data) > MOST_LINES:
            raise TooManyMarketLines
        return iter(enumerate(data, start=1)), False
    if hasattr(data, "dict"):
        data = {name: value for name, value in data.dict().items() if name != "csrfmiddlewaretoken"}
    return iter([(1, data)]), True


class QuoteList(MarketDataView):
    """Quotes: history, and taking in."""

    queryset = Quote.objects.all()
    serializer_class = QuoteSerializer
    filterset_class = QuoteFilter
    cursor_ordering = ("-at", "-id")
    kind = "quotes"

    @extend_schema(operation_id="market_quotes_list", summary="List quotes, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the history of quotes, the newest first."""
        return super().get(request, *args, **kwargs)

    @described(kind="quotes", entry=QuoteEntrySerializer)
    def post(self, request: Request) -> Response:
        """Take in quotes."""
        return self.take_in(request)


class LastQuoteList(ActorView[Quote]):
    """The last quote of each security."""

    queryset = Quote.objects.all()
    serializer_class = LastQuoteSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.MARKET_READ

    @extend_schema(
        operation_id="market_quotes_latest",
        summary="Read the last quotes",
        parameters=[SECURITY_PARAMETER],
        responses={200: LastQuoteSerializer(many=True), **problems(400, 404)},
    )
    def get(self, request: Request) -> Response:
        """Answer the last quote of each security that has one, by ISIN."""
        source = directory()
        code = request.query_params.get("security", "").upper()
        if code:
            found = source.securities_by_isin.get(code) or source.securities_by_symbol.get(code)
            if found is None:
                raise NotFound("There is no such security.")
            wanted = [found.id]
        else:
            wanted = list(source.securities)
        quotes = last_quotes(security_ids=wanted).values()
        ordered = sorted(quotes, key=lambda quote: source.securities[quote.security_id].isin)
        return Response(LastQuoteSerializer(ordered, many=True).data)


class DailyPriceList(MarketDataView):
    """Daily prices: history, and taking in."""

    queryset = DailyPrice.objects.all()
    serializer_class = DailyPriceSerializer
    filterset_class = DailyPriceFilter
    cursor_ordering = ("-date", "security_id")
    kind = "prices"
    signed_methods = frozenset({"POST"})

    def get_queryset(self) -> QuerySet[DailyPrice]:
        """Return all there are; to a participant those of the days that are over."""
        rows = DailyPrice.objects.all()
        if self.actor.role is Role.PARTICIPANT:
            rows = rows.filter(date__lt=business_clock().business_date)
        return rows

    @extend_schema(operation_id="market_prices_list", summary="List daily prices, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List daily prices, the newest first."""
        return super().get(request, *args, **kwargs)

    @described(kind="prices", entry=DailyPriceEntrySerializer)
    def post(self, request: Request) -> Response:
        """Take in daily prices."""
        return self.take_in(request)


class ExchangeRateList(MarketDataView):
    """Exchange rates: history, and taking in."""

    queryset = ExchangeRate.objects.all()
    serializer_class = ExchangeRateSerializer
    filterset_class = ExchangeRateFilter
    cursor_ordering = ("-date", "currency_id")
    kind = "exchange-rates"
    signed_methods = frozenset({"POST"})

    @extend_schema(operation_id="market_exchange_rates_list", summary="List exchange rates, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List exchange rates, the newest first."""
        return super().get(request, *args, **kwargs)

    @described(kind="exchange_rates", entry=ExchangeRateEntrySerializer)
    def post(self, request: Request) -> Response:
        """Take in exchange rates."""
        return self.take_in(request)
