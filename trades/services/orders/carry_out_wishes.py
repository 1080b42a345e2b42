"""Carry out what is wished of orders at the venues: take them back, or give them other terms. Begun again, it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection, transaction

from events.services.outbox import record_fact
from reference.core.apportionment import apportion
from trades.contracts import OrdersPlaced
from trades.core.order_lifecycle import OrderStatus
from trades.core.slice_lifecycle import SliceStatus, WishKind
from trades.core.venue_messages import RequestKind, VenueAnswer, VenueOrderStatus, VenueRequest
from trades.services.orders.end_orders import end_orders
from trades.services.orders.limits import shrink_reservations
from trades.services.orders.note_answers import SliceNote, note_answer, write_notes
from trades.services.orders.record_fills import record_fills
from trades.services.orders.step_orders import lock_credit, step_orders
from trades.services.venues.answer_requests import answer_requests

WISHES_SQL = """
    SELECT w.order_id, w.kind, w.quantity_units, w.limit_price, w.actor, w.note, o.security_id,
           o.quantity_units, o.limit_price, o.filled_units
    FROM trades_orderwish w JOIN trades_order o ON o.id = w.order_id ORDER BY w.order_id
"""
SLICES_SQL = """
    SELECT id, order_id, venue_id, status, quantity_units, filled_units, attempts, due_at FROM trades_orderslice
    WHERE order_id = ANY(%s) AND status IN ('WAITING', 'RESTING') ORDER BY id
"""
LOCK_SQL = "SELECT id FROM trades_order WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
SHRINK_SQL = """
    WITH shrunk AS (
        UPDATE trades_orderslice s SET quantity_units = n.quantity_units,
            status = CASE WHEN s.filled_units = n.quantity_units THEN 'FILLED' ELSE s.status END
        FROM jsonb_to_recordset(%s::jsonb) AS n (slice_id bigint, quantity_units bigint)
        WHERE s.id = n.slice_id AND s.status = 'RESTING'
        RETURNING s.order_id, old.quantity_units - new.quantity_units AS freed_units
    )
    UPDATE trades_order o SET routed_units = o.routed_units - f.units
    FROM (SELECT order_id, sum(freed_units) AS units FROM shrunk GROUP BY 1) f WHERE o.id = f.order_id
"""
# What was filled above the new quantity before the venue knew of it, is filled: that much the order is for, then.
REPLACED_SQL = """
    UPDATE trades_order o SET quantity_units = greatest(n.quantity_units, o.filled_units),
        limit_price = coalesce(n.limit_price, o.limit_price)
    FROM jsonb_to_recordset(%s::jsonb) AS n (order_id bigint, quantity_units bigint, limit_price numeric)
    WHERE o.id = n.order_id AND o.status IN ('ROUTING', 'PARTIALLY_FILLED', 'VALIDATED')
    RETURNING o.id, o.quantity_units, o.filled_units, o.limit_price, o.status
"""
# Of such an order another venue has reported more since the slices were read: what they keep is shared out anew.
OVERTAKEN_SQL = """
    SELECT w.order_id FROM trades_orderwish w JOIN trades_order o ON o.id = w.order_id
    WHERE w.order_id = ANY(%s) AND w.kind = 'REPLACE' AND o.status IN ('VALIDATED', 'ROUTING', 'PARTIALLY_FILLED')
      AND o.routed_units > greatest(w.quantity_units, o.filled_units)
"""
DONE_SQL = "DELETE FROM trades_orderwish WHERE order_id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class _Wish:
    """A wish, and its order as it stood when the venues were asked."""

    order_id: int
    kind: str
    quantity_units: int | None
    limit_price: Decimal | None
    actor: str
    note: str
    security_id: int
    before_units: int
    before_limit: Decimal | None
    filled_units: int

    @property
    def shrinks(self) -> bool:
        """Say whether it only makes the order smaller, so that it keeps its place in the books."""
        same = self.limit_price is None or self.limit_price == self.before_limit
        return self.kind == WishKind.REPLACE and same and (self.quantity_units or 0) <= self.before_units


@dataclass(frozen=True, slots=True)
class _Part:
    """An open slice of a wish's order."""

    id: int
    order_id: int
    venue_id: int
    status: str
    quantity_units: int
    filled_units: int
    attempts: int
    due_at: datetime

    @property
    def open_units(self) -> int:
        """What of it may still trade."""
        return self.quantity_units - self.filled_units


