"""Static data on pages: the index, a list, a form to create, a row with its form to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from rest_framework.exceptions import NotFound

from ledger.api.static_data import ACCOUNTS
from reference.access import actor_of
from reference.answering import act_and_return, answer
from reference.api.crud import StaticNoun
from reference.api.entry import now
from reference.api.static_data import BROKERS, CURRENCIES, INSTRUMENTS, PARTICIPANTS
from reference.core.actor import Actor
from reference.listing import csv_url, cut_page, stream_csv, wants_csv
from reference.models import Proposal
from reference.pages.approvals import proposals_about
from reference.queries import directory
from reference.refusals import Refusal
from trades.api.static_data import CLIENTS, TRADERS
from trades.pages.static_forms import error_of, errors_of, form_fields, heading, read_form

WAITS = "waits for a second person, under Approvals."
NO_ERRORS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Listed:
    """How a noun is listed. key: the field that names a row; columns: the fields of its shape, right: the figures."""

    noun: StaticNoun[Any]
    key: str
    columns: tuple[str, ...]
    right: tuple[str, ...] = ()
    filters: str = "q"


NOUNS = {
    listed.noun.plural: listed
    for listed in (
        Listed(CLIENTS, "code", ("code", "name", "broker", "status"), filters="q participant status"),
        Listed(TRADERS, "code", ("code", "name", "broker", "user", "active"), filters="q participant active"),
        Listed(BROKERS, "code", ("code", "name", "role", "clearing_member", "lei", "bic", "active")),
        Listed(PARTICIPANTS, "code", ("code", "name", "role", "clearing_member", "lei", "bic", "active")),
        Listed(ACCOUNTS, "code", ("code", "participant", "kind", "name", "linked_cash"), filters="q participant kind"),
        Listed(
            INSTRUMENTS, "isin",
            ("symbol", "isin", "name", "security_type", "currency", "settlement_lag_days", "lot_size_units",
             "maturity_date", "liquid", "active"),
            right=("settlement_lag_days", "lot_size_units"), filters="q security_type currency active",
        ),
        Listed(
            CURRENCIES, "code",
            ("code", "name", "digits", "calendar", "tolerance_band_minor", "tolerance_below_minor",
             "tolerance_above_minor"),
            right=("digits", "tolerance_band_minor", "tolerance_below_minor", "tolerance_above_minor"),
        ),
    )
}  # fmt: skip


@require_safe
def static_data(request: HttpRequest) -> HttpResponse:
    """Show what kinds of static data there are, and how many of each the actor sees."""
    actor = actor_of(request)
    kinds = [
        {
            "title": plural.capitalize(),
            "words": listed.noun.words,
            "count": listed.noun.rows(actor=actor).order_by().count(),
            "href": _list_address(listed),
            "new": reverse("static-new", args=[plural]) if actor.role in listed.noun.writers else None,
            "name": listed.noun.name,
        }
        for plural, listed in NOUNS.items()
    ]
    return render(request, "trades/static_data.html", {"kinds": kinds})


@require_safe
def static_list(request: HttpRequest, plural: str) -> HttpResponseBase:
    """List one kind; the CSV holds exactly what the filters leave."""
    actor, listed = actor_of(request), _listed(plural)
    if listed.noun is CLIENTS:
        return redirect("clients")
    filtered = listed.noun.filterset(request.GET, queryset=listed.noun.rows(actor=actor))
    rows = filtered.qs if filtered.is_valid() else listed.noun.model.objects.none()
    if wants_csv(request):
        names = tuple(listed.noun.shape().fields)
        written = listed.noun.shape(rows.order_by("pk"), many=True).data
        return stream_csv(chunks=[written], columns=[(name, itemgetter(name)) for name in names], name=plural)
    cut = cut_page(rows=rows, request=request, newest_first=False)
    context = {
        "listed": listed,
        "noun": listed.noun,
        "title": plural.capitalize(),
        "headings": [(heading(name), name in listed.right) for name in listed.columns],
        "cut": cut,
        "rows": [_cells(listed, row) for row in listed.noun.shape(cut.rows, many=True).data],
        "filter": filtered,
        "csv_url": csv_url(request),
        "may_write": actor.role in listed.noun.writers,
        "participants": sorted(directory().participants.values(), key=lambda entry: entry.code),
    }
    return answer(request, "trades/static_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def static_new(request: HttpRequest, plural: str) -> HttpResponse:
    """Show the form that creates one, and create it."""
    actor, listed = actor_of(request), _listed(plural)
    noun = listed.noun
    noun.expect_writer(actor=actor)
    if request.method != "POST":
        return _show_form(request, listed, values=request.GET, errors={})
    entry = read_form(shape=noun.entry, posted=request.POST)
    if not entry.is_valid():
        return _show_form(request, listed, values=request.POST, errors=errors_of(entry))
    try:
        row = noun.open(actor=actor, fields=dict(entry.validated_data), when=now())
    except Refusal as refusal:
        return _show_form(request, listed, values=request.POST, errors=error_of(refusal))
    messages.success(request, f"{row} is there.")
    if noun.has_limits:
        messages.info(request, "Its limits are nothing until a second person approves those it was given.")
    return redirect(_address(listed, noun.shape(row).data[listed.key]))


@require_http_methods(["GET", "HEAD", "POST"])
def static_detail(request: HttpRequest, plural: str, key: str) -> HttpResponse:
    """Show one with the form that changes it, and change it."""
    actor, listed = actor_of(request), _listed(plural)
    noun, row = listed.noun, _find(listed, actor, key)
    if request.method != "POST":
        return _show_row(request, listed, actor, row)
    noun.expect_writer(actor=actor)
    entry = read_form(shape=noun.changes, posted=request.POST)
    if not entry.is_valid():
        return _show_row(request, listed, actor, row, values=request.POST, errors=errors_of(entry))
    try:
        changed = noun.change(actor=actor, row=row, fields=dict(entry.validated_data), when=now())
    except Refusal as refusal:
        return _show_row(request, listed, actor, row, values=request.POST, errors=error_of(refusal))
    if isinstance(changed, Proposal):
        messages.info(request, f"{changed.summary}: {WAITS}")
    else:
        messages.success(request, f"{row} is saved.")
    return redirect(_address(listed, noun.shape(noun.find(actor=actor, key=row.code)).data[listed.key]))


@require_POST
def static_leave(request: HttpRequest, plural: str, key: str) -> HttpResponse:
    """Deactivate or close one, and go back to it."""
    actor, listed = actor_of(request), _listed(plural)
    listed.noun.expect_writer(actor=actor)
    row = _find(listed, actor, key)

    def act() -> str:
        left = listed.noun.leave(actor=actor, row=row, when=now())
        if isinstance(left, Proposal):
            return f"{left.summary}: {WAITS}"
        return f"{row} has left; what was done with it stays."

    return act_and_return(request, act=act, back=_address(listed, key))


def change_form(*, plural: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template of a form needs, to change a row that the API would write so."""
    listed = NOUNS[plural]
    return {
        "action": reverse("static-detail", args=[plural, written[listed.key]]),
        "fields": form_fields(shape=listed.noun.changes, values=written, errors={}),
        "form_error": "",
    }


