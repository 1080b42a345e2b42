"""Each invariant of orders, limits and venues is broken on purpose with raw SQL, and seen by its name."""

from __future__ import annotations

import pytest
from django.db import connection

from fmi.invariants import check_invariants
from tests.factories.routing import Desk, assert_consistent, make_desk
from trades.queries.limit_invariants import LIMIT_INVARIANTS
from trades.queries.order_invariants import ORDER_INVARIANTS
from trades.queries.venue_invariants import VENUE_INVARIANTS

pytestmark = pytest.mark.django_db

BREAKS = {
    "fills are what the venues executed of our slices, once each":
        "UPDATE trades_fill SET price = price + 1",
    "no execution waits for its fills longer than two sweeps":
        "WITH late AS (UPDATE trades_venueexecution SET recorded_at = recorded_at - interval '1 hour')"
        " DELETE FROM trades_executionmark",
    "an order has filled what its fills say, and no more than its quantity":
        "UPDATE trades_order SET filled_minor = filled_minor + 1",
    "a slice has filled what its fills say":
        "UPDATE trades_orderslice SET filled_units = filled_units + 1 WHERE status = 'RESTING'",
    "an order is routed as far as its slices are open or filled":
        "UPDATE trades_orderslice SET quantity_units = quantity_units + 1 WHERE status = 'RESTING'",
    "no slice is open of an order that has ended":
        "UPDATE trades_order SET status = 'CLEARING' WHERE filled_units < quantity_units",
    "every fill has its trade, with the same terms, matched and locked in":
        "UPDATE trades_trade SET trading_venue = 'XXXX'",
    "no fill is beyond its order's limit":
        "UPDATE trades_order SET limit_price = 1 WHERE order_type = 'LIMIT'",
    "an order stands where its last step says":
        "DELETE FROM trades_orderstep",
    "an order is as filled as its status says":
        "UPDATE trades_order SET status = 'FILLED' WHERE filled_units < quantity_units",
    "a client's limits are used as its orders say, and never above":
        "UPDATE trades_credituse SET used_minor = used_minor + 1",
    "a purchase has cost no more than it reserved, and reserves its cost until it settles":
        "UPDATE trades_order SET reserved_minor = 0",
    "a venue's book stands where its log and its tape end, both without a gap":
        "DELETE FROM trades_venueevent WHERE number = 1",
    "no order is executed at a venue above its quantity":
        "UPDATE trades_venueevent SET quantity_units = 1",
}  # fmt: skip


@pytest.fixture
def desk(db: None) -> Desk:
    """A venue where one order has filled whole and another, of 150 units, has filled in part and rests."""
    made = make_desk(venues=("XAAA",))
    made.offer("XAAA", 150, "9.98")
    made.order(100, "10.00")
    made.order(150, "9.99")
    made.route()
    made.record()
    return made


def test_no_invariant_is_left_out() -> None:
    assert set(BREAKS) == {*ORDER_INVARIANTS, *LIMIT_INVARIANTS, *VENUE_INVARIANTS}


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("name", list(BREAKS))
def test_each_invariant_is_seen_to_be_broken(name: str) -> None:
    assert_consistent()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(BREAKS[name])
        assert cursor.rowcount > 0
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert name in {finding.name for finding in check_invariants() if finding.violations}
