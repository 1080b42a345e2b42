"""Positions, their history, limits and alerts in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.models import Account
from reference.api.base import ActorListView, ActorView
from reference.api.parameters import read_date
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.api.proposal_serializers import ProposalSerializer
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock, directory
from trades.api.position_serializers import (
    ClosedPositionSerializer,
    PositionAlertSerializer,
    PositionLimitEntrySerializer,
    PositionLimitSerializer,
    TradePositionsSerializer,
)
from trades.core.positions import CostMethod
from trades.filters_positions import PositionAlertFilter
from trades.models import Position, PositionAlert, PositionLimit
from trades.queries.position_limits import alerts_visible_to, limits_visible_to
from trades.queries.position_report import get_account, read_positions
from trades.queries.positions import accounts_visible_to, position_history
from trades.services.positions.set_limits import retire_limit, set_limit
from trades.services.positions.watch_limits import acknowledge_alert

ACCOUNT = OpenApiParameter("account", OpenApiTypes.STR, description="Code of a securities account.")
SECURITY = OpenApiParameter("security", OpenApiTypes.STR, description="ISIN.")
DATE = OpenApiParameter("date", OpenApiTypes.DATE, description="At the close of this date; now, where left out.")
PARTICIPANT = OpenApiParameter("participant", OpenApiTypes.STR, description="Participant code.")
METHOD = OpenApiParameter(
    "method", OpenApiTypes.STR, enum=[method.value for method in CostMethod],
    description="Another costing than the participant's own, from the first day on. Live only.",
)  # fmt: skip


class PositionList(ActorView[Account]):
    """Positions now, or at a close."""

    queryset = Account.objects.all()
    serializer_class = TradePositionsSerializer
    filter_backends: list[Any] = []
    pagination_class = None
    read_scope = Scope.POSITIONS_READ

    @extend_schema(
        operation_id="positions_list",
        summary="List positions with profit and loss",
        parameters=[PARTICIPANT, ACCOUNT, SECURITY, DATE, METHOD],
        responses={200: TradePositionsSerializer, **problems(400, 403, 404, 422)},
    )
    def get(self, request: Request) -> Response:
        """List open positions by trade date: worked out as they are read, or as they closed on a date."""
        names = ("participant", "account", "security", "date", "method")
        told = {name: request.query_params.get(name, "") for name in names}
        actor, source, today = self.actor, directory(), business_clock().business_date
        on, method = read_date(request=request, name="date"), told["method"]
        if method and method not in list(CostMethod):
            raise ValidationError({"method": "AVERAGE or FIFO."})
        accounts = accounts_visible_to(actor=actor)
        if told["participant"]:
            accounts = accounts.filter(participant_id=source.participant(code=told["participant"]).id)
        chosen = [get_account(actor=actor, code=told["account"])] if told["account"] else list(accounts)
        views = read_positions(
            accounts=chosen, business_date=today, on=on, method=CostMethod(method) if method else None,
            security_id=source.security(isin=told["security"]).id if told["security"] else None,
        )  # fmt: skip
        live = on is None or on >= today
        answer = {"business_date": today if live else on, "is_live": live, "results": views}
        return Response(TradePositionsSerializer(answer).data)


class PositionHistory(ActorView[Position]):
    """A position from day to day."""

    queryset = Position.objects.all()
    serializer_class = ClosedPositionSerializer
    filter_backends: list[Any] = []
    pagination_class = None
    read_scope = Scope.POSITIONS_READ

    @extend_schema(
        operation_id="positions_history",
        summary="Read a position day by day",
        parameters=[
            OpenApiParameter("account", OpenApiTypes.STR, required=True, description="Code of a securities account."),
            SECURITY,
        ],
        responses={200: ClosedPositionSerializer(many=True), **problems(400, 403, 404, 422)},
    )
    def get(self, request: Request) -> Response:
        """List an account's positions at each close of the last 120 business days, oldest first."""
        account = get_account(actor=self.actor, code=request.query_params.get("account", ""))
        isin = request.query_params.get("security", "")
        rows = position_history(
            actor=self.actor, account=account, security_id=directory().security(isin=isin).id if isin else None
        )
        return Response(ClosedPositionSerializer(rows.select_related("run", "account", "currency"), many=True).data)


