"""Cancelling and replacing orders that stand at venues, and what refuses it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.factories.routing import Desk
    from trades.core.order_lifecycle import OrderStatus
    from trades.models import Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Desk:
    """Two venues, Monday, ten o'clock."""
    from tests.factories.routing import make_desk

    return make_desk()


def cancel(order: Order) -> OrderStatus:
    """Cancel an order a minute later."""
    from reference.core.actor import SYSTEM
    from tests.factories.market import TODAY
    from tests.factories.routing import later
    from trades.services.orders.withdraw_orders import cancel_order

    return cancel_order(order_id=order.pk, at=later(1), business_date=TODAY, actor=SYSTEM, note="Changed my mind.")


def replace(order: Order, quantity: int, limit: str | None = None) -> OrderStatus:
    """Replace an order a minute later."""
    from reference.core.actor import SYSTEM
    from tests.factories.market import TODAY
    from tests.factories.routing import later
    from trades.services.orders.replace_order import replace_order

    price = None if limit is None else Decimal(limit)
    return replace_order(
        order_id=order.pk, quantity_units=quantity, limit_price=price, at=later(1), business_date=TODAY, actor=SYSTEM
    )


def test_cancel_at_the_venue_and_then_here(desk: Desk) -> None:
    """What rests is taken back; nothing trades afterwards."""
    from tests.factories.routing import assert_consistent, fresh, slices_of, steps_of
    from trades.models import OrderWish

    order = desk.order(100)
    desk.route()
    assert cancel(order) == "CANCELLED"
    assert slices_of(order) == [("XAAA", "CANCELLED", 100, 0)]
    assert steps_of(order)[-1] == "CANCELLED"
    assert order.steps.order_by("-id")[0].note == "Changed my mind."
    desk.offer("XAAA", 500, "9.00")
    assert desk.record() == 0
    assert (fresh(order).filled_units, fresh(order).reserved_minor) == (0, 0)
    assert not OrderWish.objects.exists()
    assert_consistent()


def test_cancel_what_never_went_and_what_is_part_filled(desk: Desk) -> None:
    """A VALIDATED order ends here alone; of one part filled the part goes on to clear."""
    from tests.factories.routing import assert_consistent, fresh, slices_of

    waits = desk.order(100)
    assert cancel(waits) == "CANCELLED"
    desk.offer("XBBB", 30, "9.98")
    order = desk.order(100)
    desk.route()
    assert cancel(order) == "CLEARING"
    assert slices_of(order) == [("XBBB", "CANCELLED", 100, 30)]
    assert fresh(order).filled_units == 30
    assert_consistent()


def test_named_refusals(desk: Desk) -> None:
    """Filled, ended, unknown, below what is filled, a limit for a market order."""
    from reference.core.actor import SYSTEM
    from tests.factories.market import TODAY
    from tests.factories.routing import later
    from trades.refusals.orders import UnknownOrder
    from trades.refusals.routing import OrderAlreadyFilled, OrderNotOpen, ReplacedBelowFilled
    from trades.services.orders.withdraw_orders import cancel_order

    desk.offer("XAAA", 130, "9.98")
    filled, part = desk.order(100), desk.order(100)
    desk.route()
    for refused in (cancel, lambda order: replace(order, 200)):
        with pytest.raises(OrderAlreadyFilled):
            refused(filled)
    for quantity in (30, 29):
        with pytest.raises(ReplacedBelowFilled):
            replace(part, quantity)
    cancel(part)
    for refused in (cancel, lambda order: replace(order, 200)):
        with pytest.raises(OrderNotOpen):
            refused(part)
    with pytest.raises(UnknownOrder):
        cancel_order(order_id=0, at=later(1), business_date=TODAY, actor=SYSTEM)


@pytest.mark.parametrize("limit", ["0", "-1", "10.005", "0.0000001"])
def test_a_replacement_by_no_price_leaves_no_wish(desk: Desk, limit: str) -> None:
    """Refused before anything is written: a wish that nobody can carry out would hold up the router for good."""
    from tests.factories.routing import fresh
    from trades.models import OrderWish
    from trades.refusals.orders import OrderRefused, ReplacementRejected

    order = desk.order(100)
    desk.route()
    with pytest.raises((OrderRefused, ReplacementRejected)):
        replace(order, 100, limit)
    assert not OrderWish.objects.exists()
    assert (fresh(order).status, fresh(order).limit_price) == ("ROUTING", Decimal("10.00"))


