"""The same free collateral, and the same call, from several connections at once: only one passes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections

from clearing.models import CallPayment, CollateralMovement, MarginCall
from clearing.services.issue_calls import issue_calls
from clearing.services.move_collateral import release_excess, withdraw_collateral
from clearing.services.pay_calls import pay_call, pay_calls
from fmi.invariants import check_invariants
from reference.core.actor import SYSTEM
from reference.refusals import Refusal
from tests.factories.chain import Chain, at_time
from tests.factories.collateral import at_ccp, join, order, put_in, require

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts: Callable[[], Any]) -> list[str]:
    """Do all of it at the same moment, each on a connection of its own; return what came of each, sorted."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> str:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            act()
        except Refusal as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(max_workers=len(acts)) as pool:
        return sorted(pool.map(run, acts))


def assert_books_hold() -> None:
    assert [finding for finding in check_invariants() if finding.violations] == []


def test_of_two_withdrawals_of_the_same_collateral_one_passes(chain: Chain) -> None:
    join(chain)
    put_in(chain, "ALPHA", "EUR", 10_000)
    require(chain, ALPHA=6_000)
    orders = [order(chain, "ALPHA"), order(chain, "ALPHA", actor=chain.actor("ALPHA"))]
    euro = chain.assets["EUR"]
    found = at_once(
        *[lambda one=one: withdraw_collateral(order=one, asset_id=euro, amount=4_000) for one in orders],
        lambda: release_excess(order=orders[0]),
    )
    assert found == ["collateral-not-free", "collateral-not-free", "done"]
    assert CollateralMovement.objects.filter(kind="WITHDRAWAL").count() == 1
    assert at_ccp(chain, "ALPHA", "EUR") == 6_000
    assert_books_hold()


def test_a_call_that_is_collected_and_paid_at_once_is_paid_once(chain: Chain) -> None:
    join(chain)
    chain.give("BRAVO", "EUR", 200_000)
    issue_calls(run=require(chain, BRAVO=70_000))
    call = MarginCall.objects.get()
    when: dict[str, Any] = {"at": at_time(chain.day.replace(day=9), 9), "business_date": chain.day.replace(day=9)}
    found = at_once(
        lambda: pay_call(call_id=call.pk, actor=SYSTEM, **when),
        lambda: pay_call(call_id=call.pk, actor=SYSTEM, **when),
        lambda: pay_calls(**when),
    )
    assert found in (["call-not-open", "done", "done"], ["call-not-open", "call-not-open", "done"])
    assert CallPayment.objects.count() == 1
    assert (chain.balance("BRAVO", "EUR"), at_ccp(chain, "BRAVO", "EUR")) == (130_000, 70_000)
    assert_books_hold()


def test_one_run_calls_once_from_two_evenings_at_once(chain: Chain) -> None:
    join(chain)
    run = require(chain, BRAVO=70_000, DELTA=9_000)
    assert at_once(lambda: issue_calls(run=run), lambda: issue_calls(run=run)) == ["done", "done"]
    assert MarginCall.objects.count() == 2
