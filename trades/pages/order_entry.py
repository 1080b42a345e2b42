"""The ticket: an order is entered beside the market, the venues and what is left of the client's limits."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from reference.answering import acting_actor_of, answer
from reference.core.actor import Actor
from reference.core.directory import SecurityEntry
from reference.market_data import last_quotes
from reference.queries import business_clock, directory
from reference.refusals import Refusal
from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.client_lifecycle import ClientStatus
from trades.core.order_parsing import convert_ticket
from trades.core.order_ticket import OrderTicket, OrderType
from trades.core.report import Problem
from trades.models import Client, Venue, VenueBook
from trades.queries.books import BookShown, read_book_views
from trades.queries.clients import clients_visible_to, clients_with_use, traders_visible_to
from trades.services.orders.place_orders import place_orders

FORCES = {
    TimeInForce.DAY: "DAY: until the close",
    TimeInForce.GTC: "GTC: until it is cancelled",
    TimeInForce.IOC: "IOC: at once, the rest is cancelled",
    TimeInForce.FOK: "FOK: at once and whole, or not at all",
}
FIELDS = tuple(OrderTicket.__struct_fields__)
LEVELS = 3


@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    """Show the ticket, and send it: what is malformed comes back with its fields, what is rejected stands and says why.

    For HTMX, the market beside the form alone, for the client and security chosen so far.
    """
    actor = acting_actor_of(request)
    if request.method != "POST":
        if request.headers.get("HX-Request"):
            return answer(request, "trades/order_entry.html", _market(request.GET, actor=actor), part="market")
        values = {"client_order_id": f"T-{uuid4().hex[:10]}", **request.GET.dict()}
        return _show_form(request, actor=actor, values=values, problems=())
    ticket = read_form(request.POST)
    if isinstance(ticket, Problem):
        return _show_form(request, actor=actor, values=request.POST, problems=[ticket])
    reading = business_clock()
    try:
        [outcome] = place_orders(tickets=[ticket], actor=actor, at=reading.at, business_date=reading.business_date)
    except Refusal as refusal:
        problem = Problem(refusal.code, refusal.pointer or "", refusal.message)
        return _show_form(request, actor=actor, values=request.POST, problems=[problem])
    if outcome.outcome == "REFUSED" or outcome.public_id is None:
        return _show_form(request, actor=actor, values=request.POST, problems=outcome.problems)
    for warning in outcome.warnings:
        messages.warning(request, warning)
    return redirect("order", public_id=outcome.public_id)


def read_form(form: QueryDict) -> OrderTicket | Problem:
    """Read a ticket from a form; blank means absent."""
    fields = {name: str(form.get(name, "")).strip() for name in FIELDS}
    for name in ("client", "security", "trader"):
        fields[name] = fields[name].upper()
    return convert_ticket(fields=fields)


def _show_form(
    request: HttpRequest, *, actor: Actor, values: Mapping[str, Any], problems: Sequence[Problem]
) -> HttpResponse:
    """Show the ticket with what was filled in and what is wrong with it."""
    errors = {problem.pointer.strip("/").split("/")[0]: problem.message for problem in problems}
    context = {
        "values": {name: values.get(name, "") for name in FIELDS},
        "errors": errors,
        "form_error": next((text for name, text in errors.items() if name not in FIELDS), ""),
        "clients": clients_visible_to(actor=actor).filter(status=ClientStatus.ACTIVE).select_related("broker"),
        "traders": traders_visible_to(actor=actor).filter(active=True),
        "sides": [(side.value, side.title()) for side in OrderSide],
        "types": [(kind.value, kind.title()) for kind in OrderType],
        "forces": [(force.value, words) for force, words in FORCES.items()],
        "securities": _tradable(),
        **_market(values, actor=actor),
    }
    return render(request, "trades/order_entry.html", context, status=422 if problems else 200)


def _tradable() -> list[SecurityEntry]:
    """Return the securities that some venue has a book of, by symbol."""
    source = directory()
    ids = VenueBook.objects.order_by().values_list("security_id", flat=True).distinct()
    return sorted((source.securities[pk] for pk in ids), key=lambda entry: entry.symbol)


def _market(values: Mapping[str, Any], *, actor: Actor) -> dict[str, Any]:
    """Return what stands beside the ticket: the quote, the venues' best prices, what is left of the limits."""
    source = directory()
    named = str(values.get("security", "")).strip().upper()
    security = source.securities_by_isin.get(named) or source.securities_by_symbol.get(named)
    found: dict[str, Any] = {"security": security, "quote": None, "books": [], "limits": None}
    if security is not None:
        found["quote"] = last_quotes(security_ids=[security.id]).get(security.id)
        found["books"] = _books(security=security)
    if code := str(values.get("client", "")).strip().upper():
        clients = clients_with_use(actor=actor, business_date=business_clock().business_date)
        found["limits"] = _limits(clients.select_related("default_currency").filter(code=code).first())
    return found


def _limits(client: Client | None) -> dict[str, Any] | None:
    """Return a client with what is left of its limits; of one that was lowered below its use, nothing."""
    if client is None:
        return None
    credit = client.credit_limit_minor - client.credit_used_minor  # type: ignore[attr-defined]
    daily = client.daily_limit_minor - client.ordered_today_minor  # type: ignore[attr-defined]
    return {"client": client, "credit_left_minor": max(credit, 0), "daily_left_minor": max(daily, 0)}


def _books(*, security: SecurityEntry) -> list[dict[str, Any]]:
    """Return each venue's best prices in a security, the best of all marked."""
    venues = {venue.pk: venue for venue in Venue.objects.filter(active=True).order_by("mic")}
    shown = read_book_views(security_ids=[security.id], levels=LEVELS)
    books: list[dict[str, Any]] = [
        {"venue": venues[venue_id], "bid": _touch(book, bids=True), "offer": _touch(book, bids=False)}
        for (venue_id, _), book in sorted(shown.items(), key=lambda item: item[0])
        if venue_id in venues
    ]
    bids = [book["bid"]["price"] for book in books if book["bid"]]
    offers = [book["offer"]["price"] for book in books if book["offer"]]
    for book in books:
        book["best_bid"] = bool(book["bid"]) and book["bid"]["price"] == max(bids)
        book["best_offer"] = bool(book["offer"]) and book["offer"]["price"] == min(offers)
    return books


def _touch(book: BookShown, *, bids: bool) -> dict[str, Decimal | int] | None:
    """Return the best price of a side and what stands there; None where the side is empty."""
    levels = book.bids if bids else book.offers
    return {"price": levels[0][0] * book.tick, "units": levels[0][1]} if levels else None
