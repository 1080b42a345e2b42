"""Replacing orders: what only takes away is never refused by a limit, and nothing that was not named changes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from reference.core.actor import SYSTEM, Actor, Role
from reference.four_eyes import approve_proposal
from tests.db.trades.test_order_limits import give
from tests.factories.market import NOW, TODAY, Market, make_market
from tests.factories.ordering import place_order
from tests.factories.routing import Desk, assert_consistent, fresh, later, make_desk, slices_of
from tests.factories.trading import make_client
from tests.factories.venues import BUY, GTC, SELL, ask, make_venue, request
from trades.core.order_lifecycle import OrderStatus
from trades.core.venue_messages import RequestKind
from trades.models import Client, ComplianceRule, CreditUse, DailyUse, Fill, Order, OrderSlice, OrderWish
from trades.refusals.orders import ReplacementRejected
from trades.services.change_client import change_client
from trades.services.orders import carry_out_wishes
from trades.services.orders.note_answers import note_answer, write_notes
from trades.services.orders.record_fills import record_fills
from trades.services.orders.replace_order import replace_order
from trades.services.orders.report_execution import ExecutionReport, report_execution
from trades.services.venues.answer_requests import answer_requests

pytestmark = pytest.mark.django_db


Terms = tuple[int | None, str | None]
"""Quantity and limit, as far as they are named."""


class Killed(BaseException):
    """Whoever carries out a wish dies."""


@pytest.fixture
def market(db: None) -> Market:
    return make_market()


@pytest.fixture
def desk(db: None) -> Desk:
    """Two venues, Monday, ten o'clock."""
    return make_desk()


def replace(order: Order, quantity: int | None = None, limit: str | None = None, **changes: Any) -> OrderStatus:
    """Replace what is named of an order, a minute later."""
    price = None if limit is None else Decimal(limit)
    terms: dict[str, Any] = {"at": later(1), "business_date": TODAY, "actor": SYSTEM} | changes
    return replace_order(order_id=order.pk, quantity_units=quantity, limit_price=price, **terms)


def terms_of(order: Order) -> tuple[int, Decimal | None]:
    found = fresh(order)
    return found.quantity_units, found.limit_price


def change(client: Client, **limits: Any) -> None:
    """Give a client other limits, by two persons."""
    when: dict[str, Any] = {"at": NOW, "business_date": TODAY}
    one, other = Actor(name="anna", role=Role.OPERATOR), Actor(name="bert", role=Role.OPERATOR)
    proposal = change_client(client_id=client.pk, changes=limits, actor=one, **when).proposal
    assert proposal is not None
    approve_proposal(proposal_id=proposal.pk, actor=other, **when)


@pytest.mark.parametrize(
    "limits",
    [
        {"credit_limit_minor": 30_000},
        {"daily_limit_minor": 30_000},
        {"margin_percent": Decimal(100)},
        {"credit_limit_minor": 0, "daily_limit_minor": 0},
    ],
)
@pytest.mark.parametrize(("quantity", "limit"), [(60, None), (60, "10.00"), (50, "11.00"), (None, "9.00")])
def test_a_purchase_above_a_lowered_limit_can_become_smaller(
    desk: Desk, limits: dict[str, Any], quantity: int | None, limit: str | None
) -> None:
    """100 at 10.00 use 1,000.00, the limit is 300.00 now: 60 at 10.00 use less, and are no new order."""
    order = desk.order(100)
    desk.route()
    change(desk.client, **limits)
    assert replace(order, quantity, limit) == "ROUTING"
    assert terms_of(order) == (quantity or 100, Decimal(limit or "10.00"))
    held = (quantity or 100) * int(Decimal(limit or "10.00") * 100)
    assert CreditUse.objects.get(client=desk.client).used_minor == fresh(order).reserved_minor == held < 100_000
    assert_consistent()


def test_above_a_lowered_limit_nothing_is_added(desk: Desk) -> None:
    """One unit more, or one cent, takes of a limit of which nothing is left."""
    order = desk.order(100)
    change(desk.client, credit_limit_minor=30_000, daily_limit_minor=30_000)
    for quantity, limit in ((101, None), (None, "10.01")):
        with pytest.raises(ReplacementRejected):
            replace(order, quantity, limit)
    assert terms_of(order) == (100, Decimal("10.00"))
    assert (CreditUse.objects.get().used_minor, DailyUse.objects.get().replaced_minor) == (100_000, 0)


def test_a_sale_that_is_no_more_covered_can_become_smaller(market: Market) -> None:
    """It promised 100 of the 100 held; of those 70 are gone: 60 are fewer than 100, and 101 are more."""
    client = make_client(broker=market.alpha)
    give(market.account(market.alpha), market.equity.pk, 100)
    order = place_order(client=client, security=market.equity, side="SELL")
    other = make_client(broker=market.alpha, short_sale_allowed=True)
    place_order(client=other, security=market.equity, side="SELL", quantity=70)
    assert replace(order, 60) == "VALIDATED"
    assert terms_of(order) == (60, Decimal("10.00"))
    with pytest.raises(ReplacementRejected):
        replace(order, 61)


