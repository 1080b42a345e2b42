"""The pages of positions: the blotter, one position with its lots and days, limits and their alerts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ledger.models import Account
from reference.access import actor_of
from reference.answering import act_and_return, acting_operator_of, answer
from reference.charts import Chart, Series
from reference.core.figures import read_figure
from reference.listing import Column, csv_url, cut_page, stream_csv, stream_query, wants_csv
from reference.models import BASE_CURRENCY
from reference.queries import business_clock, directory
from reference.refusals import Refusal
from trades.core.positions import CostMethod
from trades.filters_positions import PositionAlertFilter, PositionFilter
from trades.models import PositionAlert
from trades.queries.position_limits import alerts_visible_to, limits_visible_to, use_of_limits
from trades.queries.position_report import (
    base_rates,
    get_account,
    in_base,
    read_positions,
    results_by_day,
    sum_by_party,
)
from trades.queries.positions import PositionView, accounts_visible_to, position_history
from trades.services.positions.set_limits import retire_limit, set_limit
from trades.services.positions.watch_limits import acknowledge_alert, acknowledge_alerts

SHOWN_POSITIONS = 100
SHOWN_USES = 30

POSITION_COLUMNS: tuple[Column, ...] = (
    ("participant", lambda row: row.account.participant.code),
    ("account", lambda row: row.account.code),
    ("isin", lambda row: row.security.isin),
    ("symbol", lambda row: row.security.symbol),
    ("currency", lambda row: row.currency.code),
    ("method", lambda row: row.held.method),
    ("quantity", lambda row: row.quantity_units),
    ("cost_minor", lambda row: row.held.cost_minor),
    ("average", lambda row: row.average),
    ("mark", lambda row: row.mark),
    ("mark_source", lambda row: row.mark_source),
    ("unrealised_minor", lambda row: row.unrealised_minor),
    ("realised_day_minor", lambda row: row.realised_day_minor),
    ("realised_minor", lambda row: row.held.realised_minor),
    ("fees_minor", lambda row: row.held.fees_minor),
    ("total_minor", lambda row: row.total_minor),
    ("day_minor", lambda row: row.day_minor),
)
ALERT_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.pk),
    ("business_date", lambda row: row.business_date),
    ("at", lambda row: row.at),
    ("participant", lambda row: row.participant.code),
    ("account", lambda row: row.account.code if row.account else ""),
    ("isin", lambda row: row.security.code),
    ("quantity", lambda row: row.quantity_units),
    ("limit", lambda row: row.limit_units),
    ("acknowledged_at", lambda row: row.acknowledged_at),
    ("acknowledged_by", lambda row: row.acknowledged_by),
)


@require_safe
def positions(request: HttpRequest) -> HttpResponseBase:
    """Show positions as they are now, or as they closed on a day."""
    actor, today = actor_of(request), business_clock().business_date
    filtered = PositionFilter(request.GET, queryset=accounts_visible_to(actor=actor))
    views: list[PositionView] = []
    told: dict[str, Any] = {}
    if filtered.is_valid():
        told = filtered.form.cleaned_data
        views = read_positions(
            accounts=list(filtered.qs), business_date=today, on=told["date"], security_id=told["security"],
            method=filtered.method_chosen, closed_too=told["show"] == "ALL",
        )  # fmt: skip
    if wants_csv(request):
        return stream_csv(chunks=[views], columns=POSITION_COLUMNS, name="positions")
    rates = base_rates(on=today)
    sized = sorted(((view, _size(view, rates)) for view in views), key=lambda pair: -pair[1])
    largest = sized[0][1] or 1 if sized else 1
    parties = sum_by_party(views=views, rates=rates)
    results = results_by_day(actor=actor, until=today, rates=rates, participant_id=told.get("participant"))
    live = told.get("date") is None or told["date"] >= today
    context = {
        "filter": filtered,
        "rows": [{"view": view, "percent": 100 * size / largest} for view, size in sized[:SHOWN_POSITIONS]],
        "total_count": len(views),
        "shown": SHOWN_POSITIONS,
        "is_live": live,
        "base": BASE_CURRENCY,
        "parties": parties,
        "chart": _results_chart(results),
        "totals": {
            name: sum(getattr(party, name) for party in parties)
            for name in ("long_minor", "short_minor", "realised_day_minor", "unrealised_minor", "total_minor")
        },
        "csv_url": csv_url(request),
        "participants": sorted(directory().participants.values(), key=lambda entry: entry.code),
        "securities": sorted(directory().securities.values(), key=lambda entry: entry.symbol),
    }
    return answer(request, "trades/positions.html", context)


@require_safe
def position(request: HttpRequest, account: str, isin: str) -> HttpResponseBase:
    """Show one position: its lots, what it made, and its days."""
    actor, today = actor_of(request), business_clock().business_date
    found = get_account(actor=actor, code=account)
    security = directory().security(isin=isin)
    method = request.GET.get("method", "")
    views = read_positions(
        accounts=[found], business_date=today, security_id=security.id, closed_too=True,
        method=CostMethod(method) if method in list(CostMethod) else None,
    )  # fmt: skip
    days = list(position_history(actor=actor, account=found, security_id=security.id))
    context = {
        "account": found,
        "security": security,
        "views": views,
        "method": method,
        "days": days[::-1],
        "charts": _day_charts(days, security.currency.digits, security.currency.code),
        "tabs": [
            {"label": label, "href": f"?method={value}" if value else "?", "current": value == method}
            for value, label in (("", "As it is costed"), ("AVERAGE", "Average cost"), ("FIFO", "First in, first out"))
        ],
    }
    return answer(request, "trades/position.html", context)


@require_safe
def limits(request: HttpRequest) -> HttpResponseBase:
    """Show position limits, how much of them is used, and the alerts of what is above them."""
    actor, today = actor_of(request), business_clock().business_date
    filtered = PositionAlertFilter(request.GET, queryset=alerts_visible_to(actor=actor))
    rows = filtered.qs if filtered.is_valid() else PositionAlert.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=ALERT_COLUMNS, name="position-alerts")
    source = directory()
    uses = use_of_limits(business_date=today, actor=actor)[:SHOWN_USES]
    names = {account.pk: account.code for account in accounts_visible_to(actor=actor)}
    context = {
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request),
        "csv_url": csv_url(request),
        "limits": limits_visible_to(actor=actor).filter(active=True).order_by("pk"),
        "uses": [
            {
                "use": use, "party": source.participants[use.participant_id],
                "security": source.securities[use.security_id],
                "account": names.get(use.account_id, "") if use.account_id else "",
                "tone": "bad" if use.is_breached else "warn" if use.used_percent > 80 else "go",
            }
            for use in uses
        ],
        "may_set": actor.is_operator,
        "waiting": rows.filter(acknowledged_at__isnull=True).count() if actor.is_operator else 0,
        "kept_query": request.GET.urlencode(),
        "participants": sorted(source.participants.values(), key=lambda entry: entry.code),
        "securities": sorted(source.securities.values(), key=lambda entry: entry.symbol),
    }  # fmt: skip
    return answer(request, "trades/position_limits.html", context)


@require_POST
def limit_set(request: HttpRequest) -> HttpResponse:
    """Set a limit."""
    actor, reading = acting_operator_of(request), business_clock()

    def act() -> str:
        source = directory()
        fields = {name: request.POST.get(name, "").strip() for name in ("participant", "account", "security")}
        account = Account.objects.filter(code=fields["account"], kind="SECURITIES").first()
        if fields["account"] and account is None:
            raise Refusal("There is no such securities account.")
        changed = set_limit(
            participant_id=source.participant(code=fields["participant"]).id if fields["participant"] else None,
            account=account,
            security_id=source.security(isin=fields["security"]).id if fields["security"] else None,
            largest_units=_whole(request.POST.get("units", "")),
            volume_percent=_number(request.POST.get("percent", "")),
            actor=actor, at=reading.at, business_date=reading.business_date,
        )  # fmt: skip
        if changed.proposal is not None:
            return "The limit would allow more than what counts now: it waits for a second person, under Approvals."
        return "The limit is set."

    return act_and_return(request, act=act, back=reverse("position-limits"))


@require_POST
def limit_retire(request: HttpRequest, pk: int) -> HttpResponse:
    """Propose that a limit hold no longer."""
    actor, reading = acting_operator_of(request), business_clock()

    def act() -> str:
        retire_limit(limit_id=pk, actor=actor, at=reading.at, business_date=reading.business_date)
        return "The limit holds until a second person approves that it goes, under Approvals."

    return act_and_return(request, act=act, back=reverse("position-limits"))


@require_POST
def alert_acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Note that an alert was seen."""
    actor, reading = acting_operator_of(request), business_clock()

    def act() -> str:
        acknowledge_alert(alert_id=pk, actor=actor, at=reading.at, business_date=reading.business_date)
        return "The alert is acknowledged."

    return act_and_return(request, act=act, back=reverse("position-limits"))


