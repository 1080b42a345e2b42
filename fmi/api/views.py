"""One trade and one instruction with their whole life: only this floor knows all of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.serializers import ObligationSerializer
from fmi.api.serializers import InstructionLifeSerializer, LifeStepSerializer, TradeLifeSerializer
from fmi.life import instruction_life, read_trade_life
from reference.api.base import ActorView
from reference.api.problems import problems
from settlement.api.serializers import InstructionSerializer
from settlement.models import Instruction
from settlement.queries.life import get_instruction
from trades.api.serializers import TradeSerializer
from trades.models import Trade
from trades.queries.life import get_trade


class TradeDetail(ActorView[Trade]):
    """One trade."""

    queryset = Trade.objects.all()
    serializer_class = TradeLifeSerializer
    filter_backends: list[Any] = []

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
        return Response(
            TradeSerializer(trade).data
            | {
                "obligations": ObligationSerializer(life.obligations, many=True).data,
                "instructions": InstructionSerializer(life.instructions, many=True).data,
                "life": LifeStepSerializer(life.steps, many=True).data,
            }
        )


class InstructionDetail(ActorView[Instruction]):
    """One settlement instruction."""

    queryset = Instruction.objects.all()
    serializer_class = InstructionLifeSerializer
    filter_backends: list[Any] = []

    @extend_schema(
        operation_id="instructions_retrieve",
        summary="Read one settlement instruction with its whole life",
        responses={200: InstructionLifeSerializer, **problems(404)},
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read an instruction and every step of its life: tried, held, settled, posted."""
        actor = self.actor
        instruction = get_instruction(actor=actor, public_id=public_id)
        steps = instruction_life(instruction=instruction, actor=actor)
        return Response(InstructionSerializer(instruction).data | {"life": LifeStepSerializer(steps, many=True).data})
