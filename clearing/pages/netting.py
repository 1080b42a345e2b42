"""The pages of clearing: what netting saves, what is obliged, who is exposed."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from clearing.filters import ObligationFilter
from clearing.models import NettingRun, Obligation
from clearing.queries.exposures import Exposure, exposure_per_member
from clearing.queries.life import SHOWN
from clearing.queries.netting import runs_since, sum_netted, view_runs
from clearing.queries.visible import obligations_visible_to
from reference.access import actor_of
from reference.answering import answer
from reference.charts import Chart, Series
from reference.listing import Column, csv_url, cut_page, stream_csv, stream_query, wants_csv
from reference.queries import business_clock, directory

RUNS_SHOWN = timedelta(days=14)

OBLIGATION_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.pk),
    ("kind", lambda row: row.kind),
    ("netting_run", lambda row: row.netting_run_id),
    ("participant", lambda row: row.account.participant.code),
    ("account", lambda row: row.account.code),
    ("counterparty", lambda row: row.counterparty_account.participant.code),
    ("isin", lambda row: row.security.code),
    ("symbol", lambda row: row.security.symbol),
    ("settlement_date", lambda row: row.settlement_date),
    ("quantity", lambda row: row.quantity_units),
    ("cash_minor", lambda row: row.cash_minor),
    ("currency", lambda row: row.currency.code),
    ("trades", lambda row: row.trades),
    ("bought_minor", lambda row: row.bought_minor),
    ("sold_minor", lambda row: row.sold_minor),
    ("created_at", lambda row: row.created_at),
    ("discharged_at", lambda row: row.discharged_at),
    ("cancelled_at", lambda row: row.cancelled_at),
    ("carried_at", lambda row: row.carried_at),
)
EXPOSURE_COLUMNS: tuple[Column, ...] = (
    ("member", lambda row: row.member),
    ("clients", lambda row: " ".join(sorted(row.clients))),
    ("currency", lambda row: row.currency),
    ("netted_to_receive_minor", lambda row: row.netted.to_receive_minor),
    ("netted_to_deliver_minor", lambda row: row.netted.to_deliver_minor),
    ("netted_cash_minor", lambda row: row.netted.cash_minor),
    ("unnetted_contracts", lambda row: row.unnetted.contracts),
    ("unnetted_to_receive_minor", lambda row: row.unnetted.to_receive_minor),
    ("unnetted_to_deliver_minor", lambda row: row.unnetted.to_deliver_minor),
    ("unnetted_cash_minor", lambda row: row.unnetted.cash_minor),
    ("mark_minor", lambda row: row.mark_minor),
)


@require_safe
def netting(request: HttpRequest) -> HttpResponseBase:
    """Show the netting runs, value before and after, and the obligations that came out."""
    actor, today = actor_of(request), business_clock().business_date
    filtered = ObligationFilter(request.GET, queryset=obligations_visible_to(actor=actor).select_related(*SHOWN))
    rows = filtered.qs if filtered.is_valid() else Obligation.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=OBLIGATION_COLUMNS, name="obligations")
    runs = runs_since(actor=actor, since=today - RUNS_SHOWN)
    chosen = filtered.form.cleaned_data.get("netting_run") if filtered.is_valid() else None
    if chosen and all(run.pk != chosen for run in runs):
        runs = view_runs(runs=NettingRun.objects.filter(pk=int(chosen)), actor=actor)
    context: dict[str, Any] = {
        "today": today,
        "runs": runs,
        "chosen": int(chosen) if chosen else None,
        "netted_today": sum_netted(views=[run for run in runs if run.business_date == today]),
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request),
        "csv_url": csv_url(request),
        "participants": sorted(directory().participants.values(), key=lambda entry: entry.code),
        "securities": sorted(directory().securities.values(), key=lambda entry: entry.symbol),
    }
    return answer(request, "clearing/netting.html", context)


@require_safe
def exposures(request: HttpRequest) -> HttpResponseBase:
    """Show what each member owes and is owed, at market value."""
    actor, today = actor_of(request), business_clock().business_date
    found = exposure_per_member(actor=actor, business_date=today)
    if wants_csv(request):
        return stream_csv(chunks=[found.rows], columns=EXPOSURE_COLUMNS, name="exposures")
    context = {
        "today": today,
        "exposures": found,
        "groups": _by_currency(found.rows),
        "csv_url": csv_url(request),
    }
    return render(request, "clearing/exposures.html", context)


def _chart(*, currency: str, rows: list[Exposure]) -> Chart:
    """Draw what each member's open positions are worth to it, the largest first."""
    scale = 10 ** directory().currencies_by_code[currency].digits
    return Chart(
        key=f"exposures-{currency.lower()}",
        title="Worth to the member; below zero the CCP is exposed",
        labels=[row.member for row in rows],
        unit=currency,
        label_name="Member",
        horizontal=True,
        series=[
            Series(
                "Netted, not settled", [row.netted.mark_minor / scale for row in rows], "bar", "accent", stack="worth"
            ),
            Series("Not yet netted", [row.unnetted.mark_minor / scale for row in rows], "bar", "idle", stack="worth"),
        ],
    )


def _by_currency(rows: list[Exposure]) -> list[dict[str, Any]]:
    """Return the exposures a currency at a time, with totals and the largest one to measure bars against."""
    groups: dict[str, list[Exposure]] = {}
    for row in rows:
        groups.setdefault(row.currency, []).append(row)
    return [
        {
            "currency": currency,
            "rows": [
                {
                    "row": row,
                    "percent": 100 * row.largest_minor / (max(one.largest_minor for one in group) or 1),
                }
                for row in group
            ],
            "chart": _chart(currency=currency, rows=group),
            "contracts": sum(row.unnetted.contracts for row in group),
            "exposed_minor": -sum(min(0, row.mark_minor) for row in group),
        }
        for currency, group in groups.items()
    ]
