"""Settlement instructions in the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from settlement.api.entry import instructing_party, resolve_entry, resolve_party_entry
from settlement.api.party_serializers import (
    PartyInstructionDetailSerializer,
    PartyInstructionEntrySerializer,
)
from settlement.api.serializers import InstructionEntrySerializer, InstructionSerializer
from settlement.api.views.instruction_actions import seen_by
from settlement.filters import InstructionFilter
from settlement.models import Instruction
from settlement.queries.visible import instructions_visible_to
from settlement.services.create_instructions import enter_instruction
from settlement.services.enter_party_instruction import enter_party_instructions

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


PARTY_ENTRY_EXAMPLE = OpenApiExample(
    "One party's receipt against payment",
    value={
        "reference": "BUY-0001",
        "movement": "RECE",
        "counterparty": "ALPHA",
        "security": "US0378331005",
        "quantity": 100,
        "amount": "15792.00",
        "currency": "USD",
        "intended_date": "2008-09-10",
        "partial": "PART",
    },
    request_only=True,
)
ANY_INSTRUCTION = PolymorphicProxySerializer(
    component_name="AnyInstruction",
    serializers=[PartyInstructionDetailSerializer, InstructionSerializer],
    resource_type_field_name=None,
)


class InstructionList(ActorListView[Instruction]):
    """Settlement instructions: list and enter."""

    queryset = Instruction.objects.all()
    serializer_class = InstructionSerializer
    filterset_class = InstructionFilter
    read_scope = Scope.SETTLEMENT_READ
    write_scope = Scope.SETTLEMENT_WRITE

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

    def get_serializer_context(self) -> dict[str, Any]:
        """Return the business date and the actor, through whose eyes statuses are seen."""
        return {**super().get_serializer_context(), **seen_by(actor=self.actor)}

    @extend_schema(
        operation_id="instructions_enter",
        summary="Enter a settlement instruction: one party's side, or both sides matched",
        request=PolymorphicProxySerializer(
            component_name="AnyInstructionEntry",
            serializers=[PartyInstructionEntrySerializer, InstructionEntrySerializer],
            resource_type_field_name=None,
        ),
        responses={201: ANY_INSTRUCTION, 200: ANY_INSTRUCTION, **problems(400, 403, 409, 422)},
        examples=[ENTRY_EXAMPLE, PARTY_ENTRY_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Enter one party's side, to be matched with the other's; or, for operators, both sides at once.

        A body with `movement` is one party's: a participant's own, or by an operator that of the named
        `participant`. Without it, it names `deliverer` and `receiver` and is matched from the start. The same
        reference of the same party with the same content is the same instruction and answers 200; with other
        content it is refused with 409.
        """
        if isinstance(request.data, Mapping) and "movement" in request.data:
            return self._enter_party(request)
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
            InstructionSerializer(instruction, context=seen_by(actor=actor)).data,
            status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK,
            headers={"Location": f"/api/v1/settlement/instructions/{instruction.public_id}"},
        )

    def _enter_party(self, request: Request) -> Response:
        """Enter one party's side."""
        actor = self.require_role(Role.PARTICIPANT, Role.OPERATOR)
        entry = PartyInstructionEntrySerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=entry.fields)
        entry.is_valid(raise_exception=True)
        participant = instructing_party(fields=entry.validated_data, actor=actor)
        clock = business_clock()
        [party], is_new = enter_party_instructions(
            entered=[resolve_party_entry(fields=entry.validated_data, participant=participant)],
            actor=actor,
            at=clock.at,
            business_date=clock.business_date,
        )
        return Response(
            PartyInstructionDetailSerializer(party, context=seen_by(actor=actor)).data,
            status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK,
            headers={"Location": f"/api/v1/settlement/party-instructions/{party.public_id}"},
        )
