"""Positions as they are now, as they closed on a day, and from day to day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from django.db import connection
from django.db.models import QuerySet

from ledger.models import Account, AccountKind
from reference.core.actor import Actor
from reference.core.directory import CurrencyEntry, SecurityEntry
from reference.market_data import last_quotes
from reference.queries import directory
from trades.core.position_walk import Held, walk_moves, with_method
from trades.core.positions import CostMethod, Lot
from trades.core.positions import Position as Costed
from trades.core.positions import value_unrealised as value_costed
from trades.models import CostChoice, Position, PositionRun
from trades.queries.position_moves import Moves, count_moves, read_moves

Key = tuple[int, int, int]
"""Account, security and currency id."""

BEGINNING = date(1900, 1, 1)
# How many business days back a commit may come late and still be found by a reader.
CHECKED_RUNS = 3
HISTORY_DAYS = 120

CLOSES_SQL = """
    SELECT s.id, p.close FROM unnest(%s::bigint[]) AS s (id) CROSS JOIN LATERAL (
        SELECT close FROM reference_dailyprice WHERE security_id = s.id AND date <= %s ORDER BY date DESC LIMIT 1) p
"""

LAST_RUNS_SQL = """
    SELECT DISTINCT ON (business_date) id, business_date, moves FROM trades_positionrun
    WHERE business_date <= %s ORDER BY business_date DESC, id DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Base:
    """From where positions are worked out: the last close that knew all of its day; none: from the beginning."""

    run_id: int | None
    business_date: date


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position with its result. mark: the price that values it, in the security's quotation; None: none known.

    day: of the business date asked about; before it: what the result was at the close before. Amounts in minor units
    of the currency.
    """

    account: Account
    security: SecurityEntry
    currency: CurrencyEntry
    held: Held
    realised_day_minor: int
    mark: Decimal | None
    mark_source: str
    unrealised_minor: int | None
    before_minor: int | None = None

    @property
    def quantity_units(self) -> int:
        """Return the units held, below zero if short."""
        return self.held.quantity_units

    @property
    def average(self) -> Decimal | None:
        """Return the average cost of a unit, in the security's quotation."""
        if not self.held.quantity_units:
            return None
        scale: Decimal = self.security.amount_per_price() * 10**self.currency.digits
        return (Decimal(self.held.cost_minor) / self.held.quantity_units / scale).quantize(Decimal("0.0001"))

    @property
    def value_minor(self) -> int | None:
        """Return what the position is worth."""
        return None if self.unrealised_minor is None else self.held.cost_minor + self.unrealised_minor

    @property
    def total_minor(self) -> int:
        """Return all of the result: realised and unrealised, less fees."""
        return self.held.realised_minor + (self.unrealised_minor or 0) - self.held.fees_minor

    @property
    def day_minor(self) -> int | None:
        """Return what the result has changed by since the close before; None where there was none."""
        return None if self.before_minor is None else self.total_minor - self.before_minor


def accounts_visible_to(*, actor: Actor) -> QuerySet[Account]:
    """Return the securities accounts whose positions an actor sees."""
    rows = Account.objects.filter(kind=AccountKind.SECURITIES).select_related("participant")
    return rows if actor.participant_id is None else rows.filter(participant_id=actor.participant_id)


def find_base(*, before: date) -> Base:
    """Return the last close before a business date that knew all that its day had; few short queries."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_RUNS_SQL, [before - timedelta(days=1), CHECKED_RUNS + 1])
        runs = cursor.fetchall()
    # A day that has grown since sends the reader back before it; what lies deeper than is checked has long been read.
    start = 0
    for place, (_, day, moves) in enumerate(runs[:CHECKED_RUNS]):
        if count_moves(business_date=day) != moves:
            start = place + 1
    if start >= len(runs):
        return Base(None, BEGINNING)
    return Base(runs[start][0], runs[start][1])


def read_held(*, base: Base, accounts: Sequence[int] | None = None) -> dict[Key, Held]:
    """Return the positions at a close, by account, security and currency. One query."""
    if base.run_id is None:
        return {}
    rows = Position.objects.filter(run_id=base.run_id)
    if accounts is not None:
        rows = rows.filter(account_id__in=accounts)
    return {(row.account_id, row.security_id, row.currency_id): held_of(row=row) for row in rows}


def held_of(*, row: Position) -> Held:
    """Return a closed position's state."""
    lots = tuple(Lot(units, minor) for units, minor in zip(row.lot_units, row.lot_minor, strict=True))
    return Held(CostMethod(row.method), row.quantity_units, row.cost_minor, row.realised_minor, row.fees_minor, lots)