def _listed(plural: str) -> Listed:
    """Return how a kind is listed. Raises Http404."""
    found = NOUNS.get(plural)
    if found is None:
        raise Http404
    return found


def _find(listed: Listed, actor: Actor, key: str) -> Any:
    """Return a row that the actor sees. Raises Http404, or a refusal."""
    try:
        return listed.noun.find(actor=actor, key=key)
    except NotFound as error:
        raise Http404 from error


def _address(listed: Listed, key: str) -> str:
    """Return the address of a row's page."""
    if listed.noun is CLIENTS:
        return reverse("client", args=[key])
    return reverse("static-detail", args=[listed.noun.plural, key])


def _list_address(listed: Listed) -> str:
    """Return the address of a kind's list."""
    return reverse("clients") if listed.noun is CLIENTS else reverse("static-list", args=[listed.noun.plural])


def _cells(listed: Listed, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row's cells, and the address of its page."""
    cells = [
        {"value": row[name], "right": name in listed.right, "first": name == listed.key} for name in listed.columns
    ]
    return {"key": row[listed.key], "href": _address(listed, row[listed.key]), "cells": cells}


def _show_form(
    request: HttpRequest, listed: Listed, *, values: Mapping[str, Any], errors: Mapping[str, str]
) -> HttpResponse:
    """Show the form that creates one, with what was filled in and what is wrong with it."""
    context = {
        "listed": listed,
        "noun": listed.noun,
        "title": listed.noun.plural.capitalize(),
        "list_url": _list_address(listed),
        "action": reverse("static-new", args=[listed.noun.plural]),
        "fields": form_fields(shape=listed.noun.entry, values=values, errors=errors),
        "form_error": errors.get("", ""),
    }
    return render(request, "trades/static_new.html", context, status=422 if errors else 200)


def _show_row(
    request: HttpRequest, listed: Listed, actor: Actor, row: Any, *, values: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] = NO_ERRORS,
) -> HttpResponse:  # fmt: skip
    """Show one row: its facts, what is proposed of it, and to who may change it the form, as it was filled in if so."""
    written = listed.noun.shape(row).data
    key = written[listed.key]
    context = {
        "listed": listed,
        "noun": listed.noun,
        "title": listed.noun.plural.capitalize(),
        "list_url": _list_address(listed),
        "key": key,
        "facts": [(heading(name), _fact(value)) for name, value in written.items()],
        "rows": proposals_about(subject_type=listed.noun.subject_type, subject_id=row.pk, actor=actor),
        "back": request.get_full_path(),
        "may_write": actor.role in listed.noun.writers,
        "leave_url": reverse("static-leave", args=[listed.noun.plural, key]),
        "names_at_once": "name" in listed.noun.changes().fields,
        "may_leave": written.get("active") is True,
        **change_form(plural=listed.noun.plural, written=written),
        "fields": form_fields(shape=listed.noun.changes, values=written if values is None else values, errors=errors),
        "form_error": errors.get("", ""),
    }
    return render(request, "trades/static_row.html", context, status=422 if errors else 200)


def _fact(value: Any) -> Any:
    """Write a value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else value
