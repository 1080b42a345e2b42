"""One trade and one instruction with their whole life: only this floor knows all of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.serializers import ObligationSerializer
from fmi.api.serializers import (
    InstructionLifeSerializer,
    LifeStepSerializer,
    TradeLifeSerializer,
    TradeSettlementSerializer,
)
from fmi.life import instruction_life, read_trade_life
from fmi.trade_settlement import find_trade, instruct_trade, read_trade_settlement
from reference.api.base import ActorView
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from settlement.api.party_serializers import AmendmentSerializer, ShownLinkSerializer
from settlement.api.serializers import InstructionSerializer
from settlement.api.views.instruction_actions import read_amendment, seen_by
from settlement.models import Instruction
from settlement.queries.life import get_instruction
from settlement.queries.party import links_of
from settlement.services.amend_instruction import amend_instruction
from settlement.services.hold_instruction import hold_instruction
from settlement.services.resolve_links import PARTY_LOCK
from settlement.services.settle_cycle import CYCLE_LOCK
from trades.api.compliance_serializers import enrichment_document
from trades.api.serializers import TradeSerializer
from trades.models import Trade
from trades.queries.compliance import enrichment_of_trade
from trades.queries.life import get_trade

TRADE_PARAMETER = OpenApiParameter(
    "trade_id", OpenApiTypes.STR, OpenApiParameter.PATH, description="The trade's id, or your own reference of it."
)


class TradeDetail(ActorView[Trade]):
    """One trade."""

    queryset = Trade.objects.all()
    serializer_class = TradeLifeSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.TRADES_READ

    @extend_schema(
        operation_id="trades_retrieve",
        summary="Read one trade with its whole life",
        responses={200: TradeLifeSerializer, **problems(404)},
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read a trade, what it became, and every step from its capture to its postings.

        A participant sees its own reports, and of what they became its own side.
        """
        actor = self.actor
        trade = get_trade(actor=actor, public_id=public_id)
        life = read_trade_life(trade=trade, actor=actor)
        enriched = enrichment_of_trade(trade_pk=trade.pk)
        return Response(
            TradeSerializer(trade).data
            | {
                "obligations": ObligationSerializer(life.obligations, many=True).data,
                "instructions": InstructionSerializer(life.instructions, many=True, context=seen_by(actor=actor)).data,
                "enrichment": enriched and enrichment_document(enriched=enriched, currency_id=trade.currency_id),
                "life": LifeStepSerializer(life.steps, many=True).data,
            }
        )


class InstructionDetail(ActorView[Instruction]):
    """One settlement instruction."""

    queryset = Instruction.objects.all()
    serializer_class = InstructionLifeSerializer
    filter_backends: list[Any] = []
    guarded_by = (CYCLE_LOCK, PARTY_LOCK)
    read_scope = Scope.SETTLEMENT_READ
    write_scope = Scope.SETTLEMENT_WRITE

    @extend_schema(
        operation_id="instructions_retrieve",
        summary="Read one settlement instruction with its whole life",
        responses={200: InstructionLifeSerializer, **problems(404)},
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read an instruction, its links, and every step of its life: matched, tried, held, settled, posted."""
        return self._document(public_id=public_id)

    @extend_schema(
        operation_id="instructions_amend",
        summary="Amend the process indicators of a settlement instruction",
        request=AmendmentSerializer,
        responses={200: InstructionLifeSerializer, **problems(400, 403, 404, 409, 422)},
    )
    def patch(self, request: Request, public_id: UUID) -> Response:
        """Change priority or partial settlement, or hold it, for the actor's side. Else: cancel and instruct anew.

        `hold` is true or left out: a release has its own address.
        """
        actor = self.require_role(Role.PARTICIPANT, Role.OPERATOR)
        amendment, hold = read_amendment(request=request)
        row = get_instruction(actor=actor, public_id=public_id)
        clock = business_clock()
        who: dict[str, Any] = {"actor": actor, "at": clock.at, "business_date": clock.business_date}
        with transaction.atomic():
            amend_instruction(instruction_pk=row.pk, amendment=amendment, **who)
            if hold:
                hold_instruction(instruction_pk=row.pk, **who)
        return self._document(public_id=public_id)

    def _document(self, *, public_id: UUID) -> Response:
        """Answer one instruction with its links and its life."""
        actor = self.actor
        instruction = get_instruction(actor=actor, public_id=public_id)
        steps = instruction_life(instruction=instruction, actor=actor)
        links = links_of(instruction=instruction, actor=actor)
        return Response(
            InstructionSerializer(instruction, context=seen_by(actor=actor)).data
            | {
                "links": ShownLinkSerializer(links, many=True).data,
                "life": LifeStepSerializer(steps, many=True).data,
            }
        )


class TradeSettlementDetail(ActorView[Trade]):
    """How a trade settles."""

    queryset = Trade.objects.all()
    serializer_class = TradeSettlementSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.SETTLEMENT_READ
    write_scope = Scope.SETTLEMENT_WRITE

    @extend_schema(
        operation_id="trade_settlement_retrieve",
        summary="Read how a trade settles",
        parameters=[TRADE_PARAMETER],
        responses={200: TradeSettlementSerializer, **problems(404)},
    )
    def get(self, request: Request, trade_id: str) -> Response:
        """Read the settlement's id, status, date and final amount of a trade."""
        trade = find_trade(actor=self.actor, trade_id=trade_id)
        return Response(TradeSettlementSerializer(read_trade_settlement(trade=trade, actor=self.actor)).data)

    @extend_schema(
        operation_id="trade_settlement_instruct",
        summary="Have a trade instructed where it is due to be, and read how it settles",
        parameters=[TRADE_PARAMETER],
        request=None,
        responses={200: TradeSettlementSerializer, **problems(403, 404)},
    )
    def post(self, request: Request, trade_id: str) -> Response:
        """Make sure that what the trade obliges to is instructed, and answer how it settles.

        A trade that goes gross is instructed at once, a cleared one once it is netted. Twice changes nothing.
        """
        actor = self.require_role(Role.PARTICIPANT, Role.OPERATOR)
        trade = find_trade(actor=actor, trade_id=trade_id)
        clock = business_clock()
        instruct_trade(trade=trade, actor=actor, at=clock.at, business_date=clock.business_date)
        return Response(TradeSettlementSerializer(read_trade_settlement(trade=trade, actor=actor)).data)
