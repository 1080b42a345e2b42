"""The pages of allocations: the list, one of them, and the form that shares a block with its result beside it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from clearing.allocation_filters import AllocationFilter
from clearing.queries.block_view import (
    accounts_of,
    average_of,
    detailed,
    get_allocation,
    name_block,
    preview_sharing,
    standing_allocation,
)
from clearing.services.allocate_blocks import allocate_block, cancel_allocation, reallocate_block
from ledger.models import Account
from reference.access import actor_of
from reference.answering import act_and_return, acting_actor_of, answer
from reference.core.actor import Actor
from reference.core.figures import read_figure
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import business_clock, directory
from reference.refusals import Refusal
from trades.core.allocation import Block, average_price
from trades.core.allocation_lifecycle import EFFECTIVE_STATUSES
from trades.models import Allocation, AllocationMethod
from trades.queries.blocks import BlockTerms, allocations_visible_to, read_figures

ALLOCATION_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.public_id),
    ("status", lambda row: row.status),
    ("party", lambda row: row.participant.code),
    ("account", lambda row: row.account.code),
    ("trade", lambda row: row.trade.public_id if row.trade else ""),
    ("order", lambda row: row.order.public_id if row.order else ""),
    ("trade_date", lambda row: row.trade_date),
    ("settlement_date", lambda row: row.settlement_date),
    ("side", lambda row: row.side),
    ("isin", lambda row: row.security.code),
    ("method", lambda row: row.method),
    ("quantity", lambda row: row.quantity_units),
    ("amount_minor", lambda row: row.amount_minor),
    ("fee_minor", lambda row: row.fee_minor),
    ("currency", lambda row: row.currency.code),
    ("accounts", lambda row: " ".join(line.account.code for line in row.lines.all())),
    ("instructed_by", lambda row: row.instructed_by),
    ("instructed_at", lambda row: row.instructed_at),
    ("applied_at", lambda row: row.applied_at),
    ("ended_at", lambda row: row.ended_at),
    ("note", lambda row: row.note),
)
UNITS = {
    AllocationMethod.QUANTITY: "units", AllocationMethod.PERCENTAGE: "percent", AllocationMethod.PRO_RATA: "weight",
}  # fmt: skip


@require_safe
def allocations(request: HttpRequest) -> HttpResponseBase:
    """List allocations, newest first."""
    actor = actor_of(request)
    filtered = AllocationFilter(request.GET, queryset=detailed(rows=allocations_visible_to(actor=actor)))
    rows = filtered.qs if filtered.is_valid() else Allocation.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=ALLOCATION_COLUMNS, name="allocations")
    cut = cut_page(rows=rows, request=request)
    context = {
        "filter": filtered,
        "cut": cut,
        "rows": [{"row": row, "average": average_of(row=row)} for row in cut.rows],
        "csv_url": csv_url(request),
        "participants": sorted(directory().participants.values(), key=lambda entry: entry.code),
        "securities": sorted(directory().securities.values(), key=lambda entry: entry.symbol),
    }
    return answer(request, "clearing/allocations.html", context)


@require_safe
def allocation(request: HttpRequest, public_id: UUID) -> HttpResponseBase:
    """Show one allocation: what was told, and what each account got."""
    actor = actor_of(request)
    found = get_allocation(actor=actor, public_id=public_id)
    shares = {share.account_id: share for share in found.shares.all()}
    context = {
        "allocation": found,
        "average": average_of(row=found),
        "unit": UNITS[AllocationMethod(found.method)],
        "lines": [{"line": line, "share": shares.get(line.account_id)} for line in found.lines.all()],
        "is_effective": found.status in EFFECTIVE_STATUSES,
        "new_url": f"{reverse('allocation-new')}?{_naming(found)}",
    }
    return answer(request, "clearing/allocation.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    """Show the form that shares a block, with what it comes to; take it."""
    fields = request.POST if request.method == "POST" else request.GET
    actor = acting_actor_of(request) if request.method == "POST" else actor_of(request)
    try:
        block = _block(actor, fields)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("allocations")
    if request.method != "POST":
        return answer(request, "clearing/allocation_new.html", _form(block, fields))
    try:
        made = _take(actor, block, fields)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return answer(request, "clearing/allocation_new.html", _form(block, fields))
    words = "applied" if made.applied_at else "waiting for its trades"
    messages.success(request, f"The allocation is {words}.")
    return redirect("allocation", public_id=made.public_id)


@require_safe
def preview(request: HttpRequest) -> HttpResponse:
    """Show what the figures in the form would give."""
    try:
        block = _block(actor_of(request), request.GET)
    except Refusal as refusal:
        raise Http404(refusal.message) from refusal
    return render(request, "clearing/allocation_new.html#preview", _form(block, request.GET))


@require_POST
def cancel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take an allocation back."""
    actor, reading = acting_actor_of(request), business_clock()

    def act() -> str:
        found = get_allocation(actor=actor, public_id=public_id)
        cancel_allocation(
            allocation=found, actor=actor, at=reading.at, business_date=reading.business_date,
            note=request.POST.get("reason", "")[:200],
        )  # fmt: skip
        return "The allocation is cancelled."

    return act_and_return(request, act=act, back=reverse("allocation", args=[public_id]))


