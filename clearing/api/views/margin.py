"""Margin in the API: the report of a run, and what-if."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.margin_serializers import (
    MarginReportSerializer,
    MarginRunSerializer,
    RefusedRunSerializer,
    WhatIfEntrySerializer,
    WhatIfSerializer,
    parts_document,
)
from clearing.core.position_file import LARGEST_FILE, GivenPosition, decode_file, read_positions
from clearing.models import MarginRun, PortfolioMargin
from clearing.queries.margins import MarginReport, account_to_ask, read_margin_report
from clearing.queries.what_if import PARTS, MarginParts, WhatIf, margin_what_if, resolve_positions
from ledger.models import Account
from reference.api.base import ActorView
from reference.api.fields import decimal_text
from reference.api.parsers import refuse_unknown_fields
from reference.api.problems import problems
from reference.core.scopes import Scope
from reference.queries import business_clock, directory

RUN = OpenApiParameter("run", int, description="A margin run's id; the last one, where left out.")

WHAT_IF_EXAMPLE = OpenApiExample(
    "Two positions",
    value={"positions": [{"security": "AAPL", "quantity": 5000}, {"security": "IBM", "quantity": -800}]},
    request_only=True,
)


class MarginReportDetail(ActorView[MarginRun]):
    """What every portfolio is margined for."""

    queryset = MarginRun.objects.all()
    serializer_class = MarginReportSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.RISK_READ

    @extend_schema(
        operation_id="margin_report_retrieve",
        summary="Read what portfolios are margined for",
        parameters=[RUN],
        responses={200: MarginReportSerializer, **problems(400)},
    )
    def get(self, request: Request) -> Response:
        """Read the last margin run, or one: worth, variation margin and requirement of each portfolio, with its parts.

        A participant sees its own portfolios and those of the participants that clear through it.
        """
        text = request.query_params.get("run")
        if text is not None and not (text.isascii() and text.isdigit() and len(text) < 19):
            raise ValidationError({"run": "A run is named by its number."})
        report = read_margin_report(actor=self.actor, run_id=None if text is None else int(text))
        return Response(report_document(report=report))


def report_document(*, report: MarginReport) -> dict[str, Any]:
    """Write a margin report, its amounts as decimal strings."""
    digits = {code: entry.digits for code, entry in directory().currencies_by_code.items()}
    return {
        "run": None if report.run is None else MarginRunSerializer(report.run).data,
        "refused": RefusedRunSerializer(report.refused, many=True).data,
        "segments": [
            {
                "currency": segment.currency,
                "requirement": decimal_text(minor=segment.requirement_minor, digits=digits[segment.currency]),
                "portfolios": [_portfolio(row, digits[segment.currency]) for row in segment.rows],
            }
            for segment in report.segments
        ],
    }


def _portfolio(row: PortfolioMargin, digits: int) -> dict[str, Any]:
    parts = MarginParts(*(getattr(row, f"{name}_minor") for name in PARTS))
    return {
        "account": row.account.code,
        "participant": row.account.participant.code,
        "member": row.member.code,
        "worth": decimal_text(minor=row.worth_minor, digits=digits),
        "variation": decimal_text(minor=row.variation_minor, digits=digits),
        "variation_by": row.variation_by,
        "securities": len(row.security_ids),
        **parts_document(parts=parts, digits=digits),
    }


class MarginWhatIf(ActorView[PortfolioMargin]):
    """What positions would cost in margin."""

    queryset = PortfolioMargin.objects.all()
    serializer_class = WhatIfEntrySerializer
    filter_backends: list[Any] = []
    write_scope = Scope.RISK_READ

    @extend_schema(
        operation_id="margin_what_if",
        summary="Ask what positions would cost in margin",
        examples=[WHAT_IF_EXAMPLE],
        request=WhatIfEntrySerializer,
        responses={200: WhatIfSerializer, **problems(400, 403, 404, 409, 422)},
    )
    def post(self, request: Request) -> Response:
        """Return the margin of an open portfolio before and after positions are added, by currency. Stores nothing."""
        entry = WhatIfEntrySerializer(data=request.data)
        refuse_unknown_fields(data=request.data, known=entry.fields)
        entry.is_valid(raise_exception=True)
        account = account_to_ask(actor=self.actor, code=entry.validated_data.get("account"))
        answer = margin_what_if(
            account=account,
            added=resolve_positions(given=_given(entry.validated_data)),
            business_date=business_clock().business_date,
        )
        return Response(what_if_document(answer=answer, account=account))


def _given(entered: dict[str, Any]) -> list[GivenPosition]:
    """Return the positions, however they were given."""
    if "file" in entered:
        return read_positions(text=decode_file(data=entered["file"].read(LARGEST_FILE + 1)))
    if "csv" in entered:
        return read_positions(text=entered["csv"])
    return [
        GivenPosition(position["security"], position["quantity"], f"Position {number}")
        for number, position in enumerate(entered["positions"], start=1)
    ]


def what_if_document(*, answer: WhatIf, account: Account | None) -> dict[str, Any]:
    """Write a what-if, its amounts as decimal strings."""
    digits = {code: entry.digits for code, entry in directory().currencies_by_code.items()}
    return {
        "account": None if account is None else account.code,
        "priced_on": answer.priced_on,
        "segments": [
            {
                "currency": segment.currency,
                "before": parts_document(parts=segment.before, digits=digits[segment.currency]),
                "after": parts_document(parts=segment.after, digits=digits[segment.currency]),
                "increment": parts_document(parts=segment.increment, digits=digits[segment.currency]),
            }
            for segment in answer.segments
        ],
    }
