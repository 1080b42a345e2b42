"""Enrichment in the database: everything once, whatever commits late; a score that is explained; facts that stay."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.db.models import Sum

from events.models import OutboxFact
from tests.factories.chain import Chain, make_chain
from tests.factories.compliance import give_prices, give_quote, give_rate, make_trade
from trades.models import CounterpartyVolume, EnrichmentRun, RiskWeights, Trade, TradeEnrichment
from trades.queries.compliance import enrichment_of_trade
from trades.queries.compliance_invariants import COMPLIANCE_INVARIANTS
from trades.services.compliance.enrich import enrich_trades
from trades.services.compliance.load_compliance import load_compliance


@pytest.fixture
def market(chain: Chain) -> Chain:
    load_compliance()
    return chain


def enrich(chain: Chain) -> int:
    return enrich_trades(at=chain.at, business_date=chain.day)


def test_a_quote_that_stood_is_what_the_price_is_held_against(market: Chain) -> None:
    give_prices(chain=market, symbol="STOCK", close="9", volume=10_000)
    give_quote(chain=market, symbol="STOCK", bid="9.98", ask="10.02", at=market.at - timedelta(minutes=1))
    give_quote(chain=market, symbol="STOCK", bid="20", ask="21", at=market.at + timedelta(seconds=1))
    trade = make_trade(chain=market, price="10.1")
    assert enrich(market) == 1
    row = TradeEnrichment.objects.get(trade=trade)
    assert (row.price_source, row.mid, row.spread) == ("QUOTE", Decimal("10.00"), Decimal("0.04"))
    assert (row.deviation_bp, row.spread_bp, row.size_bp) == (100, 40, 100)
    assert (row.notional_minor, row.notional_base_minor) == (101_000, 101_000)
    # 30 * 100/1000, 25 * 100/500, 20 * 40/200, 15 * 10000/5000 at most 15, 10 * 3/10
    parts = (row.size_points, row.deviation_points, row.liquidity_points, row.counterparty_points,
             row.settlement_points)  # fmt: skip
    assert parts == (3, 5, 4, 15, 3)
    assert row.risk_score == 30


def test_without_a_quote_that_day_the_last_close_stands_in_and_it_is_said(market: Chain) -> None:
    give_prices(chain=market, symbol="STOCK", close="8")
    give_quote(chain=market, symbol="STOCK", bid="99", ask="100", at=market.at - timedelta(days=1))
    trade = make_trade(chain=market, price="8.08")
    enrich(market)
    row = TradeEnrichment.objects.get(trade=trade)
    assert (row.price_source, row.mid, row.spread, row.deviation_bp) == ("CLOSE", Decimal(8), None, 100)
    assert row.priced_on == market.day - timedelta(days=1)
    enriched = enrichment_of_trade(trade_pk=trade.pk)
    assert enriched is not None
    assert enriched.held_against.startswith("Close of the day before")


def test_what_is_not_known_counts_in_full(market: Chain) -> None:
    trade = make_trade(chain=market, symbol="DOLLAR")
    enrich(market)
    row = TradeEnrichment.objects.get(trade=trade)
    assert (row.price_source, row.mid, row.notional_base_minor, row.size_bp) == ("NONE", None, None, None)
    assert (row.size_points, row.deviation_points, row.liquidity_points) == (30, 25, 20)


def test_dollars_are_worth_what_the_rate_says(market: Chain) -> None:
    give_rate(chain=market, code="USD", value="0.7")
    trade = make_trade(chain=market, symbol="DOLLAR", amount_minor=10_001)
    enrich(market)
    assert TradeEnrichment.objects.get(trade=trade).notional_base_minor == 7_001


def test_the_share_of_a_counterparty_is_of_all_the_participant_traded(market: Chain) -> None:
    make_trade(chain=market, seller="BRAVO", quantity=100)
    make_trade(chain=market, seller="CHARLIE", quantity=300)
    enrich(market)
    late = make_trade(chain=market, seller="BRAVO", quantity=100)
    enrich(market)
    assert TradeEnrichment.objects.get(trade=late).counterparty_bp == 4_000
    total = CounterpartyVolume.objects.aggregate(total=Sum("notional_base_minor"))["total"]
    assert total == TradeEnrichment.objects.aggregate(total=Sum("notional_base_minor"))["total"]


def test_a_second_call_finds_nothing_and_the_fact_is_told_once(market: Chain) -> None:
    make_trade(chain=market)
    assert [enrich(market), enrich(market)] == [1, 0]
    assert OutboxFact.objects.filter(name="TradesEnriched").count() == 1
    assert EnrichmentRun.objects.count() == 1


def test_without_weights_everything_waits(chain: Chain) -> None:
    make_trade(chain=chain)
    assert enrich(chain) == 0
    load_compliance()
    assert enrich(chain) == 1


def test_chunks_follow_one_another(market: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trades.services.compliance.enrich.CHUNK", 3)
    for _ in range(7):
        make_trade(chain=market)
    assert enrich(market) == 7
    assert list(EnrichmentRun.objects.order_by("pk").values_list("enriched", flat=True)) == [3, 3, 1]
    assert EnrichmentRun.objects.latest("pk").floor_id <= Trade.objects.latest("pk").pk


@pytest.mark.django_db(transaction=True)
def test_a_trade_that_commits_late_under_a_lower_id_is_enriched() -> None:
    chain = make_chain()
    load_compliance()
    begun, may_end = threading.Event(), threading.Event()

    def insert_slowly() -> None:
        try:
            with transaction.atomic():
                make_trade(chain=chain)
                begun.set()
                may_end.wait(timeout=30)
        finally:
            connections.close_all()

    slow = threading.Thread(target=insert_slowly)
    slow.start()
    assert begun.wait(timeout=30)
    quick = make_trade(chain=chain)
    assert enrich(chain) == 1
    first = EnrichmentRun.objects.get()
    assert first.floor_id < quick.pk - 1
    assert first.running
    make_trade(chain=chain)
    assert enrich(chain) == 1
    assert EnrichmentRun.objects.latest("pk").floor_id < quick.pk - 1
    may_end.set()
    slow.join(timeout=30)
    assert enrich(chain) == 1
    assert TradeEnrichment.objects.count() == Trade.objects.count() == 3
    make_trade(chain=chain)
    assert enrich(chain) == 1
    assert EnrichmentRun.objects.latest("pk").floor_id >= quick.pk


def attack(statement: str, parameters: list[Any] | None) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def refused(statement: str, parameters: list[Any] | None = None) -> str:
    with pytest.raises(DatabaseError) as caught:
        attack(statement, parameters)
    return str(caught.value)


def test_what_is_written_stays_as_it_is(market: Chain) -> None:
    make_trade(chain=market)
    enrich(market)
    for table in ("trades_tradeenrichment", "trades_enrichmentrun", "trades_riskweights", "trades_counterpartyvolume"):
        assert table in refused(f"DELETE FROM {table}")
        assert table in refused(f"TRUNCATE {table}")
    assert "append-only" in refused("UPDATE trades_tradeenrichment SET risk_score = 0")
    assert "append-only" in refused("UPDATE trades_riskweights SET size_points = 0")


COPY = (
    "INSERT INTO trades_tradeenrichment SELECT (jsonb_populate_record(e, %s)).* FROM trades_tradeenrichment e LIMIT 1"
)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ('{"risk_score": 99}', "score_is_the_sum_of_its_parts"),
        ('{"price_source": "QUOTE"}', "says_what_it_was_held_against"),
        ('{"price_source": "QUOTE", "quoted_at": "2008-09-08T10:00:00Z"}', "says_what_it_was_held_against"),
        ('{"deviation_bp": 5}', "says_what_it_was_held_against"),
        ('{"size_bp": 5}', "size_needs_a_volume"),
        ('{"notional_base_minor": -1}', "notional"),
        ('{"size_points": -1, "deviation_points": 56}', "points_not_negative"),
        ("{}", "pkey"),
        ('{"trade_id": 999999999}', "refers to no row"),
        ('{"weights_id": 999999999, "trade_id": %d}', "weights_id refers to no row"),
    ],
)
def test_the_database_refuses_an_enrichment_that_cannot_be(market: Chain, changes: str, constraint: str) -> None:
    make_trade(chain=market)
    enrich(market)
    spare = make_trade(chain=market)
    if "trade_id" not in changes and changes != "{}":
        changes = changes.removesuffix("}") + f', "trade_id": {spare.pk}}}'
    assert constraint in refused(COPY, [changes.replace("%d", str(spare.pk))])


@pytest.mark.django_db
def test_weights_sum_to_a_hundred() -> None:
    load_compliance()
    row = RiskWeights.objects.get()
    row.pk, row.valid_from, row.size_points = None, row.valid_from + timedelta(days=1), 31
    with pytest.raises(DatabaseError, match="riskweights_sum_to_100"), transaction.atomic():
        row.save(force_insert=True)


def violations(name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(next(sql for title, sql in COMPLIANCE_INVARIANTS.items() if title.startswith(name)))
        return len(cursor.fetchall())


def test_the_invariants_hold_and_find_what_breaks_them(market: Chain) -> None:
    make_trade(chain=market)
    make_trade(chain=market, side="SELL")
    make_trade(chain=market, side="BOTH")
    enrich(market)
    assert (violations("nothing is left"), violations("what participants")) == (0, 0)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trades_counterpartyvolume SET notional_base_minor = notional_base_minor + 1")
    assert violations("what participants") == 2
    late = make_trade(chain=market)
    run = EnrichmentRun.objects.latest("pk")
    run.pk, run.floor_id, run.seen_id = None, late.pk, late.pk
    run.save(force_insert=True)
    assert violations("nothing is left") == 1