def _naming(row: Allocation) -> str:
    block = f"trade={row.trade.public_id}" if row.trade else f"order={row.order.public_id}" if row.order else ""
    return f"{block}&side={row.side}&trade_date={row.trade_date}"


def _block(actor: Actor, fields: QueryDict) -> BlockTerms:
    try:
        trade, order = (UUID(text) if (text := str(fields.get(name, ""))) else None for name in ("trade", "order"))
        text = str(fields.get("trade_date", ""))
        day = date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Http404("There is no such block.") from error
    side = fields.get("side", "")
    if side not in ("", "BUY", "SELL"):
        raise Http404("There is no such side.")
    return name_block(actor=actor, trade=trade, order=order, side=side, trade_date=day)


def _told(fields: QueryDict, accounts: list[Account]) -> tuple[dict[int, Decimal], str]:
    """Return what the form says of each account, and what in it is no number."""
    told: dict[int, Decimal] = {}
    for account in accounts:
        text = fields.get(f"told-{account.pk}", "").strip()
        if text in ("", "0"):
            continue
        figure = read_figure(text=text)
        if figure is None:
            return {}, f"{text[:20]} for {account.name} is no number."
        told[account.pk] = figure
    return told, ""


def _take(actor: Actor, block: BlockTerms, fields: QueryDict) -> Allocation:
    """Carry out what the form says. Raises what the services refuse."""
    accounts, reading = accounts_of(block=block), business_clock()
    told, unread = _told(fields, accounts)
    if unread:
        raise Refusal(unread)
    codes = {account.pk: account.code for account in accounts}
    method = fields.get("method", "")
    if method not in AllocationMethod.values:
        raise Refusal("Choose how the block is shared.")
    wanted: dict[str, Any] = {
        "block": block, "method": method, "told": {codes[pk]: value for pk, value in told.items()}, "actor": actor,
        "at": reading.at, "business_date": reading.business_date,
    }  # fmt: skip
    standing = standing_allocation(block=block)
    return reallocate_block(allocation=standing, **wanted) if standing else allocate_block(**wanted)


def _form(block: BlockTerms, fields: QueryDict) -> dict[str, Any]:
    """Return what the form and its preview show."""
    source, accounts = directory(), accounts_of(block=block)
    currency = source.currencies[block.currency_id]
    traded, standing = read_figures(block=block), standing_allocation(block=block)
    begun = "method" in fields
    method = fields.get("method", standing.method if standing else AllocationMethod.QUANTITY)
    method = method if method in AllocationMethod.values else AllocationMethod.QUANTITY.value
    told, unread = _told(fields, accounts)
    if not begun and standing is not None:
        told = {line.account_id: line.told for line in standing.lines.all()}
    found = preview_sharing(block=block, traded=traded, method=method, told=told)
    total = traded if traded.quantity_units else Block(block.full_units, 0)
    return {
        "terms": block,
        "security": source.securities[block.security_id],
        "currency": currency.code,
        "party": source.participants[block.participant_id],
        "traded": traded,
        "shown_units": total.quantity_units,
        "average": average_price(block=traded, minor_digits=currency.digits) if traded.quantity_units else None,
        "standing": standing,
        "methods": [(value, label, value == method) for value, label in AllocationMethod.choices],
        "method": method,
        "unit": UNITS[AllocationMethod(method)],
        "rows": [
            {
                "account": account,
                "told": f"{told[account.pk].normalize():f}" if account.pk in told else "",
                "share": found.shares.get(account.pk),
                "percent": 100 * found.shares[account.pk].quantity_units / total.quantity_units
                if account.pk in found.shares and total.quantity_units else 0,
            }
            for account in accounts
        ],
        "preview": found,
        "problem": unread or found.problem,
        "told_sum": sum(told.values()),
        "query": fields,
    }  # fmt: skip
