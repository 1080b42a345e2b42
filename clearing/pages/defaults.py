"""Pages of default management: the list, one case walked through step by step, bids, drills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from clearing.core.default_lifecycle import CaseStatus, LotStatus
from clearing.models import AuctionLot, Bid, DefaultCase, DefaultDrill, Membership
from clearing.queries.default_view import path_of, sum_layers, view_case
from clearing.queries.defaults import (
    accounts_behind,
    case_positions,
    cases_visible_to,
    get_case,
    has_bid,
    portings_visible_to,
    unsealed_bids,
)
from clearing.refusals import UnknownDefault
from clearing.services.default_auction import cut_lots
from reference.access import actor_of
from reference.answering import answer
from reference.charts import Chart, Series
from reference.core.actor import Actor
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import business_clock, directory
from reference.refusals import Refusal

CASE_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.pk),
    ("member", lambda row: row.member.code),
    ("status", lambda row: row.status),
    ("reason", lambda row: row.reason),
    ("proposed_at", lambda row: row.proposed_at),
    ("declared_at", lambda row: row.declared_at),
    ("closed_at", lambda row: row.closed_at),
)
DRILLS_SHOWN = 20


@require_safe
def defaults(request: HttpRequest) -> HttpResponseBase:
    """List the defaults, what is offered to the actor, and the drills."""
    actor = actor_of(request)
    rows = cases_visible_to(actor=actor)
    if wants_csv(request):
        return stream_query(rows=rows, columns=CASE_COLUMNS, name="defaults")
    context = {
        "cut": cut_page(rows=rows, request=request),
        "csv_url": csv_url(request),
        "offered": portings_visible_to(actor=actor).filter(status="OFFERED"),
        "drills": DefaultDrill.objects.select_related("member")[:DRILLS_SHOWN] if actor.sees_all else [],
        "may_act": actor.is_operator,
        "members": Membership.objects.filter(status__in=["ACTIVE", "SUSPENDED"]).select_related("member")
        if actor.is_operator
        else [],
    }
    return answer(request, "clearing/risk/defaults.html", context)


@require_safe
def default(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one default: what has happened, what comes next and why, what it costs and who bears it."""
    actor, today = actor_of(request), business_clock().business_date
    case = get_case(actor=actor, pk=pk)
    view = view_case(case=case, actor=actor, business_date=today)
    borne = [row for row in view.uses if row["used_minor"]]
    context: dict[str, Any] = {
        "case": case,
        "view": view,
        "path": path_of(case=case),
        "may_act": actor.is_operator,
        "same_person": case.proposed_by == actor.name,
        "losses": [_loss(plan) for plan in view.plans] if not view.uses else _losses_borne(view.uses),
        "borne": borne,
        "lots": _lots(case=case, actor=actor),
        "bids": unsealed_bids(actor=actor).filter(lot__case=case).select_related("lot__currency").order_by(
            "lot__number", "price_minor", "at", "pk"
        ),
        "hedges": case.hedges.select_related("counterparty", "security", "currency") if actor.sees_all else [],
        "portings": portings_visible_to(actor=actor).filter(case=case),
        **_work(case=case, actor=actor, today=today),
    }  # fmt: skip
    return render(request, "clearing/risk/default.html", context)


