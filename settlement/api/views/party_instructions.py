"""What one party instructs, in the API: its own, what is alleged against it, and exchanges of currencies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from settlement.api.entry import resolve_exchange
from settlement.api.party_serializers import (
    AllegementSerializer,
    AmendmentSerializer,
    EnteredExchangeSerializer,
    ExchangeEntrySerializer,
    LinkEntrySerializer,
    PartyInstructionDetailSerializer,
    PartyInstructionSerializer,
)
from settlement.api.views.instruction_actions import LINK_PARAMETER, read_amendment, read_body, seen_by
from settlement.filters import PartyInstructionFilter
from settlement.models import PartyInstruction
from settlement.queries.party import allegements_visible_to, get_party_instruction, party_instructions_visible_to
from settlement.services.amend_instruction import amend_party_instruction
from settlement.services.cancel_party_instruction import cancel_party_instruction
from settlement.services.enter_exchange import enter_exchange_for_both, enter_exchange_for_party
from settlement.services.hold_instruction import hold_party_instruction
from settlement.services.link_instructions import WantedLink, link_party_instruction
from settlement.services.resolve_links import PARTY_LOCK
from settlement.services.settle_cycle import CYCLE_LOCK
from settlement.services.unlink_instructions import unlink_party_instruction

EXCHANGE_EXAMPLE = OpenApiExample(
    "Euro bought with dollars",
    value={
        "reference": "FX-0001",
        "buyer": "ALPHA",
        "seller": "BRAVO",
        "paid_currency": "USD",
        "paid_amount": "1410000.00",
        "bought_currency": "EUR",
        "bought_amount": "1000000.00",
        "intended_date": "2008-09-10",
    },
    request_only=True,
)
ANSWERS: dict[Any, Any] = {200: PartyInstructionDetailSerializer, **problems(403, 404, 409)}


class PartyInstructionList(ActorListView[PartyInstruction]):
    """The actor's own instructions, matched or not."""

    queryset = PartyInstruction.objects.all()
    serializer_class = PartyInstructionSerializer
    filterset_class = PartyInstructionFilter
    read_scope = Scope.SETTLEMENT_READ

    def get_queryset(self) -> QuerySet[PartyInstruction]:
        """Return what the actor sees."""
        return party_instructions_visible_to(actor=self.actor)

    def get_serializer_context(self) -> dict[str, Any]:
        """Return the business date besides."""
        return {**super().get_serializer_context(), **seen_by(actor=self.actor)}

    @extend_schema(operation_id="party_instructions_list", summary="List parties' own instructions, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List what parties have instructed, newest first. A participant sees its own."""
        return super().get(request, *args, **kwargs)


class AllegementList(ActorListView[PartyInstruction]):
    """What others have instructed with the actor, and the actor has not."""

    queryset = PartyInstruction.objects.all()
    serializer_class = AllegementSerializer
    filterset_class = PartyInstructionFilter
    read_scope = Scope.SETTLEMENT_READ

    def get_queryset(self) -> QuerySet[PartyInstruction]:
        """Return what is alleged against the actor."""
        return allegements_visible_to(actor=self.actor)

    @extend_schema(operation_id="allegements_list", summary="List what is alleged against you, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List unmatched instructions of others that name you (CSDR RTS 2018/1229 Article 11), newest first."""
        return super().get(request, *args, **kwargs)


class PartyInstructionAction(ActorView[PartyInstruction]):
    """Something done to a party's instruction by itself, or by the operator for it."""

    queryset = PartyInstruction.objects.all()
    serializer_class = PartyInstructionDetailSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.SETTLEMENT_READ
    write_scope = Scope.SETTLEMENT_WRITE
    guarded_by = (CYCLE_LOCK, PARTY_LOCK)

    def act(self, *, public_id: UUID, change: Callable[[dict[str, Any]], object]) -> Response:
        """Do it and answer the instruction. change: what every service asks for -> anything."""
        actor = self.require_role(Role.PARTICIPANT, Role.OPERATOR)
        party = get_party_instruction(actor=actor, public_id=public_id)
        clock = business_clock()
        change({"party_pk": party.pk, "actor": actor, "at": clock.at, "business_date": clock.business_date})
        return self.show(public_id)

    def show(self, public_id: UUID) -> Response:
        """Answer one instruction."""
        party = get_party_instruction(actor=self.actor, public_id=public_id)
        return Response(PartyInstructionDetailSerializer(party, context=seen_by(actor=self.actor)).data)


class PartyInstructionDetail(PartyInstructionAction):
    """One party's instruction."""

    @extend_schema(
        operation_id="party_instructions_retrieve",
        summary="Read one party's instruction",
        responses={200: PartyInstructionDetailSerializer, **problems(404)},
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read what a party has instructed, its T2S statuses and its links."""
        return self.show(public_id)

    @extend_schema(
        operation_id="party_instructions_amend",
        summary="Amend the process indicators of a party's instruction",
        request=AmendmentSerializer,
        responses={**ANSWERS, **problems(400, 422)},
    )
    def patch(self, request: Request, public_id: UUID) -> Response:
        """Change priority or partial settlement, or hold it. Anything else: cancel and instruct anew (T2S).

        `hold` is true or left out: a release has its own address.
        """
        amendment, hold = read_amendment(request=request)

        def change(who: dict[str, Any]) -> None:
            with transaction.atomic():
                amend_party_instruction(amendment=amendment, **who)
                if hold:
                    hold_party_instruction(held=True, **who)

        return self.act(public_id=public_id, change=change)


class PartyInstructionHold(PartyInstructionAction):
    """Hold."""

    @extend_schema(operation_id="party_instructions_hold", summary="Hold your instruction", request=None,
                   responses=ANSWERS)  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        """Keep it from settling; it still matches."""
        return self.act(public_id=public_id, change=lambda who: hold_party_instruction(held=True, **who))


class PartyInstructionRelease(PartyInstructionAction):
    """Release."""

    signed_methods = frozenset({"POST"})

    @extend_schema(operation_id="party_instructions_release", summary="Release your instruction", request=None,
                   responses=ANSWERS)  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        """Take the party's own hold away."""
        return self.act(public_id=public_id, change=lambda who: hold_party_instruction(held=False, **who))


class PartyInstructionCancel(PartyInstructionAction):
    """Cancel."""

    @extend_schema(operation_id="party_instructions_cancel", summary="Cancel your instruction, or ask for it",
                   request=None, responses=ANSWERS)  # fmt: skip
    def post(self, request: Request, public_id: UUID) -> Response:
        """Cancel it alone while it is unmatched; once matched, both sides must want it."""
        return self.act(public_id=public_id, change=lambda who: cancel_party_instruction(**who))


class PartyInstructionLinks(PartyInstructionAction):
    """Links."""

    @extend_schema(
        operation_id="party_instructions_link",
        summary="Link your instruction with another of yours",
        request=LinkEntrySerializer,
        responses={**ANSWERS, **problems(400, 422)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Link WITH, AFTER or BEFORE another; it takes effect once both are matched, until then the later waits."""
        body = read_body(request=request, serializer=LinkEntrySerializer)
        links = [WantedLink(body["kind"], body["reference"])]
        return self.act(public_id=public_id, change=lambda who: link_party_instruction(links=links, **who))

    @extend_schema(
        operation_id="party_instructions_unlink",
        summary="Take your link away",
        request=None,
        parameters=[LINK_PARAMETER],
        responses={**ANSWERS, **problems(400, 422)},
    )
    def delete(self, request: Request, public_id: UUID) -> Response:
        """Take your link with another instruction away; what the other party asked for stands."""
        reference = request.query_params.get("reference", "")
        return self.act(public_id=public_id, change=lambda who: unlink_party_instruction(reference=reference, **who))


class ExchangeList(ActorView[PartyInstruction]):
    """Exchanges of two currencies: payment versus payment."""

    queryset = PartyInstruction.objects.all()
    serializer_class = EnteredExchangeSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.SETTLEMENT_WRITE

    @extend_schema(
        operation_id="exchanges_enter",
        summary="Enter an exchange of two currencies, both payments or neither",
        request=ExchangeEntrySerializer,
        responses={201: EnteredExchangeSerializer, 200: EnteredExchangeSerializer, **problems(400, 403, 409, 422)},
        examples=[EXCHANGE_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """Enter two payments linked WITH each other: one party's own pair, or by an operator both parties', matched."""
        actor = self.require_role(Role.PARTICIPANT, Role.OPERATOR)
        exchange = resolve_exchange(fields=read_body(request=request, serializer=ExchangeEntrySerializer))
        clock = business_clock()
        who: dict[str, Any] = {"actor": actor, "at": clock.at, "business_date": clock.business_date}
        document: dict[str, Any] = {"instructions": [], "party_instructions": []}
        if actor.participant_id is None:
            buyer_id = exchange.buyer_account.participant_id
            rows, is_new = enter_exchange_for_both(exchange=exchange, instructing_participant_id=buyer_id, **who)
            document["instructions"] = rows
        else:
            own, is_new = enter_exchange_for_party(exchange=exchange, participant_id=actor.participant_id, **who)
            document["party_instructions"] = own
        return Response(
            EnteredExchangeSerializer(document, context=seen_by(actor=actor)).data,
            status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK,
        )