@require_POST
def alerts_acknowledge(request: HttpRequest) -> HttpResponse:
    """Note that all alerts of the filtered list were seen; the address carries the filters."""
    actor, reading = acting_operator_of(request), business_clock()
    filtered = PositionAlertFilter(request.GET, queryset=alerts_visible_to(actor=actor))

    def act() -> str:
        if not filtered.is_valid():
            raise Refusal("One of the filters is not understood.")
        noted = acknowledge_alerts(alerts=filtered.qs, actor=actor, at=reading.at, business_date=reading.business_date)
        return f"{noted:,} {'alert is' if noted == 1 else 'alerts are'} acknowledged."

    return act_and_return(request, act=act, back=f"{reverse('position-limits')}?{request.GET.urlencode()}")


def _number(text: str) -> Decimal | None:
    if not text.strip():
        return None
    found = read_figure(text=text)
    if found is None:
        raise Refusal(f"{text[:20]} is no number.")
    return found


def _whole(text: str) -> int | None:
    found = _number(text)
    if found is not None and found % 1:
        raise Refusal("Units are whole numbers.")
    return None if found is None else int(found)


def _size(view: PositionView, rates: Any) -> int:
    rate = rates.get(view.currency.id)
    if rate is None:
        return 0
    return abs(in_base(minor=view.value_minor or 0, rate=rate, digits=view.currency.digits))


