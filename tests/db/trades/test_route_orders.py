"""The router: an order walks over the venues, and comes back as fills, trades and sums."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.factories.routing import Desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Desk:
    """Two venues without anybody in their books, Monday, ten o'clock."""
    from tests.factories.routing import make_desk

    return make_desk()


def test_it_takes_the_cheapest_first_and_splits(desk: Desk) -> None:
    """What both venues show is taken by price; fills, trades, fees and sums agree."""
    from tests.factories.routing import assert_consistent, fresh, slices_of, steps_of
    from trades.models import Fill, Match, Trade

    desk.offer("XAAA", 60, "9.98")
    desk.offer("XBBB", 100, "9.99")
    order = desk.order(100, "10.00")
    desk.route()
    assert slices_of(order) == [("XAAA", "FILLED", 60, 60), ("XBBB", "FILLED", 40, 40)]
    found = fresh(order)
    assert (found.status, found.filled_units, found.routed_units) == ("FILLED", 100, 100)
    assert steps_of(order) == ["RECEIVED", "VALIDATED", "ROUTING", "FILLED"]
    assert found.filled_minor == 60 * 998 + 40 * 999
    # 150 parts per million of each amount, rounded up.
    assert found.fees_minor == 9 + 6
    assert found.arrival_mid == Decimal("10.00")
    fills = list(Fill.objects.order_by("price"))
    assert [(fill.maker, fill.quoted_price, fill.price) for fill in fills] == [
        (False, Decimal("9.98"), Decimal("9.98")),
        (False, Decimal("9.99"), Decimal("9.99")),
    ]
    trade = Trade.objects.get(pk=fills[0].trade_id)
    assert trade.trade_id == f"XAAA-{desk.market.equity.code}#1"
    assert (trade.side, trade.status, trade.trading_venue, trade.cleared) == ("BOTH", "MATCHED", "XAAA", True)
    assert (trade.reporter, trade.buyer, trade.seller) == (
        desk.venues["XAAA"].participant, desk.market.alpha, desk.market.bravo,
    )  # fmt: skip
    assert (trade.buyer_account_id, trade.seller_account_id) == (
        order.account_id, desk.market.account(desk.market.bravo).pk,
    )  # fmt: skip
    assert Match.objects.filter(buy_trade=trade, sell_trade=trade, rule="LOCKED_IN").count() == 1
    assert_consistent()


def test_a_rest_stands_in_the_book_and_is_filled_later(desk: Desk) -> None:
    """A DAY limit order rests; when somebody sells into it, it is the maker."""
    from tests.factories.routing import assert_consistent, fresh, slices_of
    from trades.models import Fill

    desk.offer("XAAA", 30, "9.98")
    order = desk.order(100, "10.00")
    desk.route()
    assert slices_of(order) == [("XAAA", "RESTING", 100, 30)]
    assert (fresh(order).status, fresh(order).filled_units) == ("PARTIALLY_FILLED", 30)
    desk.offer("XAAA", 500, "10.00")
    assert desk.record() == 1
    assert slices_of(order) == [("XAAA", "FILLED", 100, 100)]
    assert fresh(order).status == "FILLED"
    assert Fill.objects.order_by("-id")[0].maker is True
    assert desk.record() == 0
    assert_consistent()


def test_two_clients_that_meet_have_one_trade_and_a_fill_each(desk: Desk) -> None:
    """Both sides are client orders: two fills name the same trade."""
    from tests.factories.routing import assert_consistent, fresh
    from tests.factories.trading import make_client
    from trades.models import Fill, Trade

    other = make_client(broker=desk.market.bravo, short_sale_allowed=True)
    sale = desk.order(100, "10.00", client=other, side="SELL")
    desk.route()
    bought = desk.order(100, "10.00")
    desk.route(minutes=1)
    assert fresh(sale).status == fresh(bought).status == "FILLED"
    assert Trade.objects.count() == 1
    assert sorted(Fill.objects.values_list("order_id", "maker")) == [(sale.pk, True), (bought.pk, False)]
    assert_consistent()


def test_a_market_order_in_an_empty_book_is_rejected_by_name(desk: Desk) -> None:
    """Nobody to trade with: the refusal is the order book's own."""
    from tests.factories.routing import assert_consistent, fresh, slices_of

    order = desk.order(100, None)
    desk.route()
    found = fresh(order)
    assert (found.status, found.refusal_code) == ("REJECTED", "market-order-without-liquidity")
    assert slices_of(order) == []
    assert_consistent()


def test_what_a_market_order_cannot_find_ends(desk: Desk) -> None:
    """It takes what there is at both venues; the rest is cancelled, and what was filled goes on to clear."""
    from tests.factories.routing import assert_consistent, fresh, slices_of

    desk.offer("XAAA", 30, "10.00")
    desk.offer("XBBB", 20, "10.01")
    order = desk.order(100, None)
    desk.route()
    found = fresh(order)
    assert (found.status, found.filled_units, found.routed_units) == ("CLEARING", 50, 50)
    assert {row[1] for row in slices_of(order)} == {"CANCELLED"}
    assert_consistent()


