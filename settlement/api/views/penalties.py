"""Cash penalties in the API."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.fields import Amount, CurrencyCode, Isin, ParticipantCode, decimal_text
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from settlement.filters import PenaltyFilter
from settlement.models import Penalty, PenaltyRun
from settlement.queries.penalties import penalties_visible_to, read_month
from settlement.services.charge_penalties import correct_penalties


class PenaltySerializer(serializers.ModelSerializer[Penalty]):
    """One day's penalty of one failing party for one instruction."""

    business_date = serializers.DateField(source="run.business_date", help_text="The day it was charged.")
    instruction = serializers.UUIDField(source="instruction.public_id")
    security: Any = Isin(source="instruction.security_id")
    failing: Any = ParticipantCode(source="failing_id", help_text="Who pays.")
    suffering: Any = ParticipantCode(source="suffering_id", help_text="Who is paid.")
    quantity = serializers.IntegerField(source="quantity_units")
    amount: Any = Amount(minor="amount_minor")
    currency: Any = CurrencyCode(source="currency_id")

    class Meta:
        """Who fails towards whom, why, and how the amount comes about."""

        model = Penalty
        fields = [
            "id", "kind", "business_date", "fail_date", "instruction", "security", "failing", "suffering", "side",
            "reason", "category", "quantity", "price", "bp_per_day", "amount", "currency",
        ]  # fmt: skip


class PenaltyPairSerializer(serializers.Serializer[Any]):
    """What two participants owe each other for a month."""

    payer = serializers.CharField(source="payer.code")
    payee = serializers.CharField(source="payee.code")
    currency = serializers.CharField(source="currency.code")
    payable = serializers.SerializerMethodField(help_text="The payer's own fails, decimal string.")
    receivable = serializers.SerializerMethodField(help_text="The payee's fails towards the payer, decimal string.")
    net = serializers.SerializerMethodField(help_text="What the payer pays, decimal string.")
    payment = serializers.UUIDField(source="payment.public_id", allow_null=True, default=None)

    def get_payable(self, pair: Any) -> str:
        """Write the payer's own penalties."""
        return decimal_text(minor=pair.payable_minor, digits=pair.currency.digits)

    def get_receivable(self, pair: Any) -> str:
        """Write the payee's penalties."""
        return decimal_text(minor=pair.receivable_minor, digits=pair.currency.digits)

    def get_net(self, pair: Any) -> str:
        """Write the net."""
        return decimal_text(minor=pair.net_minor, digits=pair.currency.digits)


class PenaltyStatementSerializer(serializers.Serializer[Any]):
    """A month's penalties, netted pair by pair."""

    month = serializers.DateField(help_text="Its first day.")
    pays_on = serializers.DateField(help_text="The 18th business day of the next month.")
    charged_days = serializers.IntegerField()
    outage_days = serializers.ListField(child=serializers.DateField(), help_text="Nothing was charged.")
    missing = serializers.ListField(child=serializers.CharField(), help_text="What could not be charged, and why.")
    pairs = PenaltyPairSerializer(many=True)


class PenaltyCorrectionSerializer(serializers.Serializer[Any]):
    """Which day is computed anew, and why."""

    business_date = serializers.DateField()
    why = serializers.CharField(max_length=200)


class PenaltyRunSerializer(serializers.ModelSerializer[PenaltyRun]):
    """The penalties of one business day as computed once."""

    class Meta:
        """Which day, and which version of it."""

        model = PenaltyRun
        fields = ["id", "business_date", "version", "switched_off", "why", "at"]


class PenaltyList(ActorListView[Penalty]):
    """Penalties that count, newest first; a participant sees those it pays or is paid."""

    queryset = Penalty.objects.all()
    serializer_class = PenaltySerializer
    filterset_class = PenaltyFilter
    read_scope = Scope.SETTLEMENT_READ

    def get_queryset(self) -> QuerySet[Penalty]:
        """Return what the actor sees."""
        return penalties_visible_to(actor=self.actor).select_related("run", "instruction")

    @extend_schema(operation_id="penalties_list", summary="List cash penalties, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the penalties that count: of a day computed anew, its last version."""
        return super().get(request, *args, **kwargs)


class PenaltyStatement(ActorView[Penalty]):
    """A month between each two participants."""

    queryset = Penalty.objects.all()
    serializer_class = PenaltyStatementSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.SETTLEMENT_READ

    @extend_schema(
        operation_id="penalties_statement",
        summary="Read a month's penalties, netted",
        parameters=[OpenApiParameter("month", str, description="YYYY-MM; this month, where left out.")],
        responses={200: PenaltyStatementSerializer, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        """Read who owes whom for a month, and when it is paid."""
        month = business_clock().business_date.replace(day=1)
        if text := request.query_params.get("month"):
            try:
                month = date.fromisoformat(f"{text}-01")
            except ValueError:
                raise serializers.ValidationError({"month": "A month is written YYYY-MM."}) from None
        return Response(PenaltyStatementSerializer(read_month(actor=self.actor, month=month)).data)


class PenaltyCorrection(ActorView[PenaltyRun]):
    """A day computed anew."""

    queryset = PenaltyRun.objects.all()
    serializer_class = PenaltyCorrectionSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.SETTLEMENT_WRITE
    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="penalties_correct",
        summary="Compute a day's penalties anew",
        request=PenaltyCorrectionSerializer,
        responses={201: PenaltyRunSerializer, **problems(400, 403, 409)},
    )
    def post(self, request: Request) -> Response:
        """Compute a day's penalties anew with the prices, rates and outages of now. For operators."""
        actor = self.require_role(Role.OPERATOR)
        entry = PenaltyCorrectionSerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=entry.fields)
        entry.is_valid(raise_exception=True)
        clock = business_clock()
        run = correct_penalties(
            business_date=entry.validated_data["business_date"],
            why=entry.validated_data["why"],
            actor=actor,
            at=clock.at,
            today=clock.business_date,
        )
        return Response(PenaltyRunSerializer(run).data, status=201)
