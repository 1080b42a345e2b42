"""The evening of the CCP: mark, margin, calls, backtest, stress, fund; and the same during the day when prices move."""

from __future__ import annotations

from datetime import date, datetime, time

from django.db import transaction

from clearing.contracts import MarginRefused
from clearing.core.marking import worth_of_portfolios
from clearing.models import MarginRun, MarginRunKind, PortfolioMargin, RefusedMarginRun
from clearing.queries.margin_parameters import margin_parameters_on
from clearing.queries.portfolios import price_positions
from clearing.queries.positions import open_positions
from clearing.services.backtest_margins import backtest_margins
from clearing.services.issue_calls import issue_calls
from clearing.services.run_margin import run_margin
from clearing.services.run_stress import run_stress
from clearing.services.size_fund import size_fund
from events.services.outbox import record_fact
from reference.core.calendar import BUSINESS_ZONE
from reference.locks import take_lock
from reference.refusals import Refusal

MARKETS_OPEN = time(9, 0)
REFUSAL_LOCK = "clearing.refused_margin_run"


def run_evening(*, at: datetime, business_date: date) -> MarginRun | None:
    """Do the evening of a business date; return its margin run, None where it was refused.

    Each part is a transaction of its own and is done once, so that an evening cut off goes on where it stopped. A
    refusal (a price gap, say) is written down and told: nothing was marked or called, and the evening is run again
    once that is put right.
    """
    run = _run(kind=MarginRunKind.EVENING, at=at, business_date=business_date)
    if run is not None:
        follow_run(run=run)
    return run


def follow_run(*, run: MarginRun) -> None:
    """Do what follows a margin run: calls, and after an evening's, backtest, stress and fund."""
    issue_calls(run=run)
    if run.kind == MarginRunKind.EVENING:
        backtest_margins(run=run)
        run_stress(run=run)
        size_fund(run=run)


def run_intraday(*, at: datetime, business_date: date) -> MarginRun | None:
    """Mark, settle and call during the day; return the run, None where it was refused."""
    run = _run(kind=MarginRunKind.INTRADAY, at=at, business_date=business_date)
    if run is not None:
        follow_run(run=run)
    return run


def watch_prices(*, at: datetime, business_date: date) -> MarginRun | None:
    """Run margin during the day if a member has lost more than the trigger since the last run; return the run, if any.

    The trigger is a share of what the member's portfolios in a currency were margined for. Nothing is written where
    nobody lost that much, nor before the markets open.
    """
    if at < datetime.combine(business_date, MARKETS_OPEN, tzinfo=BUSINESS_ZONE):
        return None
    last = MarginRun.objects.order_by("-id").first()
    if last is None or MarginRun.objects.filter(kind=MarginRunKind.EVENING, business_date__gte=business_date).exists():
        return None
    try:
        moved = _moved_beyond_trigger(last=last, business_date=business_date)
    except Refusal as refusal:
        _write_refusal(refusal=refusal, kind=MarginRunKind.INTRADAY, at=at, business_date=business_date)
        return None
    return run_intraday(at=at, business_date=business_date) if moved else None


def _moved_beyond_trigger(*, last: MarginRun, business_date: date) -> bool:
    """Tell whether a member has lost more than its share of margin since a run, at the opening prices of the day."""
    parameters = margin_parameters_on(day=business_date)
    positions = open_positions(business_date=business_date)
    starts = positions.starts
    priced = price_positions(positions=positions, day=business_date, parameters=parameters, at_open=True)
    worth = worth_of_portfolios(
        starts=starts,
        quantity_units=positions.quantity_units,
        price_millionths=priced.price_millionths,
        percent=priced.percent,
        cash_minor=positions.cash_minor,
        digits=priced.digits[starts],
    )
    change: dict[tuple[int, int], int] = {}
    margined: dict[tuple[int, int], int] = {}
    for member, currency, minor in zip(positions.member[starts], positions.currency[starts], worth, strict=True):
        change[int(member), int(currency)] = change.get((int(member), int(currency)), 0) + minor
    for member, currency, before, margin in PortfolioMargin.objects.filter(run=last).values_list(
        "member_id", "currency_id", "worth_minor", "requirement_minor"
    ):
        change[member, currency] = change.get((member, currency), 0) - before
        margined[member, currency] = margined.get((member, currency), 0) + margin
    share = float(parameters.intraday_trigger_percent) / 100
    return any(-amount > share * margined.get(key, 0) for key, amount in change.items())


def _run(*, kind: MarginRunKind, at: datetime, business_date: date) -> MarginRun | None:
    """Run margin; write a refusal down."""
    try:
        return run_margin(kind=kind, at=at, business_date=business_date)
    except Refusal as refusal:
        _write_refusal(refusal=refusal, kind=kind, at=at, business_date=business_date)
        return None


def _write_refusal(*, refusal: Refusal, kind: MarginRunKind, at: datetime, business_date: date) -> None:
    """Write a refused run down and tell of it, once."""
    with transaction.atomic():
        # Of two that are refused at once the second finds what the first has written.
        take_lock(name=REFUSAL_LOCK)
        _, is_new = RefusedMarginRun.objects.get_or_create(
            kind=kind,
            business_date=business_date,
            code=refusal.code,
            message=refusal.message,
            defaults={"at": at},
        )
        if is_new:
            record_fact(fact=MarginRefused(kind=kind.value, code=refusal.code, message=refusal.message))
