"""Decide where orders go: read what the venues show, split, and write the slices that are to be sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import msgspec
from django.db import connection, transaction

from reference.queries import directory
from trades.core.book.terms import OrderSide, TimeInForce
from trades.core.order_lifecycle import OrderStatus
from trades.core.retry import let_through
from trades.core.route_choice import OrderToRoute, RouteChoice, VenueChance, choose_route, take_levels
from trades.core.routing import ExecutionQuality, VenueOffer
from trades.core.venue_fees import VenueFees
from trades.core.venue_hours import is_open
from trades.queries.books import BookShown, read_book_views
from trades.queries.routing_state import BREAKER_RULES, RoutedVenue, read_breakers, read_qualities, read_venues
from trades.services.orders.end_orders import end_orders
from trades.services.orders.step_orders import lock_credit, step_orders

GIVEN_UP = ("given-up", "breaker-open", "venue-closed")
"""Why a slice ended that says nothing against trying the venue again, after TRY_AGAIN."""
TRY_AGAIN = timedelta(seconds=60)

TO_ROUTE_SQL = """
    SELECT o.id, o.side, o.order_type, o.time_in_force, o.quantity_units - o.routed_units AS rest_units, o.filled_units,
           coalesce(o.limit_price, o.protection_price) AS limit, o.security_id, o.status, o.business_date, o.expires_on,
           o.broker_id,
           o.routed_units > o.filled_units AS elsewhere_open, coalesce(tried.refused, '{}') AS refused,
           coalesce(tried.down, '{}') AS down, coalesce(tried.code, '') AS refusal_code
    FROM trades_order o
    LEFT JOIN LATERAL (
        SELECT array_agg(s.venue_id) FILTER (WHERE s.end_code <> ALL(%(given_up)s)) AS refused,
               array_agg(s.venue_id) FILTER (WHERE s.end_code = ANY(%(given_up)s) AND s.created_at > %(again)s) AS down,
               max(s.end_code) FILTER (WHERE s.status = 'REJECTED' AND s.end_code <> ALL(%(given_up)s)) AS code
        FROM trades_orderslice s
        WHERE s.order_id = o.id AND s.status IN ('CANCELLED', 'REJECTED') AND s.end_code <> 'replaced'
    ) tried ON o.status <> 'VALIDATED'
    WHERE o.id = ANY(%(orders)s) AND o.status IN ('VALIDATED', 'ROUTING', 'PARTIALLY_FILLED')
      AND o.routed_units < o.quantity_units
    ORDER BY o.id FOR UPDATE OF o
"""

SLICES_SQL = """
    WITH made AS (
        INSERT INTO trades_orderslice (
            order_id, venue_id, quantity_units, filled_units, status, attempts, due_at, quoted_price, end_code, note,
            created_at)
        SELECT order_id, venue_id, quantity_units, 0, 'WAITING', 0, %(at)s, quoted_price, '', '', %(at)s
        FROM jsonb_to_recordset(%(slices)s::jsonb)
            AS s (place bigint, order_id bigint, venue_id bigint, quantity_units bigint, quoted_price numeric)
        ORDER BY place
        RETURNING order_id, quantity_units
    )
    UPDATE trades_order o SET routed_units = o.routed_units + f.units, arrival_mid = coalesce(o.arrival_mid, m.mid)
    FROM (SELECT order_id, sum(quantity_units) AS units FROM made GROUP BY 1) f
    LEFT JOIN jsonb_to_recordset(%(mids)s::jsonb) AS m (order_id bigint, mid numeric) USING (order_id)
    WHERE o.id = f.order_id
