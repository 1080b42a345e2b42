"""A block is shared among its party's accounts before or after matching, and settles on each of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, IntegrityError

from clearing.models import CarriedContract, Obligation
from clearing.queries.netting_by_day import netting_by_day
from clearing.queries.positions import open_positions
from clearing.services.allocate_blocks import (
    allocate_block,
    apply_allocations,
    cancel_allocation,
    reallocate_block,
)
from fmi.invariants import check_invariants
from ledger.services import open_accounts
from reference.core.actor import SYSTEM, Actor
from tests.factories.chain import WEDNESDAY, Chain, total_by_asset
from trades.models import Allocation, AllocationShare, Trade
from trades.queries.blocks import BlockTerms, find_block
from trades.refusals import allocations as refusals
from trades.services.cancel_trades import cancel_trade

CLIENTS = ("C1", "C2", "C3")


@pytest.fixture
def market(chain: Chain) -> Chain:
    """ALPHA has three clients; BRAVO has stock to sell, ALPHA and its clients cash to pay."""
    for name in CLIENTS:
        open_accounts(participants=[(chain.ids["ALPHA"], "ALPHA")], name=name)
        chain.give("ALPHA", "EUR", 10_000_000, name)
    chain.give("ALPHA", "EUR", 10_000_000)
    chain.give("BRAVO", "STOCK", 10_000)
    chain.give("BRAVO", "EUR", 10_000_000)
    return chain


def block_of(chain: Chain, trade_id: str, actor: Actor | None = None, side: str = "") -> BlockTerms:
    return find_block(actor=actor or chain.actor("ALPHA"), trade=Trade.objects.get(trade_id=trade_id), side=side)


def told(**values: str) -> dict[str, Decimal]:
    return {name: Decimal(value) for name, value in values.items()}


def allocate(chain: Chain, trade_id: str, method: str = "QUANTITY", /, **values: str) -> Allocation:
    return allocate_block(
        block=block_of(chain, trade_id), method=method, told=told(**values), actor=chain.actor("ALPHA"), at=chain.at,
        business_date=chain.day,
    )  # fmt: skip


def shares(allocation: Allocation) -> dict[str, tuple[int, int]]:
    rows = allocation.shares.select_related("account")
    return {row.account.name: (row.quantity_units, row.amount_minor) for row in rows}


def assert_books_hold() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    assert [finding for finding in check_invariants() if finding.violations] == []
    assert set(total_by_asset().values()) == {0}


def open_nets(chain: Chain) -> dict[str, tuple[int, int]]:
    rows = Obligation.objects.filter(kind="NET").select_related("account")
    return {row.account.code: (row.quantity_units, row.cash_minor) for row in rows}


def test_a_bought_block_settles_on_each_clients_account(market: Chain) -> None:
    """100 at 10.01: three clients by percentage, to the last unit and cent."""
    market.trade("1", "ALPHA", "BRAVO", price="10.01")
    market.clear()
    allocation = allocate(market, "1-A", "PERCENTAGE", C1="33.333333", C2="33.333333", C3="33.333334")
    assert allocation.status == "APPLIED"
    assert (allocation.quantity_units, allocation.amount_minor, allocation.fee_minor) == (100, 100_100, 0)
    assert shares(allocation) == {"C1": (33, 33_033), "C2": (33, 33_033), "C3": (34, 34_034)}
    assert_books_hold()
    market.move_to(WEDNESDAY)
    market.net()
    assert open_nets(market) == {
        "ALPHA-SEC-HOUSE": (0, 0), "BRAVO-SEC-HOUSE": (-100, 100_100), "ALPHA-SEC-C1": (33, -33_033),
        "ALPHA-SEC-C2": (33, -33_033), "ALPHA-SEC-C3": (34, -34_034),
    }  # fmt: skip
    market.instruct()
    market.cycle()
    market.discharge()
    assert market.status("1-A") == market.status("1-B") == "SETTLED"
    assert [market.balance("ALPHA", "STOCK", name) for name in ("HOUSE", *CLIENTS)] == [0, 33, 33, 34]
    assert [market.balance("ALPHA", "EUR", name) for name in CLIENTS] == [9_966_967, 9_966_967, 9_965_966]
    assert market.balance("ALPHA", "EUR") == 10_000_000
    assert_books_hold()


def test_a_sold_block_is_delivered_by_those_it_was_allocated_to(market: Chain) -> None:
    market.give("ALPHA", "STOCK", 40, "C1")
    market.give("ALPHA", "STOCK", 60)
    market.trade("1", "BRAVO", "ALPHA")
    market.clear()
    assert shares(allocate(market, "1-A", C1="40", HOUSE="60")) == {"HOUSE": (60, 60_000), "C1": (40, 40_000)}
    assert CarriedContract.objects.filter(cause="ALLOCATION").count() == 2  # What stays, moves nothing.
    market.move_to(WEDNESDAY)
    market.settle()
    assert (market.status("1-A"), market.balance("ALPHA", "STOCK", "C1"), market.balance("ALPHA", "STOCK")) == (
        "SETTLED", 0, 0,
    )  # fmt: skip
    assert market.balance("ALPHA", "EUR", "C1") == 10_040_000
    assert_books_hold()


def test_a_trade_is_settled_only_with_all_it_was_allocated_to(market: Chain) -> None:
    """C2 sells 30 it does not have: BRAVO has its stock, of C1 and through the CCP's, and ALPHA's trade still waits."""
    market.give("ALPHA", "STOCK", 70, "C1")
    market.trade("1", "BRAVO", "ALPHA")
    market.trade("2", "CHARLIE", "DELTA", quantity=30)
    market.give("CHARLIE", "EUR", 1_000_000)
    market.give("DELTA", "STOCK", 30)
    market.clear()
    allocate(market, "1-A", C1="70", C2="30")
    market.move_to(WEDNESDAY)
    market.settle()
    assert market.status("1-A") == "CLEARED"
    assert_books_hold()
    market.give("ALPHA", "STOCK", 30, "C2")
    market.cycle()
    market.discharge()
    assert market.status("1-A") == market.status("1-B") == "SETTLED"
    assert_books_hold()


def test_an_instruction_waits_for_its_trade(market: Chain) -> None:
    market.capture("1-A", "ALPHA", "BRAVO", by="ALPHA")
    allocation = allocate(market, "1-A", "PRO_RATA", C1="1", C2="3")
    assert (allocation.status, allocation.quantity_units, shares(allocation)) == ("WAITING", None, {})
    assert apply_allocations(at=market.at, business_date=market.day) == 0
    market.capture("1-B", "ALPHA", "BRAVO", by="BRAVO")
    market.clear()
    assert apply_allocations(at=market.at, business_date=market.day) == 1
    assert apply_allocations(at=market.at, business_date=market.day) == 0
    allocation.refresh_from_db()
    assert (allocation.status, shares(allocation)) == ("APPLIED", {"C1": (25, 25_000), "C2": (75, 75_000)})
    assert_books_hold()


def test_what_waits_past_the_cut_off_lapses(market: Chain) -> None:
    market.capture("1-A", "ALPHA", "BRAVO", by="ALPHA")
    allocation = allocate(market, "1-A", C1="100")
    market.capture("1-B", "ALPHA", "BRAVO", by="BRAVO")
    market.clear()
    market.move_to(WEDNESDAY)
    market.net()
    assert apply_allocations(at=market.at, business_date=market.day) == 0
    allocation.refresh_from_db()
    assert (allocation.status, allocation.note) == ("LAPSED", refusals.AllocationAfterCutOff.__doc__)
    assert_books_hold()


def test_it_is_cancelled_and_shared_anew_until_the_cut_off(market: Chain) -> None:
    market.trade("1", "ALPHA", "BRAVO")
    market.clear()
    first = allocate(market, "1-A", C1="100")
    with pytest.raises(refusals.BlockAllocated):
        allocate(market, "1-A", C2="100")
    second = reallocate_block(
        allocation=first, block=block_of(market, "1-A"), method="QUANTITY", told=told(C2="60", C3="40"),
        actor=market.actor("ALPHA"), at=market.at, business_date=market.day,
    )  # fmt: skip
    first.refresh_from_db()
    assert (first.status, second.status, second.replaces_id) == ("CANCELLED", "APPLIED", first.pk)
    assert_books_hold()
    bad = {"C2": Decimal(60), "C3": Decimal(41)}
    with pytest.raises(Exception, match="101 units are allocated of a block of 100"):
        reallocate_block(
            allocation=second, block=block_of(market, "1-A"), method="QUANTITY", told=bad,
            actor=market.actor("ALPHA"), at=market.at, business_date=market.day,
        )  # fmt: skip
    second.refresh_from_db()
    assert second.status == "APPLIED"
    market.move_to(WEDNESDAY)
    market.net()
    nets = open_nets(market)
    assert {name: nets[f"ALPHA-SEC-{name}"] for name in ("HOUSE", *CLIENTS)} == {
        "HOUSE": (0, 0), "C1": (0, 0), "C2": (60, -60_000), "C3": (40, -40_000),
    }  # fmt: skip
    with pytest.raises(refusals.AllocationAfterCutOff):
        cancel_allocation(allocation=second, actor=market.actor("ALPHA"), at=market.at, business_date=market.day)
    with pytest.raises((refusals.AllocationAfterCutOff, refusals.BlockAllocated)):
        allocate(market, "1-A", C1="100")
    market.instruct()
    market.cycle()
    market.discharge()
    assert market.status("1-A") == "SETTLED"
    assert_books_hold()


def test_a_block_that_is_netted_is_past_the_cut_off(market: Chain) -> None:
    market.trade("1", "ALPHA", "BRAVO")
    market.clear()
    market.move_to(WEDNESDAY)
    market.net()
    with pytest.raises(refusals.AllocationAfterCutOff):
        allocate(market, "1-A", C1="100")
    assert not Allocation.objects.exists()


def test_margin_sees_the_contracts_where_they_are(market: Chain) -> None:
    market.trade("1", "ALPHA", "BRAVO")
    market.clear()
    allocate(market, "1-A", C1="30", C2="70")
    found = open_positions(business_date=market.day)
    by_account = dict(zip(found.account.tolist(), zip(found.quantity_units.tolist(), found.cash_minor.tolist(),
                                                      strict=True), strict=True))  # fmt: skip
    account = {name: market.account("ALPHA", name=name).pk for name in ("HOUSE", "C1", "C2")}
    assert account["HOUSE"] not in by_account
    assert (by_account[account["C1"]], by_account[account["C2"]]) == ((30, -30_000), (70, -70_000))


def test_netting_counts_an_allocated_block_once(market: Chain) -> None:
    market.trade("1", "ALPHA", "BRAVO")
    market.clear()
    allocate(market, "1-A", C1="30", C2="70")
    market.move_to(WEDNESDAY)
    market.net()
    (day,) = netting_by_day(actor=SYSTEM, since=date(2008, 9, 1))
    # Bought for 1,000.00 and sold for 1,000.00, whoever it was for; nothing of it had failed.
    assert (day.gross_minor, day.due_minor, day.failed_minor, day.continuous_minor) == (200_000, 200_000, 0, 200_000)


def test_a_cancelled_trade_takes_its_allocation_with_it(market: Chain) -> None:
    market.trade("1", "ALPHA", "BRAVO")
    market.clear()
    allocation = allocate(market, "1-A", C1="100")
    cancel_trade(
        trade_pk=Trade.objects.get(trade_id="1-A").pk, reason="", actor=SYSTEM, at=market.at, business_date=market.day
    )
    allocation.refresh_from_db()
    assert (allocation.status, allocation.note) == ("CANCELLED", "Its trade was cancelled.")
    assert_books_hold()
    market.move_to(WEDNESDAY)
    market.settle()
    assert market.balance("ALPHA", "STOCK", "C1") == 0
    assert_books_hold()


def test_both_sides_of_one_trade_are_allocated(market: Chain) -> None:
    open_accounts(participants=[(market.ids["BRAVO"], "BRAVO")], name="X")
    market.give("BRAVO", "STOCK", 100, "X")
    market.capture("1", "ALPHA", "BRAVO")
    market.novate()
    for actor, side, account in (("ALPHA", "", "C1"), ("BRAVO", "SELL", "X")):
        allocate_block(
            block=block_of(market, "1", market.actor(actor), side), method="QUANTITY", told=told(**{account: "100"}),
            actor=market.actor(actor), at=market.at, business_date=market.day,
        )  # fmt: skip
    market.move_to(WEDNESDAY)
    market.settle()
    assert (market.status("1"), market.balance("ALPHA", "STOCK", "C1"), market.balance("BRAVO", "STOCK", "X")) == (
        "SETTLED", 100, 0,
    )  # fmt: skip
    assert_books_hold()


@pytest.mark.parametrize(
    ("method", "values", "code"),
    [
        ("QUANTITY", {"C1": "99"}, "allocation-not-whole"),
        ("QUANTITY", {"C1": "99.5", "C2": "0.5"}, "allocation-line-invalid"),
        ("QUANTITY", {"C1": "-1", "C2": "101"}, "allocation-not-positive"),
        ("PERCENTAGE", {"C1": "50", "C2": "49.999999"}, "percentages-not-hundred"),
        ("PERCENTAGE", {"C1": "99.9", "C2": "0.1"}, "allocation-below-one-unit"),
        ("PRO_RATA", {"C1": "1.0000001"}, "allocation-line-invalid"),
        ("PRO_RATA", {"C1": "0"}, "allocation-not-positive"),
        ("PRO_RATA", {"C1": "1", "ALPHA-SEC-C1": "1"}, "allocation-line-invalid"),
        ("PRO_RATA", {"BRAVO-SEC-HOUSE": "1"}, "allocation-account-unknown"),
        ("PRO_RATA", {}, "allocation-empty"),
        ("PRO_RATA", {"C1": "NaN"}, "allocation-line-invalid"),
    ],
)
def test_a_bad_allocation_is_refused_by_name(market: Chain, method: str, values: dict[str, str], code: str) -> None:
    market.trade("1", "ALPHA", "BRAVO")
    market.clear()
    with pytest.raises(Exception) as caught, transaction.atomic():  # noqa: PT011
        allocate_block(
            block=block_of(market, "1-A"), method=method, told={key: Decimal(value) for key, value in values.items()},
            actor=market.actor("ALPHA"), at=market.at, business_date=market.day,
        )  # fmt: skip
    assert getattr(caught.value, "code", repr(caught.value)) == code
    assert not Allocation.objects.exists()


def test_some_blocks_cannot_be_allocated(market: Chain) -> None:
    market.trade("G", "ALPHA", "BRAVO", cleared=False)
    market.trade("1", "ALPHA", "BRAVO")
    market.capture("2", "ALPHA", "BRAVO")
    market.clear()
    with pytest.raises(refusals.BlockNotCleared):
        block_of(market, "G-A")
    with pytest.raises(refusals.BlockNotYours):
        block_of(market, "1-B")
    with pytest.raises(refusals.BlockNotNamed):
        block_of(market, "2", SYSTEM)
    with pytest.raises(refusals.BlockNotNamed):
        find_block(actor=SYSTEM)


ATTACKS: dict[str, str] = {
    "a share more": "INSERT INTO trades_allocationshare (allocation_id, account_id, quantity_units, amount_minor,"
    " fee_minor) SELECT allocation_id, %(c3)s, 1, 0, 0 FROM trades_allocationshare LIMIT 1",
    "a share of nothing": "INSERT INTO trades_allocationshare (allocation_id, account_id, quantity_units,"
    " amount_minor, fee_minor) SELECT allocation_id, %(c3)s, 0, 0, 0 FROM trades_allocationshare LIMIT 1",
    "to another party": "INSERT INTO trades_allocationline (allocation_id, account_id, told)"
    " SELECT id, %(bravo)s, 1 FROM trades_allocation",
    "a share changed": "UPDATE trades_allocationshare SET quantity_units = quantity_units",
    "a share gone": "DELETE FROM trades_allocationshare",
    "an allocation gone": "DELETE FROM trades_allocation",
    "the block changed": "UPDATE trades_allocation SET amount_minor = amount_minor + 1",
    "back to waiting": "UPDATE trades_allocation SET status = 'WAITING', quantity_units = NULL, amount_minor = NULL,"
    " fee_minor = NULL, settlement_date = NULL, applied_at = NULL, applied_on = NULL",
    "ended without a time": "UPDATE trades_allocation SET status = 'CANCELLED'",
    "another account": "UPDATE trades_allocation SET account_id = %(c3)s",
    "a second one": "INSERT INTO trades_allocation (public_id, participant_id, account_id, trade_id, trade_date, side,"
    " security_id, currency_id, method, status, instructed_by, instructed_at, business_date, note)"
    " SELECT gen_random_uuid(), participant_id, account_id, trade_id, trade_date, side, security_id, currency_id,"
    " method, 'WAITING', '', instructed_at, business_date, '' FROM trades_allocation",
    "in another account than the trade": "INSERT INTO trades_allocation (public_id, participant_id, account_id,"
    " trade_id, trade_date, side, security_id, currency_id, method, status, instructed_by, instructed_at,"
    " business_date, note) SELECT gen_random_uuid(), participant_id, %(c3)s, trade_id, trade_date, 'SELL',"
    " security_id, currency_id, method, 'WAITING', '', instructed_at, business_date, '' FROM trades_allocation",
    "applied without shares": "INSERT INTO trades_allocation (public_id, participant_id, account_id, trade_id,"
    " trade_date, side, security_id, currency_id, method, status, instructed_by, instructed_at, business_date, note,"
    " applied_at, applied_on, settlement_date, quantity_units, amount_minor, fee_minor) SELECT gen_random_uuid(),"
    " t.buyer_id, t.buyer_account_id, t.id, t.trade_date, 'BUY', t.security_id, t.currency_id, 'PRO_RATA', 'APPLIED',"
    " '', t.received_at, t.trade_date, '', t.received_at, t.trade_date, t.settlement_date, 5, 5, 0"
    " FROM trades_trade t WHERE t.trade_id = '2-A'",
}


@pytest.mark.parametrize("name", list(ATTACKS))
def test_the_database_keeps_allocations_whole(market: Chain, name: str) -> None:
    market.trade("1", "ALPHA", "BRAVO")
    market.trade("2", "ALPHA", "BRAVO", quantity=5)
    market.clear()
    allocate(market, "1-A", C1="60", C2="40")
    assert_books_hold()
    before: list[Any] = [*Allocation.objects.values(), *AllocationShare.objects.values()]
    accounts = {"c3": market.account("ALPHA", name="C3").pk, "bravo": market.account("BRAVO").pk}
    statement = ATTACKS[name] % accounts + "; SET CONSTRAINTS ALL IMMEDIATE"
    with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert [*Allocation.objects.values(), *AllocationShare.objects.values()] == before
