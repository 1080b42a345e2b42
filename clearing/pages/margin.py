"""The pages of margin: what each portfolio is margined for, and one portfolio with its history and its tail."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from clearing.core.refusals import RiskRefused
from clearing.models import MarginRunKind, PortfolioMargin
from clearing.queries.margins import (
    MarginSegment,
    Tail,
    margin_history,
    margins_visible_to,
    portfolio_account,
    read_margin_report,
    tail_of,
)
from clearing.refusals import UnknownPortfolio
from clearing.services.order_margin_run import order_margin_run
from reference.access import actor_of
from reference.answering import act_and_return, acting_operator_of
from reference.charts import Chart, Series, Tone
from reference.listing import Column, csv_url, stream_csv, wants_csv
from reference.queries import business_clock, directory

LARGEST_SHOWN = 12
TAIL_TONES: tuple[Tone, ...] = ("accent", "warn", "good", "bad")

COLUMNS: tuple[Column, ...] = (
    ("run", lambda row: row.run_id),
    ("business_date", lambda row: row.run.business_date),
    ("kind", lambda row: row.run.kind),
    ("currency", lambda row: row.currency.code),
    ("member", lambda row: row.member.code),
    ("participant", lambda row: row.account.participant.code),
    ("account", lambda row: row.account.code),
    ("worth_minor", lambda row: row.worth_minor),
    ("variation_minor", lambda row: row.variation_minor),
    ("variation_by", lambda row: row.variation_by),
    ("base_minor", lambda row: row.base_minor),
    ("concentration_minor", lambda row: row.concentration_minor),
    ("procyclicality_minor", lambda row: row.procyclicality_minor),
    ("requirement_minor", lambda row: row.requirement_minor),
    ("expected_shortfall_minor", lambda row: row.expected_shortfall_minor),
    ("value_at_risk_minor", lambda row: row.value_at_risk_minor),
    ("flat_minor", lambda row: row.flat_minor),
    ("gross_minor", lambda row: row.gross_minor),
    ("securities", lambda row: len(row.security_ids)),
)


@require_safe
def margin(request: HttpRequest) -> HttpResponseBase:
    """Show the last margin run: each portfolio's worth, variation margin and requirement with its parts."""
    report = read_margin_report(actor=actor_of(request))
    if wants_csv(request):
        chunks = [segment.rows for segment in report.segments]
        return stream_csv(chunks=chunks, columns=COLUMNS, name="margin")
    context: dict[str, Any] = {
        "report": report,
        "groups": [{"segment": segment, "chart": _largest(segment)} for segment in report.segments],
        "may_run": actor_of(request).is_operator,
        "csv_url": csv_url(request),
    }
    response: HttpResponse = render(request, "clearing/risk/margin.html", context)
    return response


@require_POST
def margin_run(request: HttpRequest) -> HttpResponseBase:
    """Mark and margin now, at the prices of the moment, or do an evening again that was refused. For operators."""
    actor = acting_operator_of(request)
    clock = business_clock()
    kind = MarginRunKind.EVENING if request.POST.get("kind") == "EVENING" else MarginRunKind.INTRADAY

    def act() -> str:
        run = order_margin_run(kind=kind, actor=actor, at=clock.at, business_date=clock.business_date)
        return f"{run.portfolios} portfolios are marked and margined."

    return act_and_return(request, act=act, back=redirect("margin").url)


@require_safe
def portfolio(request: HttpRequest, account: str) -> HttpResponseBase:
    """Show one portfolio: the parts of its margin, its history, and the days of history that make the tail."""
    actor = actor_of(request)
    try:
        found = portfolio_account(actor=actor, code=account)
    except UnknownPortfolio as refusal:
        raise Http404(refusal.message) from refusal
    history = margin_history(actor=actor, account_id=found.pk)
    if wants_csv(request):
        return stream_csv(chunks=[history], columns=COLUMNS, name=f"margin-{found.code}")
    latest = list(margins_visible_to(actor=actor).filter(account=found).select_related("run__parameters")
                  .order_by("currency__code", "-run_id").distinct("currency__code"))  # fmt: skip
    groups = [_group(row, [one for one in history if one.currency_id == row.currency_id]) for row in latest]
    context = {"account": found, "groups": groups, "csv_url": csv_url(request)}
    response: HttpResponse = render(request, "clearing/risk/portfolio.html", context)
    return response


