"""Dry runs: the models side by side over what is pending, with nothing booked."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.models import JournalEntry
from reference.core.actor import SYSTEM
from reference.queries import business_clock
from settlement.models import Attempt, CreditDraw, Cycle, DryRun, Instruction
from settlement.refusals import ComparisonUnderWay
from settlement.services import compare_models
from settlement.services.compare_models import order_comparison, run_comparisons
from tests.factories.chain import Chain
from tests.factories.credit import lend, price
from tests.factories.instructions import instruct

pytestmark = pytest.mark.django_db


def compared(chain: Chain) -> tuple[DryRun, list[dict[str, Any]]]:
    run = order_comparison(actor=SYSTEM, clock=business_clock())
    assert run_comparisons() == 1
    run.refresh_from_db()
    assert (run.state, run.progress_percent, run.problem) == ("DONE", 100, "")
    return run, run.result["models"]


def test_a_circle_without_stock_settles_gross_and_net_and_finds_no_order(chain: Chain) -> None:
    """Model 1 takes the circle at once, model 3 nets it away; model 2 has no first delivery."""
    for deliverer, receiver in (("ALPHA", "BRAVO"), ("BRAVO", "CHARLIE"), ("CHARLIE", "ALPHA")):
        instruct(chain, deliverer, receiver, 100, 50_000)
    run, models = compared(chain)
    assert (run.result["due"], run.result["due_minor"]) == (3, {"EUR": 150_000})
    assert [(row["model"], row["credit"], row["settled"]) for row in models] == [
        (1, True, 3), (1, False, 3), (2, True, 0), (3, True, 3),
    ]  # fmt: skip
    assert models[0]["settled_minor"] == {"EUR": 150_000}
    assert models[0]["liquidity_net_minor"] == {"EUR": 0}
    assert models[0]["liquidity_gross_minor"]["EUR"] > 0
    assert [row["unwound"] for row in models] == [0, 0, 3, 0]


def test_credit_counts_where_it_may_be_drawn(chain: Chain) -> None:
    price(chain, "STOCK", "10")
    lend(chain, "BRAVO", 1_000_000)
    chain.give("ALPHA", "STOCK", 100)
    instruct(chain, "ALPHA", "BRAVO", 100, 80_000)
    _, models = compared(chain)
    assert [row["settled"] for row in models] == [1, 0, 1, 1]
    assert [row["credit_minor"]["EUR"] for row in models] == [80_000, 0, 80_000, 80_000]
    assert [row["settled_minor"].get("EUR", 0) for row in models] == [80_000, 0, 80_000, 80_000]


def test_whoever_is_short_is_unwound_under_model_3(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    chain.give("CHARLIE", "EUR", 10_000)
    instruct(chain, "ALPHA", "BRAVO", 50, 80_000)
    instruct(chain, "ALPHA", "CHARLIE", 50, 10_000)
    _, models = compared(chain)
    net = models[3]
    assert (net["settled"], net["unwound"], net["unwound_minor"]) == (1, 1, {"EUR": 80_000})
    assert (net["short_participants"], net["left_without_the_short"]) == (1, 1)


def test_nothing_is_written_to_the_books(chain: Chain) -> None:
    price(chain, "STOCK", "10")
    lend(chain, "BRAVO", 1_000_000)
    chain.give("ALPHA", "STOCK", 100)
    row = instruct(chain, "ALPHA", "BRAVO", 100, 80_000)
    before = (JournalEntry.objects.count(), list(Instruction.objects.values()))
    compared(chain)
    assert (JournalEntry.objects.count(), list(Instruction.objects.values())) == before
    for model in (Cycle, Attempt, CreditDraw):
        assert not model.objects.exists()
    assert chain.cycle() is not None
    row.refresh_from_db()
    assert row.status == "SETTLED"


def test_nothing_pending_is_a_comparison_too(chain: Chain) -> None:
    run, models = compared(chain)
    assert (run.result["due"], [row["settled"] for row in models]) == (0, [0, 0, 0, 0])


def test_one_at_a_time_and_a_failure_is_told(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    order_comparison(actor=SYSTEM, clock=business_clock())
    with pytest.raises(ComparisonUnderWay):
        order_comparison(actor=SYSTEM, clock=business_clock())
    monkeypatch.setattr(compare_models, "VARIANTS", ((9, True, "No such model"),))
    assert run_comparisons() == 1
    run = DryRun.objects.get()
    assert (run.state, run.problem) == ("FAILED", "ValueError: There is no model 9.")
    assert run_comparisons() == 0