@require_safe
def drill(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a drill: each step it took, and who would have borne what."""
    actor = actor_of(request)
    found = DefaultDrill.objects.select_related("member").filter(pk=pk).first() if actor.sees_all else None
    if found is None:
        raise UnknownDefault
    outcome = found.outcome
    context = {
        "drill": found,
        "outcome": outcome,
        "losses": _losses_borne(outcome.get("waterfall", [])),
        "movements": outcome.get("movements", []),
    }
    return render(request, "clearing/risk/drill.html", context)


def _work(*, case: DefaultCase, actor: Actor, today: Any) -> dict[str, Any]:
    """Return what an operator works on while the case is suspended: positions, how lots would be cut, clients."""
    if not actor.sees_all or case.status not in (CaseStatus.DECLARED, CaseStatus.SUSPENDED):
        return {"positions": [], "clients": [], "takers": []}
    try:
        found, unpriced = case_positions(member_id=case.member_id, business_date=today), ""
    except Refusal as refusal:
        found, unpriced = [], refusal.message
    source = directory()
    accounts = accounts_behind(member_id=case.member_id)
    rows = [
        {
            "account": accounts[row.account_id],
            "symbol": source.securities[row.security_id].symbol,
            "currency": source.currencies[row.currency_id].code,
            "quantity_units": row.quantity_units,
            "cash_minor": row.cash_minor,
            "mark_minor": row.mark_minor,
            "worth_minor": row.mark_minor + row.cash_minor,
        }
        for row in found
    ]
    totals: dict[str, dict[str, Any]] = {}
    for currency, parts in cut_lots(positions=found, lots=1):
        totals[source.currencies[currency].code] = {
            "worth_minor": sum(part.mark_minor + part.cash_minor for part in parts),
            "gross_minor": sum(abs(part.mark_minor) for part in parts),
        }
    clients = [entry for entry in source.participants.values() if entry.clearing_member_id == case.member_id]
    return {
        "positions": rows,
        "unpriced": unpriced,
        "totals": totals,
        "clients": [entry for entry in clients if entry.id != case.member_id],
        "takers": Membership.objects.filter(status="ACTIVE").select_related("member"),
    }


def _lots(*, case: DefaultCase, actor: Actor) -> list[dict[str, Any]]:
    """Return the case's lots; for a member with how often it has bid, never with what."""
    member = actor.participant_id
    mine = has_bid(case_id=case.pk, member_id=member) if member is not None else {}
    bidder = member is not None and Membership.objects.filter(pk=member, status="ACTIVE").exists()
    lots = AuctionLot.objects.filter(case=case).select_related("currency", "winning_bid__member")
    return [
        {
            "lot": lot,
            "bids": mine.get(lot.pk, 0),
            "may_bid": bidder and lot.status == LotStatus.OPEN and member != case.member_id,
            "winner": _winner(lot.winning_bid, actor),
            "positions": lot.positions.select_related("security", "account"),
        }
        for lot in lots
    ]


def _winner(bid: Bid | None, actor: Actor) -> Bid | None:
    """Return the winning bid to whoever may see its price."""
    return bid if bid is not None and (actor.sees_all or bid.member_id == actor.participant_id) else None


def _loss(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Put one currency's loss together as a chart and its rows."""
    return {
        "plan": plan,
        "currency": plan["currency"],
        "rows": plan["layers"],
        "chart": _chart(plan["currency"], plan["layers"]),
    }


def _losses_borne(uses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put the losses that were borne together, a currency at a time."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in uses:
        found.setdefault(row["currency"], []).append(row)
    return [{"plan": None, "currency": code, "rows": rows, "chart": _chart(code, rows)} for code, rows in found.items()]


def _chart(currency: str, rows: list[dict[str, Any]]) -> Chart:
    """Draw how the layers take a loss away, one after the other."""
    scale = 10 ** directory().currencies_by_code[currency].digits
    layers = sum_layers(rows=rows)
    left = sum(layer["used_minor"] for layer in layers)
    feet: list[float] = [0.0]
    borne: list[float] = [left / scale]
    for layer in layers:
        left -= layer["used_minor"]
        feet.append(left / scale)
        borne.append(layer["used_minor"] / scale)
    return Chart(
        key=f"waterfall-{currency.lower()}",
        title="Who bears the loss",
        labels=["Loss", *(layer["label"] for layer in layers)],
        label_name="Layer",
        unit=currency,
        height="normal",
        horizontal=True,
        series=[
            Series("Foot", feet, "bar", "none", stack="loss"),
            Series("Borne", borne, "bar", "bad", stack="loss"),
        ],
    )
