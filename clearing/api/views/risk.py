"""Backtests, stress tests, the default fund and the disclosure in the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.risk_serializers import (
    BacktestsSerializer,
    DefaultFundsSerializer,
    DisclosureSerializer,
    StressSerializer,
)
from clearing.models import BacktestDay, FundSizing, MarginRun, StressLoss
from clearing.queries.backtests import Backtests, TestedPortfolio, backtests_since
from clearing.queries.disclosure.build import build_disclosure, disclosure_document
from clearing.queries.fund_views import FundView, read_funds
from clearing.queries.margin_parameters import margin_parameters_on
from clearing.queries.stress import ScenarioRow, StressTable, StressView, read_stress
from reference.api.base import ActorView
from reference.api.fields import decimal_text
from reference.api.problems import problems
from reference.core.scopes import Scope
from reference.queries import business_clock, directory

HORIZON = OpenApiParameter(
    "horizon_days", int, description="1, or the margin period of risk, which it is where left out."
)


class BacktestReport(ActorView[BacktestDay]):
    """Backtests."""

    queryset = BacktestDay.objects.all()
    serializer_class = BacktestsSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.RISK_READ

    @extend_schema(
        operation_id="backtest_retrieve",
        summary="Read the backtests of margins",
        parameters=[HORIZON],
        responses={200: BacktestsSerializer, **problems(400, 409)},
    )
    def get(self, request: Request) -> Response:
        """Read how margins compare with what portfolios then lost: Kupiec, Christoffersen, and both jointly.

        A participant sees its own portfolios and those of the participants that clear through it.
        """
        today = business_clock().business_date
        mpor = margin_parameters_on(day=today).mpor_days
        text = request.query_params.get("horizon_days", str(mpor))
        if text not in {"1", str(mpor)}:
            raise ValidationError({"horizon_days": f"Backtests are over 1 day and over {mpor} days."})
        found = backtests_since(actor=self.actor, business_date=today, horizon_days=int(text))
        return Response(backtests_document(found=found))


def backtests_document(*, found: Backtests) -> dict[str, Any]:
    """Write backtests."""
    return {
        "horizon_days": found.horizon_days,
        "confidence": found.confidence,
        "since": found.since,
        "all": [_test(row) for row in found.all],
        "members": [_test(row) for row in found.members],
        "portfolios": [_test(row) for row in found.portfolios],
    }


def _test(row: TestedPortfolio) -> dict[str, Any]:
    result = row.result
    return {
        "member": row.member,
        "account": row.account,
        "currency": row.currency,
        "days": result.days,
        "breaches": result.breaches,
        "expected": result.kupiec.expected,
        "coverage": result.coverage,
        "lr_pof": result.kupiec.likelihood_ratio,
        "p_pof": result.kupiec.p_value,
        "lr_ind": result.christoffersen.likelihood_ratio,
        "p_ind": result.christoffersen.p_value,
        "lr_cc": result.joint_likelihood_ratio,
        "p_cc": result.joint_p_value,
        "verdict": row.verdict,
        "words": row.words,
        "worst_breach": _text(result.worst_minor, row.currency),
    }


class StressReport(ActorView[StressLoss]):
    """Stress tests."""

    queryset = StressLoss.objects.all()
    serializer_class = StressSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.RISK_READ

    @extend_schema(operation_id="stress_retrieve", summary="Read the last evening's stress test")
    def get(self, request: Request) -> Response:
        """Read what members would lose in each scenario, and what of it their margin would not cover.

        A member sees its own losses, and the totals of all.
        """
        found = read_stress(actor=self.actor, business_date=business_clock().business_date)
        return Response(stress_document(found=found))


def stress_document(*, found: StressView) -> dict[str, Any]:
    """Write a stress test, its amounts as decimal strings."""
    return {
        "business_date": None if found.run is None else found.run.business_date,
        "segments": [
            {
                "currency": table.currency,
                "cover_two": _text(table.cover_two_minor, table.currency),
                "scenarios": [_scenario(row, table) for row in table.rows],
            }
            for table in found.tables
        ],
        "not_known_yet": [scenario.code for scenario in found.later],
    }


def _scenario(row: ScenarioRow, table: StressTable) -> dict[str, Any]:
    return {
        "code": row.scenario.code,
        "name": row.scenario.name,
        "kind": row.scenario.kind,
        "to_date": row.scenario.to_date,
        "cover_two": _text(row.cover_two_minor, table.currency),
        "uncovered": _text(row.uncovered_minor, table.currency),
        "groups": list(row.groups),
        "losses": [
            {
                "member": member,
                "loss": _text(cell.loss_minor, table.currency),
                "margin": _text(cell.margin_minor, table.currency),
                "uncovered": _text(cell.uncovered_minor, table.currency),
            }
            for member, cell in sorted(row.cells.items())
        ],
    }


class DefaultFundReport(ActorView[FundSizing]):
    """The default fund."""

    queryset = FundSizing.objects.all()
    serializer_class = DefaultFundsSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.RISK_READ

    @extend_schema(operation_id="default_fund_retrieve", summary="Read the default fund")
    def get(self, request: Request) -> Response:
        """Read the size of the default fund in each currency, how it came about, and the contributions.

        A member sees its own contribution, and the totals of all.
        """
        funds = read_funds(actor=self.actor, business_date=business_clock().business_date)
        return Response({"funds": [fund_document(fund=fund) for fund in funds]})


def fund_document(*, fund: FundView) -> dict[str, Any]:
    """Write one currency's fund, its amounts as decimal strings."""
    sizing, code = fund.sizing, fund.currency
    return {
        "currency": code,
        "sized_on": sizing.business_date,
        "reason": sizing.reason,
        "size": _text(sizing.size_minor, code),
        "largest": _text(sizing.largest_minor, code),
        "second_and_third": _text(sizing.second_and_third_minor, code),
        "cover_two": _text(sizing.cover_two_minor, code),
        "scenario": sizing.scenario.code if sizing.scenario is not None else None,
        "own_resources": _text(sizing.own_resources_minor, code),
        "held": _text(fund.held_minor, code),
        "cover_two_now": _text(fund.standing.cover_two_minor, code),
        "thin": fund.is_thin,
        "contributions": [
            {
                "member": part.member,
                "contribution": _text(part.contribution_minor, code),
                "held": _text(part.held_minor, code),
                "open": _text(part.open_minor, code),
                "overdue": part.overdue,
            }
            for part in fund.contributions
        ],
    }


class DisclosureReport(ActorView[MarginRun]):
    """The public quantitative disclosure."""

    queryset = MarginRun.objects.all()
    serializer_class = DisclosureSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.RISK_READ

    @extend_schema(operation_id="disclosure_retrieve", summary="Read the public quantitative disclosure")
    def get(self, request: Request) -> Response:
        """Read every item of the CPMI-IOSCO disclosure as of the last evening; the same for everybody."""
        found = build_disclosure(business_date=business_clock().business_date)
        return Response(disclosure_document(found=found))


def _text(minor: int, currency: str) -> str:
    return decimal_text(minor=minor, digits=directory().currencies_by_code[currency].digits)