class PositionLimitList(ActorListView[PositionLimit]):
    """Position limits: list and set."""

    queryset = PositionLimit.objects.all()
    serializer_class = PositionLimitSerializer
    read_scope = Scope.POSITIONS_READ
    write_scope = Scope.POSITIONS_WRITE
    signed_methods = frozenset({"POST"})

    def get_queryset(self) -> QuerySet[PositionLimit]:
        """Return what the actor sees."""
        return limits_visible_to(actor=self.actor)

    @extend_schema(operation_id="position_limits_list", summary="List position limits, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List limits, those that wait for a second person or no longer hold too."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="position_limits_set",
        summary="Set a position limit",
        request=PositionLimitEntrySerializer,
        responses={201: PositionLimitSerializer, 202: ProposalSerializer, **problems(400, 403, 404, 422)},
    )
    def post(self, request: Request) -> Response:
        """Set a limit for an account, a participant or everybody, in one security or in each. For operators.

        202, with the proposal: it would allow more than what counts now, so that it takes a second person.
        """
        actor, clock, source = self.require_role(Role.OPERATOR), business_clock(), directory()
        entry = PositionLimitEntrySerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=entry.fields)
        entry.is_valid(raise_exception=True)
        fields = entry.validated_data
        changed = set_limit(
            participant_id=source.participant(code=fields["participant"]).id if "participant" in fields else None,
            account=get_account(actor=actor, code=fields["account"]) if "account" in fields else None,
            security_id=source.security(isin=fields["security"]).id if "security" in fields else None,
            largest_units=fields.get("units"), volume_percent=fields.get("volume_percent"), actor=actor, at=clock.at,
            business_date=clock.business_date,
        )  # fmt: skip
        if changed.proposal is not None:
            return Response(ProposalSerializer(changed.proposal).data, status=202)
        return Response(PositionLimitSerializer(changed.limit).data, status=201)


class PositionLimitRetirement(ActorView[Any]):
    """A limit that is to hold no longer."""

    queryset = PositionLimit.objects.all()
    serializer_class = ProposalSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.POSITIONS_WRITE
    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="position_limits_retire",
        summary="Propose that a position limit hold no longer",
        request=None,
        responses={202: ProposalSerializer, **problems(403, 404, 409)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Propose to a second person that a limit hold no longer; its alerts stay. For operators."""
        actor, clock = self.require_role(Role.OPERATOR), business_clock()
        changed = retire_limit(limit_id=pk, actor=actor, at=clock.at, business_date=clock.business_date)
        return Response(ProposalSerializer(changed.proposal).data, status=202)


class PositionAlertList(ActorListView[PositionAlert]):
    """Alerts of positions above their limits, newest first."""

    queryset = PositionAlert.objects.all()
    serializer_class = PositionAlertSerializer
    filterset_class = PositionAlertFilter
    read_scope = Scope.POSITIONS_READ

    def get_queryset(self) -> QuerySet[PositionAlert]:
        """Return what the actor sees."""
        return alerts_visible_to(actor=self.actor)

    @extend_schema(operation_id="position_alerts_list", summary="List position alerts, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List alerts, one a breach and day."""
        return super().get(request, *args, **kwargs)


class PositionAlertAcknowledgement(ActorView[PositionAlert]):
    """An alert that was seen."""

    queryset = PositionAlert.objects.all()
    serializer_class = PositionAlertSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.POSITIONS_WRITE

    @extend_schema(
        operation_id="position_alerts_acknowledge",
        summary="Acknowledge a position alert",
        request=None,
        responses={200: PositionAlertSerializer, **problems(403, 404, 409)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Note that an alert was seen. For operators; it is never deleted."""
        actor, clock = self.require_role(Role.OPERATOR), business_clock()
        alert = acknowledge_alert(alert_id=pk, actor=actor, at=clock.at, business_date=clock.business_date)
        return Response(PositionAlertSerializer(alert).data)
