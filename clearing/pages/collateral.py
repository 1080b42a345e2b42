"""The page of collateral: what each member has put up, what it counts for, and the forms that move it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from clearing.api.collateral_entry import read_asset, read_order
from clearing.filters import MovementFilter
from clearing.models import CollateralMovement
from clearing.queries.membership import memberships_visible_to
from clearing.queries.risk_overview import SegmentView, movements_visible_to, read_overview
from clearing.refusals import CollateralRefused
from clearing.services.move_collateral import Order, deposit_collateral, release_excess, withdraw_collateral
from clearing.services.substitute_collateral import substitute_collateral
from ledger.models import Balance
from reference.access import actor_of
from reference.answering import act_and_return, acting_actor_of, answer
from reference.core.actor import Role
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.models import AssetKind
from reference.queries import business_clock, directory

MOVEMENT_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.pk),
    ("member", lambda row: row.member.code),
    ("currency", lambda row: row.currency.code),
    ("kind", lambda row: row.kind),
    ("asset", lambda row: row.asset.code),
    ("amount_minor", lambda row: row.amount if row.asset_id == row.currency_id else None),
    ("units", lambda row: None if row.asset_id == row.currency_id else row.amount),
    ("replaces", lambda row: row.replaces_id),
    ("ordered_by", lambda row: row.ordered_by),
    ("business_date", lambda row: row.business_date),
    ("at", lambda row: row.at),
)
NOT_SURE = "Tick that you have checked it."
LONGEST_NUMBER = 24


@require_safe
def collateral(request: HttpRequest) -> HttpResponseBase:
    """Show members' collateral, one member's in full with its forms, and the movements, newest first."""
    actor, reading = actor_of(request), business_clock()
    filtered = MovementFilter(request.GET, queryset=movements_visible_to(actor=actor))
    rows = filtered.qs if filtered.is_valid() else CollateralMovement.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=MOVEMENT_COLUMNS, name="collateral-movements")
    overview = read_overview(actor=actor, business_date=reading.business_date)
    members = list(memberships_visible_to(actor=actor))
    wanted = request.GET.get("member", "").upper()
    chosen = next((row for row in members if row.member.code == wanted), members[0] if len(members) == 1 else None)
    may_move = actor.role is not Role.AUDITOR and chosen is not None and chosen.status == "ACTIVE"
    context = {
        "overview": overview,
        "members": members,
        "chosen": chosen,
        "segments": [row for row in overview.segments if chosen is None or row.member.id == chosen.member_id],
        "holdings": [] if chosen is None else _holdings(overview.segments, chosen.member_id),
        "house": _house(member_id=chosen.member_id) if may_move and chosen else [],
        "currencies": sorted(directory().currencies_by_code),
        "today": reading.business_date,
        "yesterday": reading.business_date - timedelta(days=1),
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request, size=20),
        "csv_url": csv_url(request),
        "may_move": may_move,
        "participants": [row.member for row in members],
    }
    return answer(request, "clearing/risk/collateral.html", context)


@require_POST
def deposit(request: HttpRequest) -> HttpResponse:
    """Deposit collateral, and go back to the member's page."""

    def act(order: Order, fields: Mapping[str, Any]) -> str:
        asset_id, amount = read_asset(fields=fields, currency_id=order.currency_id)
        deposit_collateral(order=order, asset_id=asset_id, amount=amount)
        return "Deposited: it counts at once."

    return _do(request, act=act)


@require_POST
def withdraw(request: HttpRequest) -> HttpResponse:
    """Withdraw collateral, and go back to the member's page."""

    def act(order: Order, fields: Mapping[str, Any]) -> str:
        asset_id, amount = read_asset(fields=fields, currency_id=order.currency_id)
        withdraw_collateral(order=order, asset_id=asset_id, amount=amount)
        return "Withdrawn: it is on the house account."

    return _do(request, act=act)


