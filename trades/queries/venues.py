"""How the venues and their books stand: what the pages and the API tell of them. Nothing here locks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db import connection
from django.db.models import Count, F, Q, Sum

from reference.core.actor import Actor
from reference.core.directory import SecurityEntry
from reference.queries import directory
from trades.core.book.terms import LevelView
from trades.core.retry import BreakerStatus
from trades.core.venue_hours import is_open
from trades.models import Venue, VenueBook, VenueExecution, VenueQuality
from trades.queries.books import read_ladder
from trades.refusals.venues import NoSuchBook, UnknownVenue

LADDER_LEVELS: Final = 10
TAPE_ROWS: Final = 30

# A price is ticks times tick, in the security's currency; equities and funds are quoted by the unit.
VOLUME_SQL = """
    SELECT b.venue_id, b.id, s.currency_id, count(*), sum(x.quantity_units)::bigint,
        round(sum(x.quantity_units * x.price_ticks * b.tick) * power(10::numeric, a.digits))::bigint,
        (array_agg(x.price_ticks ORDER BY x.number DESC))[1], max(x.at)
    FROM trades_venueexecution x
    JOIN trades_venuebook b ON b.id = x.book_id
    JOIN reference_security s ON s.asset_ptr_id = b.security_id
    JOIN reference_asset a ON a.id = s.currency_id
    WHERE x.business_date = %s AND (%s::bigint IS NULL OR b.venue_id = %s)
    GROUP BY b.venue_id, b.id, s.currency_id, a.digits
    ORDER BY b.id
"""


@dataclass(frozen=True, slots=True)
class BookVolume:
    """What a book has executed on a business date, and at what price last."""

    venue_id: int
    book_id: int
    currency_id: int
    executions: int
    units: int
    value_minor: int
    last_ticks: int
    last_at: datetime


@dataclass(slots=True)
class VenueStanding:
    """A venue now. value_minor: by currency code, the most first. fill_ratio, latency_ms: None before any order."""

    venue: Venue
    open: bool
    breaker: str
    books: int = 0
    quoted_books: int = 0
    standing_orders: int = 0
    executions: int = 0
    units: int = 0
    value_minor: dict[str, int] = field(default_factory=dict)
    fill_ratio: float | None = None
    latency_ms: float | None = None
    observations: int = 0

    @property
    def maker_bp(self) -> Decimal:
        """The fee of a maker in basis points; below zero a rebate."""
        return Decimal(self.venue.maker_ppm) / 100

    @property
    def taker_bp(self) -> Decimal:
        """The fee of a taker in basis points."""
        return Decimal(self.venue.taker_ppm) / 100


@dataclass(frozen=True, slots=True)
class BookStanding:
    """One book of a venue now; prices in the security's currency, None where a side is empty."""

    row: VenueBook
    security: SecurityEntry
    bid: Decimal | None
    offer: Decimal | None
    spread_bp: Decimal | None
    last: Decimal | None
    executions: int
    units: int
    value_minor: int


@dataclass(frozen=True, slots=True)
class LadderLevel:
    """All that rests at one price; percent: of the largest level shown."""

    price: Decimal
    units: int
    orders: int
    percent: float
    depth_units: int


@dataclass(frozen=True, slots=True)
class TapeRow:
    """One execution on the tape. buyer, seller: participants' codes, empty where the actor may not see them."""

    row: VenueExecution
    price: Decimal
    buyer: str
    seller: str


@dataclass(frozen=True, slots=True)
class BookDetail:
    """One book with its best levels and its newest executions."""

    standing: BookStanding
    venue: Venue
    bids: list[LadderLevel]
    offers: list[LadderLevel]
    tape: list[TapeRow]


def view_venues(*, at: datetime, business_date: date) -> list[VenueStanding]:
    """Return all venues as they stand; five queries, however many books."""
    found = {
        row.pk: VenueStanding(
            venue=row,
            open=row.active and is_open(opens_at=row.opens_at, closes_at=row.closes_at, at=at, on=business_date),
            breaker=row.breaker.status if hasattr(row, "breaker") else str(BreakerStatus.CLOSED),
        )
        for row in Venue.objects.select_related("market_maker", "participant", "breaker")
    }
    books = VenueBook.objects.order_by().values("venue_id")
    for venue_id, count, quoted, standing in books.annotate(
        count=Count("id"),
        quoted=Count("id", filter=Q(best_bid_ticks__isnull=False, best_offer_ticks__isnull=False)),
        standing=Sum("standing_orders"),
    ).values_list("venue_id", "count", "quoted", "standing"):
        entry = found[venue_id]
        entry.books, entry.quoted_books, entry.standing_orders = count, quoted, standing
    currencies = directory().currencies
    for volume in read_volumes(business_date=business_date):
        entry = found[volume.venue_id]
        entry.executions += volume.executions
        entry.units += volume.units
        code = currencies[volume.currency_id].code
        entry.value_minor[code] = entry.value_minor.get(code, 0) + volume.value_minor
    qualities = VenueQuality.objects.filter(observations__gt=0).order_by().values("venue_id")
    for venue_id, observations, fills, latency in qualities.annotate(
        seen=Sum("observations"),
        fills=Sum(F("fill_ratio") * F("observations")),
        latency=Sum(F("latency_ms") * F("observations")),
    ).values_list("venue_id", "seen", "fills", "latency"):
        entry = found[venue_id]
        entry.observations = observations
        entry.fill_ratio, entry.latency_ms = fills / observations, latency / observations
    for entry in found.values():
        entry.value_minor = dict(sorted(entry.value_minor.items(), key=lambda pair: -pair[1]))
    return list(found.values())


