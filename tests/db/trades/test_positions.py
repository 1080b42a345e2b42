"""Positions by trade date: live, at the close, taken back, committed late; and how they meet the books."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, IntegrityError

from clearing.services.allocate_blocks import allocate_block, cancel_allocation
from fmi.invariants import check_invariants
from ledger.services import open_accounts
from reference.core.actor import SYSTEM
from reference.market_data import SecurityQuote
from reference.models import DailyPrice
from reference.quote_services import publish_quotes
from reference.quote_store import forget
from tests.factories.chain import MONDAY, WEDNESDAY, Chain
from tests.factories.executing import make_buyer, make_executed
from trades.core.positions import CostMethod
from trades.models import CostChoice, Match, Position, PositionRun, Trade
from trades.queries.blocks import find_block
from trades.queries.position_limits import use_of_limits
from trades.queries.positions import PositionView, closed_positions, find_base, live_positions, position_history
from trades.services.cancel_trades import cancel_trade
from trades.services.positions.close_day import close_day
from trades.services.positions.set_limits import set_limit

TUESDAY = date(2008, 9, 9)


@pytest.fixture
def market(chain: Chain) -> Chain:
    """STOCK closes at 10.00 on Friday and Monday, 11.00 on Tuesday and 12.00 on Wednesday."""
    forget()
    for day, close in ((date(2008, 9, 5), "10"), (MONDAY, "10"), (TUESDAY, "11"), (WEDNESDAY, "12")):
        DailyPrice.objects.create(
            security_id=chain.assets["STOCK"], date=day, open=close, high=close, low=close, close=close, volume=1_000,
            adjusted_close=close,
        )  # fmt: skip
    return chain


def live(chain: Chain, code: str, name: str = "HOUSE", method: CostMethod | None = None) -> PositionView:
    account = chain.account(code, name=name)
    (found,) = live_positions(accounts=[account], business_date=chain.day, method=method)
    return found


def figures(view: PositionView) -> tuple[int, int, int, int | None]:
    return view.quantity_units, view.held.cost_minor, view.held.realised_minor, view.unrealised_minor


def close(chain: Chain) -> int:
    return close_day(at=chain.at, business_date=chain.day)


def trade(chain: Chain, number: str, buyer: str, seller: str, quantity: int, price: str, **changes: Any) -> None:
    chain.trade(number, buyer, seller, quantity=quantity, price=price, **changes)
    chain.clear()


def assert_books_hold() -> None:
    assert [finding for finding in check_invariants() if finding.violations] == []


def test_a_position_is_live_before_it_is_netted_or_settled(market: Chain) -> None:
    trade(market, "1", "ALPHA", "BRAVO", 100, "9")
    assert figures(live(market, "ALPHA")) == (100, 90_000, 0, 10_000)
    assert figures(live(market, "BRAVO")) == (-100, -90_000, 0, -10_000)
    trade(market, "2", "BRAVO", "ALPHA", 40, "12")
    assert figures(live(market, "ALPHA")) == (60, 54_000, 12_000, 6_000)
    assert live(market, "ALPHA").average == Decimal(9)
    assert live(market, "ALPHA").realised_day_minor == 12_000
    forget()
    publish_quotes(
        quotes=[
            SecurityQuote(market.assets["STOCK"], market.at, Decimal(13), Decimal(14), Decimal(13), 1, 1, 1, "TEST")
        ],
    )
    marked = live(market, "ALPHA")
    assert (marked.mark, marked.mark_source, marked.unrealised_minor) == (Decimal(13), "quote", 24_000)
    forget()


def test_each_day_goes_on_from_the_close_before(market: Chain) -> None:
    market.give("BRAVO", "STOCK", 500)
    trade(market, "1", "ALPHA", "BRAVO", 100, "9")
    assert close(market) == 2
    assert close(market) == 0
    market.move_to(TUESDAY)
    trade(market, "2", "BRAVO", "ALPHA", 50, "11")
    assert close(market) == 2
    rows = {row.account.participant.code: row for row in Position.objects.filter(run__business_date=TUESDAY)}
    alpha, bravo = rows["ALPHA"], rows["BRAVO"]
    assert (alpha.quantity_units, alpha.cost_minor, alpha.realised_minor, alpha.realised_day_minor) == (
        50, 45_000, 10_000, 10_000,
    )  # fmt: skip
    assert (alpha.price, alpha.unrealised_minor) == (Decimal(11), 10_000)
    # BRAVO's 500 came in at Monday's close of 10.00; it sold 100 of them at 9.00.
    assert (bravo.quantity_units, bravo.cost_minor, bravo.realised_minor) == (450, 455_000, -10_000)
    (closed,) = closed_positions(accounts=[market.account("ALPHA")], business_date=TUESDAY)
    assert closed.day_minor == 20_000 - 10_000
    history = position_history(actor=market.actor("ALPHA"), security_id=market.assets["STOCK"])
    assert [(row.run.business_date, row.quantity_units) for row in history] == [(MONDAY, 100), (TUESDAY, 50)]
    market.move_to(WEDNESDAY)
    # Without a quote the last close counts, Tuesday's: Wednesday's is not known on Wednesday.
    assert figures(live(market, "ALPHA")) == (50, 45_000, 10_000, 10_000)
    assert live(market, "ALPHA").day_minor == 0
    close(market)
    (closed,) = closed_positions(accounts=[market.account("ALPHA")], business_date=WEDNESDAY)
    assert (closed.mark, closed.day_minor) == (Decimal(12), 5_000)
    assert_books_hold()


def test_what_is_committed_after_its_close_comes_in_all_the_same(market: Chain) -> None:
    trade(market, "1", "ALPHA", "BRAVO", 100, "9")
    close(market)
    with connection.cursor() as cursor:  # A match of Monday that the close did not see.
        cursor.execute("SELECT max(id) FROM trades_match")
    trade(market, "2", "ALPHA", "BRAVO", 10, "9")
    market.move_to(TUESDAY)
    assert Match.objects.filter(business_date=MONDAY).count() == 2
    assert find_base(before=TUESDAY).run_id is None
    assert figures(live(market, "ALPHA"))[:2] == (110, 99_000)
    close(market)
    assert Position.objects.get(run__business_date=TUESDAY, account=market.account("ALPHA")).quantity_units == 110
    market.move_to(WEDNESDAY)
    assert find_base(before=WEDNESDAY).business_date == TUESDAY
    # Monday written anew is what counts of it.
    close_day(at=market.at, business_date=MONDAY)
    assert PositionRun.objects.filter(business_date=MONDAY).count() == 2
    (row,) = closed_positions(accounts=[market.account("ALPHA")], business_date=MONDAY)
    assert row.quantity_units == 110


def test_a_cancelled_trade_leaves_on_the_day_it_is_cancelled(market: Chain) -> None:
    def cancel(number: str) -> None:
        cancel_trade(
            trade_pk=Trade.objects.get(trade_id=number).pk, reason="", actor=SYSTEM, at=market.at,
            business_date=market.day,
        )  # fmt: skip

    trade(market, "1", "ALPHA", "BRAVO", 100, "9")
    trade(market, "2", "BRAVO", "ALPHA", 50, "12")
    cancel("2-A")
    # Of its own day it was never there: nothing is realised.
    assert figures(live(market, "ALPHA")) == (100, 90_000, 0, 10_000)
    close(market)
    market.move_to(TUESDAY)
    cancel("1-A")
    assert figures(live(market, "ALPHA"))[:3] == (0, 0, 0)
    close(market)
    (monday,) = closed_positions(accounts=[market.account("ALPHA")], business_date=MONDAY)
    (tuesday,) = closed_positions(accounts=[market.account("ALPHA")], business_date=TUESDAY)
    assert (monday.quantity_units, tuesday.quantity_units) == (100, 0)
    assert_books_hold()


def test_the_fees_of_a_cancelled_trade_leave_with_it(market: Chain) -> None:
    """Three fills of 2 cents each: one is taken back on its own day, one on the next."""

    def cancel(number: int) -> None:
        trade_pk = Trade.objects.get(trade_id=f"O-{number}").pk
        cancel_trade(trade_pk=trade_pk, reason="", actor=SYSTEM, at=market.at, business_date=market.day)

    make_executed(market, make_buyer(market), reference="O", parts=3)
    forget()
    market.clear()
    assert live(market, "ALPHA").held.fees_minor == 6
    cancel(0)
    assert (live(market, "ALPHA").quantity_units, live(market, "ALPHA").held.fees_minor) == (20, 4)
    close(market)
    market.move_to(TUESDAY)
    cancel(1)
    assert (live(market, "ALPHA").quantity_units, live(market, "ALPHA").held.fees_minor) == (10, 2)
    close(market)
    fees = Position.objects.filter(account=market.account("ALPHA")).order_by("run__business_date")
    assert list(fees.values_list("fees_minor", flat=True)) == [4, 2]


def test_a_limit_by_volume_does_not_look_into_the_day(market: Chain) -> None:
    """On Tuesday the volume of the days before counts, 1,000 each, whatever Tuesday's will be."""
    DailyPrice.objects.filter(security_id=market.assets["STOCK"], date=TUESDAY).update(volume=100_000)
    trade(market, "1", "ALPHA", "BRAVO", 100, "9")
    market.move_to(TUESDAY)
    set_limit(
        participant_id=None, account=None, security_id=None, largest_units=None, volume_percent=Decimal(5),
        actor=SYSTEM, at=market.at, business_date=market.day,
    )  # fmt: skip
    uses = use_of_limits(business_date=TUESDAY)
    assert {(use.quantity_units, use.limit_units) for use in uses} == {(100, 50), (-100, 50)}