"""


@dataclass(frozen=True, slots=True)
class _Market:
    """What the router sees of one security: its venues in one tick. unit: the finest of their ticks.

    What one order is to trade with is no more shown to the next of the same run.
    """

    unit: Decimal
    minor_per_unit: float
    bids: dict[int, tuple[tuple[int, int], ...]]
    offers: dict[int, tuple[tuple[int, int], ...]]

    @property
    def mid(self) -> Decimal | None:
        """The middle of the best prices of all venues; None where one side is empty everywhere."""
        bids = [levels[0][0] for levels in self.bids.values() if levels]
        offers = [levels[0][0] for levels in self.offers.values() if levels]
        return (max(bids) + min(offers)) * self.unit / 2 if bids and offers else None


def plan_slices(*, order_ids: Sequence[int], at: datetime, business_date: date) -> int:
    """Send what is at no venue of these orders, as slices WAITING, or end it; return how many orders moved."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                TO_ROUTE_SQL, {"orders": list(order_ids), "given_up": list(GIVEN_UP), "again": at - TRY_AGAIN}
            )
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        if not rows:
            return 0
        security_ids = sorted({row["security_id"] for row in rows})
        venues = read_venues()
        shown = read_book_views(security_ids=security_ids)
        markets = {security: _read_market(security, shown) for security in security_ids}
        mids = {security: market.mid for security, market in markets.items()}
        qualities = read_qualities(security_ids=security_ids)
        now_ms = round(at.timestamp() * 1000)
        down = {
            venue_id
            for venue_id, breaker in read_breakers().items()
            if not let_through(breaker=breaker, rules=BREAKER_RULES, now_ms=now_ms)[0]
        }
        chosen = []
        for row in rows:
            market = markets[row["security_id"]]
            order, chances = _describe(
                row, market=market, venues=venues, qualities=qualities, down=down, at=at, business_date=business_date
            )
            choice = choose_route(order=order, venues=chances, minor_per_tick=market.minor_per_unit)
            chosen.append((row, choice, _write_slices(row, choice, market)))
        return _write(chosen=chosen, at=at, mids=mids)


def _read_market(security_id: int, shown: Mapping[tuple[int, int], BookShown]) -> _Market:
    """Bring what the venues show of a security to one tick."""
    entry = directory().securities[security_id]
    books = {venue_id: book for (venue_id, security), book in shown.items() if security == security_id}
    unit = min((book.tick for book in books.values()), default=Decimal(1))
    minor = unit * entry.amount_per_price() * 10**entry.currency.digits

    def scale(levels: tuple[tuple[int, int], ...], tick: Decimal) -> tuple[tuple[int, int], ...]:
        factor = int(tick / unit)
        return levels if factor == 1 else tuple((ticks * factor, units) for ticks, units in levels)

    return _Market(
        unit=unit,
        minor_per_unit=float(minor),
        bids={venue_id: scale(book.bids, book.tick) for venue_id, book in books.items()},
        offers={venue_id: scale(book.offers, book.tick) for venue_id, book in books.items()},
    )


