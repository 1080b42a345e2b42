"""The pages of trades: the blotter, what waits, cancellation, uploads."""

from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from reference.access import actor_of
from reference.answering import act_and_return, acting_actor_of, answer
from reference.core.directory import Directory
from reference.listing import Column, csv_url, cut_page, stream_csv, stream_query, wants_csv
from reference.queries import business_clock, directory
from reference.refusals import Refusal
from trades.core.parsing import REQUIRED_COLUMNS
from trades.filters import TradeFilter
from trades.models import RefusedLine, Submission, Trade
from trades.queries.life import SHOWN, get_trade
from trades.queries.submissions import get_submission, refusals_by_code
from trades.queries.unmatched import Waiting, count_ages, count_waiting, describe_waiting, waiting_rows
from trades.queries.visible import submissions_visible_to, trades_visible_to
from trades.services.cancel_trades import cancel_trade
from trades.services.capture_submission import capture_submission, open_submission

WAITING_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.trade.public_id),
    ("trade_id", lambda row: row.trade.trade_id if row.own else ""),
    ("reporter", lambda row: row.trade.reporter.code),
    ("side", lambda row: row.trade.side),
    ("buyer", lambda row: row.trade.buyer.code),
    ("seller", lambda row: row.trade.seller.code),
    ("isin", lambda row: row.trade.security.code),
    ("quantity", lambda row: row.trade.quantity_units),
    ("price", lambda row: row.trade.price),
    ("amount_minor", lambda row: row.trade.amount_minor),
    ("currency", lambda row: row.trade.currency.code),
    ("settlement_date", lambda row: row.trade.settlement_date),
    ("age_business_days", lambda row: row.age_days),
    ("alleged_at", lambda row: row.alleged_at),
    ("difference", lambda row: row.difference),
)
REFUSED_COLUMNS: tuple[Column, ...] = (
    ("line", lambda row: row.line),
    ("code", lambda row: row.code),
    ("pointer", lambda row: row.pointer),
    ("message", lambda row: row.message),
    ("content", lambda row: row.content),
)
WAITING_VIEWS = {"all": "All", "alleged": "Alleged", "near": "With a near miss", "alone": "No counterpart"}
OWN_VIEWS = WAITING_VIEWS | {"all": "Your reports", "alleged": "Alleged against you"}
TEMPLATE_ROW = "T-0001,ALDERBK,BRIXTON,IBM,100,118.50,USD,2008-09-15"
UPLOAD_FORMS = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}


def trade_columns(*, source: Directory) -> tuple[Column, ...]:
    """Return the columns of the blotter's CSV; codes come from the directory, so that a million rows need no join."""
    people, securities, currencies = source.participants, source.securities, source.currencies
    return (
        ("id", lambda trade: trade.public_id),
        ("trade_id", lambda trade: trade.trade_id),
        ("status", lambda trade: trade.status),
        ("reporter", lambda trade: people[trade.reporter_id].code),
        ("side", lambda trade: trade.side),
        ("buyer", lambda trade: people[trade.buyer_id].code),
        ("seller", lambda trade: people[trade.seller_id].code),
        ("isin", lambda trade: securities[trade.security_id].isin),
        ("symbol", lambda trade: securities[trade.security_id].symbol),
        ("quantity", lambda trade: trade.quantity_units),
        ("price", lambda trade: trade.price),
        ("amount_minor", lambda trade: trade.amount_minor),
        ("currency", lambda trade: currencies[trade.currency_id].code),
        ("trade_date", lambda trade: trade.trade_date),
        ("settlement_date", lambda trade: trade.settlement_date),
        ("cleared", lambda trade: trade.cleared),
        ("transaction_type", lambda trade: trade.transaction_type),
        ("trading_venue", lambda trade: trade.trading_venue),
        ("business_date", lambda trade: trade.business_date),
        ("received_at", lambda trade: trade.received_at),
    )


@require_safe
def trades(request: HttpRequest) -> HttpResponseBase:
    """List trades, newest first; the CSV holds exactly the filtered list."""
    actor = actor_of(request)
    filtered = TradeFilter(request.GET, queryset=trades_visible_to(actor=actor).select_related(*SHOWN[:5]))
    rows = filtered.qs if filtered.is_valid() else Trade.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows.select_related(None), columns=trade_columns(source=directory()), name="trades")
    context = {
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request),
        "csv_url": csv_url(request),
        "presets": _presets(request, today=business_clock().business_date),
    }
    return answer(request, "trades/trades.html", context | _choices())


def _presets(request: HttpRequest, *, today: date) -> list[dict[str, Any]]:
    """Return the views of the blotter that are one click away."""
    views = (
        ("Captured today", {"business_date_from": today, "business_date_to": today}),
        ("Settles today", {"settlement_date_from": today, "settlement_date_to": today}),
        ("Waits for a match", {"status": "NEW"}),
        ("Not cleared", {"cleared": "false"}),
    )
    now = {name: value for name, value in request.GET.items() if name not in ("after", "before")}
    return [
        {
            "label": label,
            "href": "?" + urlencode(query),
            "current": now == {name: str(value) for name, value in query.items()},
        }
        for label, query in views
    ]