def test_a_smaller_order_is_asked_no_compliance_rule(desk: Desk) -> None:
    """What may be cancelled whole may be made smaller, whatever was forbidden since; at another price it is asked."""
    order = desk.order(100)
    ComplianceRule.objects.create(
        code="SMALL", name="Small", kind="FAT_FINGER", action="REJECT", ceiling_minor=10_000, valid_from=TODAY
    )
    assert replace(order, 60) == "VALIDATED"
    with pytest.raises(ReplacementRejected):
        replace(order, 59, "10.01")
    assert terms_of(order) == (60, Decimal("10.00"))


def test_what_is_not_named_stays_as_it_is_when_the_replacement_takes_effect(desk: Desk) -> None:
    order = desk.order(100)
    desk.route()
    replace(order, 150)
    replace(order, None, "9.90")
    assert terms_of(order) == (150, Decimal("9.90"))
    replace(order, 120)
    assert terms_of(order) == (120, Decimal("9.90"))
    assert_consistent()


@pytest.mark.parametrize(
    ("first", "second"), [((None, "9.90"), (150, None)), ((150, None), (None, "9.90")), ((60, None), (None, "9.90"))]
)
def test_a_replacement_does_not_undo_one_that_somebody_left_when_he_died(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, first: Terms, second: Terms
) -> None:
    """The first is wished and not carried out; the second names the other field, and both come true."""

    def die(**_: Any) -> None:
        monkeypatch.undo()
        raise Killed

    order = desk.order(100)
    desk.route()
    monkeypatch.setattr(carry_out_wishes, "write_notes", die)
    with pytest.raises(Killed):
        replace(order, *first)
    replace(order, *second)
    assert terms_of(order) == (first[0] or second[0], Decimal("9.90"))
    assert not OrderWish.objects.exists()
    assert_consistent()


def test_a_venue_that_reports_while_an_order_becomes_smaller(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the venues' answer and our record of 80, another venue reports 30 of what was at none."""
    make_venue(mic="XOUT", market_maker_id=desk.maker.pk)
    for mic in desk.venues:
        desk.offer(mic, 20, "10.00")
    order = desk.order(100)
    desk.route()
    assert slices_of(order) == [("XAAA", "RESTING", 50, 20), ("XBBB", "RESTING", 50, 20)]
    piece = OrderSlice.objects.get(order=order, venue=desk.venues["XBBB"])
    gone = request(desk.books["XBBB"], piece.pk, kind=RequestKind.CANCEL)
    (answer,) = ask(gone, at=NOW, business_date=TODAY)
    write_notes(notes=[note_answer(answer=answer, slice_id=piece.pk, attempts=1, due_at=NOW)])

    def report_then_answer(**terms: Any) -> Any:
        monkeypatch.undo()
        answers = answer_requests(**terms)
        report = ExecutionReport("E-1", Decimal("9.98"), 30, later(1), "XOUT")
        report_execution(order_public_id=order.public_id, report=report, actor=SYSTEM, at=later(1), business_date=TODAY)
        return answers

    monkeypatch.setattr(carry_out_wishes, "answer_requests", report_then_answer)
    assert replace(order, 80) == "PARTIALLY_FILLED"
    found = fresh(order)
    assert (found.quantity_units, found.filled_units, found.routed_units) == (80, 70, 80)
    assert slices_of(order) == [
        ("XAAA", "RESTING", 30, 20), ("XBBB", "CANCELLED", 50, 20), ("XOUT", "FILLED", 30, 30),
    ]  # fmt: skip
    assert Fill.objects.filter(order=order).count() == 3
    assert not OrderWish.objects.exists()
    assert_consistent()


def test_a_smaller_quantity_keeps_its_place_while_the_venue_is_closed(desk: Desk) -> None:
    """A GTC order stands overnight; made smaller in the evening it is still before who came after it."""
    order = desk.order(100, time_in_force="GTC")
    desk.route()
    behind = request(desk.books["XAAA"], 10**13, BUY, 100, "10.00", owner=desk.maker.pk, force=GTC)
    ask(behind, at=NOW, business_date=TODAY)
    night = NOW.replace(hour=20)
    assert replace(order, 60, at=night) == "ROUTING"
    assert slices_of(order) == [("XAAA", "RESTING", 60, 0)]
    assert replace(order, 60, "10.00", at=night) == "ROUTING"
    tomorrow: dict[str, Any] = {"at": NOW + timedelta(days=1), "business_date": TODAY + timedelta(days=1)}
    seller = request(desk.books["XAAA"], 7 * 10**12, SELL, 60, "10.00", owner=desk.market.client_of_alpha.pk)
    (answer,) = ask(seller, **tomorrow)
    assert answer.status == "FILLED"
    record_fills(**tomorrow)
    assert fresh(order).status == "FILLED"
    (answer,) = ask(request(desk.books["XAAA"], 10**13, kind=RequestKind.STATUS), **tomorrow)
    assert (answer.status, answer.open_units) == ("RESTING", 100)
    assert_consistent()


def test_a_closed_venue_takes_no_more_units_and_no_other_price(desk: Desk) -> None:
    """Asked by anybody for that, it refuses; the order stands as it was."""
    order = desk.order(100, time_in_force="GTC")
    desk.route()
    (number,) = OrderSlice.objects.filter(order=order).values_list("pk", flat=True)
    for units, limit in ((101, None), (100, "9.99"), (60, "10.01")):
        change = request(desk.books["XAAA"], number, units=units, limit=limit, kind=RequestKind.REPLACE)
        (answer,) = ask(change, at=NOW.replace(hour=20), business_date=TODAY)
        assert (answer.status, answer.code) == ("REFUSED", "venue-closed")
