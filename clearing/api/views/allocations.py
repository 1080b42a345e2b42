"""Blocks allocated to accounts, through the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.allocation_filters import AllocationFilter
from clearing.api.allocation_serializers import (
    AllocationCancellationSerializer,
    AllocationEntrySerializer,
    AllocationSerializer,
    SharingSerializer,
)
from clearing.queries.block_view import block_again, detailed, get_allocation, name_block
from clearing.services.allocate_blocks import allocate_block, cancel_allocation, reallocate_block
from clearing.services.novate_trades import CLEARING_LOCK
from reference.api.base import ActorListView, ActorView
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from trades.models import Allocation
from trades.queries.blocks import allocations_visible_to

ACTING = (Role.PARTICIPANT, Role.OPERATOR)


class AllocationList(ActorListView[Allocation]):
    """Allocations: list and instruct."""

    queryset = Allocation.objects.all()
    serializer_class = AllocationSerializer
    filterset_class = AllocationFilter
    read_scope = Scope.TRADES_READ
    write_scope = Scope.TRADES_WRITE

    def get_queryset(self) -> QuerySet[Allocation]:
        """Return what the actor sees."""
        return detailed(rows=allocations_visible_to(actor=self.actor))

    def get_serializer_class(self) -> Any:
        """Return the shape of an entry for the form of the browsable API, that of an allocation otherwise."""
        return AllocationEntrySerializer if self.request.method == "POST" else AllocationSerializer

    @extend_schema(operation_id="allocations_list", summary="List allocations, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List allocations with their accounts. A participant sees those of its own blocks."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="allocations_allocate",
        summary="Allocate a block to accounts",
        request=AllocationEntrySerializer,
        responses={201: AllocationSerializer, **problems(400, 403, 404, 409, 422)},
    )
    def post(self, request: Request) -> Response:
        """Share a trade's side, or all fills of an order on one date, among accounts of its party.

        To the last unit and cent, by quantity, percentage or pro rata. Where the block is novated it is applied at
        once; before that it waits, and is applied as soon as it is. Until the netting of its settlement date it can
        be cancelled and shared anew.
        """
        actor = self.require_role(*ACTING)
        entry = AllocationEntrySerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=entry.fields)
        entry.is_valid(raise_exception=True)
        fields, clock = entry.validated_data, business_clock()
        block = name_block(
            actor=actor, trade=fields.get("trade"), order=fields.get("order"), side=fields["side"],
            trade_date=fields.get("trade_date"),
        )  # fmt: skip
        made = allocate_block(
            block=block, method=fields["method"], told=fields["told"], actor=actor, at=clock.at,
            business_date=clock.business_date,
        )  # fmt: skip
        return _created(get_allocation(actor=actor, public_id=made.public_id))


class AllocationDetail(ActorView[Allocation]):
    """One allocation."""

    queryset = Allocation.objects.all()
    serializer_class = AllocationSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.TRADES_READ

    @extend_schema(
        operation_id="allocations_retrieve",
        summary="Read an allocation",
        responses={200: AllocationSerializer, **problems(403, 404)},
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read an allocation with what each account was told and what it got."""
        return Response(AllocationSerializer(get_allocation(actor=self.actor, public_id=public_id)).data)


class AllocationCancel(ActorView[Allocation]):
    """An allocation taken back."""

    queryset = Allocation.objects.all()
    serializer_class = AllocationCancellationSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.TRADES_WRITE
    guarded_by = (CLEARING_LOCK,)

    @extend_schema(
        operation_id="allocations_cancel",
        summary="Cancel an allocation",
        request=AllocationCancellationSerializer,
        responses={200: AllocationSerializer, **problems(403, 404, 409)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Take an allocation back, until its block is netted; the block stands in its own account again."""
        actor, clock = self.require_role(*ACTING), business_clock()
        entry = AllocationCancellationSerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=entry.fields)
        entry.is_valid(raise_exception=True)
        allocation = get_allocation(actor=actor, public_id=public_id)
        cancel_allocation(
            allocation=allocation, actor=actor, at=clock.at, business_date=clock.business_date,
            note=entry.validated_data["reason"],
        )  # fmt: skip
        return Response(AllocationSerializer(get_allocation(actor=actor, public_id=public_id)).data)


class AllocationReallocate(ActorView[Allocation]):
    """A block shared anew."""

    queryset = Allocation.objects.all()
    serializer_class = SharingSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.TRADES_WRITE
    guarded_by = (CLEARING_LOCK,)

    @extend_schema(
        operation_id="allocations_reallocate",
        summary="Share a block anew",
        request=SharingSerializer,
        responses={201: AllocationSerializer, **problems(400, 403, 404, 409, 422)},
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Cancel an allocation and share its block anew, both or neither."""
        actor, clock = self.require_role(*ACTING), business_clock()
        entry = SharingSerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=entry.fields)
        entry.is_valid(raise_exception=True)
        allocation = get_allocation(actor=actor, public_id=public_id)
        made = reallocate_block(
            allocation=allocation, block=block_again(actor=actor, allocation=allocation),
            method=entry.validated_data["method"], told=entry.validated_data["told"], actor=actor, at=clock.at,
            business_date=clock.business_date,
        )  # fmt: skip
        return _created(get_allocation(actor=actor, public_id=made.public_id))


def _created(allocation: Allocation) -> Response:
    location = f"/api/v1/allocations/{allocation.public_id}"
    return Response(AllocationSerializer(allocation).data, status=201, headers={"Location": location})