def test_an_allocation_moves_the_position_at_its_amount(market: Chain) -> None:
    open_accounts(participants=[(market.ids["ALPHA"], "ALPHA")], name="C1")
    trade(market, "1", "ALPHA", "BRAVO", 100, "9")
    allocation = allocate_block(
        block=find_block(actor=SYSTEM, trade=Trade.objects.get(trade_id="1-A")), method="QUANTITY",
        told={"C1": Decimal(60), "HOUSE": Decimal(40)}, actor=SYSTEM, at=market.at, business_date=market.day,
    )  # fmt: skip
    assert figures(live(market, "ALPHA")) == (40, 36_000, 0, 4_000)
    assert figures(live(market, "ALPHA", "C1")) == (60, 54_000, 0, 6_000)
    close(market)
    assert_books_hold()
    market.move_to(TUESDAY)
    cancel_allocation(allocation=allocation, actor=SYSTEM, at=market.at, business_date=market.day)
    assert figures(live(market, "ALPHA"))[:3] == (100, 90_000, 0)
    assert figures(live(market, "ALPHA", "C1"))[:3] == (0, 0, 0)
    close(market)
    assert_books_hold()


def test_first_in_first_out_by_choice_and_by_query(market: Chain) -> None:
    CostChoice.objects.create(
        participant_id=market.ids["BRAVO"], method=CostMethod.FIFO, changed_by="x", changed_at=market.at
    )
    trade(market, "1", "ALPHA", "BRAVO", 10, "8")
    trade(market, "2", "ALPHA", "BRAVO", 10, "10")
    close(market)
    market.move_to(TUESDAY)
    trade(market, "3", "BRAVO", "ALPHA", 10, "12")
    # At average cost of 9.00 ALPHA makes 3.00 a unit, first in first out 4.00.
    assert figures(live(market, "ALPHA")) == (10, 9_000, 3_000, 1_000)
    assert figures(live(market, "ALPHA", method=CostMethod.FIFO)) == (10, 10_000, 4_000, 0)
    assert figures(live(market, "BRAVO")) == (-10, -10_000, -4_000, 0)
    close(market)
    row = Position.objects.get(run__business_date=TUESDAY, account=market.account("BRAVO"))
    assert (row.method, row.lot_units, row.lot_minor) == ("FIFO", [-10], [-10_000])


