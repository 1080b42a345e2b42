"""A day of clients' orders: who wants what, how, and what becomes of those that wait. Pure, from the seed."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np

from fmi.demo.market import FIRST_MONDAY, MarketSecurity

ORDERS_PER_DAY = 45
FIRST_ORDER, LAST_ORDER = timedelta(hours=9, minutes=10), timedelta(hours=16, minutes=40)
# Of the security's real volume that day: a level of a venue's book is some hundred parts of a million.
MEDIAN_PPM, LEAST_PPM, MOST_PPM = 110.0, 20.0, 450.0
PARTS_PER_MILLION = 1_000_000


class Style(NamedTuple):
    """A way to order. offset_bp: of the limit beyond the quote's other side; below zero, behind the middle."""

    order_type: str
    time_in_force: str
    offset_bp: int
    share: float


STYLES = (
    Style("MARKET", "DAY", 0, 0.28),
    Style("LIMIT", "DAY", 15, 0.36),
    Style("LIMIT", "DAY", -15, 0.18),
    Style("LIMIT", "GTC", -60, 0.06),
    Style("LIMIT", "IOC", 10, 0.07),
    Style("LIMIT", "FOK", 10, 0.05),
)
# What becomes of an order that waits in the books.
CANCELLED, REPLACED = 0.30, 0.25
REPLACED_OFFSET_BP = 12
GTC_BUSINESS_DAYS = 3


class OrderingClient(NamedTuple):
    """A client that orders. block: shares of its orders among accounts of its broker, in percent, none for most."""

    code: str
    name: str
    broker: str
    account: str
    currency: str
    credit: int
    daily: int
    block: tuple[tuple[str, int], ...] = ()


class OrderEvent(NamedTuple):
    """Something a client does: PLACE an order, CANCEL it or REPLACE its limit."""

    at: timedelta
    kind: str
    client: str
    client_order_id: str
    isin: str
    side: str
    quantity: int
    style: Style


LARGE, MIDDLE, SMALL = 400_000_000, 150_000_000, 250_000
CLIENTS = (
    OrderingClient("LARK-PENSION", "Polder Pension Scheme", "LARKBRK", "CLIENT-L1", "EUR", LARGE, LARGE),
    OrderingClient("LARK-FAMILY", "Van Leeuwen Family Office", "LARKBRK", "HOUSE", "EUR", MIDDLE, MIDDLE),
    OrderingClient("LARK-STARTER", "Starter Savings Plan", "LARKBRK", "HOUSE", "EUR", SMALL, SMALL),
    OrderingClient(
        "MERI-GLOBAL", "Meridian Global Fund", "MERIDIAN", "HOUSE", "USD", LARGE, LARGE,
        (("HOUSE", 20), ("CLIENT-M1", 50), ("CLIENT-M2", 30)),
    ),
    OrderingClient("MERI-GROWTH", "Thames Growth Trust", "MERIDIAN", "CLIENT-M1", "EUR", LARGE, LARGE),
    OrderingClient("MERI-INCOME", "Thames Income Trust", "MERIDIAN", "CLIENT-M2", "EUR", MIDDLE, MIDDLE),
    OrderingClient("NOVA-QUANT", "Nova Quantitative Strategies", "NOVABRK", "HOUSE", "USD", LARGE, LARGE),
    OrderingClient("NOVA-RETAIL", "Nova Online Investors", "NOVABRK", "HOUSE", "USD", MIDDLE, MIDDLE),
    OrderingClient("ALDER-DESK", "Alder Bank, own desk", "ALDERBK", "HOUSE", "EUR", LARGE, LARGE),
    OrderingClient("BRIXTON-DESK", "Brixton Securities, own desk", "BRIXTON", "HOUSE", "USD", LARGE, LARGE),
    OrderingClient("INN-PRIVATE", "Innviertel private clients", "INNBANK", "HOUSE", "EUR", MIDDLE, MIDDLE),
    OrderingClient("KESTREL-ONE", "Kestrel mandate one", "KESTREL", "HOUSE", "EUR", MIDDLE, MIDDLE),
)  # fmt: skip


def make_orders(
    *, seed: int, business_date: date, securities: Sequence[MarketSecurity], clients: Sequence[OrderingClient] = CLIENTS
) -> list[OrderEvent]:
    """Return what clients do on a day, in order of time.

    Weekdays go in pairs, as those of the market do: on the second day the same clients want the other side, in sizes
    of that day, so that what they hold swings about where it began.
    """
    if not securities:
        return []
    pair_of_days, reversed_day = divmod(int(np.busday_count(FIRST_MONDAY, business_date)), 2)
    both_days = np.random.default_rng([seed, pair_of_days, 2])
    turnover = np.array([max(security.value_per_day, 1.0) for security in securities]) ** 0.5
    shares = np.array([style.share for style in STYLES])
    events: list[OrderEvent] = []
    for number in range(ORDERS_PER_DAY):
        security = securities[int(both_days.choice(len(securities), p=turnover / turnover.sum()))]
        client = clients[int(both_days.integers(len(clients)))]
        style = STYLES[int(both_days.choice(len(STYLES), p=shares / shares.sum()))]
        buys = bool(both_days.integers(2)) != bool(reversed_day)
        ppm = min(max(MEDIAN_PPM * float(np.exp(both_days.normal(0.0, 0.8))), LEAST_PPM), MOST_PPM)
        lots = max(round(security.volume * ppm / PARTS_PER_MILLION / security.lot_size_units), 1)
        span = (LAST_ORDER - FIRST_ORDER).total_seconds()
        placed = OrderEvent(
            at=FIRST_ORDER + timedelta(seconds=int(both_days.random() * span)),
            kind="PLACE",
            client=client.code,
            client_order_id=f"{business_date:%y%m%d}-{number + 1:03d}",
            isin=security.isin,
            side="BUY" if buys else "SELL",
            quantity=lots * security.lot_size_units,
            style=style,
        )
        events += [placed, *_afterwards(placed=placed, fate=float(both_days.random()), wait=float(both_days.random()))]
    return sorted(events, key=lambda event: (event.at, event.client_order_id, event.kind))


def _afterwards(*, placed: OrderEvent, fate: float, wait: float) -> list[OrderEvent]:
    """Return what its client does to an order that waits; nothing to most."""
    if placed.style.offset_bp >= 0 or fate > CANCELLED + REPLACED:
        return []
    at = placed.at + timedelta(minutes=45 + 75 * wait)
    if fate < CANCELLED:
        return [placed._replace(at=at, kind="CANCEL")]
    return [placed._replace(at=at, kind="REPLACE", style=placed.style._replace(offset_bp=REPLACED_OFFSET_BP))]


def limit_price(*, side: str, offset_bp: int, bid: Any, ask: Any) -> Any:
    """Return an order's limit by the quote: beyond its other side, or behind its middle; in hundredths, as Decimal."""
    touch = ask if side == "BUY" else bid
    base = touch if offset_bp >= 0 else (bid + ask) / 2
    shift = base * offset_bp / 10_000
    return max(round(base + shift if side == "BUY" else base - shift, 2), type(bid)("0.01"))
