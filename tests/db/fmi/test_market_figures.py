"""What /metrics says of a market that was played: the values, not only the names."""

from __future__ import annotations

import pytest
from django.test import Client

from clearing.services.issue_calls import issue_calls
from tests.factories.chain import WEDNESDAY, Chain
from tests.factories.collateral import join, put_in, require
from tests.factories.scraping import forget_counts, forget_figures, scrape

pytestmark = pytest.mark.django_db
EUR = (("currency", "EUR"),)


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    forget_counts()


def test_efficiency_and_duration_are_those_of_the_days_cycles(chain: Chain, client: Client) -> None:
    chain.give("BRAVO", "STOCK", 100)
    chain.give("ALPHA", "EUR", 1_000_000)
    chain.trade("G", "ALPHA", "BRAVO", quantity=100, cleared=False)
    chain.trade("L", "ALPHA", "CHARLIE", quantity=50, cleared=False)
    chain.clear()
    chain.move_to(WEDNESDAY)
    chain.instruct()
    before = scrape(client)
    assert before["fmi_cycles", ()] == 0
    assert not [name for name, _ in before if name.startswith(("fmi_cycle_", "fmi_settlement_efficiency"))]
    first, second = chain.cycle("First"), chain.cycle("Second")
    assert first is not None
    assert second is not None
    forget_figures()
    found = scrape(client)
    # 1,000 of 1,500 euros settled: what is tried in both cycles is due once.
    assert found["fmi_settlement_efficiency_ratio", EUR] == pytest.approx(1_000 / 1_500)
    assert found["fmi_cycles", ()] == 2
    assert found["fmi_cycle_longest_seconds", ()] == max(first.took_ms, second.took_ms) / 1000
    assert found["fmi_cycle_last_seconds", (("part", "whole"),)] == second.took_ms / 1000
    assert found["fmi_cycle_last_seconds", (("part", "decision"),)] == second.decided_in_ms / 1000
    assert 0 < first.took_ms < 60_000
    assert 0 <= second.decided_in_ms <= second.took_ms < 60_000
    assert found["fmi_instructions", (("status", "SETTLED"),)] == 1
    assert found["fmi_instructions", (("status", "PENDING"),)] == 1


def test_shortfall_and_calls_are_what_members_lack(chain: Chain, client: Client) -> None:
    join(chain)
    put_in(chain, "ALPHA", "EUR", 60_000)
    put_in(chain, "BRAVO", "EUR", 20_000)
    run = require(chain, ALPHA=50_000, BRAVO=70_000, CHARLIE=30_000)
    found = scrape(client)
    # One member's excess pays for nobody else.
    assert found["fmi_margin_shortfall_minor", EUR] == 50_000 + 30_000
    assert found["fmi_margin_short_members", ()] == 2
    assert found["fmi_margin_calls", (("status", "ISSUED"),)] == 0
    assert issue_calls(run=run) == 2
    forget_figures()
    called = scrape(client)
    assert called["fmi_margin_calls", (("status", "ISSUED"),)] == 2
    assert called["fmi_margin_calls", (("status", "OVERDUE"),)] == 0
    assert called["fmi_margin_calls_open_minor", (*EUR, ("status", "ISSUED"))] == 80_000
    put_in(chain, "BRAVO", "EUR", 50_000)
    forget_figures()
    assert scrape(client)["fmi_margin_shortfall_minor", EUR] == 30_000