def read_volumes(*, business_date: date, venue_id: int | None = None) -> list[BookVolume]:
    """Return what each book has executed on a business date, at one venue or at all."""
    with connection.cursor() as cursor:
        cursor.execute(VOLUME_SQL, [business_date, venue_id, venue_id])
        return [BookVolume(*row) for row in cursor.fetchall()]


def get_venue(*, mic: str) -> Venue:
    """Return a venue. Raises UnknownVenue."""
    row = Venue.objects.select_related("market_maker", "participant").filter(mic=mic).first()
    if row is None:
        raise UnknownVenue
    return row


def view_books(*, venue: Venue, business_date: date) -> list[BookStanding]:
    """Return a venue's books as they stand, by symbol; two queries."""
    volumes = {volume.book_id: volume for volume in read_volumes(business_date=business_date, venue_id=venue.pk)}
    rows = VenueBook.objects.filter(venue=venue)
    found = [_describe_book(row, volumes.get(row.pk)) for row in rows]
    return sorted(found, key=lambda standing: standing.security.symbol)


def view_book(*, actor: Actor, mic: str, isin: str, business_date: date, levels: int = LADDER_LEVELS) -> BookDetail:
    """Return one book with its best levels and its newest executions. Raises UnknownVenue, NoSuchBook.

    Prices, sizes and times are everybody's; who traded is told to who sees all, and to each party of itself.
    """
    row = get_book(mic=mic, isin=isin)
    with connection.cursor() as cursor:
        cursor.execute(VOLUME_SQL.replace("WHERE ", "WHERE x.book_id = %s AND "), [row.pk, business_date, None, None])
        volume = next((BookVolume(*found) for found in cursor.fetchall()), None)
    ladder = read_ladder(book_id=row.pk, event_number=row.event_number, levels=levels)
    largest = max((level.quantity_units for level in (*ladder.bids, *ladder.offers)), default=1)
    return BookDetail(
        standing=_describe_book(row, volume),
        venue=row.venue,
        bids=_describe_levels(ladder.bids, tick=row.tick, largest=largest),
        offers=_describe_levels(ladder.offers, tick=row.tick, largest=largest),
        tape=read_tape(actor=actor, book=row, limit=TAPE_ROWS),
    )


def get_book(*, mic: str, isin: str) -> VenueBook:
    """Return a security's book at a venue. Raises UnknownVenue, NoSuchBook."""
    row = VenueBook.objects.select_related("venue").filter(venue__mic=mic, security__code=isin).first()
    if row is None:
        get_venue(mic=mic)
        raise NoSuchBook
    return row


def read_tape(*, actor: Actor, book: VenueBook, limit: int, before: int | None = None) -> list[TapeRow]:
    """Return the newest executions of a book, or those before one of its numbers, newest first."""
    rows = VenueExecution.objects.filter(book=book)
    if before is not None:
        rows = rows.filter(number__lt=before)
    return describe_tape(actor=actor, rows=list(rows.order_by("-number")[:limit]), tick=book.tick)


def describe_tape(*, actor: Actor, rows: Collection[VenueExecution], tick: Decimal) -> list[TapeRow]:
    """Return executions of one book as an actor may see them."""
    participants = directory().participants

    def named(owner: int) -> str:
        seen = actor.sees_all or owner == actor.participant_id
        return participants[owner].code if seen and owner in participants else ""

    return [
        TapeRow(
            row=row,
            price=row.price_ticks * tick,
            buyer=named(row.taker_owner if row.taker_side == "BUY" else row.maker_owner),
            seller=named(row.maker_owner if row.taker_side == "BUY" else row.taker_owner),
        )
        for row in rows
    ]


def _describe_book(row: VenueBook, volume: BookVolume | None) -> BookStanding:
    bid = None if row.best_bid_ticks is None else row.best_bid_ticks * row.tick
    offer = None if row.best_offer_ticks is None else row.best_offer_ticks * row.tick
    return BookStanding(
        row=row,
        security=directory().securities[row.security_id],
        bid=bid,
        offer=offer,
        spread_bp=None if bid is None or offer is None else 20_000 * (offer - bid) / (offer + bid),
        last=None if volume is None else volume.last_ticks * row.tick,
        executions=0 if volume is None else volume.executions,
        units=0 if volume is None else volume.units,
        value_minor=0 if volume is None else volume.value_minor,
    )


def _describe_levels(levels: Sequence[LevelView], *, tick: Decimal, largest: int) -> list[LadderLevel]:
    depth, found = 0, []
    for level in levels:
        depth += level.quantity_units
        found.append(
            LadderLevel(
                price=level.price_ticks * tick,
                units=level.quantity_units,
                orders=level.orders,
                percent=100 * level.quantity_units / largest,
                depth_units=depth,
            )
        )
    return found
