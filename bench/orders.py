"""Orders through the web process and the router to filled trades, beside POST /api/v1/trades of the same run.

python -m bench.orders DATABASE    the router's process: it works until its input ends
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

CONNECTIONS = 8
SECONDS = 10.0
SECURITIES = 20
PRICE = Decimal("100.00")
DEPTH_UNITS = 10**9
PRICED_DAYS = 20
PATIENCE_SECONDS = 60.0
WAKE_SECONDS = 1.0
OTHERS = 10**15


@dataclass(frozen=True, slots=True)
class OrderRounds:
    """Trades reported a second, orders filled a second, and what the router's processor time came to, by round."""

    trades_per_second: list[float]
    filled_per_second: list[float]
    answered_per_second: list[float]
    orders: int
    fills: int


def measure_orders(*, database: str, rounds: int, note: Callable[[str], None]) -> OrderRounds:
    """Load POST /api/v1/trades, then POST /api/v1/orders with the router running, in turn; return the rounds.

    An order counts when it is FILLED: its fills, locked-in trades and matches are committed. The clock runs from
    the first request until the last order is filled, the router's backlog included. Raises BenchFailed.
    """
    from django.core.management import call_command
    from django.utils import timezone

    from bench.life import BenchFailed
    from bench.load import run_load
    from bench.single import HOST, PASSWORD, trade_reports, web_process
    from reference.services import create_demo_users
    from trades.models import Fill, Order

    call_command("collectstatic", interactive=False, verbosity=0)
    create_demo_users(password=PASSWORD, now=timezone.now())
    prepare_books()
    found = OrderRounds([], [], [], 0, 0)
    with web_process(database=database) as port:
        trades = [trade_reports(port=port, member=member) for member in range(CONNECTIONS)]
        orders = [order_tickets(port=port, member=member) for member in range(CONNECTIONS)]
        note("warming up")
        run_load(host=HOST, port=port, seconds=2.0, requests=trades)
        run_load(host=HOST, port=port, seconds=2.0, requests=orders)
        with router_process(database=database):
            _wait_until_filled()
        for number in range(rounds):
            note(f"POST /api/v1/trades, {CONNECTIONS} connections, round {number + 1}")
            reported = run_load(host=HOST, port=port, seconds=SECONDS, requests=trades)
            before = Order.objects.filter(status="FILLED").count()
            note(f"POST /api/v1/orders to filled, round {number + 1}")
            with router_process(database=database):
                started = time.monotonic()
                placed = run_load(host=HOST, port=port, seconds=SECONDS, requests=orders)
                _wait_until_filled()
                seconds = time.monotonic() - started
            if set(reported.statuses) | set(placed.statuses) != {201}:
                raise BenchFailed(f"answers other than 201: {reported.statuses} {placed.statuses}")
            filled = Order.objects.filter(status="FILLED").count() - before
            found.trades_per_second.append(reported.per_second)
            found.answered_per_second.append(placed.per_second)
            found.filled_per_second.append(filled / seconds)
    if Order.objects.exclude(status="FILLED").exists():
        raise BenchFailed("not every order was filled")
    return OrderRounds(
        found.trades_per_second, found.filled_per_second, found.answered_per_second, Order.objects.count(),
        Fill.objects.count(),
    )  # fmt: skip