def carry_out_wishes(*, at: datetime, business_date: date) -> int:
    """Carry out all wishes that stand; return how many. Holding the routing lock, outside a transaction.

    Who reports an execution does not hold that lock. Where that leaves less than a smaller quantity was shared out
    for, the wish stands, and is carried out of what is left.
    """
    count = 0
    while done := _carry_out(at=at, business_date=business_date):
        count += done
    return count


def _carry_out(*, at: datetime, business_date: date) -> int:
    """Carry out the wishes that stand, but for those overtaken meanwhile; return how many stood.

    The venues are asked first, and answer the same request any number of times alike. Then, in one transaction, the
    slices and orders are written and the wishes go. A smaller quantity at the same limit keeps the order's place in
    the books. Every other replacement loses it there anyway, so it is taken back and routed anew.
    """
    with connection.cursor() as cursor:
        cursor.execute(WISHES_SQL)
        wishes = {row[0]: _Wish(*row) for row in cursor.fetchall()}
        if not wishes:
            return 0
        # Shares are reckoned of what is filled by now.
        record_fills(at=at, business_date=business_date)
        cursor.execute(WISHES_SQL)
        wishes = {row[0]: _Wish(*row) for row in cursor.fetchall()}
        cursor.execute(SLICES_SQL, [list(wishes)])
        parts = [_Part(*row) for row in cursor.fetchall()]
    kept = _share_out(wishes=wishes, parts=parts)
    shrunk = _shrink(parts=parts, kept=kept, wishes=wishes, at=at, business_date=business_date)
    back = [part for part in parts if part.id not in kept or shrunk[part.id].status != VenueOrderStatus.RESTING]
    answers = _ask(back, [_request(RequestKind.CANCEL, part, wishes) for part in back], at, business_date)
    record_fills(at=at, business_date=business_date)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(LOCK_SQL, [list(wishes)])
        lock_credit(order_ids=wishes)
        write_notes(notes=[_note(part, answers[part.id], wishes[part.order_id].kind) for part in back])
        _write_shrunk(answers=list((shrunk | answers).values()))
        with connection.cursor() as cursor:
            cursor.execute(OVERTAKEN_SQL, [list(wishes)])
            overtaken = {row[0] for row in cursor.fetchall()}
        done = {order_id: wish for order_id, wish in wishes.items() if order_id not in overtaken}
        _end(wishes=done, at=at)
        _replace(wishes=[wish for wish in done.values() if wish.kind == WishKind.REPLACE], at=at)
        with connection.cursor() as cursor:
            cursor.execute(DONE_SQL, [list(done)])
    return len(wishes)


def _share_out(*, wishes: Mapping[int, _Wish], parts: Sequence[_Part]) -> dict[int, int]:
    """Return what slices keep open that stay in their books, above zero: of orders that only become smaller."""
    kept: dict[int, int] = {}
    for wish in wishes.values():
        own = [part for part in parts if part.order_id == wish.order_id and part.status == SliceStatus.RESTING]
        if not (wish.shrinks and own):
            continue
        # One that waits may be in its book or not: it is taken back, and its rest routed anew.
        open_units = [part.open_units for part in own]
        total = min((wish.quantity_units or 0) - wish.filled_units, sum(open_units))
        if total > 0:
            shares = apportion(total=total, weights=open_units)
            kept |= {part.id: share for part, share in zip(own, shares, strict=True) if share}
    return kept


