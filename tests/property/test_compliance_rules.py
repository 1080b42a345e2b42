"""Enrichment and every rule in SQL find what the same rules find in plain Python, whatever is traded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.factories.chain import Chain

TRADE = st.tuples(
    st.permutations(("ALPHA", "BRAVO", "CHARLIE")),
    st.sampled_from(["STOCK", "SHARE", "BOND", "DOLLAR"]),
    st.sampled_from(["BUY", "SELL", "BOTH"]),
    st.sampled_from([10, 100, 250, 1_001]),
    st.sampled_from(["9.70", "9.99", "10", "10.04", "10.31", "13"]),
    st.integers(0, 90),  # minutes after ten
)
QUOTES = st.dictionaries(
    st.tuples(st.sampled_from(["STOCK", "SHARE", "BOND", "DOLLAR"]), st.integers(-900, 90)),
    st.tuples(st.integers(950, 1_050), st.integers(0, 60)),  # bid in cents, spread in cents
    max_size=6,
)
CLOSES = st.dictionaries(
    st.sampled_from(["STOCK", "SHARE", "BOND", "DOLLAR"]), st.tuples(st.integers(900, 1_100), st.integers(0, 900))
)
HOLDINGS = st.dictionaries(
    st.tuples(st.sampled_from(["ALPHA", "BRAVO"]), st.sampled_from(["STOCK", "SHARE", "DOLLAR", "EUR"])),
    st.integers(1, 2_000),
)
RESTRICTED = st.lists(
    st.tuples(
        st.sampled_from(["STOCK", "BOND"]), st.sampled_from(["ALPHA", "BRAVO", None]), st.integers(-2, 1),
        st.sampled_from([None, 0, 2]),
    ),
    max_size=3, unique_by=lambda entry: entry[:2],
)  # fmt: skip


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.lists(TRADE, min_size=1, max_size=12), quotes=QUOTES, closes=CLOSES, holdings=HOLDINGS,
    restricted=RESTRICTED, rate=st.sampled_from([None, "0.7", "1.3"]), runs=st.integers(1, 3),
)  # fmt: skip
def test_sql_finds_what_python_finds(
    chain: Chain,
    drawn: list[tuple[list[str], str, str, int, str, int]],
    quotes: dict[tuple[str, int], tuple[int, int]],
    closes: dict[str, tuple[int, int]],
    holdings: dict[tuple[str, str], int],
    restricted: list[tuple[str, str | None, int, int | None]],
    rate: str | None,
    runs: int,
) -> None:
    from tests.factories.compliance import (
        expected_findings,
        give_prices,
        give_quote,
        give_rate,
        make_trade,
        market_of,
    )
    from trades.models import ComplianceAlert, ComplianceRule, RestrictedEntry, TradeEnrichment
    from trades.services.compliance.enrich import enrich_trades
    from trades.services.compliance.load_compliance import load_compliance

    with transaction.atomic():
        load_compliance()
        common = {"action": "WARN", "valid_from": chain.day}
        ComplianceRule.objects.create(code="SCOPED", kind="FAT_FINGER", ceiling_minor=100_000, name="Scoped",
                                      participant_id=chain.ids["BRAVO"], **common)  # fmt: skip
        ComplianceRule.objects.create(code="SMALL", kind="CONCENTRATION", share_percent=40, least_minor=50_000,
                                      name="Small", **common)  # fmt: skip
        ComplianceRule.objects.create(code="LATER", kind="RESTRICTED_LIST", name="Later", action="WARN",
                                      valid_from=chain.day + timedelta(days=1))  # fmt: skip
        for symbol, (close, volume) in closes.items():
            give_prices(chain=chain, symbol=symbol, close=f"{close / 100}", volume=volume)
        for (symbol, minutes), (bid, spread) in quotes.items():
            give_quote(chain=chain, symbol=symbol, bid=f"{bid / 100}", ask=f"{(bid + spread) / 100}",
                       at=chain.at + timedelta(minutes=minutes))  # fmt: skip
        if rate:
            give_rate(chain=chain, code="USD", value=rate)
        for (member, asset), amount in holdings.items():
            chain.give(member, asset, amount * 100 if asset == "EUR" else amount)
        for symbol, code, begins, lasts in restricted:
            first = chain.day + timedelta(days=begins)
            RestrictedEntry.objects.create(
                security_id=chain.assets[symbol], participant_id=chain.ids.get(code or ""), reason="Insider list",
                valid_from=first, valid_to=None if lasts is None else first + timedelta(days=lasts),
                entered_by="operator",
            )  # fmt: skip
        trades, now = [], chain.at
        batches = [drawn[place::runs] for place in range(runs)]
        for batch in batches:
            for (buyer, seller, _), symbol, side, quantity, price, minutes in batch:
                at = chain.at + timedelta(minutes=minutes)
                now = max(now, at)
                trades.append(make_trade(chain=chain, buyer=buyer, seller=seller, symbol=symbol, side=side,
                                         quantity=quantity, price=price, at=at))  # fmt: skip
            enrich_trades(at=now, business_date=chain.day)
        rows = {row.trade_id: row for row in TradeEnrichment.objects.all()}
        for trade in trades:
            for name, value in market_of(trade=trade).items():
                assert getattr(rows[trade.pk], name) == value, (name, trade)
        alerts = ComplianceAlert.objects.values_list("trade_id", "rule__code", "figure", "allowed")
        assert set(alerts) == expected_findings(trades=trades)
        transaction.set_rollback(True)