def test_ioc_and_fok_end_as_they_should(desk: Desk) -> None:
    """An IOC keeps what it got; a FOK is filled whole at one venue, or not at all."""
    from tests.factories.routing import assert_consistent, fresh, slices_of

    desk.offer("XAAA", 30, "10.00")
    desk.offer("XBBB", 60, "10.01")
    ioc = desk.order(50, "10.00", time_in_force="IOC")
    desk.route()
    assert (fresh(ioc).status, fresh(ioc).filled_units) == ("CLEARING", 30)
    none = desk.order(50, "9.00", time_in_force="IOC")
    fok = desk.order(100, "10.01", time_in_force="FOK")
    small = desk.order(60, "10.01", time_in_force="FOK")
    desk.route()
    assert (fresh(none).status, fresh(none).filled_units) == ("CANCELLED", 0)
    assert (fresh(fok).status, slices_of(fok)) == ("CANCELLED", [])
    assert (fresh(small).status, slices_of(small)) == ("FILLED", [("XBBB", "FILLED", 60, 60)])
    assert_consistent()


def test_orders_wait_for_the_opening_and_expire_at_the_close(desk: Desk) -> None:
    """Before nine nothing is sent; an IOC does not wait; after the close a DAY order expires, a GTC stays."""
    from tests.factories.market import TODAY
    from tests.factories.routing import assert_consistent, fresh, later, slices_of
    from trades.services.venues.end_sessions import end_sessions

    early = later(-100)
    day, good = desk.order(100, "9.50", at=early), desk.order(100, "9.50", time_in_force="GTC", at=early)
    at_once = desk.order(100, "9.50", time_in_force="IOC", at=early)
    assert desk.route(minutes=-110) == 0, "none has come yet"
    assert fresh(at_once).status == "VALIDATED"
    assert desk.route(minutes=-90) == 0
    assert [fresh(order).status for order in (day, good, at_once)] == ["VALIDATED", "VALIDATED", "CANCELLED"]
    desk.route()
    assert [fresh(order).status for order in (day, good)] == ["ROUTING", "ROUTING"]
    late = desk.order(100, "9.50")
    end_sessions(at=later(8 * 60), business_date=TODAY)
    desk.route(minutes=8 * 60)
    assert [fresh(order).status for order in (day, good, late)] == ["EXPIRED", "ROUTING", "EXPIRED"]
    assert slices_of(day)[0][1] == "EXPIRED"
    assert slices_of(good)[0][1] == "RESTING"
    assert slices_of(late) == []
    assert_consistent()


def test_an_own_order_on_the_other_side_is_never_traded_with(desk: Desk) -> None:
    """The venue takes the incoming one back; its rest goes to the other venue."""
    from tests.factories.routing import assert_consistent, fresh, slices_of

    desk.offer("XAAA", 100, "9.90", owner=desk.market.alpha)
    desk.offer("XBBB", 100, "10.00")
    order = desk.order(100, "10.00")
    desk.route()
    assert slices_of(order) == [("XAAA", "CANCELLED", 100, 0), ("XBBB", "FILLED", 100, 100)]
    assert fresh(order).status == "FILLED"
    assert_consistent()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_venues_answer_by_the_seed_that_the_router_is_told(desk: Desk, seed: int) -> None:
    """The same order meets the same latency again under the same seed, and another under another."""
    from trades.core.venue_model import VenueProfile, draw_response
    from trades.models import OrderSlice

    order = desk.order(100, client_order_id="SEEDED")
    desk.route(seed=seed)
    part = OrderSlice.objects.get(order=order)
    profile, name = VenueProfile(venue="XAAA", success_ppm=1_000_000), f"{desk.client.code} SEEDED 0"
    drawn = {each: draw_response(profile=profile, seed=each, order=name, attempt=0).latency_ms for each in (1, 2, 3)}
    assert part.latency_ms == drawn[seed]
    assert len(set(drawn.values())) > 1


def test_quality_is_learned_once(desk: Desk) -> None:
    """Every slice that ended enters its venue's quality, and only once."""
    from trades.models import OrderSlice, VenueQuality

    desk.offer("XAAA", 60, "9.98")
    desk.order(60, "10.00")
    desk.route()
    desk.route()
    quality = VenueQuality.objects.get()
    assert (quality.venue, quality.observations) == (desk.venues["XAAA"], 1)
    assert quality.fill_ratio == pytest.approx(0.91)
    assert quality.improvement_bp == 0.0
    assert OrderSlice.objects.get().learned
