"""The blotter of orders, and what is done to one."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from reference.access import actor_of
from reference.answering import answer
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import business_clock, directory
from trades.filters_orders import OrderFilter
from trades.models import Order
from trades.queries.orders import SHOWN, Executed, count_orders, describe_execution, orders_in_view, split_open
from trades.queries.visible import orders_visible_to

# The first is where the blotter opens: whatever still works, then what is done of the day.
VIEWS = {"working": "Working", "open": "Open", "today": "Today", "rejected": "Rejected today", "all": "All"}
SHOWN_OPEN = 50
COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.public_id),
    ("client_order_id", lambda row: row.client_order_id),
    ("status", lambda row: row.status),
    ("client", lambda row: row.client.code),
    ("broker", lambda row: row.broker.code),
    ("trader", lambda row: row.trader.code if row.trader else ""),
    ("account", lambda row: row.account.code),
    ("side", lambda row: row.side),
    ("isin", lambda row: row.security.code),
    ("symbol", lambda row: row.security.symbol),
    ("order_type", lambda row: row.order_type),
    ("limit_price", lambda row: row.limit_price),
    ("time_in_force", lambda row: row.time_in_force),
    ("expires_on", lambda row: row.expires_on),
    ("quantity", lambda row: row.quantity_units),
    ("filled", lambda row: row.filled_units),
    ("average_price", lambda row: describe_execution(order=row).average_price),
    ("filled_minor", lambda row: row.filled_minor),
    ("fees_minor", lambda row: row.fees_minor),
    ("currency", lambda row: row.currency.code),
    ("arrival_mid", lambda row: row.arrival_mid),
    ("refusal_code", lambda row: row.refusal_code),
    ("received_at", lambda row: row.received_at),
    ("business_date", lambda row: row.business_date),
)


@require_safe
def orders(request: HttpRequest) -> HttpResponseBase:
    """List orders, newest first; the CSV holds exactly the filtered view."""
    actor, today = actor_of(request), business_clock().business_date
    view = request.GET.get("view", "")
    view = view if view in VIEWS else next(iter(VIEWS))
    visible = orders_in_view(rows=orders_visible_to(actor=actor), view=view, business_date=today)
    filtered = OrderFilter(request.GET, queryset=visible.select_related(*SHOWN))
    rows = filtered.qs if filtered.is_valid() else Order.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=COLUMNS, name="orders")
    source = directory()
    groups: list[dict[str, Any]] = []
    if view == "working":
        working, rows = split_open(rows=rows)
        if not {"after", "before"} & request.GET.keys():
            groups.append({"title": "Open", "rows": _described(working[:SHOWN_OPEN])})
    cut = cut_page(rows=rows, request=request)
    groups.append({"title": "Done today" if view == "working" else "", "rows": _described(cut.rows)})
    context = {
        "filter": filtered,
        "cut": cut,
        "groups": [group for group in groups if group["rows"]],
        "more_open": bool(groups[:-1]) and len(groups[0]["rows"]) == SHOWN_OPEN,
        "csv_url": csv_url(request),
        "tabs": _tabs(request, view=view, counts=count_orders(actor=actor, business_date=today)),
        "keep": {"view": view},
        "participants": sorted(source.participants.values(), key=lambda entry: entry.code),
        "securities": sorted(source.securities.values(), key=lambda entry: entry.symbol),
    }
    return answer(request, "trades/orders.html", context)


def _described(rows: Iterable[Order]) -> list[Executed]:
    """Return orders with how they have fared so far."""
    return [describe_execution(order=row) for row in rows]


def _tabs(request: HttpRequest, *, view: str, counts: dict[str, int]) -> list[dict[str, Any]]:
    """Return the views of the blotter; the filters stay in force."""
    kept = [
        (key, value)
        for key, values in request.GET.lists()
        for value in values
        if key not in ("view", "after", "before")
    ]
    return [
        {
            "label": label,
            "href": "?" + urlencode([("view", name), *kept]),
            "current": name == view,
            "count": counts.get(name, ""),
        }
        for name, label in VIEWS.items()
    ]
