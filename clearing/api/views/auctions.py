"""Porting, auctions with sealed bids, and drills of default management in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.default_serializers import (
    BidEntrySerializer,
    BidReceiptSerializer,
    BidSerializer,
    DrillEntrySerializer,
    DrillSerializer,
    LotSerializer,
    PortAnswerSerializer,
    PortingSerializer,
    PortSerializer,
)
from clearing.api.views.defaults import REFUSED
from clearing.models import AuctionLot, Bid, DefaultDrill, Porting
from clearing.queries.defaults import get_case, get_lot, has_bid, portings_visible_to, unsealed_bids
from clearing.services.default_auction import place_bid
from clearing.services.default_drill import DrillInputs, play_drill
from clearing.services.default_positions import answer_porting, offer_porting
from reference.api.base import ActorListView, ActorView
from reference.api.entry import minor_of, now, read_body
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import directory


class DefaultPortings(ActorListView[Porting]):
    """Clients of a defaulter that are offered to other members."""

    queryset = Porting.objects.all()
    serializer_class = PortingSerializer
    read_scope = Scope.DEFAULTS_READ
    write_scope = Scope.DEFAULTS_WRITE
    signed_methods = frozenset({"POST"})

    def get_queryset(self) -> QuerySet[Porting]:
        """Return those of the case that the actor may see."""
        case = get_case(actor=self.actor, pk=self.kwargs["pk"])
        return portings_visible_to(actor=self.actor).filter(case=case)

    @extend_schema(operation_id="defaults_portings", summary="List the clients that were offered")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the offered clients; a member sees those offered to it."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="defaults_offer_porting", summary="Offer a client to another member", request=PortSerializer,
        responses={201: PortingSerializer, **REFUSED},
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        """Offer a participant that clears through the defaulter to another member. For operators."""
        actor = self.require_role(Role.OPERATOR)
        get_case(actor=actor, pk=pk)
        fields = read_body(request=request, shape=PortSerializer)
        porting = offer_porting(case_id=pk, **fields, actor=actor, **now())
        return Response(PortingSerializer(porting).data, status=201)


class PortingAnswer(ActorView[Porting]):
    """The answer of the member that a client is offered to."""

    queryset = Porting.objects.all()
    serializer_class = PortingSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.DEFAULTS_WRITE

    @extend_schema(
        operation_id="portings_answer", summary="Take over an offered client, or refuse", request=PortAnswerSerializer,
        responses={200: PortingSerializer, **REFUSED},
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        """Consent or refuse, as the member that the client is offered to."""
        actor = self.require_role(Role.PARTICIPANT)
        fields = read_body(request=request, shape=PortAnswerSerializer)
        return Response(
            PortingSerializer(answer_porting(porting_id=min(pk, 2**62), **fields, actor=actor, **now())).data
        )


class DefaultLots(ActorListView[AuctionLot]):
    """The lots of a default."""

    queryset = AuctionLot.objects.all()
    serializer_class = LotSerializer
    read_scope = Scope.DEFAULTS_READ

    def get_queryset(self) -> QuerySet[AuctionLot]:
        """Return the case's lots."""
        case = get_case(actor=self.actor, pk=self.kwargs["pk"])
        rows = AuctionLot.objects.filter(case=case).select_related("winning_bid__member", "currency")
        return rows.prefetch_related("positions__lot__currency")

    def get_serializer_context(self) -> dict[str, Any]:
        """Say how often the actor's member has bid."""
        context = dict(super().get_serializer_context())
        if "pk" in self.kwargs and self.actor.participant_id is not None:
            context["bids"] = has_bid(case_id=self.kwargs["pk"], member_id=self.actor.participant_id)
        return context

    @extend_schema(
        operation_id="defaults_lots", summary="List the lots of a default, newest first",
        responses={200: LotSerializer(many=True), **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the lots with their positions; who won, once the auction is closed."""
        return super().get(request, *args, **kwargs)


class LotBids(ActorListView[Bid]):
    """The bids on a lot."""

    queryset = Bid.objects.all()
    serializer_class = BidSerializer
    read_scope = Scope.DEFAULTS_READ
    write_scope = Scope.DEFAULTS_WRITE

    def get_queryset(self) -> QuerySet[Bid]:
        """Return the bids that may be read."""
        lot = get_lot(actor=self.actor, pk=self.kwargs["pk"])
        return unsealed_bids(actor=self.actor).filter(lot=lot).select_related("lot__currency")

    @extend_schema(
        operation_id="lots_bids", summary="List the opened bids on a lot",
        responses={200: BidSerializer(many=True), **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the bids once the lot is closed; before, nobody reads any. A member reads its own."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="lots_bid", summary="Bid on a lot", request=BidEntrySerializer,
        responses={201: BidReceiptSerializer, **REFUSED},
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        """Make a sealed bid for the actor's member; a later one replaces it until the deadline."""
        actor = self.require_role(Role.PARTICIPANT)
        lot = get_lot(actor=actor, pk=pk)
        fields = read_body(request=request, shape=BidEntrySerializer)
        currency = directory().currencies[lot.currency_id]
        price = minor_of(amount=fields["price"], currency=currency, pointer="/price")
        bid = place_bid(lot_id=lot.pk, price_minor=price, actor=actor, **now())
        return Response(BidReceiptSerializer(bid).data, status=201)


class DrillList(ActorListView[DefaultDrill]):
    """Drills, newest first."""

    queryset = DefaultDrill.objects.all()
    serializer_class = DrillSerializer
    read_scope = Scope.DEFAULTS_READ
    write_scope = Scope.DEFAULTS_WRITE

    def get_queryset(self) -> QuerySet[DefaultDrill]:
        """Return all of them, to whoever reads everything."""
        self.require_role(Role.OPERATOR, Role.AUDITOR)
        return DefaultDrill.objects.order_by("-pk")

    @extend_schema(operation_id="default_drills_list", summary="List default drills, newest first",
                   responses={200: DrillSerializer(many=True), **problems(403)})  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the drills and what came of each. For operators and auditors."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="default_drills_play", summary="Play a default through, changing nothing",
        request=DrillEntrySerializer, responses={201: DrillSerializer, **REFUSED},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Play a member's default on the real code, roll it back, and keep what came of it. For operators."""
        actor = self.require_role(Role.OPERATOR)
        fields = read_body(request=request, shape=DrillEntrySerializer)
        member = directory().participant(code=fields.pop("member"), pointer="/member")
        inputs = DrillInputs(**fields | {"silent": tuple(fields["silent"])})
        drill = play_drill(member_id=member.id, inputs=inputs, actor=actor, **now())
        return Response(DrillSerializer(drill).data, status=201)
