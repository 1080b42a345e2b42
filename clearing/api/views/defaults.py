"""Default management in the API: cases and their steps, auctions and sealed bids, drills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.default_serializers import (
    DefaultCaseSerializer,
    DefaultDetailSerializer,
    HedgeSerializer,
    OpenAuctionSerializer,
    ProposeSerializer,
    SellCollateralSerializer,
)
from clearing.models import DefaultCase
from clearing.queries.default_view import view_case
from clearing.queries.defaults import cases_visible_to, get_case
from clearing.queries.membership import RISK_LOCK
from clearing.refusals import DefaultStepNotDue
from clearing.services.default_auction import close_auction, open_auction, skip_auction
from clearing.services.default_case import declare_default, propose_default, suspend_member, withdraw_default
from clearing.services.default_losses import allocate_losses, assess_survivors, close_case, refill_resources
from clearing.services.default_positions import record_hedge, sell_collateral
from reference.api.base import ActorListView, ActorView
from reference.api.entry import minor_of, now, read_body
from reference.api.fields import decimal_text
from reference.api.problems import problems
from reference.core.actor import Actor, Role
from reference.core.scopes import Scope
from reference.queries import business_clock, directory

# What takes nothing but a decision, by its name in the address.
STEPS: Mapping[str, Callable[..., object]] = {
    "declare": declare_default,
    "withdraw": withdraw_default,
    "suspend": suspend_member,
    "skip-auction": skip_auction,
    "close-auction": close_auction,
    "assess": assess_survivors,
    "allocate": allocate_losses,
    "refill": refill_resources,
    "close": close_case,
}
STEP = OpenApiParameter("step", OpenApiTypes.STR, OpenApiParameter.PATH, enum=list(STEPS))
REFUSED = problems(400, 403, 404, 409, 422)


def detail_document(*, case: DefaultCase, actor: Actor) -> dict[str, Any]:
    """Write a case as an actor may see it, its amounts as decimal strings."""
    view = view_case(case=case, actor=actor, business_date=business_clock().business_date)
    return {
        **DefaultCaseSerializer(case).data,
        "next": view.next["what"],
        "why": view.next["why"],
        "steps": view.steps,
        "movements": [_written(row, "amount") for row in view.movements],
        "waterfall": [_written(row, "available", "used") for row in view.uses],
        "plans": [_plan(plan) for plan in view.plans],
    }


def _plan(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Write one currency's plan."""
    currency = {"currency": plan["currency"]}
    return {
        **_written(plan, "loss", "surplus", "uncovered"),
        "costs": [_written(row | currency, "amount") for row in plan["costs"]],
        "layers": [_written(row | currency, "available", "used") for row in plan["layers"]],
    }


