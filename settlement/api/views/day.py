"""The business day in the API: what it has come to, and the operator's hands on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorView
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from settlement.api.serializers import (
    BusinessDaySerializer,
    DayOrderSerializer,
    OutageEntrySerializer,
    OutageSerializer,
    StepEntrySerializer,
)
from settlement.models import BusinessDay, DayOrder, Outage
from settlement.queries.day import open_order, open_outage, read_day
from settlement.services.order_steps import order_steps
from settlement.services.outages import declare_outage, end_outage
from settlement.services.run_clock import pause_clock, resume_clock


def day_document() -> Mapping[str, Any]:
    """Write the business day as it stands."""
    clock = business_clock()
    day = read_day(business_date=clock.business_date, at=clock.at)
    answer = {
        "business_date": clock.business_date,
        "at": clock.at,
        "running": clock.running,
        "phase": day.phase,
        "opened_at": day.opened_at,
        "closed_at": day.closed_at,
        "outage": open_outage(),
        "order": open_order(),
        "steps": day.steps,
    }
    document: Mapping[str, Any] = BusinessDaySerializer(answer).data
    return document


class BusinessDayDetail(ActorView[BusinessDay]):
    """The business day."""

    queryset = BusinessDay.objects.all()
    serializer_class = BusinessDaySerializer
    filter_backends: list[Any] = []
    read_scope = Scope.DAY_READ

    @extend_schema(operation_id="business_day_retrieve", summary="Read the business date, its phase and schedule")
    def get(self, request: Request) -> Response:
        """Read what the business clock says, and the day's schedule against what happened."""
        return Response(day_document())


class BusinessDayStep(ActorView[DayOrder]):
    """Step the day."""

    queryset = DayOrder.objects.all()
    serializer_class = StepEntrySerializer
    filter_backends: list[Any] = []
    write_scope = Scope.DAY_WRITE
    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="business_day_step",
        summary="Step the business day while its clock stands",
        request=StepEntrySerializer,
        responses={202: DayOrderSerializer, **problems(400, 403, 409, 422)},
        examples=[OpenApiExample("The next step", value={"to": "next"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Order the steps of the day up to one of them: `next`, `end-of-day`, or the code of a step. For operators.

        The worker that moves the clock carries the order out; the day's steps tell how far it has come. Refused
        while the clock runs (pause it first) and while another order is carried out.
        """
        actor = self.require_role(Role.OPERATOR)
        fields = _read_fields(StepEntrySerializer(data=request.data), request=request)
        order = order_steps(to=fields["to"], actor=actor, clock=business_clock())
        return Response(DayOrderSerializer(order).data, status=status.HTTP_202_ACCEPTED)


class BusinessDayPause(ActorView[BusinessDay]):
    """Pause the clock."""

    queryset = BusinessDay.objects.all()
    serializer_class = BusinessDaySerializer
    filter_backends: list[Any] = []
    write_scope = Scope.DAY_WRITE
    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="business_day_pause", summary="Let business time stand still", request=None,
        responses={200: BusinessDaySerializer, **problems(403)},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Let business time stand still; what is being done is done to its end. For operators."""
        pause_clock(actor=self.require_role(Role.OPERATOR), clock=business_clock())
        return Response(day_document())


class BusinessDayResume(ActorView[BusinessDay]):
    """Resume the clock."""

    queryset = BusinessDay.objects.all()
    serializer_class = BusinessDaySerializer
    filter_backends: list[Any] = []
    write_scope = Scope.DAY_WRITE
    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="business_day_resume", summary="Let business time go on", request=None,
        responses={200: BusinessDaySerializer, **problems(403)},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Let business time go on from where it stands, at the pace it had. For operators."""
        resume_clock(actor=self.require_role(Role.OPERATOR), clock=business_clock(), now=timezone.now())
        return Response(day_document())


class OutageDeclaration(ActorView[Outage]):
    """Declare an outage."""

    queryset = Outage.objects.all()
    serializer_class = OutageEntrySerializer
    filter_backends: list[Any] = []
    write_scope = Scope.DAY_WRITE
    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="outage_declare",
        summary="Declare an outage: no cycle runs",
        request=OutageEntrySerializer,
        responses={201: OutageSerializer, **problems(400, 403, 409, 422)},
    )
    def post(self, request: Request) -> Response:
        """Let no cycle run until the outage has ended; instructions are still accepted. For operators.

        Every business day that the outage touches counts no penalties.
        """
        actor = self.require_role(Role.OPERATOR)
        fields = _read_fields(OutageEntrySerializer(data=request.data), request=request)
        clock = business_clock()
        outage = declare_outage(reason=fields["reason"], actor=actor, at=clock.at, business_date=clock.business_date)
        return Response(OutageSerializer(outage).data, status=status.HTTP_201_CREATED)


class OutageEnd(ActorView[Outage]):
    """End the outage."""

    queryset = Outage.objects.all()
    serializer_class = OutageSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.DAY_WRITE
    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="outage_end", summary="End the outage that is under way", request=None,
        responses={200: OutageSerializer, **problems(403, 409)},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Let cycles run again. For operators."""
        clock = business_clock()
        outage = end_outage(actor=self.require_role(Role.OPERATOR), at=clock.at, business_date=clock.business_date)
        return Response(OutageSerializer(outage).data)


def _read_fields(entry: serializers.Serializer[Any], *, request: Request) -> Mapping[str, Any]:
    """Return the checked fields of a request's body; unknown ones are refused."""
    refuse_unknown_fields(data=request.data, known=entry.fields)
    entry.is_valid(raise_exception=True)
    fields: Mapping[str, Any] = entry.validated_data
    return fields
