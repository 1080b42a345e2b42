"""Pages of stress tests and the default fund: losses by scenario and member, and what stands against them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from clearing.queries.fund_views import FundView, read_funds
from clearing.queries.stress import StressTable, read_stress
from reference.access import actor_of
from reference.charts import Chart, Series
from reference.listing import Column, csv_url, stream_csv, wants_csv
from reference.queries import business_clock, directory

HEATS = 5

STRESS_COLUMNS: tuple[Column, ...] = (
    ("currency", lambda row: row["currency"]),
    ("scenario", lambda row: row["scenario"].code),
    ("name", lambda row: row["scenario"].name),
    ("kind", lambda row: row["scenario"].kind),
    ("member", lambda row: row["member"]),
    ("loss_minor", lambda row: row["cell"].loss_minor),
    ("margin_minor", lambda row: row["cell"].margin_minor),
    ("uncovered_minor", lambda row: row["cell"].uncovered_minor),
)
CONTRIBUTION_COLUMNS: tuple[Column, ...] = (
    ("currency", lambda row: row["currency"]),
    ("member", lambda row: row["part"].member),
    ("margin_minor", lambda row: row["part"].margin_minor),
    ("contribution_minor", lambda row: row["part"].contribution_minor),
    ("held_minor", lambda row: row["part"].held_minor),
    ("open_minor", lambda row: row["part"].open_minor),
    ("called_minor", lambda row: row["part"].called_minor),
    ("returned_minor", lambda row: row["part"].returned_minor),
)


@require_safe
def stress(request: HttpRequest) -> HttpResponseBase:
    """Show what members would lose beyond margin in each scenario, and the fund against the worst two."""
    actor, today = actor_of(request), business_clock().business_date
    found = read_stress(actor=actor, business_date=today)
    if wants_csv(request):
        rows = [
            {"currency": table.currency, "scenario": row.scenario, "member": member, "cell": cell}
            for table in found.tables
            for row in table.rows
            for member, cell in sorted(row.cells.items())
        ]
        return stream_csv(chunks=[rows], columns=STRESS_COLUMNS, name="stress")
    funds = {fund.currency: fund for fund in read_funds(actor=actor, business_date=today)}
    context: dict[str, Any] = {
        "found": found,
        "groups": [_group(table=table, fund=funds.get(table.currency), named=actor.sees_all) for table in found.tables],
        "named": actor.sees_all,
        "csv_url": csv_url(request),
    }
    return render(request, "clearing/risk/stress.html", context)


def _group(*, table: StressTable, fund: FundView | None, named: bool) -> dict[str, Any]:
    """Put one currency's table together: each cell with its heat, 0 where margin covers all."""
    hottest = max((cell.uncovered_minor for row in table.rows for cell in row.cells.values()), default=0)
    return {
        "table": table,
        "fund": fund,
        "rows": [
            {
                "row": row,
                "is_worst": row is table.worst,
                "cells": [
                    {"cell": row.cells[member], "heat": _heat(row.cells[member].uncovered_minor, hottest)}
                    for member in table.members
                ],
            }
            for row in table.rows
        ],
        "chart": _cover_chart(table=table, fund=fund, named=named),
    }


def _heat(minor: int, hottest: int) -> int:
    """Return how hot a cell is: 0 for nothing, 1 to HEATS by its share of the hottest."""
    return 0 if minor <= 0 else max(1, -(-HEATS * minor // hottest))


def _cover_chart(*, table: StressTable, fund: FundView | None, named: bool) -> Chart:
    """Draw the two largest losses beyond margin of each scenario against the fund and the own resources."""
    scale = 10 ** directory().currencies_by_code[table.currency].digits
    rows = sorted((row for row in table.rows if row.cover_two_minor), key=lambda row: -row.cover_two_minor)
    if named:
        series = [
            Series("Largest group", [row.largest_minor / scale for row in rows], "bar", "bad", stack="two"),
            Series("Second group", [(row.cover_two_minor - row.largest_minor) / scale for row in rows], "bar", "warn",
                   stack="two"),
        ]  # fmt: skip
    else:
        series = [Series("Two largest groups", [row.cover_two_minor / scale for row in rows], "bar", "bad")]
    if fund is not None:
        size, resources = fund.sizing.size_minor / scale, fund.standing.resources_minor / scale
        series += [
            Series("Default fund", [size] * len(rows), "line", "accent"),
            Series("Fund and own resources", [resources] * len(rows), "line", "good"),
        ]
    return Chart(
        key=f"cover-{table.currency.lower()}",
        title="Losses beyond margin against the default fund",
        labels=[row.scenario.code for row in rows],
        label_name="Scenario",
        unit=table.currency,
        height="tall",
        series=series,
    )


@require_safe
def fund(request: HttpRequest) -> HttpResponseBase:
    """Show the default fund: its size and why, contributions, and the layers of the waterfall."""
    actor, today = actor_of(request), business_clock().business_date
    funds = read_funds(actor=actor, business_date=today)
    if wants_csv(request):
        rows = [{"currency": one.currency, "part": part} for one in funds for part in one.contributions]
        return stream_csv(chunks=[rows], columns=CONTRIBUTION_COLUMNS, name="default-fund")
    context = {
        "funds": [{"fund": one, "chart": _evenings_chart(one), "layers": _layers_chart(one)} for one in funds],
        "named": actor.sees_all,
        "csv_url": csv_url(request),
    }
    return render(request, "clearing/risk/fund.html", context)


def _evenings_chart(fund: FundView) -> Chart:
    """Draw Cover-2 evening by evening against the fund and the CCP's own resources."""
    scale = 10 ** directory().currencies_by_code[fund.currency].digits

    def scaled(minor: int | None) -> float | None:
        return None if minor is None else minor / scale

    return Chart(
        key=f"evenings-{fund.currency.lower()}",
        title="Stress losses beyond margin against the fund, evening by evening",
        labels=[evening.business_date.isoformat() for evening in fund.evenings],
        unit=fund.currency,
        series=[
            Series("Cover-2", [scaled(evening.cover_two_minor) for evening in fund.evenings], "bar", "bad"),
            Series("Default fund", [scaled(evening.size_minor) for evening in fund.evenings], "line", "accent"),
            Series("Fund and own resources", [scaled(evening.resources_minor) for evening in fund.evenings], "line",
                   "good"),
        ],
    )  # fmt: skip


def _layers_chart(fund: FundView) -> Chart:
    """Draw the layers of the waterfall in the order in which they are used."""
    scale = 10 ** directory().currencies_by_code[fund.currency].digits
    layers = [layer for layer in fund.layers if layer.amount_minor is not None]
    return Chart(
        key=f"layers-{fund.currency.lower()}",
        title="What stands behind a default",
        labels=[layer.name for layer in layers],
        label_name="Layer",
        unit=fund.currency,
        height="short",
        horizontal=True,
        series=[Series("Amount", [(layer.amount_minor or 0) / scale for layer in layers], "bar", "accent")],
    )