def _results_chart(results: list[tuple[Any, int]]) -> Chart:
    """Draw the result at each close, and how it changed by it."""
    totals = [minor / 100 for _, minor in results]
    return Chart(
        key="results",
        title="Result since the first day, and by day",
        labels=[day.isoformat() for day, _ in results],
        unit=BASE_CURRENCY,
        series=[
            Series("Since the first day", totals, "line", "accent"),
            Series(
                "By day", [b - a for a, b in zip([0.0, *totals], totals, strict=False)], "bar", "idle"
            ),
        ],
        note="At today's exchange rates.",
        height="short",
    )  # fmt: skip


def _day_charts(days: list[Any], digits: int, currency: str) -> list[Chart]:
    """Draw a position's units and its result, day by day."""
    labels = [row.run.business_date.isoformat() for row in days]
    scale = 10**digits
    return [
        Chart("units", "Units at the close", labels, [Series("Units", [row.quantity_units for row in days], "bar")],
              digits=0, height="short"),
        Chart(
            "result", "Result at the close", labels,
            [
                Series("Realised", [row.realised_minor / scale for row in days], "line", "good"),
                Series("Unrealised", [None if row.unrealised_minor is None else row.unrealised_minor / scale
                                      for row in days], "line", "accent"),
            ],
            unit=currency, height="short",
        ),
    ]  # fmt: skip