def test_a_fill_that_comes_before_the_cancel_wins(desk: Desk) -> None:
    """Filled at the venue, not yet recorded here: the cancel is refused as of a filled order."""
    from tests.factories.routing import assert_consistent, fresh
    from trades.refusals.routing import OrderAlreadyFilled

    order = desk.order(100)
    desk.route()
    desk.offer("XAAA", 100, "9.99")
    assert fresh(order).status == "ROUTING"
    with pytest.raises(OrderAlreadyFilled):
        cancel(order)
    assert fresh(order).status == "FILLED"
    assert_consistent()


def test_a_smaller_quantity_keeps_the_place_in_the_book(desk: Desk) -> None:
    """The venue shrinks the order; who came later is still behind it."""
    from tests.factories.routing import assert_consistent, fresh, slices_of, steps_of

    order = desk.order(100)
    desk.route()
    desk.bid("XAAA", 100, "10.00")
    assert replace(order, 60) == "ROUTING"
    assert slices_of(order) == [("XAAA", "RESTING", 60, 0)]
    assert (fresh(order).quantity_units, fresh(order).routed_units) == (60, 60)
    assert order.steps.order_by("-id")[0].note == "100 at 10 replaced by 60 at 10"
    assert steps_of(order)[-1] == "ROUTING"
    desk.offer("XAAA", 60, "10.00", owner=desk.market.client_of_alpha)
    desk.record()
    assert fresh(order).status == "FILLED"
    assert_consistent()


def test_a_smaller_quantity_is_shared_out_over_venues(desk: Desk) -> None:
    """Slices at two venues shrink in proportion to what they have open."""
    from tests.factories.routing import assert_consistent, fresh, slices_of

    desk.offer("XAAA", 20, "10.00")
    desk.offer("XBBB", 20, "10.00")
    order = desk.order(100)
    desk.route()
    assert slices_of(order) == [("XAAA", "RESTING", 50, 20), ("XBBB", "RESTING", 50, 20)]
    replace(order, 60)
    assert slices_of(order) == [("XAAA", "RESTING", 30, 20), ("XBBB", "RESTING", 30, 20)]
    replace(order, 41)
    assert slices_of(order) == [("XAAA", "RESTING", 21, 20), ("XBBB", "CANCELLED", 30, 20)]
    assert (fresh(order).quantity_units, fresh(order).routed_units) == (41, 41)
    assert_consistent()


def test_another_limit_is_routed_anew(desk: Desk) -> None:
    """Taken back where it rests, and sent where it now trades best; more units as well."""
    from tests.factories.routing import assert_consistent, fresh, slices_of

    order = desk.order(100, "9.50")
    desk.route()
    desk.offer("XBBB", 150, "9.80")
    assert replace(order, 150, "9.80") == "ROUTING"
    desk.route(minutes=1)
    assert slices_of(order) == [("XAAA", "CANCELLED", 100, 0), ("XBBB", "FILLED", 150, 150)]
    assert (fresh(order).status, fresh(order).limit_price) == ("FILLED", Decimal("9.80"))
    assert_consistent()


@pytest.mark.parametrize("wish", ["cancel", "replace"])
def test_a_wish_survives_the_death_of_whoever_had_it(desk: Desk, monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    """Killed between the venue's answer and our record, the router carries it out."""
    from tests.factories.routing import assert_consistent, fresh, slices_of
    from trades.models import OrderWish
    from trades.services.orders import carry_out_wishes

    class Killed(BaseException):
        pass

    def die(**_: Any) -> None:
        monkeypatch.undo()
        raise Killed

    order = desk.order(100)
    desk.route()
    monkeypatch.setattr(carry_out_wishes, "write_notes", die)
    with pytest.raises(Killed):
        cancel(order) if wish == "cancel" else replace(order, 60)
    assert OrderWish.objects.count() == 1
    assert fresh(order).status == "ROUTING"
    desk.route(minutes=2)
    assert not OrderWish.objects.exists()
    if wish == "cancel":
        assert (fresh(order).status, slices_of(order)) == ("CANCELLED", [("XAAA", "CANCELLED", 100, 0)])
    else:
        assert (fresh(order).quantity_units, slices_of(order)) == (60, [("XAAA", "RESTING", 60, 0)])
    assert_consistent()
