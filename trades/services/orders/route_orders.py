"""The router: it brings orders to the venues, and back what became of them."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import connection

from trades.core.venue_messages import RequestKind, VenueRequest
from trades.queries.routing_state import read_venues
from trades.services.orders.call_venues import call_venues
from trades.services.orders.carry_out_wishes import carry_out_wishes
from trades.services.orders.learn_quality import MOST_SLICES, learn_quality
from trades.services.orders.note_answers import note_answer, write_notes
from trades.services.orders.plan_slices import plan_slices
from trades.services.orders.record_fills import record_fills
from trades.services.orders.routing_lock import routing_lock
from trades.services.venues.answer_requests import answer_requests

MOST_ORDERS = 500
MOST_ROUNDS = 200

QUEUE_SQL = """
    SELECT id FROM trades_order
    WHERE status IN ('VALIDATED', 'ROUTING', 'PARTIALLY_FILLED') AND routed_units < quantity_units AND id > %s
      AND received_at <= %s
    ORDER BY id LIMIT %s
"""

# DAY orders that stand at a venue whose session is over, and GTC orders on their last day: the venue has ended them.
OVER_SQL = """
    SELECT s.id, s.venue_id, o.security_id, s.attempts, s.due_at
    FROM trades_orderslice s JOIN trades_order o ON o.id = s.order_id
    CROSS JOIN LATERAL (SELECT CASE o.time_in_force WHEN 'GTC' THEN o.expires_on ELSE o.business_date END AS day) last
    WHERE s.status = 'RESTING'
      AND (last.day < %(business_date)s OR last.day = %(business_date)s AND s.venue_id = ANY(%(past)s))
    ORDER BY s.id
"""


def route_orders(*, at: datetime, business_date: date, seed: int) -> int:
    """Route all that waits; return how many slices were sent. A second router waits, and finds what is left.

    Whatever one that was killed left behind is taken up first: wishes half carried out, executions without fills,
    slices of which nobody knows whether the venue has them. Each venue is asked under the slice's id, which it
    takes once, so none of it is done twice. seed: of how the venues answer.
    Raises RuntimeError inside a transaction.
    """
    with routing_lock():
        carry_out_wishes(at=at, business_date=business_date)
        record_fills(at=at, business_date=business_date)
        follow_sessions(at=at, business_date=business_date)
        sent = _send(order_ids=(), at=at, business_date=business_date, seed=seed)
        last = 0
        while order_ids := _read_queue(after=last, at=at):
            sent += _send(order_ids=order_ids, at=at, business_date=business_date, seed=seed)
            last = order_ids[-1]
        while learn_quality() == MOST_SLICES:
            pass
    return sent


def follow_sessions(*, at: datetime, business_date: date) -> int:
    """End slices whose session is over at their venue, as the venue says; return how many were asked for."""
    past = [venue.id for venue in read_venues().values() if venue.is_past(at=at, on=business_date)]
    with connection.cursor() as cursor:
        cursor.execute(OVER_SQL, {"business_date": business_date, "past": past})
        rows = cursor.fetchall()
    if not rows:
        return 0
    requests = [
        VenueRequest(RequestKind.STATUS, venue_id, security_id, id_) for id_, venue_id, security_id, _, _ in rows
    ]
    answers = answer_requests(requests=requests, at=at, business_date=business_date)
    record_fills(at=at, business_date=business_date)
    write_notes(
        notes=[
            note_answer(answer=answer, slice_id=id_, attempts=attempts, due_at=due_at)
            for (id_, _, _, attempts, due_at), answer in zip(rows, answers, strict=True)
        ]
    )
    return len(rows)


def _read_queue(*, after: int, at: datetime) -> list[int]:
    """Return the next orders that have come, and of which something is at no venue."""
    with connection.cursor() as cursor:
        cursor.execute(QUEUE_SQL, [after, at, MOST_ORDERS])
        return [row[0] for row in cursor.fetchall()]


def _send(*, order_ids: Sequence[int], at: datetime, business_date: date, seed: int) -> int:
    """Plan and call in rounds until nothing of these orders moves: every retry, and every other venue."""
    sent = 0
    for _ in range(MOST_ROUNDS):
        planned = plan_slices(order_ids=order_ids, at=at, business_date=business_date) if order_ids else 0
        called = call_venues(at=at, business_date=business_date, seed=seed)
        sent += called.made
        if not called.unsettled and (called.made or not planned):
            return sent
    raise RuntimeError("orders keep being routed: the router has a loop")
