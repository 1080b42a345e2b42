"""Venues that fail, answer twice or too late, and routers that die between a venue and our record."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.factories.routing import Desk

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """The router's process ends here."""


@pytest.fixture
def desk(db: None) -> Desk:
    """Two venues, Monday, ten o'clock."""
    from tests.factories.routing import make_desk

    return make_desk()


def answer_by(monkeypatch: pytest.MonkeyPatch, *answers: tuple[bool, bool]) -> None:
    """Let calls succeed and reach their venue as told, in turn; the last for all that follow."""
    from trades.core.venue_model import Response
    from trades.services.orders import call_venues

    left = list(answers)

    def draw(**_: Any) -> Response:
        succeeds, reached = left.pop(0) if len(left) > 1 else left[0]
        return Response(latency_ms=20, succeeds=succeeds, reached=reached)

    monkeypatch.setattr(call_venues, "draw_response", draw)


def kill_at(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """End the process once, where it calls this function."""

    def die(*_: Any, **__: Any) -> None:
        monkeypatch.undo()
        raise Killed

    monkeypatch.setattr(module, name, die)


def test_an_answer_that_was_lost_is_asked_for_again_and_stands_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue took the order, its answer was lost; the second call, under the same id, finds it there."""
    from tests.factories.routing import assert_consistent, fresh, slices_of
    from trades.core.retry import plan_waits
    from trades.models import OrderSlice, VenueEvent
    from trades.queries.routing_state import RETRY_RULES

    desk.offer("XAAA", 40, "9.98")
    order = desk.order(100)
    answer_by(monkeypatch, (False, True), (True, True))
    desk.route()
    assert slices_of(order) == [("XAAA", "RESTING", 100, 40)]
    assert (fresh(order).status, fresh(order).filled_units) == ("PARTIALLY_FILLED", 40)
    part = OrderSlice.objects.get()
    name = f"{order.client.code} {order.client_order_id}"
    assert part.attempts == 2
    assert part.latency_ms == 20 + plan_waits(rules=RETRY_RULES, seed=f"{name} 0 {part.venue_id}")[0] + 20
    assert VenueEvent.objects.filter(order_id=part.pk, kind="ADD").count() == 1
    assert_consistent()


def test_the_tape_tells_of_a_fill_whose_answer_was_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filled whole: the execution is recorded from the tape, and nobody needs to ask again."""
    from tests.factories.routing import assert_consistent, fresh
    from trades.models import Fill, OrderSlice

    desk.offer("XAAA", 500, "9.98")
    order = desk.order(100)
    answer_by(monkeypatch, (False, True), (True, True))
    desk.route()
    assert (fresh(order).status, Fill.objects.count()) == ("FILLED", 1)
    assert (OrderSlice.objects.get().attempts, OrderSlice.objects.get().latency_ms) == (1, 20)
    assert_consistent()


def test_a_call_that_never_came_is_made_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three calls are lost on the way; the fourth comes through."""
    from tests.factories.routing import assert_consistent, fresh
    from trades.models import OrderSlice

    desk.offer("XAAA", 500, "9.98")
    order = desk.order(100)
    answer_by(monkeypatch, (False, False), (False, False), (False, False), (True, True))
    desk.route()
    assert (fresh(order).status, OrderSlice.objects.get().attempts) == ("FILLED", 4)
    assert_consistent()


@pytest.mark.parametrize("reached", [True, False])
def test_a_venue_that_does_not_answer_is_given_up_and_nothing_fills_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, reached: bool
) -> None:
    """After five attempts it is asked what it has: what it filled counts, the rest goes elsewhere."""
    from tests.factories.routing import assert_consistent, fresh, slices_of

    desk.offer("XAAA", 60, "9.98")
    desk.offer("XBBB", 500, "9.99")
    order = desk.order(60)
    answer_by(monkeypatch, *[(False, reached)] * 5, (True, True))
    desk.route()
    found = fresh(order)
    assert (found.status, found.filled_units) == ("FILLED", 60)
    if reached:
        assert slices_of(order) == [("XAAA", "FILLED", 60, 60)]
    else:
        assert slices_of(order) == [("XAAA", "REJECTED", 60, 0), ("XBBB", "FILLED", 60, 60)]
    assert_consistent()


def test_a_part_filled_behind_our_back_counts_before_the_rest_goes_elsewhere(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The venue has filled 40 and holds 60; given up, it takes the 60 back, which another venue fills."""
    from tests.factories.routing import assert_consistent, fresh, slices_of
    from trades.models import Fill

    desk.offer("XAAA", 40, "9.98")
    order = desk.order(100)
    answer_by(monkeypatch, *[(False, True)] * 5, (True, True))
    from trades.services.orders import plan_slices

    assert plan_slices.plan_slices(order_ids=[order.pk], at=_now(), business_date=_today()) == 1
    desk.offer("XBBB", 500, "10.00")
    desk.route()
    assert slices_of(order) == [("XAAA", "CANCELLED", 100, 40), ("XBBB", "FILLED", 60, 60)]
    assert fresh(order).status == "FILLED"
    assert sum(Fill.objects.values_list("quantity_units", flat=True)) == 100
    assert_consistent()


def test_the_breaker_opens_keeps_orders_away_and_closes_after_probes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five failures in a row open it; its orders go elsewhere; half a minute later probes close it."""
    from tests.factories.routing import assert_consistent, fresh, slices_of
    from trades.models import VenueBreaker

    desk.offer("XAAA", 10_000, "9.98")
    desk.offer("XBBB", 10_000, "9.99")
    answer_by(monkeypatch, *[(False, False)] * 5, (True, True))
    orders = [desk.order(10) for _ in range(8)]
    desk.route()
    assert {fresh(order).status for order in orders} == {"FILLED"}
    breaker = VenueBreaker.objects.get(venue=desk.venues["XAAA"])
    assert (breaker.status, VenueBreaker.objects.filter(status="OPEN").count()) == ("OPEN", 1)
    away = desk.order(10)
    desk.route(minutes=0.1)
    assert slices_of(away) == [("XBBB", "FILLED", 10, 10)]
    for number in (1, 2):
        probe = desk.order(10)
        desk.route(minutes=2 * number)
        assert slices_of(probe) == [("XAAA", "FILLED", 10, 10)]
    breaker.refresh_from_db()
    assert breaker.status == "CLOSED"
    assert_consistent()


def test_orders_wait_while_no_venue_answers(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit order waits and is tried again after a minute; an IOC ends."""
    from tests.factories.routing import assert_consistent, fresh

    desk.offer("XAAA", 100, "9.98")
    desk.offer("XBBB", 100, "9.98")
    answer_by(monkeypatch, (False, False))
    order, at_once = desk.order(100), desk.order(100, time_in_force="IOC")
    desk.route()
    assert (fresh(order).status, fresh(order).routed_units) == ("ROUTING", 0)
    assert fresh(at_once).status == "CANCELLED"
    answer_by(monkeypatch, (True, True))
    desk.route(minutes=0.2)
    assert fresh(order).status == "ROUTING"
    desk.route(minutes=3)
    assert fresh(order).status == "FILLED"
    assert_consistent()


@pytest.mark.parametrize("where", ["before the fills", "before the notes", "before the call"])
def test_a_router_that_dies_is_taken_up_by_the_next(desk: Desk, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Killed between venue and record, nothing is lost and nothing fills twice."""
    from tests.factories.routing import assert_consistent, fresh, slices_of
    from trades.models import Fill, VenueExecution
    from trades.services.orders import call_venues

    desk.offer("XAAA", 60, "9.98")
    desk.offer("XBBB", 60, "9.99")
    order = desk.order(100)
    name = {"before the fills": "record_fills", "before the notes": "write_notes", "before the call": "_ask"}[where]
    kill_at(monkeypatch, call_venues, name)
    with pytest.raises(Killed):
        desk.route()
    assert VenueExecution.objects.count() == (0 if where == "before the call" else 2)
    desk.route()
    assert slices_of(order) == [("XAAA", "FILLED", 60, 60), ("XBBB", "FILLED", 40, 40)]
    assert (fresh(order).status, Fill.objects.count()) == ("FILLED", 2)
    assert VenueExecution.objects.count() == 2
    desk.route()
    assert desk.record() == 0
    assert_consistent()


@pytest.mark.parametrize("then", ["the router", "a cancel", "another replacement"])
def test_what_fills_by_a_smaller_quantity_that_nobody_wrote_down_is_filled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """Killed between the venue that took the smaller quantity and our record; then the venue fills all of that."""
    from reference.core.actor import SYSTEM
    from tests.factories.routing import assert_consistent, fresh, later, slices_of
    from trades.core.order_lifecycle import OrderStatus
    from trades.models import OrderWish
    from trades.refusals.routing import OrderAlreadyFilled
    from trades.services.orders import carry_out_wishes
    from trades.services.orders.replace_order import replace_order
    from trades.services.orders.withdraw_orders import cancel_orders

    def replace(quantity: int) -> None:
        replace_order(
            order_id=order.pk, quantity_units=quantity, limit_price=None, at=later(1), business_date=_today(),
            actor=SYSTEM,
        )  # fmt: skip

    order = desk.order(100)
    desk.route()
    kill_at(monkeypatch, carry_out_wishes, "write_notes")
    with pytest.raises(Killed):
        replace(60)
    desk.offer("XAAA", 60, "9.99")
    if then == "a cancel":
        cancel_orders(
            order_ids=[order.pk], end=OrderStatus.CANCELLED, at=later(2), business_date=_today(), actor=SYSTEM
        )
    elif then == "another replacement":
        # The first is done before the second is asked for, as if nobody had died.
        with pytest.raises(OrderAlreadyFilled):
            replace(80)
    desk.route(minutes=3)
    found = fresh(order)
    assert slices_of(order)[0] == ("XAAA", "FILLED", 60, 60)
    assert (found.status, found.quantity_units, found.filled_units, found.routed_units) == {
        "the router": ("FILLED", 60, 60, 60),
        "a cancel": ("CLEARING", 100, 60, 60),
        "another replacement": ("FILLED", 60, 60, 60),
    }[then]
    assert not OrderWish.objects.exists()
    assert_consistent()


def test_nobody_takes_the_reference_of_an_execution_before_it(desk: Desk) -> None:
    """A venue that reports trades of its own cannot name one as its book's next execution, which would never record."""
    from tests.factories.market import login
    from tests.factories.routing import assert_consistent, fresh
    from trades.core.executions import name_execution
    from trades.models import Fill

    name = name_execution(mic="XAAA", isin=desk.market.equity.code, number=1)
    speaker = login(participant=desk.venues["XAAA"].participant, name="xaaa")
    refused = speaker.post("/api/v1/trades", desk.market.report(trade_id=name), content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (422, "trade-report-refused"), refused.content
    desk.offer("XAAA", 100, "9.99")
    order = desk.order(100)
    desk.route()
    assert (fresh(order).status, Fill.objects.get().execution_id) == ("FILLED", name)
    assert_consistent()


def test_the_database_refuses_fills_that_disagree(desk: Desk) -> None:
    """Raw SQL: a fill of another quantity, a second one, a mark that goes back, an overfilled order."""
    from django.db import IntegrityError, connection, transaction

    from trades.models import Fill

    desk.offer("XAAA", 60, "9.98")
    order = desk.order(60)
    desk.route()
    fill = Fill.objects.get()
    copied = (
        "INSERT INTO trades_fill (public_id, order_id, slice_id, venue_id, execution_id, trade_id, maker,"
        " quantity_units, price, amount_minor, fee_minor, at, business_date) SELECT gen_random_uuid(), order_id,"
        f" slice_id, venue_id, execution_id{{id}}, trade_id, maker, {{units}}, price, amount_minor, fee_minor, at,"
        f" business_date FROM trades_fill WHERE id = {fill.pk}"
    )
    attacks = {
        "trades_fill_agrees": copied.format(id=" || 'x'", units=1),
        "fill_recorded_once": copied.format(id="", units="quantity_units"),
        "trades_executionmark_forward": "UPDATE trades_executionmark SET number = 0",
        "order_never_filled_above_quantity": f"UPDATE trades_order SET filled_units = 61 WHERE id = {order.pk}",
        "orderslice_never_filled_above_quantity": "UPDATE trades_orderslice SET quantity_units = 0, filled_units = 0",
        "orderslice_filled_iff_filled_whole": "UPDATE trades_orderslice SET filled_units = 59",
        "trades_orderslice_legal_step": "UPDATE trades_orderslice SET status = 'RESTING', filled_units = 59",
    }
    for constraint, sql in attacks.items():
        with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
        diagnosis = getattr(refused.value.__cause__, "diag", None)
        assert getattr(diagnosis, "constraint_name", None) == constraint, refused.value


def test_an_amount_is_that_of_a_trade_report(desk: Desk) -> None:
    """The same arithmetic: half to even, the bond's percent, and at least one minor unit."""
    from tests.factories.market import TODAY
    from trades.core.executions import Executed, ExecutedSide, resolve_execution
    from trades.core.report import SecurityTerms
    from trades.core.venue_fees import VenueFees

    def amount(price: str, units: int, divisor: int) -> int:
        terms = SecurityTerms(1, "EUR", 2, 2, 1, divisor, True)
        executed = Executed(
            1, "XAAA", 9, VenueFees(0, 0), "X-1", _now(), TODAY, 1, Decimal(price), units, ExecutedSide(3, 4),
            ExecutedSide(5, 6), True,
        )  # fmt: skip
        return resolve_execution(executed=executed, terms=terms, settlement_date=TODAY).amount_minor

    assert amount("0.125", 1, 10_000) == 12
    assert amount("0.135", 1, 10_000) == 14
    assert amount("101.250", 1_000, 1_000_000) == 101_250
    assert amount("0.001", 1, 10_000) == 1


def _now() -> Any:
    from tests.factories.market import NOW

    return NOW


def _today() -> Any:
    from tests.factories.market import TODAY

    return TODAY