def _shrink(
    *, parts: Sequence[_Part], kept: Mapping[int, int], wishes: Mapping[int, _Wish], at: datetime, business_date: date
) -> dict[int, VenueAnswer]:
    """Tell the venues what slices keep; return their answers."""
    staying = [part for part in parts if part.id in kept]
    requests = [
        _request(RequestKind.REPLACE, part, wishes, quantity_units=part.filled_units + kept[part.id])
        for part in staying
    ]
    return _ask(staying, requests, at, business_date)


def _request(kind: RequestKind, part: _Part, wishes: Mapping[int, _Wish], *, quantity_units: int = 0) -> VenueRequest:
    return VenueRequest(kind, part.venue_id, wishes[part.order_id].security_id, part.id, quantity_units=quantity_units)


def _ask(
    parts: Sequence[_Part], requests: Sequence[VenueRequest], at: datetime, business_date: date
) -> dict[int, VenueAnswer]:
    answers = answer_requests(requests=requests, at=at, business_date=business_date)
    return {part.id: answer for part, answer in zip(parts, answers, strict=True)}


def _note(part: _Part, answer: VenueAnswer, kind: str) -> SliceNote:
    """Return what to write of a slice that was taken back; one its venue never had is taken back too."""
    code = {WishKind.CANCEL: "withdrawn", WishKind.EXPIRE: "expired", WishKind.REPLACE: "replaced"}[WishKind(kind)]
    note = note_answer(answer=answer, slice_id=part.id, attempts=part.attempts, due_at=part.due_at, code=code)
    return replace(note, status=SliceStatus.CANCELLED) if note.status == SliceStatus.REJECTED else note


def _write_shrunk(*, answers: Sequence[VenueAnswer]) -> None:
    """Write the smaller quantities as the venues have them: of what stands, and of what filled by a smaller one.

    The second where whoever asked the venue for less died, and the venue filled that before the next came.
    """
    rows = [
        {"slice_id": answer.order_id, "quantity_units": answer.filled_units + answer.open_units}
        for answer in answers
        if answer.status in (VenueOrderStatus.RESTING, VenueOrderStatus.FILLED)
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(SHRINK_SQL, [msgspec.json.encode(rows).decode()])


def _end(*, wishes: Mapping[int, _Wish], at: datetime) -> None:
    """End the orders whose end was wished and that are still open."""
    ends: dict[tuple[OrderStatus, str, str], list[int]] = {}
    for wish in wishes.values():
        if wish.kind != WishKind.REPLACE:
            end = OrderStatus.CANCELLED if wish.kind == WishKind.CANCEL else OrderStatus.EXPIRED
            ends.setdefault((end, wish.note, wish.actor), []).append(wish.order_id)
    for (end, note, actor), order_ids in ends.items():
        end_orders(order_ids=order_ids, end=end, code="withdrawn", note=note, at=at, actor=actor)


def _replace(*, wishes: Sequence[_Wish], at: datetime) -> None:
    """Write the orders' new terms, with a step that tells them; wake the router."""
    if not wishes:
        return
    rows: list[dict[str, Any]] = [
        {"order_id": wish.order_id, "quantity_units": wish.quantity_units, "limit_price": wish.limit_price}
        for wish in wishes
    ]
    with connection.cursor() as cursor:
        cursor.execute(REPLACED_SQL, [msgspec.json.encode(rows).decode()])
        replaced = {row[0]: row[1:] for row in cursor.fetchall()}
    for wish in wishes:
        if wish.order_id not in replaced:
            continue
        quantity_units, filled_units, limit, status = replaced[wish.order_id]
        note = f"{_terms(wish.before_units, wish.before_limit)} replaced by {_terms(quantity_units, limit)}"
        after = OrderStatus.FILLED if quantity_units == filled_units else OrderStatus(status)
        step_orders(order_ids=[wish.order_id], status=after, at=at, note=note, actor=wish.actor)
    shrink_reservations(order_ids=list(replaced))
    record_fact(fact=OrdersPlaced(count=len(wishes)))


def _terms(quantity_units: int, limit: Decimal | None) -> str:
    """Return a quantity and a limit as a person reads them."""
    return f"{quantity_units:,}" if limit is None else f"{quantity_units:,} at {limit.normalize():f}"