def roll_forward(
    *, before: Mapping[Key, Held], moves: Moves, methods: Mapping[int, CostMethod]
) -> dict[Key, Held]:  # fmt: skip
    """Return every position after the moves: those that moved, and those that did not. methods: by account id."""
    after = {
        key: with_method(held=held, method=methods.get(key[0], CostMethod.AVERAGE)) for key, held in before.items()
    }
    units, minor, fees = moves.units.tolist(), moves.minor.tolist(), moves.fee
    bounds = moves.bounds
    for begin, end in pairwise(bounds):
        key = int(moves.account[begin]), int(moves.security[begin]), int(moves.currency[begin])
        held = after.get(key) or Held(methods.get(key[0], CostMethod.AVERAGE))
        moved = [(one, amount) for one, amount in zip(units[begin:end], minor[begin:end], strict=True) if one]
        after[key] = walk_moves(
            held=held, units=[one for one, _ in moved], minor=[amount for _, amount in moved],
            fees_minor=int(fees[begin:end].sum()),
        )  # fmt: skip
    return after


def methods_of(*, accounts: Sequence[int] | None = None) -> dict[int, CostMethod]:
    """Return the costing of the accounts whose participant has chosen one, by account id."""
    rows = CostChoice.objects.filter(participant__accounts__kind=AccountKind.SECURITIES)
    if accounts is not None:
        rows = rows.filter(participant__accounts__in=accounts)
    return {pk: CostMethod(method) for pk, method in rows.values_list("participant__accounts", "method")}


def read_closes(*, security_ids: Sequence[int], on: date) -> dict[int, Decimal]:
    """Return the last closing price on or before a date, by security."""
    with connection.cursor() as cursor:
        cursor.execute(CLOSES_SQL, [list(security_ids), on])
        return dict(cursor.fetchall())


def value_held(*, held: Held, price: Decimal, security: SecurityEntry, currency: CurrencyEntry) -> int:
    """Return what closing a position at a price would realise, in minor units. Raises PositionAboveInt64."""
    position = Costed(held.method, held.open_lots)
    return value_costed(position=position, price_minor=price * security.amount_per_price() * 10**currency.digits)


def live_positions(
    *, accounts: Sequence[Account], business_date: date, securities: Sequence[int] | None = None,
    method: CostMethod | None = None,
) -> list[PositionView]:  # fmt: skip
    """Return the accounts' positions as of now: the last close, and all that has happened since, at the last quote.

    What no quote stands of is valued at the last close before the business date, whose own is not known yet.
    Nothing is kept between two calls, so what is committed is in. method: another costing than the participant's,
    worked out from the first day on. Positions that never were anything are left out.
    """
    ids = [account.pk for account in accounts]
    base = find_base(before=business_date)
    before = read_held(base=base, accounts=ids)
    methods = methods_of(accounts=ids)
    if method is not None:
        base, methods = Base(None, BEGINNING), dict.fromkeys(ids, method)
        start: dict[Key, Held] = {}
    else:
        start = before
    moves = read_moves(after=base.business_date, until=business_date, accounts=ids, securities=securities)
    after = roll_forward(before=start, moves=moves, methods=methods)
    if securities is not None:
        after = {key: held for key, held in after.items() if key[1] in securities}
    closes = _closed_results(accounts=ids, business_date=business_date)
    return _view_live(after=after, before=before, accounts=accounts, business_date=business_date, closed=closes)


