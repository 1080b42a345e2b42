"""Compliance and enrichment in the API. Surveillance is for operators and auditors."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorListView, ActorView
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock, directory
from trades.api.compliance_serializers import (
    AlertStepSerializer,
    ComplianceAlertSerializer,
    ComplianceRuleSerializer,
    EnrichmentSerializer,
    ProposedRuleSerializer,
    RestrictedEntrySerializer,
    RestrictionSerializer,
    RuleChangeSerializer,
    enrichment_document,
)
from trades.core.alert_lifecycle import AlertStatus
from trades.filters_compliance import AlertFilter, RestrictedFilter
from trades.models import ComplianceAlert, ComplianceRule, RestrictedEntry, Trade
from trades.queries.compliance import (
    alerts_visible_to,
    enrichment_of_trade,
    get_alert,
    get_rule,
    restricted_entries,
)
from trades.queries.life import get_trade
from trades.services.compliance.change_rules import propose_rule
from trades.services.compliance.handle_alerts import step_alerts
from trades.services.compliance.restrict import Restriction, end_restriction, restrict_security

WATCHERS = (Role.OPERATOR, Role.AUDITOR)


def _now() -> dict[str, Any]:
    """Return business time, for the services."""
    clock = business_clock()
    return {"at": clock.at, "business_date": clock.business_date}


def _entered(*, request: Request, shape: Any) -> dict[str, Any]:
    """Return what the body says. Raises ValidationError."""
    entry = shape(data=request.data)
    refuse_unknown_fields(data=request.data, known=entry.fields)
    entry.is_valid(raise_exception=True)
    found: dict[str, Any] = entry.validated_data
    return found


class AlertList(ActorListView[ComplianceAlert]):
    """Alerts."""

    queryset = ComplianceAlert.objects.all()
    serializer_class = ComplianceAlertSerializer
    filterset_class = AlertFilter
    read_scope = Scope.COMPLIANCE_READ

    def get_queryset(self) -> QuerySet[ComplianceAlert]:
        """Return what the actor sees."""
        return alerts_visible_to(actor=self.actor)

    @extend_schema(operation_id="compliance_alerts", summary="List compliance alerts, newest first",
                   responses={200: ComplianceAlertSerializer(many=True), **problems(403)})  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List alerts. For operators and auditors."""
        self.require_role(*WATCHERS)
        return super().get(request, *args, **kwargs)


class AlertDetail(ActorView[ComplianceAlert]):
    """One alert."""

    queryset = ComplianceAlert.objects.all()
    serializer_class = AlertStepSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.COMPLIANCE_READ
    write_scope = Scope.COMPLIANCE_WRITE
    guarded_by = ()

    @extend_schema(operation_id="compliance_alert", summary="Read a compliance alert",
                   responses={200: ComplianceAlertSerializer, **problems(403, 404)})  # fmt: skip
    def get(self, request: Request, pk: int) -> Response:
        """Read an alert. For operators and auditors."""
        actor = self.require_role(*WATCHERS)
        return Response(ComplianceAlertSerializer(get_alert(actor=actor, pk=pk)).data)

    @extend_schema(operation_id="compliance_alert_step", summary="Acknowledge or close a compliance alert",
                   request=AlertStepSerializer,
                   responses={200: ComplianceAlertSerializer, **problems(400, 403, 404, 409, 422)})  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        """Acknowledge an alert, or close it with a note. For operators."""
        actor = self.require_role(Role.OPERATOR)
        entered = _entered(request=request, shape=AlertStepSerializer)
        step_alerts(
            alert_ids=[pk], status=AlertStatus(entered["status"]), note=entered["note"], actor=actor, **_now()
        )  # fmt: skip
        return Response(ComplianceAlertSerializer(get_alert(actor=actor, pk=pk)).data)