def test_a_split_comes_in_at_nothing_and_a_settled_position_stays(market: Chain) -> None:
    for code in ("ALPHA", "BRAVO"):
        market.give(code, "EUR", 1_000_000)
    market.give("BRAVO", "STOCK", 100)
    trade(market, "1", "ALPHA", "BRAVO", 100, "9")
    close(market)
    market.move_to(WEDNESDAY)
    market.settle()
    assert market.balance("ALPHA", "STOCK") == 100
    assert figures(live(market, "ALPHA")) == (100, 90_000, 0, 20_000)
    close(market)
    assert_books_hold()


@pytest.mark.parametrize("statement", [
    "UPDATE trades_position SET quantity_units = quantity_units",
    "DELETE FROM trades_position",
    "DELETE FROM trades_positionrun",
    "UPDATE trades_positionrun SET moves = 0",
    "INSERT INTO trades_position (run_id, account_id, security_id, currency_id, method, quantity_units, cost_minor,"
    " realised_minor, realised_day_minor, fees_minor, lot_units, lot_minor) SELECT run_id, account_id, security_id,"
    " currency_id, method, 1, 1, 0, 0, 0, '{}', '{}' FROM trades_position LIMIT 1",
    "INSERT INTO trades_position (run_id, account_id, security_id, currency_id, method, quantity_units, cost_minor,"
    " realised_minor, realised_day_minor, fees_minor, lot_units, lot_minor) SELECT run_id, account_id,"
    " (SELECT max(asset_ptr_id) FROM reference_security), currency_id, method, -1, 1, 0, 0, 0, '{}', '{}'"
    " FROM trades_position LIMIT 1",
])  # fmt: skip
def test_the_database_keeps_positions(market: Chain, statement: str) -> None:
    trade(market, "1", "ALPHA", "BRAVO", 100, "9")
    close(market)
    before = list(Position.objects.order_by("pk").values())
    with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(Position.objects.order_by("pk").values()) == before