def _written(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return a row with its amounts written as decimals of its currency."""
    digits = directory().currencies_by_code[row["currency"]].digits
    kept = {"name" if key == "label" else key: value for key, value in row.items() if not key.endswith("_minor")}
    return kept | {name: decimal_text(minor=row[f"{name}_minor"], digits=digits) for name in names}


class DefaultList(ActorListView[DefaultCase]):
    """Defaults, newest first."""

    queryset = DefaultCase.objects.all()
    serializer_class = DefaultCaseSerializer
    read_scope = Scope.DEFAULTS_READ
    write_scope = Scope.DEFAULTS_WRITE
    signed_methods = frozenset({"POST"})

    def get_queryset(self) -> QuerySet[DefaultCase]:
        """Return those that the actor may see."""
        return cases_visible_to(actor=self.actor)

    @extend_schema(operation_id="defaults_list", summary="List defaults, newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the defaults; a participant sees those that are declared."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="defaults_propose",
        summary="Propose that a member is in default",
        request=ProposeSerializer,
        responses={201: DefaultDetailSerializer, **REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Propose a default; another operator declares it. For operators."""
        actor = self.require_role(Role.OPERATOR)
        fields = read_body(request=request, shape=ProposeSerializer)
        member = directory().participant(code=fields["member"], pointer="/member")
        case = propose_default(
            member_id=member.id, reason=fields["reason"], juniorise=fields["juniorise"], actor=actor, **now()
        )
        return Response(detail_document(case=case, actor=actor), status=201)


class CaseView(ActorView[DefaultCase]):
    """A view of one case."""

    queryset = DefaultCase.objects.all()
    serializer_class = DefaultDetailSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.DEFAULTS_READ
    write_scope = Scope.DEFAULTS_WRITE
    guarded_by = (RISK_LOCK,)
    signed_methods = frozenset({"POST"})

    def operator_on(self, pk: int) -> Actor:
        """Return the operator who acts on a case that there is."""
        actor = self.require_role(Role.OPERATOR)
        get_case(actor=actor, pk=pk)
        return actor

    def answer(self, pk: int, status: int = 200) -> Response:
        """Answer with the case as it stands."""
        return Response(detail_document(case=get_case(actor=self.actor, pk=pk), actor=self.actor), status=status)


class DefaultDetail(CaseView):
    """One default."""

    @extend_schema(
        operation_id="defaults_read", summary="Read a default",
        responses={200: DefaultDetailSerializer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, pk: int) -> Response:
        """Read what has happened in a default, what comes next, and who bears what; a member reads its own part."""
        return self.answer(pk)


class DefaultStep(CaseView):
    """A step of a default."""

    @extend_schema(
        operation_id="defaults_step", summary="Take a step of a default", parameters=[STEP], request=None,
        responses={200: DefaultDetailSerializer, **REFUSED},
    )  # fmt: skip
    def post(self, request: Request, pk: int, step: str) -> Response:
        """Take a step; `declare` by another operator than the one who proposed it. For operators."""
        actor = self.operator_on(pk)
        act = STEPS.get(step)
        if act is None:
            raise DefaultStepNotDue(f"There is no such step; there are {', '.join(STEPS)}.")
        act(case_id=pk, actor=actor, **now())
        return self.answer(pk)


class DefaultAuction(CaseView):
    """The auction of a default."""

    @extend_schema(
        operation_id="defaults_open_auction", summary="Cut lots and take bids", request=OpenAuctionSerializer,
        responses={201: DefaultDetailSerializer, **REFUSED},
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        """Cut what is open into lots, and take sealed bids for so many minutes. For operators."""
        actor = self.operator_on(pk)
        fields = read_body(request=request, shape=OpenAuctionSerializer)
        when = now()
        open_auction(
            case_id=pk, lots=fields["lots"], reserve_percent=fields.get("reserve_percent"),
            deadline=when["at"] + timedelta(minutes=fields["minutes"]), actor=actor, **when,
        )  # fmt: skip
        return self.answer(pk, 201)


class DefaultHedges(CaseView):
    """Hedges of a default."""

    idempotency_key_required = True

    @extend_schema(
        operation_id="defaults_record_hedge", summary="Record a hedge and what it cost", request=HedgeSerializer,
        responses={201: DefaultDetailSerializer, **REFUSED},
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        """Record a hedge; it is paid with the losses. For operators."""
        actor = self.operator_on(pk)
        fields = read_body(request=request, shape=HedgeSerializer)
        currency = directory().security(isin=fields["isin"], pointer="/isin").currency
        record_hedge(
            case_id=pk, counterparty=fields["counterparty"], isin=fields["isin"], quantity_units=fields["quantity"],
            cost_minor=minor_of(amount=fields["cost"], currency=currency, pointer="/cost"), actor=actor, **now(),
        )  # fmt: skip
        return self.answer(pk, 201)


class DefaultCollateralSales(CaseView):
    """Sales of a defaulter's collateral."""

    idempotency_key_required = True

    @extend_schema(
        operation_id="defaults_sell_collateral", summary="Sell securities of the defaulter's collateral",
        request=SellCollateralSerializer, responses={201: DefaultDetailSerializer, **REFUSED},
    )  # fmt: skip
    def post(self, request: Request, pk: int) -> Response:
        """Sell collateral, delivery against payment at once. For operators."""
        actor = self.operator_on(pk)
        fields = read_body(request=request, shape=SellCollateralSerializer)
        currency = directory().security(isin=fields["isin"], pointer="/isin").currency
        sell_collateral(
            case_id=pk, buyer=fields["buyer"], isin=fields["isin"], units=fields["units"],
            price_minor=minor_of(amount=fields["price"], currency=currency, pointer="/price"), actor=actor, **now(),
        )  # fmt: skip
        return self.answer(pk, 201)