def prepare_books() -> None:
    """Load the venues, let their market makers stand deep in the books, and open a client of each member.

    With the compliance rules that come with the product, and prices, a quote and rates for them to look at.
    """
    from bench.market import TRADE_DATE, participant_codes, security_codes
    from ledger.models import Account
    from reference.core.actor import SYSTEM
    from reference.market_data import SecurityQuote
    from reference.models import DailyPrice, ExchangeRate
    from reference.queries import business_clock, directory, forget_directory
    from reference.quote_services import publish_quotes
    from trades.core.book.terms import OrderSide, TimeInForce
    from trades.core.venue_messages import RequestKind, VenueRequest
    from trades.models import Venue
    from trades.services.compliance.load_compliance import load_compliance
    from trades.services.open_client import open_client
    from trades.services.venues.answer_requests import answer_requests
    from trades.services.venues.load_venues import load_venues

    load_venues()
    load_compliance()
    forget_directory()
    clock, source = business_clock(), directory()
    securities = [source.securities_by_isin[isin] for isin in security_codes()[:SECURITIES]]
    days = [clock.business_date - timedelta(days=back) for back in range(1, PRICED_DAYS + 1)]
    DailyPrice.objects.bulk_create(
        DailyPrice(
            security_id=entry.id, date=day, open=PRICE, high=PRICE, low=PRICE, close=PRICE, volume=100_000,
            adjusted_close=PRICE,
        )
        for entry in securities for day in days
    )  # fmt: skip
    ExchangeRate.objects.bulk_create(
        ExchangeRate(currency_id=currency, date=days[0], value=Decimal("0.7"), source="BENCH")
        for currency in sorted({entry.currency_id for entry in securities})
        if source.currencies[currency].code != "EUR"
    )
    publish_quotes(
        quotes=[
            SecurityQuote(
                entry.id, clock.at, PRICE - Decimal("0.01"), PRICE + Decimal("0.01"), PRICE, 100, 100, 100, "BENCH"
            )
            for entry in securities
        ],
    )
    for code in participant_codes()[:CONNECTIONS]:
        broker = source.participant(code=code)
        open_client(
            code=f"CL-{code}", name=f"Client of {code}", broker_id=broker.id,
            settlement_account_id=Account.objects.get(participant_id=broker.id, kind="SECURITIES", name="HOUSE").pk,
            default_currency_id=securities[0].currency_id, credit_limit_minor=10**15, daily_limit_minor=10**15,
            actor=SYSTEM, at=clock.at, business_date=TRADE_DATE,
        )  # fmt: skip
    number = OTHERS
    requests = []
    for venue in Venue.objects.order_by("pk"):
        for entry in securities:
            for side, price in ((OrderSide.SELL, Decimal("100.01")), (OrderSide.BUY, Decimal("99.99"))):
                number += 1
                requests.append(
                    VenueRequest(
                        RequestKind.NEW, venue.pk, entry.id, number, side, DEPTH_UNITS, price, TimeInForce.DAY,
                        venue.market_maker_id,
                    )
                )  # fmt: skip
    answer_requests(requests=requests, at=clock.at, business_date=TRADE_DATE)


def order_tickets(*, port: int, member: int) -> Iterator[bytes]:
    """Return the endless stream of one broker's orders: limits that the market reaches, bought and sold in turn."""
    from bench.market import participant_codes, security_codes
    from bench.single import request_head

    code = participant_codes()[member]
    head = request_head(port=port, username=code.lower(), path="/api/v1/orders")

    def stream() -> Iterator[bytes]:
        number = 0
        while True:
            number += 1
            buys = number % 2 == 1
            body = json.dumps(
                {
                    "client_order_id": f"{code}-{number}",
                    "client": f"CL-{code}",
                    "security": security_codes()[number % SECURITIES],
                    "side": "BUY" if buys else "SELL",
                    "quantity": 10 * (1 + number % 50),
                    "order_type": "LIMIT",
                    "limit_price": "100.02" if buys else "99.98",
                }
            )
            yield f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()

    return stream()


@contextmanager
def router_process(*, database: str) -> Iterator[None]:
    """Run the router in a process of its own for the block, as a worker does: it has started when the block begins."""
    from bench.databases import server_url

    environment = os.environ | {"DATABASE_URL": server_url(database=database)}
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.orders", database], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield
    finally:
        process.stdin.close()
        process.wait(timeout=PATIENCE_SECONDS)


def work() -> None:
    """Route whatever waits, again and again, until the input ends."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fmi.settings")
    django.setup()
    from django.conf import settings

    from reference.queries import business_clock
    from trades.services.orders.route_orders import route_orders

    print("started", flush=True)
    while True:
        clock = business_clock()
        sent = route_orders(at=clock.at, business_date=clock.business_date, seed=settings.VENUE_SEED)
        # A worker is woken by facts, which beat delivers every second: what has come meanwhile is drained as a set.
        if select.select([sys.stdin], [], [], WAKE_SECONDS)[0] and not sent:
            return


def _wait_until_filled() -> None:
    """Wait until the router has nothing left to do. Raises BenchFailed when that does not come."""
    from bench.life import BenchFailed
    from trades.models import Order

    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while Order.objects.filter(status__in=["VALIDATED", "ROUTING", "PARTIALLY_FILLED"]).exists():
        if time.monotonic() > give_up_at:
            raise BenchFailed("the router does not come to an end")
        time.sleep(0.05)


if __name__ == "__main__":
    work()
