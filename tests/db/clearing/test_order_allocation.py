"""A whole order is a block: all its fills of one date, allocated before or after, with their fees."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

if TYPE_CHECKING:
    from tests.factories.routing import Desk
    from trades.models import Allocation, Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Desk:
    """Two venues that offer 60 at 9.98 and 100 at 9.99; ALPHA has accounts C1 and C2 besides its own."""
    from ledger.services import open_accounts
    from tests.factories.routing import make_desk

    made = make_desk()
    for name in ("C1", "C2"):
        open_accounts(participants=[(made.market.alpha.pk, "ALPHA")], name=name)
    made.offer("XAAA", 60, "9.98")
    made.offer("XBBB", 100, "9.99")
    return made


def allocate(order: Order, method: str = "QUANTITY", /, **told: str) -> Allocation:
    from clearing.services.allocate_blocks import allocate_block
    from reference.core.actor import SYSTEM
    from tests.factories.market import NOW, TODAY
    from tests.factories.routing import fresh
    from trades.queries.blocks import find_block

    return allocate_block(
        block=find_block(actor=SYSTEM, order=fresh(order)), method=method,
        told={name: Decimal(value) for name, value in told.items()}, actor=SYSTEM, at=NOW, business_date=TODAY,
    )  # fmt: skip


def shares(allocation: Allocation) -> dict[str, tuple[int, int, int]]:
    rows = allocation.shares.select_related("account")
    return {row.account.name: (row.quantity_units, row.amount_minor, row.fee_minor) for row in rows}


def novate() -> None:
    from clearing.services.novate_trades import novate_trades
    from tests.factories.market import NOW, TODAY

    novate_trades(at=NOW, business_date=TODAY)


def apply(**changes: Any) -> int:
    from clearing.services.allocate_blocks import apply_allocations
    from tests.factories.market import NOW, TODAY

    return apply_allocations(at=NOW, business_date=TODAY, **changes)


def assert_books_hold() -> None:
    from fmi.invariants import check_invariants

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    assert [finding for finding in check_invariants() if finding.violations] == []


def test_all_fills_of_an_order_are_one_block(desk: Desk) -> None:
    """60 at 9.98 and 40 at 9.99 are 998.40, with fees of 0.15; a third and two thirds, to the last cent."""
    order = desk.order(100, "10.00")
    desk.route()
    novate()
    allocation = allocate(order, "PRO_RATA", C1="1", C2="2")
    assert (allocation.status, allocation.quantity_units, allocation.amount_minor, allocation.fee_minor) == (
        "APPLIED", 100, 99_840, 15,
    )  # fmt: skip
    assert shares(allocation) == {"C1": (33, 32_947, 5), "C2": (67, 66_893, 10)}
    assert_books_hold()


def test_its_positions_and_fees_go_to_the_accounts(desk: Desk) -> None:
    from reference.core.actor import SYSTEM
    from tests.factories.market import TODAY
    from trades.queries.positions import accounts_visible_to, live_positions

    order = desk.order(100, "10.00")
    desk.route()
    novate()
    allocate(order, "QUANTITY", C1="40", C2="60")
    accounts = list(accounts_visible_to(actor=SYSTEM).filter(participant=desk.market.alpha))
    found = {
        view.account.name: (view.quantity_units, view.held.cost_minor, view.held.fees_minor)
        for view in live_positions(accounts=accounts, business_date=TODAY)
    }
    assert found == {"HOUSE": (0, 0, 0), "C1": (40, 39_936, 6), "C2": (60, 59_904, 9)}


def test_an_instruction_before_the_fills_is_shared_as_far_as_they_go(desk: Desk) -> None:
    """Of 400 ordered 160 fill; quantities of 100 and 300 are weights then, a quarter and three quarters."""
    from reference.core.actor import SYSTEM
    from tests.factories.market import NOW, TODAY
    from tests.factories.routing import fresh
    from trades.core.order_lifecycle import OrderStatus
    from trades.services.orders.withdraw_orders import cancel_orders

    order = desk.order(400, "10.00")
    allocation = allocate(order, "QUANTITY", C1="100", C2="300")
    assert allocation.status == "WAITING"
    desk.route()
    novate()
    assert apply() == 0  # The order still works.
    assert fresh(order).status == "PARTIALLY_FILLED"
    cancel_orders(order_ids=[order.pk], end=OrderStatus.CANCELLED, at=NOW, business_date=TODAY, actor=SYSTEM, note="")
    assert apply(closing=True) == 1
    allocation.refresh_from_db()
    assert {name: units for name, (units, _, _) in shares(allocation).items()} == {"C1": 40, "C2": 120}
    assert_books_hold()


def test_an_order_that_never_fills_lets_its_allocation_lapse(desk: Desk) -> None:
    order = desk.order(100, "9.00")
    allocation = allocate(order, "PERCENTAGE", C1="100")
    desk.route()
    assert apply(closing=True) == 0
    allocation.refresh_from_db()
    assert allocation.status == "LAPSED"
    assert_books_hold()


def test_a_fill_is_allocated_with_its_order(desk: Desk) -> None:
    from reference.core.actor import SYSTEM
    from trades.models import Fill
    from trades.queries.blocks import find_block
    from trades.refusals.allocations import BlockOfAnOrder

    order = desk.order(60, "10.00")
    desk.route()
    trade = Fill.objects.get(order=order).trade
    with pytest.raises(BlockOfAnOrder):
        find_block(actor=SYSTEM, trade=trade, side="BUY")
    assert find_block(actor=SYSTEM, trade=trade, side="SELL").participant_id == desk.maker.pk


BREAKS = {
    "an allocation shares out its block, to the last unit and cent":
        "UPDATE trades_allocationshare SET amount_minor = amount_minor + 1"
        " WHERE id = (SELECT min(id) FROM trades_allocationshare)",
    "a share moves its contracts once, and back if and only if it is cancelled":
        "DELETE FROM clearing_carriedcontract WHERE id = (SELECT min(id) FROM clearing_carriedcontract)",
    "an allocated trade and what was allocated of it are netted together":
        "UPDATE clearing_novation SET netting_run_id = 1",
    "what an account has traded is in its holdings or still to be settled, security by security":
        "UPDATE clearing_carriedcontract SET account_id = (SELECT id FROM ledger_account WHERE kind = 'SECURITIES'"
        " AND code = 'BRAVO-SEC-HOUSE') WHERE id = (SELECT min(id) FROM clearing_carriedcontract)",
    "the last close holds what was traded up to its day":
        "UPDATE trades_position SET quantity_units = quantity_units + 1 WHERE quantity_units > 0",
}  # fmt: skip


@pytest.mark.parametrize("name", list(BREAKS))
def test_each_invariant_is_seen_to_be_broken(desk: Desk, name: str) -> None:
    from clearing.queries.allocation_invariants import ALLOCATION_INVARIANTS
    from clearing.queries.position_invariants import POSITION_INVARIANTS
    from fmi.invariants import check_invariants
    from tests.factories.market import NOW, TODAY
    from trades.services.positions.close_day import close_day

    assert set(BREAKS) == {*ALLOCATION_INVARIANTS, *POSITION_INVARIANTS}
    order = desk.order(100, "10.00")
    desk.route()
    novate()
    allocate(order, "QUANTITY", C1="40", C2="60")
    close_day(at=NOW, business_date=TODAY)
    assert_books_hold()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(BREAKS[name])
        assert cursor.rowcount > 0
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert name in {finding.name for finding in check_invariants() if finding.violations}