@require_POST
def substitute(request: HttpRequest) -> HttpResponse:
    """Substitute collateral, by what is named or what is chosen, and go back to the member's page."""

    def act(order: Order, fields: Mapping[str, Any]) -> str:
        asset_id, amount = read_asset(fields=fields, currency_id=order.currency_id)
        named = {
            name: fields[f"into_{name}"] for name in ("amount", "security", "quantity") if f"into_{name}" in fields
        }
        into = dict([read_asset(fields=named, currency_id=order.currency_id)]) if named else None
        _, *incoming = substitute_collateral(order=order, asset_id=asset_id, amount=amount, into=into)
        codes = ", ".join(row.asset.code for row in incoming)
        return f"Substituted: {codes} came in for it."

    return _do(request, act=act)


@require_POST
def release(request: HttpRequest) -> HttpResponse:
    """Release all free cash, and go back to the member's page."""

    def act(order: Order, fields: Mapping[str, Any]) -> str:
        release_excess(order=order)
        return "All free cash is on the house account."

    return _do(request, act=act)


def _do(request: HttpRequest, *, act: Callable[[Order, Mapping[str, Any]], str]) -> HttpResponse:
    """Read the form, do it, and go back; a refusal says why, in the API's words."""
    actor, reading = acting_actor_of(request), business_clock()
    member = str(request.POST.get("member", ""))[:12]

    def read_and_act() -> str:
        if request.POST.get("sure") != "on":
            raise CollateralRefused(NOT_SURE, pointer="/sure")
        fields = _fields(request)
        if "currency" not in fields:
            raise CollateralRefused("Choose a currency.", pointer="/currency")
        order = read_order(fields=fields, actor=actor, at=reading.at, business_date=reading.business_date)
        return act(order, fields)

    back = f"{reverse('collateral')}?{urlencode({'member': member})}" if member else reverse("collateral")
    return act_and_return(request, act=read_and_act, back=back)


def _fields(request: HttpRequest) -> dict[str, Any]:
    """Return the form's fields that are filled in. Raises CollateralRefused for what is no number."""
    fields: dict[str, Any] = {
        name: str(request.POST[name]).strip()
        for name in ("member", "currency", "security", "quantity", "amount", "into_security", "into_quantity",
                     "into_amount")
        if str(request.POST.get(name, "")).strip()
    }  # fmt: skip
    for name in {"quantity", "amount", "into_quantity", "into_amount"} & set(fields):
        text = fields[name].replace(",", "").replace(" ", "")
        try:
            number = Decimal(text if len(text) <= LONGEST_NUMBER and "e" not in text.lower() else "")
            if "quantity" in name and number != number.to_integral_value():
                raise CollateralRefused("Write a whole number of units.", pointer=f"/{name}")
        except InvalidOperation:
            raise CollateralRefused("Write a number.", pointer=f"/{name}") from None
        if not number.is_finite():
            raise CollateralRefused("Write a number.", pointer=f"/{name}")
        fields[name] = int(number) if "quantity" in name else number
    return fields


def _holdings(segments: tuple[SegmentView, ...], member_id: int) -> list[dict[str, Any]]:
    """Return a member's securities with how much of the issuer's limit is used."""
    source = directory()
    return [
        {
            "holding": holding,
            "security": source.securities[holding.security_id],
            "use": next(use for use in row.pool.issuers if use.issuer == holding.issuer),
            "currency": row.currency.code,
        }
        for row in segments
        if row.member.id == member_id
        for holding in row.pool.holdings
    ]


def _house(*, member_id: int) -> list[Balance]:
    """Return what a member's house accounts hold, cash first: what it can put in."""
    rows = Balance.objects.filter(account__participant_id=member_id, account__name="HOUSE", balance__gt=0)
    return sorted(rows.select_related("asset"), key=lambda row: (row.asset.kind != AssetKind.CASH, row.asset.code))
