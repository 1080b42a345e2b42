"""Derivatives accounts in the API: trade, positions, mark prices, margin, liquidations, funding."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.derivatives_documents import (
    account_document,
    contract_document,
    funding_document,
    liquidation_document,
    money_text,
    position_document,
)
from clearing.api.derivatives_serializers import (
    AccountPositionsSerializer,
    ContractSerializer,
    DerivativesMarginReportSerializer,
    FundingRoundSerializer,
    LiquidationSerializer,
    MarkPriceEntrySerializer,
    MarkPriceSerializer,
    MarkPriceSetSerializer,
    TradeMadeSerializer,
    TradeOrderSerializer,
)
from clearing.core.derivatives.units import decimal_of
from clearing.models import (
    DerivativeContract,
    DerivativeTrade,
    FundingRound,
    Liquidation,
)
from clearing.queries.derivatives import accounts_visible_to, contracts_by_symbol
from clearing.queries.derivatives_report import (
    funding_rounds,
    liquidations_visible_to,
    margin_report,
    trades_of_account,
)
from clearing.services.mark_derivatives import set_mark_prices
from clearing.services.trade_derivatives import TradeOrder, execute_trade
from reference.api.base import ActorListView, ActorView
from reference.api.idempotency import Once
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock

KEPT_FIELDS: list[Any] = []


def read_body(*, request: Request, serializer: Any) -> dict[str, Any]:
    """Return the checked fields of a body. Raises ValidationError."""
    refuse_unknown_fields(data=request.data, known=serializer.fields)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


class DerivativesTrade(ActorView[DerivativeTrade]):
    """Trade."""

    queryset = DerivativeTrade.objects.all()
    serializer_class = TradeOrderSerializer
    filter_backends = KEPT_FIELDS
    # The live store decides before the database commits; a client id trades once in both.
    answered_once = Once.APART
    idempotency_key_required = True
    write_scope = Scope.DERIVATIVES_WRITE

    @extend_schema(
        operation_id="derivatives_trade",
        summary="Trade a perpetual or a future",
        request=TradeOrderSerializer,
        responses={201: TradeMadeSerializer, **problems(400, 403, 409, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """Trade, if both sides keep their margin: 20 % of the notional, checked against equity.

        Equity is the balance and the profit of all positions at their mark prices. A trade that makes a position
        smaller needs the maintenance margin only. A refusal says the equity there would be and the margin needed.
        """
        actor = self.require_role(Role.OPERATOR, Role.PARTICIPANT)
        wanted, clock = read_body(request=request, serializer=self.get_serializer(data=request.data)), business_clock()
        order = TradeOrder(
            symbol=wanted["symbol"],
            account_id=wanted["account_id"],
            side=wanted["side"],
            quantity=wanted["quantity"],
            price=wanted["price"],
            counterparty_id=wanted.get("counterparty_id"),
            client_id=wanted.get("client_trade_id") or self.own_reference,
        )
        trade = execute_trade(order=order, actor=actor, at=clock.at, business_date=clock.business_date)
        return Response(TradeMadeSerializer(trade).data, status=201)


class DerivativesPositions(ActorView[DerivativeTrade]):
    """Positions."""

    queryset = DerivativeTrade.objects.all()
    serializer_class = AccountPositionsSerializer
    filter_backends = KEPT_FIELDS
    read_scope = Scope.DERIVATIVES_READ

    @extend_schema(
        operation_id="derivatives_positions",
        summary="Read an account's positions",
        responses={200: AccountPositionsSerializer, **problems(404)},
    )
    def get(self, request: Request, account_id: int) -> Response:
        """Read an account's equity, margins and positions at the live mark prices."""
        found = margin_report(actor=self.actor, account_id=account_id).accounts
        if not found:
            raise NotFound
        positions = [position_document(view=row) for row in found[0].positions]
        return Response({**account_document(view=found[0]), "positions": positions})


