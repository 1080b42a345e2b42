"""The demo's market, fed into the product through its own services."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from django.conf import settings

from fmi.demo.comparison import compare_before_night
from fmi.demo.derivatives import trade_derivatives
from fmi.demo.distributions import announce_distributions
from fmi.demo.instructing import CORRECTED_AT, ENTERED_AT, instruct_directly
from fmi.demo.lending import lend_to_cover
from fmi.demo.market import MarketEvent, MarketSecurity, Trader, make_day
from fmi.demo.ordering import trade_orders, with_books
from fmi.demo.orders import OrderEvent, make_orders
from reference.core.actor import SYSTEM, Actor, Role
from reference.core.calendar import BUSINESS_ZONE
from reference.models import DailyPrice, Quote
from reference.queries import directory
from reference.quote_feed import PricedDay, day_range, feed_quotes
from settlement.models import BusinessDay
from settlement.services.business_day import next_business_date
from trades.core.lifecycle import TradeStatus
from trades.models import Trade, VenueBook
from trades.services.cancel_trades import cancel_trade
from trades.services.capture_submission import capture_submission, open_submission
from trades.services.orders.route_orders import route_orders
from trades.services.venues.quote_books import quote_books

# The custodian's and the brokers' clients, each with a segregated account.
CLIENTS = {
    "OAKCUST": ("PENSION-1", "FUND-A", "FUND-B"),
    "LARKBRK": ("CLIENT-L1",),
    "MERIDIAN": ("CLIENT-M1", "CLIENT-M2"),
}
# Before the cycles of 08:00 to 14:00.
LENDING_TIMES = (time(7, 30), time(9, 30), time(11, 0), time(13, 30))
TRADING_ROLES = ("CLEARING_MEMBER", "BANK", "BROKER", "CUSTODIAN")


def traders() -> list[Trader]:
    """Return the participants that trade, the most active first."""
    entries = sorted(directory().participants.values(), key=lambda entry: entry.id)
    return [
        Trader(entry.code, CLIENTS.get(entry.code, ()))
        for entry in entries
        if entry.role in TRADING_ROLES and entry.active
    ]


def market_securities(*, business_date: date) -> list[MarketSecurity]:
    """Return the securities that have a price on a day, with its range and volume."""
    found = []
    prices = DailyPrice.objects.filter(date=business_date).order_by("security_id")
    for price in prices:
        entry = directory().securities[price.security_id]
        if not entry.active:
            continue
        real = PricedDay(price.open, price.high, price.low, price.close, price.volume)
        day = day_range(day=real, unit=Decimal(1).scaleb(-entry.price_digits))
        found.append(
            MarketSecurity(
                isin=entry.isin,
                currency=entry.currency.code,
                open=day.open_ticks,
                high=day.high_ticks,
                low=day.low_ticks,
                close=day.close_ticks,
                price_digits=entry.price_digits,
                volume=price.volume,
                lot_size_units=entry.lot_size_units,
                percent=entry.percent,
            )
        )
    return found


@lru_cache(maxsize=4)
def events_of(seed: int, business_date: date) -> tuple[MarketEvent, ...]:
    """Return the events that a day's trading causes, today and on the next morning."""
    return tuple(
        make_day(
            seed=seed,
            business_date=business_date,
            securities=market_securities(business_date=business_date),
            traders=traders(),
        )
    )


@lru_cache(maxsize=4)
def orders_of(seed: int, business_date: date) -> tuple[OrderEvent, ...]:
    """Return what clients order on a day, of what the venues trade."""
    securities = with_books(market_securities(business_date=business_date))
    return tuple(make_orders(seed=seed, business_date=business_date, securities=securities))


def _has_begun(*, after: datetime, business_date: date) -> bool:
    """Say whether the market has been fed beyond a moment; every security is quoted in every slot."""
    booked = VenueBook.objects.filter(security__daily_prices__date=business_date).order_by("id").first()
    return booked is None or Quote.objects.filter(security_id=booked.security_id, at__gt=after).exists()


