"""Margin calls and margin statements in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.collateral_serializers import (
    CallWithdrawalSerializer,
    MarginCallSerializer,
    MarginStatementSerializer,
)
from clearing.filters import CallFilter
from clearing.models import MarginCall
from clearing.queries.margin_statement import read_statement
from clearing.queries.membership import get_membership
from clearing.queries.risk_overview import calls_visible_to
from clearing.services.issue_calls import withdraw_call
from clearing.services.pay_calls import pay_call
from reference.api.base import ActorListView, ActorView
from reference.api.parameters import read_date
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock, directory


class MarginCallList(ActorListView[MarginCall]):
    """Margin calls, newest first; a member sees its own."""

    queryset = MarginCall.objects.all()
    serializer_class = MarginCallSerializer
    filterset_class = CallFilter
    read_scope = Scope.RISK_READ

    def get_queryset(self) -> QuerySet[MarginCall]:
        """Return what the actor sees."""
        return calls_visible_to(actor=self.actor).prefetch_related("payments__call")

    @extend_schema(operation_id="clearing_calls", summary="List margin calls, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List calls with their payments."""
        return super().get(request, *args, **kwargs)


class MarginCallPayment(ActorView[MarginCall]):
    """A call paid."""

    idempotency_key_required = True
    queryset = MarginCall.objects.all()
    serializer_class = MarginCallSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.COLLATERAL_WRITE

    @extend_schema(
        operation_id="clearing_calls_pay",
        summary="Pay a margin call",
        request=None,
        responses={200: MarginCallSerializer, **problems(403, 404, 409)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Pay what is open of a call from the house cash, before its deadline or after."""
        actor, clock = self.require_role(Role.PARTICIPANT, Role.OPERATOR), business_clock()
        call = pay_call(call_id=pk, actor=actor, at=clock.at, business_date=clock.business_date)
        return Response(MarginCallSerializer(call).data)


class MarginCallWithdrawal(ActorView[MarginCall]):
    """A call withdrawn."""

    queryset = MarginCall.objects.all()
    serializer_class = CallWithdrawalSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.RISK_WRITE
    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="clearing_calls_withdraw",
        summary="Withdraw a margin call",
        request=CallWithdrawalSerializer,
        responses={200: MarginCallSerializer, **problems(400, 403, 404, 409)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Withdraw a call that is not paid in full; what was paid of it stays paid. For operators."""
        actor, clock = self.require_role(Role.OPERATOR), business_clock()
        entry = CallWithdrawalSerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=entry.fields)
        entry.is_valid(raise_exception=True)
        why = entry.validated_data["why"]
        call = withdraw_call(call_id=pk, why=why, actor=actor, at=clock.at, business_date=clock.business_date)
        return Response(MarginCallSerializer(call).data)


class MarginStatementView(ActorView[MarginCall]):
    """A member's day."""

    queryset = MarginCall.objects.all()
    serializer_class = MarginStatementSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.RISK_READ

    @extend_schema(
        operation_id="clearing_margin_statement",
        summary="Read a member's margin statement of a day",
        parameters=[
            OpenApiParameter("member", str, description="For operators and auditors: whose."),
            OpenApiParameter("business_date", str, description="YYYY-MM-DD; today, where left out."),
        ],
        responses={200: MarginStatementSerializer, **problems(400, 404)},
    )
    def get(self, request: Request) -> Response:
        """Read what was margined, put up, called and paid on a business date, line by line."""
        code = request.query_params.get("member", "")
        if not code and self.actor.participant_id is not None:
            code = directory().participants[self.actor.participant_id].code
        day = read_date(request=request, name="business_date") or business_clock().business_date
        if not code:
            raise ValidationError({"member": "Say whose statement."})
        membership = get_membership(actor=self.actor, code=code[:12])
        return Response(MarginStatementSerializer(read_statement(membership=membership, business_date=day)).data)