@require_safe
def unmatched(request: HttpRequest) -> HttpResponseBase:
    """List what waits for its other side, the oldest first, with its near miss side by side."""
    actor, reading = actor_of(request), business_clock()
    names = WAITING_VIEWS if actor.sees_all else OWN_VIEWS
    view = request.GET.get("view", "all")
    view = view if view in names else "all"
    rows = waiting_rows(actor=actor, view=view)

    def describe(chunk: Any) -> list[Waiting]:
        return describe_waiting(rows=chunk, actor=actor, business_date=reading.business_date)

    if wants_csv(request):
        everything = describe(rows.order_by("pk"))
        return stream_csv(chunks=[everything], columns=WAITING_COLUMNS, name="unmatched")
    cut = cut_page(rows=rows, request=request, newest_first=False, size=30)
    counts = count_waiting(actor=actor)
    sizes = {
        "all": counts.waiting,
        "alleged": counts.alleged_against,
        "near": counts.near,
        "alone": counts.waiting - counts.near,
    }
    context = {
        "cut": cut,
        "rows": describe(cut.rows),
        "view": view,
        "counts": counts,
        "ages": count_ages(actor=actor, view=view, business_date=reading.business_date),
        "tabs": [
            {
                "label": label,
                "href": "?" if name == "all" else f"?view={name}",
                "current": name == view,
                "count": sizes[name],
            }
            for name, label in names.items()
        ],
        "csv_url": csv_url(request),
    }
    return answer(request, "trades/unmatched.html", context)


@require_POST
def cancel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Cancel a report, or ask for the cancellation of a matched trade."""
    actor, reading = acting_actor_of(request), business_clock()
    trade = get_trade(actor=actor, public_id=public_id)

    def act() -> str:
        outcome = cancel_trade(
            trade_pk=trade.pk,
            reason=request.POST.get("reason", "").strip()[:200],
            actor=actor,
            at=reading.at,
            business_date=reading.business_date,
        )
        if outcome == "CANCELLED":
            return "The trade is cancelled."
        return "Your wish is noted. The trade is cancelled when the other party asks for it too."

    return act_and_return(request, act=act, back=reverse("trade", args=[public_id]))


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponseBase:
    """Show past submissions and take a new file."""
    if request.method == "POST":
        return _take_file(request)
    actor = actor_of(request)
    rows = submissions_visible_to(actor=actor).select_related("reporter")
    context = {"cut": cut_page(rows=rows, request=request, size=25), "required": required_columns()}
    return answer(request, "trades/upload.html", context)


def _take_file(request: HttpRequest) -> HttpResponse:
    """Capture an uploaded file line by line and go to its submission."""
    actor, reading = acting_actor_of(request), business_clock()
    file = request.FILES.get("file")
    form = next((form for end, form in UPLOAD_FORMS.items() if file and str(file.name).lower().endswith(end)), None)
    if file is None or form is None:
        messages.error(request, "Choose a file whose name ends in .csv, .ndjson or .jsonl.")
        return redirect("upload")
    submission = open_submission(actor=actor, source=str(file.name), at=reading.at, business_date=reading.business_date)
    try:
        for _ in capture_submission(submission=submission, blocks=file.chunks(), form=form, actor=actor):
            pass
    except Refusal as refusal:
        messages.error(request, refusal.message)
    return redirect("submission", public_id=submission.public_id)


@require_safe
def submission(request: HttpRequest, public_id: UUID) -> HttpResponseBase:
    """Show what became of the lines of one submission."""
    found: Submission = get_submission(actor=actor_of(request), public_id=public_id)
    refused = RefusedLine.objects.filter(submission=found)
    groups = refusals_by_code(submission=found)
    code = next((code for code, _ in groups if code == request.GET.get("code")), None)
    if code is not None:
        refused = refused.filter(code=code)
    if wants_csv(request):
        return stream_query(rows=refused, columns=REFUSED_COLUMNS, name="refused-lines", newest_first=False)
    context = {
        "submission": found,
        "groups": [
            {"code": name, "count": count, "href": f"?code={name}" if name != code else "?", "current": name == code}
            for name, count in groups
        ],
        "cut": cut_page(rows=refused, request=request, newest_first=False),
        "csv_url": csv_url(request),
        "trades_url": f"{reverse('trades')}?submission={found.public_id}",
        "taken_percent": 100 * (found.accepted + found.repeated) / found.lines if found.lines else 0.0,
    }
    return answer(request, "trades/submission.html", context)


@require_safe
def upload_template(request: HttpRequest) -> HttpResponse:
    """Give a CSV file with the columns every report needs, and one line as an example."""
    response = HttpResponse(
        f"{','.join(required_columns())}\r\n{TEMPLATE_ROW}\r\n", content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="trades-template.csv"'
    return response


def required_columns() -> list[str]:
    """Return the columns that every CSV file of reports must have."""
    return list(REQUIRED_COLUMNS)


def _choices() -> dict[str, Any]:
    """Return the codes that the filter fields suggest."""
    source = directory()
    return {
        "participants": sorted(source.participants.values(), key=lambda entry: entry.code),
        "securities": sorted(source.securities.values(), key=lambda entry: entry.symbol),
    }
