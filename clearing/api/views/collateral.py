"""Collateral in the API: what it is worth, what moved, and the orders that move it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.collateral_entry import read_asset, read_assets, read_order
from clearing.api.collateral_serializers import (
    CollateralEntrySerializer,
    CollateralMovementSerializer,
    CollateralReportSerializer,
    SegmentEntrySerializer,
    SubstitutionEntrySerializer,
)
from clearing.filters import MovementFilter
from clearing.models import CollateralMovement
from clearing.queries.membership import get_membership
from clearing.queries.risk_overview import movements_visible_to, read_overview
from clearing.services.move_collateral import Order, deposit_collateral, release_excess, withdraw_collateral
from clearing.services.substitute_collateral import substitute_collateral
from reference.api.base import ActorListView, ActorView
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock

MEMBER_PARAMETER = OpenApiParameter("member", str, description="A clearing member's code; left out, all you may see.")
ORDER_ANSWERS = problems(400, 403, 404, 409, 422)
DRY_RUN = OpenApiParameter("dry_run", bool, description="True: answer what would come of it, 200, and change nothing.")


class CollateralReport(ActorView[CollateralMovement]):
    """Collateral as it stands."""

    queryset = CollateralMovement.objects.all()
    serializer_class = CollateralReportSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.COLLATERAL_READ

    @extend_schema(
        operation_id="clearing_collateral",
        summary="Read members' collateral against what is required",
        parameters=[MEMBER_PARAMETER],
        responses={200: CollateralReportSerializer, **problems(400, 404)},
    )
    def get(self, request: Request) -> Response:
        """Read what each member's collateral is worth, what is required, called and free. A member sees its own."""
        today = business_clock().business_date
        code = request.query_params.get("member", "")
        wanted = [get_membership(actor=self.actor, code=code[:12]).member_id] if code else None
        found = read_overview(actor=self.actor, business_date=today, member_ids=wanted)
        answer = {
            "business_date": today,
            "margin_run": None if found.run is None else found.run.pk,
            "issuer_limit_percent": found.limit_percent,
            "segments": found.segments,
        }
        return Response(CollateralReportSerializer(answer).data)


class CollateralMovementList(ActorListView[CollateralMovement]):
    """Movements of collateral, newest first; a member sees its own."""

    queryset = CollateralMovement.objects.all()
    serializer_class = CollateralMovementSerializer
    filterset_class = MovementFilter
    read_scope = Scope.COLLATERAL_READ

    def get_queryset(self) -> QuerySet[CollateralMovement]:
        """Return what the actor sees."""
        return movements_visible_to(actor=self.actor)

    @extend_schema(operation_id="clearing_collateral_movements", summary="List movements of collateral, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List what was deposited, withdrawn and substituted."""
        return super().get(request, *args, **kwargs)


class CollateralOrderView(ActorView[CollateralMovement]):
    """Something done to a member's collateral, by the member or by an operator for it."""

    idempotency_key_required = True
    queryset = CollateralMovement.objects.all()
    serializer_class = CollateralMovementSerializer
    filter_backends: list[Any] = []
    entry_class: type[serializers.Serializer[Any]] = CollateralEntrySerializer
    write_scope = Scope.COLLATERAL_WRITE

    def carry_out(
        self, request: Request, act: Callable[[Order, Mapping[str, Any]], Any], *, many: bool = False
    ) -> Response:
        """Do it and answer the movement, or the movements; for a dry run, take it back.

        act: the order and its fields -> what moved.
        """
        dry = request.query_params.get("dry_run", "false")
        if dry not in ("true", "false"):
            raise ValidationError({"dry_run": "It is true or false."})
        order, fields = self.read(request)
        with transaction.atomic():
            data = CollateralMovementSerializer(act(order, fields), many=many).data
            if dry == "true":
                transaction.set_rollback(True)
        return Response(data, status=200 if dry == "true" else 201)

    def read(self, request: Request) -> tuple[Order, Mapping[str, Any]]:
        """Return the order and its fields."""
        actor = self.require_role(Role.PARTICIPANT, Role.OPERATOR)
        entry = self.entry_class(data=request.data)
        refuse_unknown_fields(data=request.data, known=entry.fields)
        entry.is_valid(raise_exception=True)
        clock = business_clock()
        fields = entry.validated_data
        return read_order(fields=fields, actor=actor, at=clock.at, business_date=clock.business_date), fields


class CollateralDeposit(CollateralOrderView):
    """Deposit."""

    @extend_schema(
        operation_id="clearing_collateral_deposit",
        summary="Deposit collateral",
        request=CollateralEntrySerializer,
        parameters=[DRY_RUN],
        responses={200: CollateralMovementSerializer, 201: CollateralMovementSerializer, **ORDER_ANSWERS},
    )
    def post(self, request: Request) -> Response:
        """Put cash or securities of the member's house accounts into its collateral."""

        def act(order: Order, fields: Mapping[str, Any]) -> CollateralMovement:
            asset_id, amount = read_asset(fields=fields, currency_id=order.currency_id)
            return deposit_collateral(order=order, asset_id=asset_id, amount=amount)

        return self.carry_out(request, act)


class CollateralWithdrawal(CollateralOrderView):
    """Withdraw."""

    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="clearing_collateral_withdraw",
        summary="Withdraw collateral",
        request=CollateralEntrySerializer,
        parameters=[DRY_RUN],
        responses={200: CollateralMovementSerializer, 201: CollateralMovementSerializer, **ORDER_ANSWERS},
    )
    def post(self, request: Request) -> Response:
        """Take collateral back to the house accounts, as far as it is free."""

        def act(order: Order, fields: Mapping[str, Any]) -> CollateralMovement:
            asset_id, amount = read_asset(fields=fields, currency_id=order.currency_id)
            return withdraw_collateral(order=order, asset_id=asset_id, amount=amount)

        return self.carry_out(request, act)


class CollateralSubstitution(CollateralOrderView):
    """Substitute."""

    entry_class = SubstitutionEntrySerializer

    @extend_schema(
        operation_id="clearing_collateral_substitute",
        summary="Substitute collateral",
        request=SubstitutionEntrySerializer,
        parameters=[DRY_RUN],
        responses={
            200: CollateralMovementSerializer(many=True),
            201: CollateralMovementSerializer(many=True),
            **ORDER_ANSWERS,
        },
    )
    def post(self, request: Request) -> Response:
        """Take one thing out and put others of at least its worth in; the first movement is the one out."""

        def act(order: Order, fields: Mapping[str, Any]) -> list[CollateralMovement]:
            asset_id, amount = read_asset(fields=fields, currency_id=order.currency_id)
            entries = fields.get("into")
            into = None if entries is None else read_assets(entries=entries, currency_id=order.currency_id)
            return substitute_collateral(order=order, asset_id=asset_id, amount=amount, into=into)

        return self.carry_out(request, act, many=True)


class CollateralRelease(CollateralOrderView):
    """Release."""

    entry_class = SegmentEntrySerializer
    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="clearing_collateral_release",
        summary="Release all free cash",
        request=SegmentEntrySerializer,
        parameters=[DRY_RUN],
        responses={200: CollateralMovementSerializer, 201: CollateralMovementSerializer, **ORDER_ANSWERS},
    )
    def post(self, request: Request) -> Response:
        """Take all the cash back that is free."""
        return self.carry_out(request, lambda order, _: release_excess(order=order))
