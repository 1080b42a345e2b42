"""Executions in the API: a venue tells what it executed of an order."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorView
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from trades.api.execution_serializers import ExecutionReportSerializer, ExecutionSerializer
from trades.models import Fill
from trades.services.orders.report_execution import ExecutionReport, report_execution


class OrderExecution(ActorView[Fill]):
    """One execution of one order."""

    queryset = Fill.objects.all()
    serializer_class = ExecutionReportSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.ORDERS_WRITE

    @extend_schema(
        operation_id="orders_execute",
        summary="Report an execution of an order",
        request=ExecutionReportSerializer,
        responses={
            201: ExecutionSerializer, 200: ExecutionSerializer, **problems(400, 403, 404, 409, 422),
        },
    )  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        """Report an execution: for a venue that trades the security outside of this system, and for operators.

        The same execution_id with the same content is the same execution and answers 200; with other content it is
        refused with 409. The fill becomes a locked-in trade that clears and settles.
        """
        actor = self.require_role(Role.PARTICIPANT, Role.OPERATOR)
        read = ExecutionReportSerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=read.fields)
        read.is_valid(raise_exception=True)
        clock = business_clock()
        reported = report_execution(
            order_public_id=public_id,
            report=ExecutionReport(**read.validated_data),
            actor=actor,
            at=clock.at,
            business_date=clock.business_date,
        )
        code = status.HTTP_201_CREATED if reported.outcome == "ACCEPTED" else status.HTTP_200_OK
        fill = Fill.objects.select_related("order__currency", "venue", "trade").get(pk=reported.fill.pk)
        return Response(ExecutionSerializer(fill, context={"outcome": reported.outcome}).data, status=code)