def _describe(
    row: Mapping[str, Any], *, market: _Market, venues: Mapping[int, RoutedVenue],
    qualities: Mapping[tuple[int, int], ExecutionQuality], down: set[int], at: datetime, business_date: date,
) -> tuple[OrderToRoute, list[VenueChance]]:  # fmt: skip
    """Return an order and its venues as the choice wants them."""
    side = OrderSide(row["side"])
    other = market.offers if side == OrderSide.BUY else market.bids
    foreign = any(venues[venue_id].market_maker_id != row["broker_id"] for venue_id in other)
    chances = []
    for venue_id, levels in other.items():
        venue = venues[venue_id]
        bids, offers = market.bids[venue_id], market.offers[venue_id]
        chances.append(
            VenueChance(
                offer=VenueOffer(
                    venue=str(venue_id),
                    levels=levels,
                    fees=VenueFees(venue.maker_ppm, venue.taker_ppm, venue.minimum_fee_minor),
                    quality=qualities.get((venue_id, row["security_id"]), ExecutionQuality()),
                    spread_ticks=offers[0][0] - bids[0][0] if bids and offers else None,
                ),
                trading=venue.active
                and is_open(opens_at=venue.opens_at, closes_at=venue.closes_at, at=at, on=business_date),
                # A market maker's own orders meet its own quotes there, and are taken back.
                refused=venue_id in row["refused"] or (foreign and venue.market_maker_id == row["broker_id"]),
                down=venue_id in down or venue_id in row["down"],
            )
        )
    asked = venues if not other else {venue_id: venues[venue_id] for venue_id in other}
    limit_ticks = None
    if row["limit"] is not None:
        # Only the limit's own side of the tick keeps it.
        rounding = ROUND_FLOOR if side == OrderSide.BUY else ROUND_CEILING
        limit_ticks = int((row["limit"] / market.unit).to_integral_value(rounding=rounding))
    order = OrderToRoute(
        side=side,
        time_in_force=TimeInForce(row["time_in_force"]),
        takes_only=row["order_type"] == "MARKET",
        rest_units=row["rest_units"],
        filled_units=row["filled_units"],
        limit_ticks=limit_ticks,
        over=_is_over(row, venues=list(asked.values()), at=at, business_date=business_date),
        elsewhere_open=row["elsewhere_open"],
        refusal_code=row["refusal_code"],
    )
    return order, chances


def _is_over(row: Mapping[str, Any], *, venues: Sequence[RoutedVenue], at: datetime, business_date: date) -> bool:
    """Say whether an order's last session is over: a DAY order's that of its day, a GTC's that of its last day."""
    last = row["expires_on"] if row["time_in_force"] == "GTC" else row["business_date"]
    if last is None or last > business_date:
        return False
    return last < business_date or all(venue.is_past(at=at, on=business_date) for venue in venues)


def _write_slices(row: Mapping[str, Any], choice: RouteChoice, market: _Market) -> list[dict[str, Any]]:
    """Return an order's slices as rows, and take what they are to trade with out of what is shown to the next."""
    other = market.offers if row["side"] == "BUY" else market.bids
    rows = []
    for part in choice.slices:
        venue_id = int(part.venue)
        levels = other[venue_id]
        rows.append(
            {
                "order_id": row["id"], "venue_id": venue_id, "quantity_units": part.quantity_units,
                "quoted_price": levels[0][0] * market.unit if levels else None,
            }
        )  # fmt: skip
        other[venue_id] = take_levels(levels=levels, units=part.displayed_units)
    return rows


def _write(
    *, chosen: Sequence[tuple[dict[str, Any], RouteChoice, list[dict[str, Any]]]], at: datetime,
    mids: Mapping[int, Decimal | None],
) -> int:  # fmt: skip
    """Write the slices, the orders' steps to ROUTING, and the ends."""
    slices = [part for _, _, parts in chosen for part in parts]
    started = [row for row, _, parts in chosen if parts and row["status"] == OrderStatus.VALIDATED]
    ends: dict[RouteChoice, list[int]] = {}
    for row, choice, _ in chosen:
        if choice.end is not None:
            ends.setdefault(choice, []).append(row["id"])
    if slices:
        placed = [{"place": place} | part for place, part in enumerate(slices)]
        shown = [{"order_id": row["id"], "mid": mids[row["security_id"]]} for row in started]
        with connection.cursor() as cursor:
            cursor.execute(
                SLICES_SQL,
                {"at": at, "slices": msgspec.json.encode(placed).decode(), "mids": msgspec.json.encode(shown).decode()},
            )
    if started:
        step_orders(order_ids=[row["id"] for row in started], status=OrderStatus.ROUTING, at=at)
    if ends:
        lock_credit(order_ids=[order_id for order_ids in ends.values() for order_id in order_ids])
    for choice, order_ids in ends.items():
        assert choice.end is not None
        end_orders(order_ids=order_ids, end=choice.end, code=choice.code, note=choice.note, at=at)
    return len({part["order_id"] for part in slices}) + sum(map(len, ends.values()))
