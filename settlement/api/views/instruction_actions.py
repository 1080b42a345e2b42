"""What the parties do to a matched instruction, in the API: hold, release, cancel, link."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from reference.api.base import ActorView
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Actor, Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from settlement.api.party_serializers import (
    AmendmentSerializer,
    LinkEntrySerializer,
    PartyInstructionEntrySerializer,
)
from settlement.api.serializers import InstructionEntrySerializer, InstructionSerializer
from settlement.models import Instruction, PartyInstruction
from settlement.queries.life import get_instruction
from settlement.queries.party import own_party_of
from settlement.refusals import LinkRefused, NotAmendable, ReleaseNotByAmendment
from settlement.services.amend_instruction import Amendment
from settlement.services.cancel_instructions import cancel_instruction
from settlement.services.hold_instruction import hold_instruction, release_instruction, sides_of
from settlement.services.link_instructions import WantedLink, link_instruction, link_party_instruction
from settlement.services.resolve_links import PARTY_LOCK
from settlement.services.settle_cycle import CYCLE_LOCK
from settlement.services.unlink_instructions import unlink_instruction, unlink_party_instruction

LINK_PARAMETER = OpenApiParameter(
    "reference", OpenApiTypes.STR, required=True, description="The other instruction's reference; its id for operators."
)


def seen_by(*, actor: Actor) -> dict[str, Any]:
    """Return what the shapes of instructions ask for: the business date, and whose side the reader is on."""
    return {"business_date": business_clock().business_date, "actor": actor}


class InstructionAction(ActorView[Instruction]):
    """Something done to an instruction by one of its parties, or by the operator for both."""

    queryset = Instruction.objects.all()
    serializer_class = InstructionSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.SETTLEMENT_WRITE
    guarded_by = (CYCLE_LOCK, PARTY_LOCK)

    def act(self, *, public_id: UUID, change: Callable[[Instruction, dict[str, Any]], object]) -> Response:
        """Do it and answer the instruction. change: (instruction, what every service asks for)."""
        actor = self.require_role(Role.PARTICIPANT, Role.OPERATOR)
        instruction = get_instruction(actor=actor, public_id=public_id)
        clock = business_clock()
        change(instruction, {"actor": actor, "at": clock.at, "business_date": clock.business_date})
        found = get_instruction(actor=actor, public_id=public_id)
        return Response(InstructionSerializer(found, context=seen_by(actor=actor)).data)


class InstructionHold(InstructionAction):
    """Hold."""

    @extend_schema(
        operation_id="instructions_hold",
        summary="Hold an instruction",
        request=None,
        responses={200: InstructionSerializer, **problems(403, 404, 409)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Keep an instruction from settling; a participant for its side, an operator for both."""
        return self.act(public_id=public_id, change=lambda row, who: hold_instruction(instruction_pk=row.pk, **who))


class InstructionRelease(InstructionAction):
    """Release."""

    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="instructions_release",
        summary="Release an instruction",
        request=None,
        responses={200: InstructionSerializer, **problems(403, 404, 409)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Take the actor's own hold away; an operator both."""
        return self.act(public_id=public_id, change=lambda row, who: release_instruction(instruction_pk=row.pk, **who))


class InstructionCancel(InstructionAction):
    """Cancel."""

    @extend_schema(
        operation_id="instructions_cancel",
        summary="Cancel a matched instruction, or ask for it",
        request=None,
        responses={200: InstructionSerializer, **problems(403, 404, 409)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Want an instruction cancelled; it is once both sides want it. An operator speaks for both.

        The answer says which side wants it, in `cancel_wanted_by_deliverer` and `cancel_wanted_by_receiver`.
        """

        def change(row: Instruction, who: dict[str, Any]) -> object:
            sides = sides_of(instruction=row, actor=who["actor"])
            return cancel_instruction(instruction_pk=row.pk, sides=sides, **who)

        return self.act(public_id=public_id, change=change)


class InstructionLinks(InstructionAction):
    """Links."""

    @extend_schema(
        operation_id="instructions_link",
        summary="Link an instruction with another",
        request=LinkEntrySerializer,
        responses={200: InstructionSerializer, **problems(400, 403, 404, 409, 422)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Link with another instruction: WITH it, AFTER it or BEFORE it.

        A participant links instructions it entered itself, by reference; an operator any that are matched.
        """
        body = read_body(request=request, serializer=LinkEntrySerializer)
        links = [WantedLink(body["kind"], body["reference"])]

        def change(row: Instruction, who: dict[str, Any]) -> None:
            if who["actor"].is_operator:
                link_instruction(instruction_pk=row.pk, links=links, **who)
            else:
                link_party_instruction(party_pk=require_own_party(row, who["actor"]).pk, links=links, **who)

        return self.act(public_id=public_id, change=change)

    @extend_schema(
        operation_id="instructions_unlink",
        summary="Take a link away",
        request=None,
        parameters=[LINK_PARAMETER],
        responses={200: InstructionSerializer, **problems(400, 403, 404, 409, 422)},
    )
    def delete(self, request: Request, public_id: UUID) -> Response:
        """Take the link with another instruction away; what the other party asked for stands."""
        reference = request.query_params.get("reference", "")

        def change(row: Instruction, who: dict[str, Any]) -> None:
            if who["actor"].is_operator:
                unlink_instruction(instruction_pk=row.pk, reference=reference, **who)
            else:
                party = require_own_party(row, who["actor"])
                unlink_party_instruction(party_pk=party.pk, reference=reference, **who)

        return self.act(public_id=public_id, change=change)


def require_own_party(row: Instruction, actor: Actor) -> PartyInstruction:
    """Return the actor's own side of a matched instruction. Raises LinkRefused where it entered none."""
    found = own_party_of(instruction=row, actor=actor)
    if found is None:
        raise LinkRefused
    return found


def refuse_terms(*, data: Any) -> None:
    """Raise NotAmendable where a body names a term of the instruction rather than a process indicator."""
    terms = {*PartyInstructionEntrySerializer().fields, *InstructionEntrySerializer().fields}
    if isinstance(data, Mapping):
        for name in sorted((set(data) & terms) - set(AmendmentSerializer().fields)):
            raise NotAmendable(pointer=f"/{name}")


def read_body(*, request: Request, serializer: type[Serializer[Any]]) -> dict[str, Any]:
    """Return the checked body. Raises ValidationError."""
    entry = serializer(data=request.data)
    refuse_unknown_fields(data=request.data, known=entry.fields)
    entry.is_valid(raise_exception=True)
    return dict(entry.validated_data)


def read_amendment(*, request: Request) -> tuple[Amendment, bool]:
    """Return the amendment that a body asks for, and whether it is to be held besides.

    Raises NotAmendable, ReleaseNotByAmendment, ValidationError.
    """
    refuse_terms(data=request.data)
    body = read_body(request=request, serializer=AmendmentSerializer)
    hold = body.get("hold")
    if hold is False:
        raise ReleaseNotByAmendment(
            f"An amendment holds and never releases: POST {request.path}/release does, signed where a key asks.",
            pointer="/hold",
        )
    return Amendment(body.get("priority"), body.get("partial"), body.get("partial_minimum")), hold is True
