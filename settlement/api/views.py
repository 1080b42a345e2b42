"""Instructions, cycles and the business day in the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.fields import decimal_text
from reference.api.parameters import refuse_unknown_parameters
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.queries import business_clock, directory
from settlement.api.entry import resolve_entry
from settlement.api.serializers import (
    BusinessDaySerializer,
    CycleSerializer,
    InstructionEntrySerializer,
    InstructionSerializer,
)
from settlement.filters import CycleFilter, InstructionFilter
from settlement.models import BusinessDay, Cycle, Instruction
from settlement.queries.cycles import CycleView, view_cycles
from settlement.queries.day import read_day
from settlement.queries.life import get_instruction
from settlement.queries.visible import instructions_visible_to
from settlement.services.create_instructions import enter_instruction
from settlement.services.hold_instruction import hold_instruction, release_instruction

ENTRY_EXAMPLE = OpenApiExample(
    "A delivery against payment",
    value={
        "reference": "DVP-0001",
        "deliverer": "ALPHA",
        "receiver": "BRAVO",
        "security": "US0378331005",
        "quantity": 100,
        "amount": "15792.00",
        "currency": "USD",
        "intended_date": "2008-09-10",
    },
    request_only=True,
)


class InstructionList(ActorListView[Instruction]):
    """Settlement instructions: list and enter."""

    queryset = Instruction.objects.all()
    serializer_class = InstructionSerializer
    filterset_class = InstructionFilter

    def get_queryset(self) -> QuerySet[Instruction]:
        """Return what the actor sees."""
        return instructions_visible_to(actor=self.actor).select_related("deliverer_account", "receiver_account")

    def get_serializer_class(self) -> Any:
        """Return the shape of an entry for the form of the browsable API, of an instruction otherwise."""
        return InstructionEntrySerializer if self.request.method == "POST" else InstructionSerializer

    @extend_schema(operation_id="instructions_list", summary="List settlement instructions, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List settlement instructions, newest first. A participant sees those on its own accounts."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="instructions_enter",
        summary="Enter a settlement instruction for both parties",
        request=InstructionEntrySerializer,
        responses={201: InstructionSerializer, 200: InstructionSerializer, **problems(400, 403, 409, 422)},
        examples=[ENTRY_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Enter an instruction for both parties. For operators.

        The same reference of the same instructing party with the same content is the same instruction and
        answers 200; with other content it is refused with 409.
        """
        actor = self.require_role(Role.OPERATOR)
        entry = InstructionEntrySerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=entry.fields)
        entry.is_valid(raise_exception=True)
        entered, instructing_id = resolve_entry(fields=entry.validated_data)
        clock = business_clock()
        instruction, is_new = enter_instruction(
            entered=entered,
            instructing_participant_id=instructing_id,
            actor=actor,
            at=clock.at,
            business_date=clock.business_date,
        )
        return Response(
            InstructionSerializer(instruction).data,
            status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK,
            headers={"Location": f"/api/v1/settlement/instructions/{instruction.public_id}"},
        )


class _SetHold(ActorView[Instruction]):
    """Hold or release."""

    queryset = Instruction.objects.all()
    serializer_class = InstructionSerializer
    filter_backends: list[Any] = []
    held: bool

    def set_hold(self, public_id: UUID) -> Response:
        """Hold or release the actor's sides of an instruction and answer it."""
        actor = self.require_role(Role.PARTICIPANT, Role.OPERATOR)
        instruction = get_instruction(actor=actor, public_id=public_id)
        clock = business_clock()
        change = hold_instruction if self.held else release_instruction
        change(instruction_pk=instruction.pk, actor=actor, at=clock.at, business_date=clock.business_date)
        return Response(InstructionSerializer(get_instruction(actor=actor, public_id=public_id)).data)


class InstructionHold(_SetHold):
    """Hold."""

    held = True

    @extend_schema(
        operation_id="instructions_hold",
        summary="Hold an instruction",
        request=None,
        responses={200: InstructionSerializer, **problems(403, 404, 409)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Keep an instruction from settling; a participant for its side, an operator for both."""
        return self.set_hold(public_id)


class InstructionRelease(_SetHold):
    """Release."""

    held = False

    @extend_schema(
        operation_id="instructions_release",
        summary="Release an instruction",
        request=None,
        responses={200: InstructionSerializer, **problems(403, 404, 409)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Take the actor's own hold away; an operator both."""
        return self.set_hold(public_id)


@extend_schema_view(get=extend_schema(operation_id="cycles_list", summary="List settlement cycles, newest first"))
class CycleList(ActorListView[Cycle]):
    """Settlement cycles, newest first; a participant sees its own share of the figures."""

    queryset = Cycle.objects.all()
    serializer_class = CycleSerializer
    filterset_class = CycleFilter

    def paginate_queryset(self, queryset: Any) -> Any:
        """Cut the page and show what the actor may see of it."""
        page = super().paginate_queryset(queryset)
        return [cycle_document(cycle=cycle) for cycle in view_cycles(cycles=page or [], actor=self.actor)]


def cycle_document(*, cycle: CycleView) -> dict[str, Any]:
    """Write one cycle, its amounts as decimal strings."""
    currencies = directory().currencies_by_code
    names = ("business_date", "number", "name", "ran_at", "considered", "settled", "lack", "mony", "held",
             "decided_in_ms", "took_ms")  # fmt: skip
    return (
        {"id": cycle.pk}
        | {name: getattr(cycle, name) for name in names}
        | {
            "value": [
                {
                    "currency": share.currency,
                    "due": decimal_text(minor=share.due_minor, digits=currencies[share.currency].digits),
                    "settled": decimal_text(minor=share.settled_minor, digits=currencies[share.currency].digits),
                    "efficiency": share.ratio,
                }
                for share in cycle.shares
            ]
        }
    )


class BusinessDayDetail(ActorView[BusinessDay]):
    """The business day."""

    queryset = BusinessDay.objects.all()
    serializer_class = BusinessDaySerializer
    filter_backends: list[Any] = []

    @extend_schema(operation_id="business_day_retrieve", summary="Read the business date, its phase and schedule")
    def get(self, request: Request) -> Response:
        """Read what the business clock says, and the day's schedule against what happened."""
        refuse_unknown_parameters(request=request, known=[])
        clock = business_clock()
        day = read_day(business_date=clock.business_date, at=clock.at)
        answer = {
            "business_date": clock.business_date,
            "at": clock.at,
            "running": clock.running,
            "phase": day.phase,
            "opened_at": day.opened_at,
            "closed_at": day.closed_at,
            "steps": day.steps,
        }
        return Response(BusinessDaySerializer(answer).data)
