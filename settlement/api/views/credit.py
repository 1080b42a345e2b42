"""Auto-collateralised credit in the API: the lines, and the credits drawn on them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.fields import Amount, CurrencyCode, Isin
from reference.core.scopes import Scope
from reference.queries import business_clock
from settlement.filters import CreditFilter
from settlement.models import CollateralPledge, CreditDraw, CreditLine
from settlement.queries.credit import draws_visible_to, read_lines


class PledgeSerializer(serializers.ModelSerializer[CollateralPledge]):
    """Units of one security that stand for a credit."""

    security: Any = Isin(source="security_id")
    quantity = serializers.IntegerField(source="units")

    class Meta:
        """What, how many, and what one was worth after the haircut."""

        model = CollateralPledge
        fields = ["security", "quantity", "unit_value_minor"]


class CreditSerializer(serializers.ModelSerializer[CreditDraw]):
    """One credit that a cycle drew."""

    participant = serializers.CharField(source="line.account.participant.code")
    currency: Any = CurrencyCode(source="line.currency_id")
    amount: Any = Amount(minor="amount_minor")
    cycle = serializers.IntegerField(source="cycle_id")
    pledges = PledgeSerializer(many=True)

    class Meta:
        """Who drew how much when, where it stands, and what is pledged for it."""

        model = CreditDraw
        fields = ["id", "participant", "currency", "amount", "business_date", "at", "cycle", "status",
                  "relocated_at", "reimbursed_at", "pledges"]  # fmt: skip


class CreditLineSerializer(serializers.Serializer[Any]):
    """A credit line as it stands."""

    participant = serializers.CharField(source="participant.code")
    currency = serializers.CharField(source="currency.code")
    active = serializers.BooleanField()
    limit: Any = Amount(minor="limit_minor")
    owed: Any = Amount(minor="owed_minor", help_text="Drawn today, not reimbursed.")
    overnight: Any = Amount(minor="overnight_minor", help_text="Relocated, not repaid.")
    pledged: Any = Amount(minor="pledged_minor", help_text="Value of what is pledged, after haircuts.")
    available: Any = Amount(minor="available_minor", help_text="Value of eligible securities held besides.")
    free: Any = Amount(minor="free_minor", help_text="What may still be drawn against what is held.")


class CreditLinesSerializer(serializers.Serializer[Any]):
    """Credit lines on a business date."""

    business_date = serializers.DateField(help_text="Securities are valued at the close before it.")
    lines = CreditLineSerializer(many=True)


class CreditList(ActorListView[CreditDraw]):
    """Credits drawn, newest first; a participant sees its own."""

    queryset = CreditDraw.objects.all()
    serializer_class = CreditSerializer
    filterset_class = CreditFilter
    read_scope = Scope.SETTLEMENT_READ

    def get_queryset(self) -> QuerySet[CreditDraw]:
        """Return what the actor sees."""
        return draws_visible_to(actor=self.actor)

    @extend_schema(operation_id="credit_list", summary="List credits drawn by auto-collateralisation, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List credits with what is pledged for each."""
        return super().get(request, *args, **kwargs)


class CreditLineList(ActorView[CreditLine]):
    """Credit lines as they stand; a participant sees its own."""

    queryset = CreditLine.objects.all()
    serializer_class = CreditLinesSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.SETTLEMENT_READ

    @extend_schema(operation_id="credit_lines", summary="Read credit lines: limit, use, collateral")
    def get(self, request: Request) -> Response:
        """Read each line's limit, what is owed on it, what is pledged and what could be."""
        today = business_clock().business_date
        lines = read_lines(actor=self.actor, business_date=today)
        return Response(CreditLinesSerializer({"business_date": today, "lines": lines}).data)
