"""How one trade is cleared, in the API: only this floor knows trades and clearing both."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from fmi.api.views import TRADE_PARAMETER
from fmi.trade_clearing import clear_trade, read_trade_clearing
from fmi.trade_settlement import find_trade
from reference.api.base import ActorView
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from trades.models import Trade


class NetPositionSerializer(serializers.Serializer[Any]):
    """One security of the open portfolio; positive: the account receives."""

    isin = serializers.CharField(source="security.isin")
    symbol = serializers.CharField(source="security.symbol")
    quantity = serializers.IntegerField(source="quantity_units")
    cash = serializers.CharField(help_text="Decimal string.")


class TradeClearingSerializer(serializers.Serializer[Any]):
    """How a trade is cleared, seen from the side that asks."""

    id = serializers.UUIDField()
    trade_id = serializers.CharField()
    clearing_id = serializers.CharField(allow_null=True, help_text="The novation's; null before it.")
    clearing_status = serializers.ChoiceField(
        choices=["UNMATCHED", "WAITING", "NOT_CLEARED", "NOVATED", "NETTED", "CARRIED", "SETTLED", "CANCELLED"]
    )
    account = serializers.CharField(help_text="The securities account whose portfolio it belongs to.")
    currency = serializers.CharField()
    margin_required = serializers.CharField(
        allow_null=True, help_text="What the portfolio's margin rises by because of the trade; decimal string."
    )
    portfolio_margin = serializers.CharField(
        allow_null=True, help_text="The portfolio's margin with it, as of now; decimal string."
    )
    margin_refused = serializers.CharField(help_text="Why there is no margin figure; empty where there is one.")
    net_positions = NetPositionSerializer(many=True, help_text="The account's open portfolio in the currency.")
    settlement_amount = serializers.CharField(
        help_text="What the account receives (+) or pays (−): of the trade, or of what it was netted into."
    )
    settlement_date = serializers.DateField()


class TradeClearingDetail(ActorView[Trade]):
    """How a trade is cleared."""

    queryset = Trade.objects.all()
    serializer_class = TradeClearingSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.CLEARING_READ
    write_scope = Scope.CLEARING_WRITE

    @extend_schema(
        operation_id="trade_clearing_retrieve",
        summary="Read how a trade is cleared",
        parameters=[TRADE_PARAMETER],
        responses={200: TradeClearingSerializer, **problems(404)},
    )
    def get(self, request: Request, trade_id: str) -> Response:
        """Read the novation of a trade, its portfolio's net positions and margin, and what is to settle."""
        trade = find_trade(actor=self.actor, trade_id=trade_id)
        return Response(TradeClearingSerializer(read_trade_clearing(trade=trade, actor=self.actor)).data)

    @extend_schema(
        operation_id="trade_clearing_clear",
        summary="Have a matched trade cleared, and read how",
        parameters=[TRADE_PARAMETER],
        request=None,
        responses={200: TradeClearingSerializer, **problems(403, 404)},
    )
    def post(self, request: Request, trade_id: str) -> Response:
        """Make sure that a matched trade is novated, and answer its margin and net positions. Twice changes nothing."""
        actor = self.require_role(Role.PARTICIPANT, Role.OPERATOR)
        trade = find_trade(actor=actor, trade_id=trade_id)
        clock = business_clock()
        clear_trade(trade=trade, at=clock.at, business_date=clock.business_date)
        trade.refresh_from_db()
        return Response(TradeClearingSerializer(read_trade_clearing(trade=trade, actor=actor)).data)