class DerivativesMarkPrice(ActorView[DerivativeContract]):
    """Mark prices."""

    queryset = DerivativeContract.objects.all()
    serializer_class = MarkPriceEntrySerializer
    filter_backends = KEPT_FIELDS
    # The live store decides before the database commits; the event knows the request again.
    answered_once = Once.APART
    read_scope = Scope.DERIVATIVES_READ
    write_scope = Scope.DERIVATIVES_WRITE
    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="derivatives_mark_prices", summary="Read the mark prices",
        responses={200: MarkPriceSerializer(many=True)},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Read the live mark price of each contract that has one."""
        report = margin_report(actor=self.actor, account_id=0)
        rows = [
            {
                "symbol": symbol,
                "price": f"{decimal_of(units=ticks, digits=report.contracts[symbol].price_digits):f}",
                "at": datetime.fromtimestamp(report.snapshot.marked_at[symbol], tz=UTC),
            }
            for symbol, ticks in sorted(report.snapshot.marks.items())
        ]
        return Response(MarkPriceSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="derivatives_set_mark_price",
        summary="Set a mark price",
        request=MarkPriceEntrySerializer,
        responses={201: MarkPriceSetSerializer, **problems(400, 403, 409, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """Value positions at a price from now on, and liquidate who falls below maintenance by it. Operators only."""
        actor = self.require_role(Role.OPERATOR)
        wanted, clock = read_body(request=request, serializer=self.get_serializer(data=request.data)), business_clock()
        liquidated = set_mark_prices(
            prices={wanted["symbol"]: wanted["price"]},
            actor=actor,
            at=clock.at,
            business_date=clock.business_date,
            priced_at=wanted.get("at"),
            confirmed=wanted["confirm"],
            asked=self.asked,
        )
        answer = {"symbol": wanted["symbol"], "price": f"{wanted['price']:f}", "liquidated": liquidated}
        return Response(answer, status=201)


class DerivativesMarginReport(ActorView[DerivativeTrade]):
    """Margin report."""

    queryset = DerivativeTrade.objects.all()
    serializer_class = DerivativesMarginReportSerializer
    filter_backends = KEPT_FIELDS
    read_scope = Scope.DERIVATIVES_READ

    @extend_schema(operation_id="derivatives_margin_report", summary="Read how much margin accounts use")
    def get(self, request: Request) -> Response:
        """Read each account's equity against its margins, those near liquidation first; a participant its own."""
        report = margin_report(actor=self.actor)
        return Response(
            {
                "live": report.is_live,
                "accounts": [account_document(view=view) for view in report.accounts],
                "insurance_funds": [
                    {
                        "currency": view.account.currency.code,
                        "balance": money_text(minor=view.found.balance_minor, digits=view.account.currency.digits),
                    }
                    for view in report.funds
                ],
            }
        )


@extend_schema_view(get=extend_schema(operation_id="derivatives_trades", summary="List an account's trades"))
class DerivativesTrades(ActorListView[DerivativeTrade]):
    """The trades of one account, newest first, those of liquidations with them."""

    queryset = DerivativeTrade.objects.all()
    serializer_class = TradeMadeSerializer
    read_scope = Scope.DERIVATIVES_READ

    def get_queryset(self) -> QuerySet[DerivativeTrade]:
        """Return the trades, where the account is the actor's to see."""
        account_id = int(self.kwargs["account_id"])
        if not accounts_visible_to(actor=self.actor).filter(pk=account_id).exists():
            raise NotFound
        return trades_of_account(account_id=account_id)

    def get_serializer_context(self) -> dict[str, Any]:
        """Say from which account the trades are looked at."""
        return {**super().get_serializer_context(), "account_id": self.kwargs.get("account_id")}


@extend_schema_view(
    get=extend_schema(
        operation_id="derivatives_liquidations", summary="List liquidations",
        responses=LiquidationSerializer(many=True),
    )
)  # fmt: skip
class DerivativesLiquidations(ActorListView[Liquidation]):
    """Liquidations, newest first; a participant sees its own accounts'."""

    queryset = Liquidation.objects.all()
    serializer_class = LiquidationSerializer
    cursor_ordering = "-event_id"
    read_scope = Scope.DERIVATIVES_READ

    def get_queryset(self) -> QuerySet[Liquidation]:
        """Return what the actor sees."""
        return liquidations_visible_to(actor=self.actor)

    def paginate_queryset(self, queryset: Any) -> Any:
        """Cut the page and write its rows."""
        return [liquidation_document(row=row) for row in super().paginate_queryset(queryset) or []]


@extend_schema_view(
    get=extend_schema(
        operation_id="derivatives_funding", summary="List funding rounds", responses=FundingRoundSerializer(many=True)
    )
)
class DerivativesFunding(ActorListView[FundingRound]):
    """Funding rounds of perpetuals, newest first."""

    queryset = FundingRound.objects.all()
    serializer_class = FundingRoundSerializer
    cursor_ordering = "-event_id"
    read_scope = Scope.DERIVATIVES_READ

    def get_queryset(self) -> QuerySet[FundingRound]:
        """Return all of them."""
        return funding_rounds()

    def paginate_queryset(self, queryset: Any) -> Any:
        """Cut the page and write its rows."""
        return [funding_document(row=row) for row in super().paginate_queryset(queryset) or []]


class DerivativesContracts(ActorView[DerivativeContract]):
    """Contracts."""

    queryset = DerivativeContract.objects.all()
    serializer_class = ContractSerializer
    filter_backends = KEPT_FIELDS
    read_scope = Scope.DERIVATIVES_READ

    @extend_schema(
        operation_id="derivatives_contracts", summary="Read the contracts",
        responses={200: ContractSerializer(many=True)},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Read the contracts, their scales and their mark prices."""
        report = margin_report(actor=self.actor, account_id=0)
        rows = contracts_by_symbol().values()
        marks = report.snapshot.marks
        return Response([contract_document(contract=row, mark_ticks=marks.get(row.symbol)) for row in rows])
