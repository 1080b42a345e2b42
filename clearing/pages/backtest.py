"""Pages of backtests: the tests of all portfolios, and one portfolio's margin against what it made or lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from clearing.queries.backtests import DayUse, PortfolioDays, backtests_since, portfolio_days
from clearing.queries.history_backtest import HistoryBacktest, history_backtest
from clearing.queries.margin_parameters import margin_parameters_on
from clearing.refusals import NoMarginParameters, UnknownPortfolio
from reference.access import actor_of
from reference.charts import Chart, Series
from reference.listing import Column, csv_url, stream_csv, wants_csv
from reference.queries import business_clock, directory
from reference.refusals import Refusal

TEST_COLUMNS: tuple[Column, ...] = (
    ("currency", lambda row: row.currency),
    ("member", lambda row: row.member),
    ("portfolio", lambda row: row.account),
    ("days", lambda row: row.result.days),
    ("breaches", lambda row: row.result.breaches),
    ("expected", lambda row: f"{row.result.kupiec.expected:.2f}"),
    ("coverage", lambda row: f"{row.result.coverage:.6f}"),
    ("lr_pof", lambda row: f"{row.result.kupiec.likelihood_ratio:.5f}"),
    ("p_pof", lambda row: f"{row.result.kupiec.p_value:.5f}"),
    ("lr_ind", lambda row: f"{row.result.christoffersen.likelihood_ratio:.5f}"),
    ("p_ind", lambda row: f"{row.result.christoffersen.p_value:.5f}"),
    ("lr_cc", lambda row: f"{row.result.joint_likelihood_ratio:.5f}"),
    ("p_cc", lambda row: f"{row.result.joint_p_value:.5f}"),
    ("verdict", lambda row: row.verdict),
    ("margin_peak_minor", lambda row: row.result.peak_minor),
    ("margin_trough_minor", lambda row: row.result.trough_minor),
    ("worst_breach_minor", lambda row: row.result.worst_minor),
)
DAY_COLUMNS: tuple[Column, ...] = (
    ("business_date", lambda row: row.business_date),
    ("horizon_days", lambda row: row.horizon_days),
    ("margin_minor", lambda row: row.margin_minor),
    ("pnl_minor", lambda row: row.pnl_minor),
    ("breach", lambda row: row.breach),
)


@require_safe
def backtest(request: HttpRequest) -> HttpResponseBase:
    """Show the tests over all, by member and by portfolio."""
    actor, today = actor_of(request), business_clock().business_date
    context: dict[str, Any] = {"csv_url": csv_url(request)}
    try:
        horizons = _horizons(today=today)
        horizon = _chosen_horizon(request=request, horizons=horizons)
        found = backtests_since(actor=actor, business_date=today, horizon_days=horizon)
    except NoMarginParameters:
        return render(request, "clearing/risk/backtest.html", context)
    if wants_csv(request):
        rows = [*found.all, *found.members, *found.portfolios]
        return stream_csv(chunks=[rows], columns=TEST_COLUMNS, name="backtest")
    context |= {
        "found": found,
        "horizons": horizons,
        "horizon": horizon,
        "charts": [_use_chart(currency=row.currency, uses=found.uses) for row in found.all],
    }
    return render(request, "clearing/risk/backtest.html", context)


@require_safe
def backtest_portfolio(request: HttpRequest, account: str, currency: str) -> HttpResponseBase:
    """Show one portfolio's margin against its results; on demand, over the whole history of prices."""
    actor, today = actor_of(request), business_clock().business_date
    try:
        horizons = _horizons(today=today)
        horizon = _chosen_horizon(request=request, horizons=horizons)
        found = portfolio_days(
            actor=actor, account_code=account, currency=currency, business_date=today, horizon_days=horizon
        )
    except (NoMarginParameters, UnknownPortfolio) as refusal:
        raise Http404(refusal.message) from refusal
    if wants_csv(request):
        return stream_csv(chunks=[found.days], columns=DAY_COLUMNS, name="backtest-days")
    context: dict[str, Any] = {
        "found": found,
        "horizons": horizons,
        "horizon": horizon,
        "csv_url": csv_url(request),
        "chart": _days_chart(found=found),
        "days": list(found.days)[::-1],
        "wants_history": request.GET.get("history") == "on",
    }
    if context["wants_history"]:
        try:
            entry = directory().currencies_by_code[currency]
            over = history_backtest(account=found.account, currency_id=entry.id, business_date=today)
            context |= {"history": over, "history_chart": _history_chart(over=over, currency=currency)}
        except Refusal as refusal:
            context["history_refused"] = refusal.message
    return render(request, "clearing/risk/backtest_portfolio.html", context)


def _horizons(*, today: Any) -> list[int]:
    """Return the horizons that are tested: a day, and the margin period of risk. Raises NoMarginParameters."""
    return sorted({1, margin_parameters_on(day=today).mpor_days})


def _chosen_horizon(*, request: HttpRequest, horizons: list[int]) -> int:
    """Return the horizon of the address; the margin period of risk, where it names none that is tested."""
    text = request.GET.get("horizon", "")
    return int(text) if text.isascii() and text.isdigit() and int(text[:4]) in horizons else horizons[-1]


def _use_chart(*, currency: str, uses: Sequence[DayUse]) -> Chart:
    """Draw, day by day, the largest share of its margin that a portfolio lost."""
    own = [use for use in uses if use.currency == currency]
    return Chart(
        key=f"use-{currency.lower()}",
        title=f"Largest use of margin by a portfolio, {currency}",
        labels=[use.business_date.isoformat() for use in own],
        unit="%",
        digits=1,
        series=[
            Series("Loss in percent of its margin", [use.worst_percent for use in own], "bar", "accent"),
            Series("Margin", [100.0] * len(own), "line", "warn"),
            Series("Breach", [use.worst_percent if use.breaches else None for use in own], "scatter", "bad"),
        ],
    )


def _days_chart(*, found: PortfolioDays) -> Chart:
    """Draw margin as the loss that it covers, what was made or lost, and the breaches."""
    scale = 10 ** directory().currencies_by_code[found.currency].digits
    return _margin_chart(
        key="days",
        title="Margin against profit and loss",
        labels=[day.business_date.isoformat() for day in found.days],
        margin=[day.margin_minor / scale for day in found.days],
        pnl=[day.pnl_minor / scale for day in found.days],
        currency=found.currency,
        kind="bar",
    )


def _history_chart(*, over: HistoryBacktest, currency: str) -> Chart:
    """Draw the same over the whole history."""
    scale = 10 ** directory().currencies_by_code[currency].digits
    return _margin_chart(
        key="history",
        title="The same portfolio over all prices",
        labels=[day.isoformat() for day in over.dates],
        margin=[minor / scale for minor in over.margin_minor],
        pnl=[minor / scale for minor in over.pnl_minor],
        currency=currency,
        kind="line",
    )


def _margin_chart(
    *, key: str, title: str, labels: list[str], margin: list[float], pnl: list[float], currency: str, kind: Any
) -> Chart:
    """Draw results, the margin below zero, and a mark where a result is below it."""
    breaches = [result if -result > held else None for held, result in zip(margin, pnl, strict=True)]
    return Chart(
        key=key,
        title=title,
        labels=labels,
        unit=currency,
        height="tall",
        series=[
            Series("Profit and loss", pnl, kind, "accent"),
            Series("Margin, as the loss it covers", [-held for held in margin], "line", "warn"),
            Series("Breach", breaches, "scatter", "bad"),
        ],
    )
