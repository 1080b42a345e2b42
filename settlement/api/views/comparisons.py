"""Dry runs of the models of delivery versus payment in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from settlement.models import DryRun
from settlement.services.compare_models import order_comparison


class ComparisonSerializer(serializers.ModelSerializer[DryRun]):
    """One dry run: where it stands, and the outcome under each model, amounts in minor units by currency."""

    class Meta:
        """When it was ordered, by whom, how far it has come and what came of it."""

        model = DryRun
        fields = ["id", "business_date", "at", "by", "state", "progress_percent", "problem", "result"]


class ComparisonList(ActorListView[DryRun]):
    """Dry runs, newest first."""

    queryset = DryRun.objects.all()
    serializer_class = ComparisonSerializer
    read_scope = Scope.SETTLEMENT_READ
    write_scope = Scope.SETTLEMENT_WRITE

    @extend_schema(operation_id="comparisons_list", summary="List comparisons of the models of DvP, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List dry runs. For operators and auditors."""
        self.require_role(Role.OPERATOR, Role.AUDITOR)
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="comparisons_order",
        summary="Order a comparison of the models of DvP over what is pending",
        request=None,
        responses={202: ComparisonSerializer, **problems(403, 409)},
    )
    def post(self, request: Request) -> Response:
        """Order a dry run: what is pending under models 1, 2 and 3, and 1 without credit. Nothing is booked."""
        actor = self.require_role(Role.OPERATOR)
        refuse_unknown_fields(data=request.data, known={})
        run = order_comparison(actor=actor, clock=business_clock())
        return Response(ComparisonSerializer(run).data, status=status.HTTP_202_ACCEPTED)


class ComparisonDetail(ActorView[DryRun]):
    """One dry run."""

    queryset = DryRun.objects.all()
    serializer_class = ComparisonSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.SETTLEMENT_READ

    @extend_schema(
        operation_id="comparisons_read",
        summary="Read one comparison, its progress and its outcome",
        responses={200: ComparisonSerializer, **problems(403, 404)},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Read one dry run. For operators and auditors."""
        self.require_role(Role.OPERATOR, Role.AUDITOR)
        run = DryRun.objects.filter(pk=pk).first()
        if run is None:
            raise NotFound("There is no such comparison.")
        return Response(ComparisonSerializer(run).data)
