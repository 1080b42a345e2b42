"""The best execution report in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from reference.api.base import ActorView
from reference.api.fields import decimal_text
from reference.api.parameters import read_date
from reference.api.problems import problems
from reference.core.scopes import Scope
from reference.models import BASE_CURRENCY
from reference.queries import business_clock
from trades.api.best_execution_serializers import BestExecutionSerializer
from trades.models import Fill
from trades.queries.best_execution import GROUPS, ExecutionQuality, report_execution

EUR_DIGITS = 2
PARAMETERS = [
    OpenApiParameter("by", OpenApiTypes.STR, enum=list(GROUPS), description="What rows are told apart by; venue."),
    OpenApiParameter("since", OpenApiTypes.DATE, description="First business date; the current one, where left out."),
    OpenApiParameter("until", OpenApiTypes.DATE, description="Last business date; the current one, where left out."),
]


class BestExecution(ActorView[Fill]):
    """Best execution."""

    queryset = Fill.objects.all()
    serializer_class = BestExecutionSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.ORDERS_READ

    @extend_schema(
        operation_id="best_execution_retrieve",
        summary="Read how well orders were executed",
        parameters=PARAMETERS,
        responses={200: BestExecutionSerializer, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        """Read price, costs, speed and likelihood of execution (MiFID II, Article 27); up to 500 rows.

        A participant reads of its own clients' orders. A comparison without anything to compare with is null.
        """
        by = request.query_params.get("by", "venue")
        if by not in GROUPS:
            raise ValidationError({"by": f"One of {', '.join(GROUPS)}."})
        today = business_clock().business_date
        since = read_date(request=request, name="since") or today
        until = read_date(request=request, name="until") or today
        rows = report_execution(actor=self.actor, by=by, since=since, until=until)
        document = {
            "by": by, "since": since, "until": until, "currency": BASE_CURRENCY,
            "rows": [quality_document(row) for row in rows],
        }  # fmt: skip
        return Response(BestExecutionSerializer(document).data)


def quality_document(row: ExecutionQuality) -> dict[str, Any]:
    """Write a row, its amounts as decimal strings."""

    def text(minor: int | None) -> str | None:
        return None if minor is None else decimal_text(minor=minor, digits=EUR_DIGITS)

    return {
        **row.__dict__,
        "all_in_bp": row.all_in_bp,
        "value": text(row.value_minor),
        "slippage": text(row.slippage_minor),
        "improvement": text(row.improvement_minor),
        "fees": text(row.fees_minor),
    }
