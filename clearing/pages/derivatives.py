"""The pages of derivatives accounts: all of them at their mark prices, one of them, and what an operator sets."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from clearing.core.derivatives.terms import LARGEST_BALANCE_MINOR
from clearing.core.derivatives.units import decimal_of, whole_units
from clearing.live.refusals import NumberOutOfRange
from clearing.queries.derivatives import get_derivatives_account, seconds_of
from clearing.queries.derivatives_report import (
    AccountView,
    MarginReport,
    funding_rounds,
    insurance_history,
    liquidations_visible_to,
    margin_report,
    trades_of_account,
)
from clearing.services.mark_derivatives import set_mark_prices
from clearing.services.move_derivatives_money import deposit_margin, withdraw_margin
from reference.access import actor_of
from reference.answering import act_and_return, acting_actor_of, acting_operator_of, answer
from reference.charts import Chart, Series
from reference.listing import Column, csv_url, cut_page, stream_csv, stream_query, wants_csv
from reference.queries import business_clock

ACCOUNT_COLUMNS: tuple[Column, ...] = (
    ("account_id", lambda row: row.account.pk),
    ("participant", lambda row: row.account.participant.code),
    ("currency", lambda row: row.account.currency.code),
    ("balance_minor", lambda row: row.found.balance_minor),
    ("profit_minor", lambda row: row.found.profit_minor),
    ("equity_minor", lambda row: row.found.equity_minor),
    ("notional_minor", lambda row: row.found.notional_minor),
    ("initial_minor", lambda row: row.found.initial_minor),
    ("maintenance_minor", lambda row: row.found.maintenance_minor),
    ("free_minor", lambda row: row.found.free_minor),
    ("ratio_percent", lambda row: row.ratio_percent),
)
TRADE_COLUMNS: tuple[Column, ...] = (
    ("event", lambda row: row.event_id),
    ("at", lambda row: row.event.at),
    ("cause", lambda row: row.cause),
    ("symbol", lambda row: row.contract.symbol),
    ("account_id", lambda row: row.seen_from),
    ("side", lambda row: "BUY" if row.buyer_id == row.seen_from else "SELL"),
    ("quantity", lambda row: decimal_of(units=row.quantity_steps, digits=row.contract.quantity_digits)),
    ("price", lambda row: decimal_of(units=row.price_ticks, digits=row.contract.price_digits)),
    ("value_minor", lambda row: row.value_minor),
    ("currency", lambda row: row.contract.currency.code),
)
LIQUIDATIONS_SHOWN = 20
ROUNDS_SHOWN = 8


@require_safe
def derivatives(request: HttpRequest) -> HttpResponseBase:
    """Show the accounts, those near liquidation first, mark prices, liquidations and the insurance fund."""
    actor, clock = actor_of(request), business_clock()
    report = margin_report(actor=actor)
    if wants_csv(request):
        return stream_csv(chunks=[report.accounts], columns=ACCOUNT_COLUMNS, name="derivatives-accounts")
    context: dict[str, Any] = {
        "report": report,
        "positions": [row for view in report.accounts for row in map(position_row, view.positions)],
        "contracts": _contract_rows(report=report, now=seconds_of(clock.at)),
        "liquidations": liquidations_visible_to(actor=actor)[:LIQUIDATIONS_SHOWN],
        "rounds": [
            {
                "row": row,
                "mark": decimal_of(units=row.mark_ticks, digits=row.contract.price_digits),
                "index": decimal_of(units=row.index_ticks, digits=row.contract.price_digits),
                "rate": Decimal(row.rate_ppm).scaleb(-6),
            }
            for row in funding_rounds()[:ROUNDS_SHOWN]
        ],
        "charts": [_fund_chart(view=view) for view in report.funds],
        "totals": _totals(report=report),
        "csv_url": csv_url(request),
        "may_mark": actor.is_operator,
    }
    return answer(request, "clearing/derivatives.html", context)


@require_safe
def account(request: HttpRequest, account_id: int) -> HttpResponseBase:
    """Show one account: its positions, its trades, and the forms that bring money in and out."""
    actor = actor_of(request)
    found = margin_report(actor=actor, account_id=account_id).accounts
    if not found:
        raise Http404
    rows = trades_of_account(account_id=account_id)
    if wants_csv(request):
        return stream_query(rows=rows, columns=TRADE_COLUMNS, name=f"derivatives-{account_id}")
    cut = cut_page(rows=rows, request=request)
    context = {
        "view": found[0],
        "positions": [position_row(row) for row in found[0].positions],
        "cut": cut,
        "trades": [
            {
                "row": row,
                "side": "bought" if row.buyer_id == account_id else "sold",
                "quantity": decimal_of(units=row.quantity_steps, digits=row.contract.quantity_digits),
                "price": decimal_of(units=row.price_ticks, digits=row.contract.price_digits),
            }
            for row in cut.rows
        ],
        "csv_url": csv_url(request),
    }
    return answer(request, "clearing/derivatives_account.html", context)


@require_POST
def mark(request: HttpRequest) -> HttpResponse:
    """Set a mark price, and go back."""
    actor, clock = acting_operator_of(request), business_clock()

    def act() -> str:
        symbol = request.POST.get("symbol", "")
        liquidated = set_mark_prices(
            prices={symbol: _decimal(request.POST.get("price", ""), name="price")},
            actor=actor,
            at=clock.at,
            business_date=clock.business_date,
            confirmed="confirm" in request.POST,
        )
        return f"{symbol} is marked; {liquidated} account{'' if liquidated == 1 else 's'} liquidated."

    return act_and_return(request, act=act, back=reverse("derivatives"))


@require_POST
def deposit(request: HttpRequest, account_id: int) -> HttpResponse:
    """Bring money in."""
    return _move(request, account_id=account_id, service=deposit_margin, said="is on the account")


@require_POST
def withdraw(request: HttpRequest, account_id: int) -> HttpResponse:
    """Take money out."""
    return _move(request, account_id=account_id, service=withdraw_margin, said="went back to the cash account")


def _move(request: HttpRequest, *, account_id: int, service: Callable[..., Any], said: str) -> HttpResponse:
    actor, clock = acting_actor_of(request), business_clock()

    def act() -> str:
        row = get_derivatives_account(actor=actor, account_id=account_id)
        amount = _decimal(request.POST.get("amount", ""), name="amount")
        minor = whole_units(value=amount, digits=row.currency.digits, largest=LARGEST_BALANCE_MINOR)
        if minor is None:
            raise NumberOutOfRange(f"The amount is above zero, with {row.currency.digits} digits.", pointer="/amount")
        service(account=row, amount_minor=minor, actor=actor, at=clock.at, business_date=clock.business_date)
        return f"{amount:,f} {row.currency.code} {said}."

    return act_and_return(request, act=act, back=reverse("derivatives-account", args=[account_id]))


def _decimal(text: str, *, name: str) -> Decimal:
    """Read a decimal. Raises NumberOutOfRange."""
    try:
        return Decimal(text.strip().replace(",", "")[:40])
    except InvalidOperation:
        raise NumberOutOfRange(f"The {name} is a number, such as 123.45.", pointer=f"/{name}") from None


def position_row(view: Any) -> dict[str, Any]:
    """Write one position with its numbers as decimals."""
    digits = view.contract.price_digits
    ticks = {
        "entry": view.entry_ticks, "mark": view.mark_ticks, "liquidation": view.liquidation_ticks,
        "bankruptcy": view.bankruptcy_ticks,
    }  # fmt: skip
    prices = {name: None if value is None else decimal_of(units=value, digits=digits) for name, value in ticks.items()}
    distance = None
    if view.liquidation_ticks is not None and view.mark_ticks:
        distance = abs(view.mark_ticks - view.liquidation_ticks) / view.mark_ticks
    return {
        "view": view,
        "quantity": decimal_of(units=abs(view.steps), digits=view.contract.quantity_digits),
        "distance": distance,
        **prices,
    }


def _contract_rows(*, report: MarginReport, now: int) -> list[dict[str, Any]]:
    """Return the contracts with mark price, its age and the open interest, those that trade first."""
    interest: dict[str, int] = {}
    for (_, symbol), (steps, _) in report.snapshot.positions.items():
        interest[symbol] = interest.get(symbol, 0) + max(0, steps)
    rows = []
    for symbol, contract in sorted(report.contracts.items(), key=lambda item: (item[1].status, item[0])):
        ticks = report.snapshot.marks.get(symbol)
        age = now - report.snapshot.marked_at.get(symbol, 0)
        rows.append(
            {
                "contract": contract,
                "mark": None if ticks is None else decimal_of(units=ticks, digits=contract.price_digits),
                "stale": ticks is None or age > contract.stale_after_seconds,
                "interest": decimal_of(units=interest.get(symbol, 0), digits=contract.quantity_digits),
                "initial": contract.initial_bp / 10_000,
                "maintenance": contract.maintenance_bp / 10_000,
            }
        )
    return rows


def _totals(*, report: MarginReport) -> list[dict[str, Any]]:
    """Return what all accounts shown have together, by currency."""
    found: dict[str, dict[str, Any]] = {}
    for view in report.accounts:
        code = view.account.currency.code
        row = found.setdefault(code, dict.fromkeys(("equity", "initial", "accounts", "near", "below"), 0))
        row["equity"] += view.found.equity_minor
        row["initial"] += view.found.initial_minor
        row["accounts"] += 1
        row["near"] += _is_near(view=view)
        row["below"] += view.standing == "BELOW"
    return [{"currency": code, **row} for code, row in sorted(found.items())]


def _is_near(*, view: AccountView) -> bool:
    """Say whether an account stands within a half of its maintenance margin above it."""
    return view.ratio_percent is not None and view.ratio_percent < 150


def _fund_chart(*, view: AccountView) -> Chart:
    """Draw the insurance fund's balance over its last movements, and what it paid and earned by each."""
    rows = insurance_history(account_id=view.account.pk)
    scale = 10**view.account.currency.digits
    return Chart(
        key=f"fund-{view.account.currency.code}",
        title="Insurance fund: its balance after each movement, and the movement",
        labels=[f"{row.event.at:%d %b %H:%M} {row.get_kind_display()}" for row in rows],
        series=[
            Series("Balance", [row.standing / scale for row in rows]),  # type: ignore[attr-defined]
            Series("Movement", [row.amount_minor / scale for row in rows], kind="bar", tone="idle"),
        ],
        unit=view.account.currency.code,
        label_name="Movement",
        height="short",
    )
