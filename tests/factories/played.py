"""Days of the demo's market played undisturbed, and what played days came to: the measure of a disturbed run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.db import transaction
from django.test import override_settings

from fmi.demo.play import play_days, prepare_books
from reference.queries import forget_directory
from settlement.models import BusinessDay, Instruction
from trades.models import Match, Trade

FIRST = date(2008, 9, 8)
MARKET_SEED = 7
# What a process is told that is to play the same market. Clients' orders are left out: which offers one meets depends
# on what else had come when the router took it. The router has tests of its own.
MARKET = {"DEMO_SEED": str(MARKET_SEED), "DEMO_ORDERS": "false"}


def figures(*, but: str = "") -> dict[str, Any]:
    """Return what the days came to, up to the last one that was closed, but for reports whose ids begin like this.

    Which of several reports with the same terms are paired depends on when matching looked, and with it by which
    cents two of them differ; so pairs are compared by their terms, and instructions without their cash.
    """
    last = BusinessDay.objects.exclude(closed_at=None).order_by("-business_date")[0].business_date
    trades = Trade.objects.filter(business_date__lte=last)
    if but:
        trades = trades.exclude(trade_id__startswith=but)
    settled = Instruction.objects.filter(status="SETTLED", cycle__business_date__lte=last)
    return {
        "last": last,
        "trades": sorted(trades.values_list("trade_id", "side", "quantity_units", "amount_minor")),
        "states": sorted(trades.values_list("security", "buyer", "seller", "side", "quantity_units", "status")),
        "matches": sorted(
            Match.objects.filter(business_date__lte=last).values_list(
                "security", "sell_trade__seller", "buy_trade__buyer", "quantity_units", "settlement_date", "cleared"
            )
        ),
        "settled": sorted(
            settled.values_list(
                "source", "deliverer_account__code", "receiver_account__code", "quantity_units", "intended_date",
                "cycle__business_date",
            )
        ),
    }  # fmt: skip


@contextmanager
def as_one_transaction() -> Iterator[None]:
    """Do the block in one transaction, also what elsewhere must be committed at once; take all of it back."""
    block: Any = transaction.atomic()
    # As Django's own test cases mark theirs, for the same reason.
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


def undisturbed(*, days: int) -> dict[str, Any]:
    """Play so many days in this process, and take them back; return their figures."""
    with as_one_transaction(), override_settings(DEMO_ORDERS=False):
        prepare_books(first_date=FIRST)
        play_days(days=days, seed=MARKET_SEED)
        found = figures()
    forget_directory()
    return found


def assert_same(*, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Assert that two runs came to the same, and name what is missing and what is there in its place."""
    for name, value in expected.items():
        if isinstance(value, list):
            missing, extra = Counter(value) - Counter(found[name]), Counter(found[name]) - Counter(value)
            assert not missing, (name, missing.total(), list(missing)[:20], extra.total(), list(extra)[:20])
        assert found[name] == value, (name, found[name])
