"""Netting runs, obligations and exposures in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.serializers import ExposuresSerializer, NettingRunSerializer, ObligationSerializer
from clearing.filters import NettingRunFilter, ObligationFilter
from clearing.models import NettingRun, Obligation
from clearing.queries.exposures import Exposure, Position, exposure_per_member
from clearing.queries.netting import RunView, view_runs
from clearing.queries.visible import obligations_visible_to
from reference.api.base import ActorListView, ActorView
from reference.api.fields import decimal_text
from reference.core.scopes import Scope
from reference.queries import business_clock, directory


class ExposureReport(ActorView[Obligation]):
    """Exposures."""

    queryset = Obligation.objects.all()
    serializer_class = ExposuresSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.CLEARING_READ

    @extend_schema(operation_id="exposures_retrieve", summary="Read the members' exposures")
    def get(self, request: Request) -> Response:
        """Read what each clearing member owes and is owed in open positions, at the last closing prices.

        A participant sees its own accounts, under the member it clears through.
        """
        today = business_clock().business_date
        found = exposure_per_member(actor=self.actor, business_date=today)
        answer = {
            "business_date": today,
            "priced_on": found.priced_on,
            "without_price": found.without_price,
            "exposures": [exposure_document(exposure=row) for row in found.rows],
        }
        return Response(answer)


def exposure_document(*, exposure: Exposure) -> dict[str, Any]:
    """Write one exposure, its amounts as decimal strings."""
    digits = directory().currencies_by_code[exposure.currency].digits
    return {
        "member": exposure.member,
        "name": exposure.member_name,
        "currency": exposure.currency,
        "mark": decimal_text(minor=exposure.mark_minor, digits=digits),
        "netted": _position_document(position=exposure.netted, digits=digits),
        "unnetted": _position_document(position=exposure.unnetted, digits=digits),
        "clients": sorted(exposure.clients),
    }


def _position_document(*, position: Position, digits: int) -> dict[str, Any]:
    return {
        "to_receive": decimal_text(minor=position.to_receive_minor, digits=digits),
        "to_deliver": decimal_text(minor=position.to_deliver_minor, digits=digits),
        "cash": decimal_text(minor=position.cash_minor, digits=digits),
        "mark": decimal_text(minor=position.mark_minor, digits=digits),
        "contracts": position.contracts,
    }


@extend_schema_view(get=extend_schema(operation_id="netting_runs_list", summary="List netting runs, newest first"))
class NettingRunList(ActorListView[NettingRun]):
    """Netting runs, newest first; a participant sees its own share of the figures."""

    queryset = NettingRun.objects.all()
    serializer_class = NettingRunSerializer
    filterset_class = NettingRunFilter
    read_scope = Scope.CLEARING_READ

    def paginate_queryset(self, queryset: Any) -> Any:
        """Cut the page and show what the actor may see of it."""
        page = super().paginate_queryset(queryset)
        return [run_document(run=run) for run in view_runs(runs=page or [], actor=self.actor)]


def run_document(*, run: RunView) -> dict[str, Any]:
    """Write one netting run, its amounts as decimal strings."""
    currencies = directory().currencies_by_code
    return {
        "id": run.pk,
        "business_date": run.business_date,
        "settlement_date": run.settlement_date,
        "ran_at": run.ran_at,
        "contracts": run.contracts,
        "obligations": run.obligations,
        "netted": [
            {
                "currency": part.currency,
                "gross": decimal_text(minor=part.gross_minor, digits=currencies[part.currency].digits),
                "net": decimal_text(minor=part.net_minor, digits=currencies[part.currency].digits),
                "efficiency": part.efficiency,
            }
            for part in run.netted
        ],
    }


@extend_schema_view(get=extend_schema(operation_id="obligations_list", summary="List obligations, newest first"))
class ObligationList(ActorListView[Obligation]):
    """Obligations, newest first; a participant sees its own accounts'."""

    queryset = Obligation.objects.all()
    serializer_class = ObligationSerializer
    filterset_class = ObligationFilter
    read_scope = Scope.CLEARING_READ

    def get_queryset(self) -> QuerySet[Obligation]:
        """Return what the actor sees."""
        return obligations_visible_to(actor=self.actor).select_related("account", "counterparty_account")
