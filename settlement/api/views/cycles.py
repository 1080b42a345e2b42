"""Settlement cycles in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view

from reference.api.base import ActorListView
from reference.api.fields import decimal_text
from reference.core.scopes import Scope
from reference.queries import directory
from settlement.api.serializers import CycleSerializer
from settlement.filters import CycleFilter
from settlement.models import Cycle
from settlement.queries.cycles import CycleView, view_cycles


@extend_schema_view(get=extend_schema(operation_id="cycles_list", summary="List settlement cycles, newest first"))
class CycleList(ActorListView[Cycle]):
    """Settlement cycles, newest first; a participant sees its own share of the figures."""

    queryset = Cycle.objects.all()
    serializer_class = CycleSerializer
    filterset_class = CycleFilter
    read_scope = Scope.SETTLEMENT_READ

    def paginate_queryset(self, queryset: Any) -> Any:
        """Cut the page and show what the actor may see of it."""
        page = super().paginate_queryset(queryset)
        return [cycle_document(cycle=cycle) for cycle in view_cycles(cycles=page or [], actor=self.actor)]


def cycle_document(*, cycle: CycleView) -> dict[str, Any]:
    """Write one cycle, its amounts as decimal strings."""
    currencies = directory().currencies_by_code
    names = ("business_date", "number", "name", "ran_at", "considered", "settled", "lack", "mony", "held",
             "partly", "linked", "deferred", "partials", "gap", "decided_in_ms", "took_ms")  # fmt: skip
    return (
        {"id": cycle.pk}
        | {name: getattr(cycle, name) for name in names}
        | {
            "value": [
                {
                    "currency": share.currency,
                    "due": decimal_text(minor=share.due_minor, digits=currencies[share.currency].digits),
                    "settled": decimal_text(minor=share.settled_minor, digits=currencies[share.currency].digits),
                    "efficiency": share.ratio,
                }
                for share in cycle.shares
            ]
        }
    )