def demo_feed(*, seed: int) -> Callable[..., None]:
    """Return the feed of the demo's market for fmi.business_day.advance."""

    def feed(*, after: datetime, until: datetime, business_date: date) -> None:
        """Do what happens after one moment and until another. Done twice, it changes nothing."""
        span: dict[str, Any] = {"after": after, "until": until, "business_date": business_date, "seed": seed}
        if not _has_begun(after=after, business_date=business_date):
            # What work that was cut off has left meets the books of its own time, before they move on.
            route_orders(at=after, business_date=business_date, seed=settings.VENUE_SEED)
        # The market first: quotes and books are what orders are reckoned at and meet.
        feed_quotes(**span)
        quote_books(**span)
        orders = orders_of(seed, business_date) if settings.DEMO_ORDERS else ()
        trade_orders(events=orders, after=after, until=until, business_date=business_date)
        announce_distributions(seed=seed, after=after, until=until, business_date=business_date)
        for lends_at in (datetime.combine(business_date, at, tzinfo=BUSINESS_ZONE) for at in LENDING_TIMES):
            if after < lends_at <= until:
                lend_to_cover(seed=seed, at=lends_at, business_date=business_date)
        for moment, correct in ((ENTERED_AT, False), (CORRECTED_AT, True)):
            if after < datetime.combine(business_date, moment, tzinfo=BUSINESS_ZONE) <= until:
                instruct_directly(
                    seed=seed, at=until, business_date=business_date, traders=traders(),
                    securities=market_securities(business_date=business_date), correct=correct,
                )  # fmt: skip
        compare_before_night(after=after, until=until, business_date=business_date)
        trade_derivatives(seed=seed, after=after, until=until, business_date=business_date)
        midnight = datetime.combine(business_date, time(), tzinfo=BUSINESS_ZONE)
        begins, ends = after.astimezone(BUSINESS_ZONE) - midnight, until.astimezone(BUSINESS_ZONE) - midnight
        yesterday = next_business_date(after=business_date, count=-1)
        # On the first day there is no yesterday whose other sides were reported.
        mornings = [(yesterday, 1)] if BusinessDay.objects.filter(business_date=yesterday).exists() else []
        due = [
            event
            for traded, offset in (*mornings, (business_date, 0))
            for event in events_of(seed, traded)
            if event.day_offset == offset and begins < event.at <= ends
        ]
        _report(events=[event for event in due if event.kind == "REPORT"], at=until, business_date=business_date)
        _cancel(events=[event for event in due if event.kind == "CANCEL"], at=until, business_date=business_date)

    return feed


def _report(*, events: Iterable[MarketEvent], at: datetime, business_date: date) -> None:
    """Capture the reports as one submission."""
    lines = [msgspec.json.encode(event.report) + b"\n" for event in events]
    if not lines:
        return
    submission = open_submission(actor=SYSTEM, source=f"Market of {business_date}", at=at, business_date=business_date)
    for _ in capture_submission(submission=submission, blocks=lines, form="ndjson", actor=SYSTEM):
        pass


def _cancel(*, events: Iterable[MarketEvent], at: datetime, business_date: date) -> None:
    """Let each reporter cancel its wrong report, where it is still unmatched."""
    wrong = {event.report["trade_id"]: event.report for event in events}
    open_reports = Trade.objects.filter(trade_id__in=list(wrong), status=TradeStatus.NEW).order_by("pk")
    for pk, trade_id, reporter_id in open_reports.values_list("pk", "trade_id", "reporter_id"):
        reporter = wrong[trade_id]["reporter"]
        actor = Actor(name=reporter.lower(), role=Role.PARTICIPANT, participant_id=reporter_id)
        cancel_trade(
            trade_pk=pk,
            reason="Reported wrongly; a corrected report follows",
            actor=actor,
            at=at,
            business_date=business_date,
        )