def _group(row: PortfolioMargin, history: list[PortfolioMargin]) -> dict[str, Any]:
    """Put one currency of a portfolio together."""
    source = directory()
    try:
        tail, refused = tail_of(margin=row), ""
    except RiskRefused as refusal:
        tail, refused = Tail([], [], []), refusal.message
    code = row.currency.code
    losses = dict(tail.contributions_minor)
    positions = [
        {
            "security": source.securities[security],
            "quantity": quantity,
            "mark_minor": mark,
            "loss_minor": losses.get(source.securities[security].symbol),
        }
        for security, quantity, mark in zip(row.security_ids, row.quantity_units, row.mark_minor, strict=True)
    ]
    return {
        "row": row,
        "currency": code,
        "parts": _parts(row),
        "history": _history(code, history),
        "tail_chart": _tail(code, tail),
        "refused": refused,
        "positions": sorted(positions, key=lambda position: -abs(position["mark_minor"])),
    }


def _scale(code: str) -> int:
    return int(10 ** directory().currencies_by_code[code].digits)


def _largest(segment: MarginSegment) -> Chart:
    """Draw the largest requirements by their parts."""
    scale = _scale(segment.currency)
    rows = segment.rows[:LARGEST_SHOWN]
    named: tuple[tuple[str, str, Tone], ...] = (
        ("Base", "base_minor", "accent"),
        ("Concentration", "concentration_minor", "warn"),
        ("Anti-procyclicality", "procyclicality_minor", "good"),
    )
    return Chart(
        key=f"margin-{segment.currency.lower()}",
        title="The largest requirements, by their parts",
        labels=[row.account.code for row in rows],
        unit=segment.currency,
        label_name="Portfolio",
        horizontal=True,
        series=[
            Series(name, [getattr(row, field) / scale for row in rows], "bar", tone, stack="margin")
            for name, field, tone in named
        ],
    )


def _parts(row: PortfolioMargin) -> Chart:
    """Draw what is charged by its parts, and the other models beside it."""
    scale = _scale(row.currency.code)
    beside = (row.expected_shortfall_minor, row.value_at_risk_minor, row.flat_minor)
    blank = [None] * len(beside)
    return Chart(
        key=f"parts-{row.currency.code.lower()}",
        title="What is charged, by its parts, and other models beside it",
        labels=["Charged", "Expected shortfall", "Value at risk", "Flat rate"],
        unit=row.currency.code,
        label_name="Margin",
        horizontal=True,
        height="short",
        series=[
            Series("Base", [row.base_minor / scale, *blank], "bar", "accent", stack="all"),
            Series("Concentration", [row.concentration_minor / scale, *blank], "bar", "warn", stack="all"),
            Series("Anti-procyclicality", [row.procyclicality_minor / scale, *blank], "bar", "good", stack="all"),
            Series("Beside", [None, *(minor / scale for minor in beside)], "bar", "idle", stack="all"),
        ],
    )


def _history(code: str, rows: list[PortfolioMargin]) -> Chart:
    """Draw margin against value, evening by evening."""
    scale = _scale(code)
    return Chart(
        key=f"history-{code.lower()}",
        title="Margin against value",
        labels=[row.run.business_date.isoformat() for row in rows],
        unit=code,
        series=[
            Series("Gross value", [row.gross_minor / scale for row in rows], "bar", "idle"),
            Series("Requirement", [row.requirement_minor / scale for row in rows], "line", "accent"),
            Series("Flat rate", [row.flat_minor / scale for row in rows], "line", "warn"),
        ],
    )


def _tail(code: str, tail: Tail) -> Chart:
    """Draw the days of history that make the expected shortfall, by security."""
    scale = _scale(code)
    named = [*tail.securities, "All others"]
    tones: list[Tone] = [*TAIL_TONES[: len(tail.securities)], "idle"]
    return Chart(
        key=f"tail-{code.lower()}",
        title="The worst days of history for this portfolio",
        labels=[day.ended_on.isoformat() for day in tail.days],
        unit=code,
        label_name="Return ended on",
        series=[
            Series(name, [day.parts_minor[place] / scale for day in tail.days], "bar", tone, stack="loss")
            for place, (name, tone) in enumerate(zip(named, tones, strict=True))
        ],
    )
