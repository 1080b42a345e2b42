"""Corporate actions in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock
from settlement.api.corporate_serializers import (
    CorporateActionEntrySerializer,
    CorporateActionSerializer,
    EntitlementSerializer,
    MarketClaimSerializer,
    resolve_action,
)
from settlement.filters import CorporateActionFilter
from settlement.models import CorporateAction, Entitlement, MarketClaim
from settlement.queries.corporate_actions import (
    actions_with_totals,
    claims_visible_to,
    entitlements_visible_to,
    get_corporate_action,
)
from settlement.services.announce_corporate_action import announce_corporate_action, cancel_corporate_action


class CorporateActionList(ActorListView[CorporateAction]):
    """Corporate actions, newest first."""

    queryset = CorporateAction.objects.all()
    serializer_class = CorporateActionSerializer
    filterset_class = CorporateActionFilter
    read_scope = Scope.SETTLEMENT_READ
    write_scope = Scope.SETTLEMENT_WRITE
    signed_methods = frozenset({"POST"})

    def get_queryset(self) -> QuerySet[CorporateAction]:
        """Return them with what the actor may see of each."""
        return actions_with_totals(actor=self.actor)

    @extend_schema(operation_id="corporate_actions_list", summary="List corporate actions, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List corporate actions; `holders`, `total` and `claims` count what is yours."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="corporate_actions_announce",
        summary="Announce a corporate action",
        request=CorporateActionEntrySerializer,
        responses={201: CorporateActionSerializer, **problems(400, 403, 409)},
    )
    def post(self, request: Request) -> Response:
        """Announce a dividend, a coupon or a split before its ex date. For operators."""
        actor = self.require_role(Role.OPERATOR)
        entry = CorporateActionEntrySerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=entry.fields)
        entry.is_valid(raise_exception=True)
        clock = business_clock()
        action = announce_corporate_action(
            announced=resolve_action(fields=entry.validated_data),
            actor=actor,
            at=clock.at,
            business_date=clock.business_date,
        )
        shown = get_corporate_action(actor=actor, pk=action.pk)
        return Response(CorporateActionSerializer(shown).data, status=201)


class CorporateActionDetail(ActorView[CorporateAction]):
    """One corporate action."""

    queryset = CorporateAction.objects.all()
    serializer_class = CorporateActionSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.SETTLEMENT_READ

    @extend_schema(
        operation_id="corporate_actions_read",
        summary="Read a corporate action",
        responses={200: CorporateActionSerializer, **problems(404)},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Read a corporate action."""
        return Response(CorporateActionSerializer(get_corporate_action(actor=self.actor, pk=pk)).data)


class CorporateActionCancel(ActorView[CorporateAction]):
    """A corporate action cancelled before its record date."""

    queryset = CorporateAction.objects.all()
    serializer_class = CorporateActionSerializer
    filter_backends: list[Any] = []
    write_scope = Scope.SETTLEMENT_WRITE
    guarded_by = ()
    signed_methods = frozenset({"POST"})

    @extend_schema(
        operation_id="corporate_actions_cancel",
        summary="Cancel a corporate action before its record date",
        request=None,
        responses={200: CorporateActionSerializer, **problems(403, 404, 409)},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Cancel an announced corporate action. For operators."""
        actor = self.require_role(Role.OPERATOR)
        clock = business_clock()
        get_corporate_action(actor=actor, pk=pk)
        cancel_corporate_action(action_pk=pk, actor=actor, at=clock.at, business_date=clock.business_date)
        return Response(CorporateActionSerializer(get_corporate_action(actor=actor, pk=pk)).data)


class EntitlementList(ActorListView[Entitlement]):
    """The entitlements of one corporate action."""

    queryset = Entitlement.objects.all()
    serializer_class = EntitlementSerializer
    read_scope = Scope.SETTLEMENT_READ

    def get_queryset(self) -> QuerySet[Entitlement]:
        """Return those that the actor may see."""
        action = get_corporate_action(actor=self.actor, pk=self.kwargs["pk"])
        return entitlements_visible_to(actor=self.actor).filter(action=action).select_related("action")

    @extend_schema(
        operation_id="corporate_actions_entitlements",
        summary="List the entitlements of a corporate action",
        responses={200: EntitlementSerializer(many=True), **problems(404)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List who is entitled to what; a participant sees its own accounts."""
        return super().get(request, *args, **kwargs)


class MarketClaimList(ActorListView[MarketClaim]):
    """The market claims of one corporate action."""

    queryset = MarketClaim.objects.all()
    serializer_class = MarketClaimSerializer
    read_scope = Scope.SETTLEMENT_READ

    def get_queryset(self) -> QuerySet[MarketClaim]:
        """Return those that the actor may see."""
        action = get_corporate_action(actor=self.actor, pk=self.kwargs["pk"])
        return claims_visible_to(actor=self.actor).filter(action=action).select_related("action")

    @extend_schema(
        operation_id="corporate_actions_claims",
        summary="List the market claims of a corporate action",
        responses={200: MarketClaimSerializer(many=True), **problems(404)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List who owes whom what for a delivery that was pending at the record date."""
        return super().get(request, *args, **kwargs)