class RuleList(ActorListView[ComplianceRule]):
    """Rules."""

    queryset = ComplianceRule.objects.select_related("security", "client", "participant")
    serializer_class = ComplianceRuleSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.COMPLIANCE_READ

    @extend_schema(operation_id="compliance_rules", summary="List the compliance rules",
                   responses={200: ComplianceRuleSerializer(many=True), **problems(403)})  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the rules. For operators and auditors."""
        self.require_role(*WATCHERS)
        return super().get(request, *args, **kwargs)


class RuleDetail(ActorView[ComplianceRule]):
    """One rule."""

    queryset = ComplianceRule.objects.all()
    serializer_class = RuleChangeSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.COMPLIANCE_READ
    write_scope = Scope.COMPLIANCE_WRITE
    guarded_by = ()
    signed_methods = frozenset({"PATCH"})

    @extend_schema(operation_id="compliance_rule", summary="Read a compliance rule",
                   responses={200: ComplianceRuleSerializer, **problems(403, 404)})  # fmt: skip
    def get(self, request: Request, code: str) -> Response:
        """Read a rule. For operators and auditors."""
        self.require_role(*WATCHERS)
        return Response(ComplianceRuleSerializer(get_rule(code=code)).data)

    @extend_schema(operation_id="compliance_rule_propose", summary="Propose a change of a compliance rule",
                   request=RuleChangeSerializer,
                   responses={202: ProposedRuleSerializer, **problems(400, 403, 404, 409, 422)})  # fmt: skip
    def patch(self, request: Request, code: str) -> Response:
        """Propose new values; they hold when another person has approved them. For operators."""
        actor = self.require_role(Role.OPERATOR)
        entered = _entered(request=request, shape=RuleChangeSerializer)
        proposal = propose_rule(rule_id=get_rule(code=code).pk, changes=entered, actor=actor, **_now())
        body = {"proposal": str(proposal.public_id), "status": proposal.status}
        return Response(body, status=status.HTTP_202_ACCEPTED)


class RestrictedList(ActorListView[RestrictedEntry]):
    """The restricted list."""

    queryset = RestrictedEntry.objects.all()
    serializer_class = RestrictedEntrySerializer
    filterset_class = RestrictedFilter
    read_scope = Scope.COMPLIANCE_READ
    write_scope = Scope.COMPLIANCE_WRITE
    signed_methods = frozenset({"POST"})

    def get_queryset(self) -> QuerySet[RestrictedEntry]:
        """Return what the actor sees."""
        return restricted_entries(actor=self.actor)

    def get_serializer_class(self) -> Any:
        """Return the shape of an entry to come for the browsable API's form, of one that stands otherwise."""
        return RestrictionSerializer if self.request.method == "POST" else RestrictedEntrySerializer

    @extend_schema(operation_id="compliance_restricted", summary="List the restricted list, newest first",
                   responses={200: RestrictedEntrySerializer(many=True), **problems(403)})  # fmt: skip
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the entries. For operators and auditors."""
        self.require_role(*WATCHERS)
        return super().get(request, *args, **kwargs)

    @extend_schema(operation_id="compliance_restrict", summary="Put a security on the restricted list",
                   request=RestrictionSerializer,
                   responses={201: RestrictedEntrySerializer, **problems(400, 403, 409, 422)})  # fmt: skip
    def post(self, request: Request) -> Response:
        """Restrict a security for everybody or for one participant. For operators."""
        actor, now = self.require_role(Role.OPERATOR), _now()
        entered, source = _entered(request=request, shape=RestrictionSerializer), directory()
        code = entered["participant"]
        restriction = Restriction(
            security_id=source.security(isin=entered["security"], pointer="/security").id,
            participant_id=source.participant(code=code, pointer="/participant").id if code else None,
            reason=entered["reason"], valid_from=entered.get("valid_from") or now["business_date"],
            valid_to=entered.get("valid_to"),
        )  # fmt: skip
        entry = restrict_security(restriction=restriction, actor=actor, **now)
        return Response(RestrictedEntrySerializer(entry).data, status=status.HTTP_201_CREATED)


class RestrictionEnd(ActorView[RestrictedEntry]):
    """An entry ended."""

    queryset = RestrictedEntry.objects.all()
    serializer_class = RestrictedEntrySerializer
    filter_backends: list[Any] = []
    write_scope = Scope.COMPLIANCE_WRITE
    signed_methods = frozenset({"POST"})

    @extend_schema(operation_id="compliance_restriction_end", summary="End an entry of the restricted list",
                   request=None, responses={200: RestrictedEntrySerializer, **problems(403, 404, 409)})  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        """End an entry: the business date is its last day. For operators."""
        actor = self.require_role(Role.OPERATOR)
        return Response(RestrictedEntrySerializer(end_restriction(entry_id=pk, actor=actor, **_now())).data)


class TradeEnrichmentDetail(ActorView[Trade]):
    """A trade's enrichment."""

    queryset = Trade.objects.all()
    serializer_class = EnrichmentSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.TRADES_READ

    @extend_schema(operation_id="trades_enrichment", summary="Read a trade's market and risk score",
                   responses={200: EnrichmentSerializer, **problems(404)})  # fmt: skip
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read what the market was when the trade came, and its risk score part by part. 404 until it is enriched."""
        trade = get_trade(actor=self.actor, public_id=public_id)
        found = enrichment_of_trade(trade_pk=trade.pk)
        if found is None:
            raise NotFound("The trade is not enriched yet.")
        return Response(enrichment_document(enriched=found, currency_id=trade.currency_id))
