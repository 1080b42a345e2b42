"""Matching in the database: exact pairs in one statement, the rest by the core, near misses in words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.factories.chain import Chain
from trades.models import Match, Trade, UnmatchedTrade


def difference(trade_id: str) -> str:
    return UnmatchedTrade.objects.get(trade__trade_id=trade_id).difference


def test_reports_that_agree_are_one_trade_with_the_deliverers_terms(chain: Chain) -> None:
    chain.trade("T-1", "ALPHA", "BRAVO", account="HOUSE")
    assert chain.match() == 1
    match = Match.objects.get()
    assert (match.rule, match.amount_minor, match.quantity_units) == ("EXACT", 100_000, 100)
    assert (match.buyer_account_id, match.seller_account_id) == (chain.account("ALPHA").pk, chain.account("BRAVO").pk)
    assert (chain.status("T-1-A"), chain.status("T-1-B")) == ("MATCHED", "MATCHED")
    assert not UnmatchedTrade.objects.exists()


def test_a_second_call_finds_nothing(chain: Chain) -> None:
    chain.trade("T-1", "ALPHA", "BRAVO")
    chain.capture("T-2", "ALPHA", "BRAVO", by="ALPHA")
    assert [chain.match(), chain.match(), chain.match()] == [1, 0, 0]
    assert Match.objects.count() == 1


def test_the_sellers_amount_settles_within_two_euros(chain: Chain) -> None:
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA", amount="1002.00")
    chain.capture("S", "ALPHA", "BRAVO", by="BRAVO", amount="1000.00")
    chain.match()
    assert (Match.objects.get().rule, Match.objects.get().amount_minor) == ("TOLERANCE", 100_000)


def test_a_cent_beyond_the_tolerance_stays_alone(chain: Chain) -> None:
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA", amount="1002.01")
    chain.capture("S", "ALPHA", "BRAVO", by="BRAVO", amount="1000.00")
    assert chain.match() == 0
    assert difference("B") == "differs in amount: 1,002.01 against 1,000.00"


def test_the_band_of_a_hundred_thousand_belongs_to_the_smaller_tolerance(chain: Chain) -> None:
    for number, (bought, sold) in enumerate(
        [("100002.00", "100000.00"), ("100002.01", "100000.00"), ("100025.01", "100000.01"), ("100025.02", "100000.01")]
    ):
        chain.capture(f"B{number}", "ALPHA", "BRAVO", by="ALPHA", amount=bought, quantity=100 + number)
        chain.capture(f"S{number}", "ALPHA", "BRAVO", by="BRAVO", amount=sold, quantity=100 + number)
    assert chain.match() == 2
    assert sorted(Match.objects.values_list("buy_trade__trade_id", flat=True)) == ["B0", "B2"]


def test_a_blank_optional_field_matches_a_filled_one(chain: Chain) -> None:
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA", transaction_type="TRAD")
    chain.capture("S", "ALPHA", "BRAVO", by="BRAVO", trading_venue="XPAR")
    chain.match()
    assert Match.objects.get().rule == "OPTIONAL"


def test_two_filled_optional_fields_must_agree(chain: Chain) -> None:
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA", transaction_type="TRAD")
    chain.capture("S", "ALPHA", "BRAVO", by="BRAVO", transaction_type="REPO")
    assert chain.match() == 0
    assert difference("S") == "differs in transaction type: REPO against TRAD"


def test_duplicates_are_paired_one_to_one_in_the_order_they_came(chain: Chain) -> None:
    for number in (1, 2, 3):
        chain.capture(f"B{number}", "ALPHA", "BRAVO", by="ALPHA")
    for number in (1, 2):
        chain.capture(f"S{number}", "ALPHA", "BRAVO", by="BRAVO")
    assert chain.match() == 2
    assert list(Match.objects.order_by("id").values_list("buy_trade__trade_id", "sell_trade__trade_id")) == [
        ("B1", "S1"),
        ("B2", "S2"),
    ]
    assert chain.status("B3") == "NEW"
    assert difference("B3") == ""


def test_a_late_report_matches_the_one_that_waited_and_was_explained(chain: Chain) -> None:
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA")
    chain.capture("wrong", "ALPHA", "BRAVO", by="BRAVO", price="11")
    chain.match()
    assert UnmatchedTrade.objects.get(trade__trade_id="wrong").near_miss_id == Trade.objects.get(trade_id="B").pk
    chain.capture("right", "ALPHA", "BRAVO", by="BRAVO")
    assert chain.match() == 1
    left = UnmatchedTrade.objects.get()
    assert (left.trade.trade_id, left.near_miss_id, left.difference) == ("wrong", None, "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"price": "102.10"}, "differs in price: 101.20 against 102.10"),
        ({"price": "102.105"}, "differs in price: 101.20 against 102.105"),
        ({"price": "150"}, "differs in price: 101.20 against 150.00"),
        ({"quantity": 1200}, "differs in quantity: 100 against 1,200"),
        ({"settlement_date": "2008-09-11"}, "differs in settlement date: 2008-09-10 against 2008-09-11"),
        ({"cleared": False}, "differs in clearing: cleared against not cleared"),
        ({"buyer": "CHARLIE"}, "differs in buyer: ALPHA against CHARLIE"),
        (
            {"trade_date": "2008-09-05", "settlement_date": "2008-09-10", "price": "102.10"},
            "differs in trade date: 2008-09-08 against 2008-09-05, price: 101.20 against 102.10",
        ),
    ],
)
def test_a_near_miss_in_words(chain: Chain, changes: dict[str, object], words: str) -> None:
    plain: dict[str, object] = {"price": "101.20", "buyer": "ALPHA"}
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA", price="101.20")
    fields = plain | changes
    chain.capture("S", str(fields.pop("buyer")), "BRAVO", by="BRAVO", **fields)
    assert chain.match() == 0
    assert difference("B") == words


def test_another_security_is_named_by_its_isin(chain: Chain) -> None:
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA")
    chain.capture("S", "ALPHA", "BRAVO", by="BRAVO", security="SHARE")
    chain.match()
    assert difference("B") == f"differs in security: {chain.isins['STOCK']} against {chain.isins['SHARE']}"


def test_reports_of_equal_hash_but_other_content_do_not_match(chain: Chain) -> None:
    """The columns are compared beside the hash; a collision is made by hand."""
    from django.db import connection

    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA")
    chain.capture("S", "ALPHA", "BRAVO", by="BRAVO", quantity=200)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE trades_trade SET match_key = 7")
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert chain.match() == 0


def test_locked_in_trades_never_enter_the_pool(chain: Chain) -> None:
    chain.capture("L", "ALPHA", "BRAVO")
    chain.capture("B", "ALPHA", "BRAVO", by="ALPHA")
    assert chain.match() == 0
    assert chain.status("B") == "NEW"


def test_a_thousand_reports_of_one_block_match_by_amount(chain: Chain) -> None:
    """The shape that would be slow if every report were compared with every other."""
    from trades.core.report import TradeReport
    from trades.queries.capture_context import capture_context
    from trades.services.capture_trades import write_reports

    for side, cents in (("ALPHA", 0), ("BRAVO", 1)):
        reports: list[TradeReport] = [
            TradeReport(
                trade_id=f"{side}-{number}", buyer="ALPHA", seller="BRAVO", security="STOCK", quantity=100,
                price=Decimal(10), currency="EUR", trade_date=chain.day,
                amount=Decimal(1_000_00 + 500 * number + cents).scaleb(-2),
            )
            for number in range(500)
        ]  # fmt: skip
        context = capture_context(actor=chain.actor(side), business_date=chain.day)
        write_reports(reports=reports, context=context, at=chain.at, business_date=chain.day, submission_id=None)
    assert chain.match() == 500
    assert set(Match.objects.values_list("rule", flat=True)) == {"TOLERANCE"}
    ids = Match.objects.values_list("buy_trade__trade_id", "sell_trade__trade_id")
    assert all(buy.split("-")[1] == sell.split("-")[1] for buy, sell in ids)