def closed_positions(*, accounts: Sequence[Account], business_date: date) -> list[PositionView]:
    """Return the accounts' positions as they closed on a business date; none where it has not closed."""
    run = PositionRun.objects.filter(business_date=business_date).order_by("-pk").first()
    if run is None:
        return []
    ids = [account.pk for account in accounts]
    source, by_id = directory(), {account.pk: account for account in accounts}
    closed = _closed_results(accounts=ids, business_date=business_date)
    rows = Position.objects.filter(run=run, account_id__in=ids)
    found = [
        PositionView(
            by_id[row.account_id], source.securities[row.security_id], source.currencies[row.currency_id],
            held_of(row=row), row.realised_day_minor, row.price, "close", row.unrealised_minor,
            closed.get((row.account_id, row.security_id, row.currency_id), 0 if closed else None),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=_order)


def _closed_results(*, accounts: Sequence[int], business_date: date) -> dict[Key, int]:
    """Return the result at the close before a business date, by position."""
    run = PositionRun.objects.filter(business_date__lt=business_date).order_by("-business_date", "-pk").first()
    if run is None:
        return {}
    rows = Position.objects.filter(run=run, account_id__in=accounts)
    return {
        (row.account_id, row.security_id, row.currency_id): row.realised_minor + (row.unrealised_minor or 0)
        - row.fees_minor
        for row in rows
    }  # fmt: skip


def _view_live(
    *, after: Mapping[Key, Held], before: Mapping[Key, Held], accounts: Sequence[Account], business_date: date,
    closed: Mapping[Key, int],
) -> list[PositionView]:  # fmt: skip
    source, by_id = directory(), {account.pk: account for account in accounts}
    open_ids = sorted({key[1] for key, held in after.items() if held.quantity_units})
    quotes = last_quotes(security_ids=open_ids) if open_ids else {}
    unquoted = [pk for pk in open_ids if pk not in quotes]
    closes = read_closes(security_ids=unquoted, on=business_date - timedelta(days=1))
    found = []
    for key, held in after.items():
        security, currency = source.securities[key[1]], source.currencies[key[2]]
        mark, origin = closes.get(key[1]), "close"
        if key[1] in quotes:
            mark, origin = quotes[key[1]].last, "quote"
        unrealised: int | None = 0
        if held.quantity_units:
            unrealised = None if mark is None else value_held(
                held=held, price=mark, security=security, currency=currency
            )  # fmt: skip
        earlier = before.get(key)
        found.append(
            PositionView(
                by_id[key[0]], security, currency, held,
                held.realised_minor - (earlier.realised_minor if earlier else 0), mark, origin, unrealised,
                closed.get(key, 0 if closed else None),
            )
        )  # fmt: skip
    return sorted(found, key=_order)


def _order(view: PositionView) -> tuple[str, str, str]:
    return view.account.code, view.security.symbol, view.currency.code


def position_history(
    *, actor: Actor, account: Account | None = None, security_id: int | None = None, until: date | None = None,
    days: int = HISTORY_DAYS,
) -> QuerySet[Position]:  # fmt: skip
    """Return closed positions of the last days, each day's last run only, oldest first."""
    runs = PositionRun.objects.order_by("-business_date", "-pk").values_list("pk", "business_date")
    if until is not None:
        runs = runs.filter(business_date__lte=until)
    latest: dict[date, int] = {}
    for pk, day in runs[: 2 * days]:
        latest.setdefault(day, pk)
    rows = Position.objects.filter(run_id__in=list(latest.values())[:days]).select_related("run")
    if account is not None:
        rows = rows.filter(account=account)
    elif actor.participant_id is not None:
        rows = rows.filter(account__participant_id=actor.participant_id)
    if security_id is not None:
        rows = rows.filter(security_id=security_id)
    return rows.order_by("run__business_date", "account_id", "security_id")
