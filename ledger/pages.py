"""The pages of the ledger: accounts with their balances, one account's statement, the trial balance."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from ledger.filters import AccountFilter
from ledger.models import Account, AccountKind, Balance
from ledger.queries import (
    balances_by_account,
    balances_by_account_as_of,
    get_account,
    movements_of,
    statement_of,
    trial_balance,
    visible_accounts,
)
from ledger.refusals import UnknownAccount
from reference.access import actor_of
from reference.answering import answer
from reference.listing import Column, csv_url, cut_page, stream_csv, wants_csv
from reference.queries import business_clock, directory

STATEMENT_LINES = 200
HOLDINGS = 3
PRESETS = ((0, "Today"), (6, "7 days"), (29, "30 days"))

BALANCE_COLUMNS: tuple[Column, ...] = (
    ("account", lambda row: row[0].code),
    ("participant", lambda row: row[0].participant.code),
    ("kind", lambda row: row[0].kind),
    ("asset", lambda row: row[1].asset.code),
    ("balance", lambda row: row[1].balance),
    ("digits", lambda row: row[1].asset.digits),
    ("floor", lambda row: row[1].floor),
)
STATEMENT_COLUMNS: tuple[Column, ...] = (
    ("business_date", lambda row: row.business_date),
    ("at", lambda row: row.entry.at),
    ("entry", lambda row: row.entry_id),
    ("source", lambda row: row.entry.source),
    ("source_id", lambda row: row.entry.source_id),
    ("asset", lambda row: row.asset.code),
    ("amount", lambda row: row.amount),
    ("balance", lambda row: row.running),
    ("digits", lambda row: row.asset.digits),
)
TRIAL_COLUMNS: tuple[Column, ...] = (
    ("asset", lambda row: row["code"]),
    ("name", lambda row: row["name"]),
    ("kind", lambda row: row["kind"]),
    ("accounts", lambda row: row["accounts"]),
    ("held", lambda row: row["held"]),
    ("issued", lambda row: row["issued"]),
    ("difference", lambda row: row["difference"]),
    ("digits", lambda row: row["digits"]),
)


@require_safe
def ledger(request: HttpRequest) -> HttpResponseBase:
    """List accounts with what they hold, now or at the end of a business date."""
    actor, today = actor_of(request), business_clock().business_date
    filtered = AccountFilter(request.GET, queryset=visible_accounts(actor=actor))
    rows = filtered.qs if filtered.is_valid() else Account.objects.none()
    as_of = _date(request, "as_of")
    if wants_csv(request):
        chunks = [_with_balances(list(rows), as_of=as_of)]
        return stream_csv(chunks=chunks, columns=BALANCE_COLUMNS, name="balances")
    cut = cut_page(rows=rows, request=request, newest_first=False)
    context = {
        "filter": filtered,
        "cut": cut,
        "accounts": [_holdings(account, held) for account, held in _balances(cut.rows, as_of=as_of, first=HOLDINGS)],
        "as_of": as_of,
        "today": today,
        "csv_url": csv_url(request),
        "participants": sorted(directory().participants.values(), key=lambda entry: entry.code),
    }
    return answer(request, "ledger/accounts.html", context)


def _balances(
    accounts: list[Account], *, as_of: date | None, first: int | None = None
) -> Iterator[tuple[Account, list[Any]]]:
    """Put each account's balances beside it; of those held now, the first few."""
    ids = [account.pk for account in accounts]
    held = (
        balances_by_account(account_ids=ids, first=first)
        if as_of is None
        else balances_by_account_as_of(account_ids=ids, business_date=as_of)
    )
    for account in accounts:
        yield account, held.get(account.pk, [])


def _with_balances(accounts: list[Account], *, as_of: date | None) -> Iterator[tuple[Account, Balance]]:
    """Put each balance beside its account."""
    for account, held in _balances(accounts, as_of=as_of):
        for balance in held:
            yield account, balance


def _holdings(account: Account, held: list[Any]) -> dict[str, Any]:
    """Return what a row shows of an account: its first few balances, and how many more there are."""
    count = getattr(held[0], "assets", len(held)) if held else 0
    return {
        "account": account,
        "is_cash": account.kind == AccountKind.CASH,
        "held": held[:HOLDINGS],
        "more": count - len(held[:HOLDINGS]),
    }


@require_safe
def account(request: HttpRequest, code: str) -> HttpResponseBase:
    """Show one account: what it holds, and its statement over some business dates."""
    actor, today = actor_of(request), business_clock().business_date
    try:
        found = get_account(actor=actor, code=code)
    except UnknownAccount as refusal:
        raise Http404(refusal.message) from refusal
    date_to = _date(request, "to") or today
    date_from = _date(request, "from") or min(date_to, today)
    movements = movements_of(account_id=found.pk, date_from=date_from, date_to=date_to)
    asset = next((row.asset for row in movements if row.asset.code == request.GET.get("asset")), None)
    span: dict[str, Any] = {
        "date_from": date_from,
        "date_to": date_to,
        "asset_id": asset.pk if asset else None,
    }
    if wants_csv(request):
        lines = statement_of(account_id=found.pk, **span)
        return stream_csv(chunks=[lines], columns=STATEMENT_COLUMNS, name=f"statement-{code}")
    lines = statement_of(account_id=found.pk, limit=STATEMENT_LINES + 1, **span)
    context = {
        "account": found,
        "is_cash": found.kind == AccountKind.CASH,
        "movements": [row for row in movements if asset is None or row.asset == asset],
        "assets": [row.asset for row in movements],
        "asset": asset,
        "lines": lines[:STATEMENT_LINES],
        "more": len(lines) > STATEMENT_LINES,
        "limit": STATEMENT_LINES,
        "date_from": date_from,
        "date_to": date_to,
        "today": today,
        "presets": _presets(today=today, date_from=date_from, date_to=date_to),
        "csv_url": csv_url(request),
    }
    return answer(request, "ledger/account.html", context)


def _presets(*, today: date, date_from: date, date_to: date) -> list[dict[str, Any]]:
    """Return the spans of a statement that are one click away."""
    presets = []
    for days, label in PRESETS:
        since = today - timedelta(days=days)
        presets.append(
            {"label": label, "href": f"?from={since}&to={today}", "current": (date_from, date_to) == (since, today)}
        )
    return presets


@require_safe
def trial(request: HttpRequest) -> HttpResponseBase:
    """Show that what is held and what was issued cancel out, asset by asset, now or as of a date."""
    if not actor_of(request).sees_all:
        raise PermissionDenied("The trial balance is of all accounts; a participant sees its own.")
    as_of = _date(request, "as_of")
    rows = trial_balance(business_date=as_of)
    if wants_csv(request):
        return stream_csv(chunks=[rows], columns=TRIAL_COLUMNS, name="trial-balance")
    context = {
        "cash": [row for row in rows if row["kind"] == "CASH"],
        "securities": [row for row in rows if row["kind"] != "CASH"],
        "balanced": all(row["held"] == row["issued"] for row in rows),
        "as_of": as_of,
        "today": business_clock().business_date,
        "csv_url": csv_url(request),
    }
    return answer(request, "ledger/trial.html", context)


def _date(request: HttpRequest, name: str) -> date | None:
    """Return a date from the address; None where it is absent or no date."""
    try:
        return date.fromisoformat(request.GET.get(name, ""))
    except ValueError:
        return None
