"""Random trades through the whole chain: nothing is made or lost, nets equal brute force, no invariant breaks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearing.models import Obligation
from fmi.invariants import check_invariants
from ledger.models import Balance
from settlement.models import Instruction
from tests.factories.chain import MEMBERS, WEDNESDAY, Chain, total_by_asset
from trades.models import Trade

pytestmark = pytest.mark.django_db
PLAIN = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Deal(NamedTuple):
    """A trade to be: members by their place, units, price in cents, and how it is reported."""

    buyer: int
    seller: int
    symbol: str
    quantity: int
    price_minor: int
    cleared: bool
    locked_in: bool


def deals() -> st.SearchStrategy[Deal]:
    """Draw deals among four members in two securities."""
    parties = st.permutations(range(len(MEMBERS))).map(lambda order: order[:2])
    return st.tuples(
        parties,
        st.sampled_from(["STOCK", "SHARE"]),
        st.integers(1, 50),
        st.integers(1, 5_000),
        st.booleans(),
        st.booleans(),
    ).map(lambda drawn: Deal(*drawn[0], *drawn[1:]))


def report(chain: Chain, deals: list[Deal]) -> None:
    """Capture the deals, by both sides or locked in."""
    for number, deal in enumerate(deals):
        terms: dict[str, Any] = {
            "security": deal.symbol,
            "quantity": deal.quantity,
            "price": f"{deal.price_minor / 100:.2f}",
            "cleared": deal.cleared,
        }
        buyer, seller = MEMBERS[deal.buyer], MEMBERS[deal.seller]
        if deal.locked_in:
            chain.capture(f"T{number}", buyer, seller, **terms)
        else:
            chain.trade(f"T{number}", buyer, seller, **terms)


def brute_force(deals: list[Deal]) -> dict[tuple[str, str], tuple[int, int]]:
    """Net the cleared deals one by one, by member and security."""
    nets: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for deal in deals:
        if deal.cleared:
            amount = deal.quantity * deal.price_minor
            for member, sign in ((deal.buyer, 1), (deal.seller, -1)):
                nets[MEMBERS[member], deal.symbol][0] += sign * deal.quantity
                nets[MEMBERS[member], deal.symbol][1] -= sign * amount
    return {key: (units, cash) for key, (units, cash) in nets.items()}


def nets_of(chain: Chain) -> dict[tuple[str, str], tuple[int, int]]:
    members = {chain.account(code).pk: code for code in MEMBERS}
    symbols = {pk: symbol for symbol, pk in chain.assets.items()}
    return {
        (members[row.account_id], symbols[row.security_id]): (row.quantity_units, row.cash_minor)
        for row in Obligation.objects.filter(kind="NET")
    }


@PLAIN
@given(
    made=st.lists(deals(), min_size=1, max_size=12),
    stock=st.lists(st.integers(0, 200), min_size=8, max_size=8),
    cash=st.lists(st.integers(0, 200_000), min_size=5, max_size=5),
)
def test_whatever_is_traded(chain: Chain, made: list[Deal], stock: list[int], cash: list[int]) -> None:
    with transaction.atomic():
        walk(replace(chain, issued=[]), made, stock, cash)
        transaction.set_rollback(True)


def walk(chain: Chain, made: list[Deal], stock: list[int], cash: list[int]) -> None:
    """Walk the deals through the chain and compare with what must come out."""
    for place, code in enumerate(MEMBERS):
        for symbol, units in (("STOCK", stock[2 * place]), ("SHARE", stock[2 * place + 1])):
            if units:
                chain.give(code, symbol, units)
    for code, minor in zip((*MEMBERS, "CCP"), cash, strict=True):
        if minor:
            chain.give(code, "EUR", minor)
    opening = {(row.account_id, row.asset_id): row.balance for row in Balance.objects.all()}
    report(chain, made)
    chain.clear()
    assert set(Trade.objects.values_list("status", flat=True)) <= {"MATCHED", "CLEARED"}
    chain.move_to(WEDNESDAY)
    chain.settle()
    assert nets_of(chain) == brute_force(made)
    assert set(total_by_asset().values()) <= {0}
    assert_balances_follow_from_instructions(opening)
    assert [finding for finding in check_invariants() if finding.violations] == []
    settle_the_rest(chain)


def assert_balances_follow_from_instructions(opening: dict[tuple[int, int], int]) -> None:
    """Move the settled instructions again, in Python, from the opening balances."""
    expected = defaultdict(int, opening)
    rows = Instruction.objects.filter(status="SETTLED").select_related("deliverer_account", "receiver_account")
    for row in rows:
        expected[row.deliverer_account_id, row.security_id or 0] -= row.quantity_units
        expected[row.receiver_account_id, row.security_id or 0] += row.quantity_units
        expected[row.deliverer_account.linked_cash_id or 0, row.currency_id] += row.cash_minor
        expected[row.receiver_account.linked_cash_id or 0, row.currency_id] -= row.cash_minor
    for balance in Balance.objects.all():
        assert balance.balance == expected[balance.account_id, balance.asset_id]


def settle_the_rest(chain: Chain) -> None:
    """With stock and money for everybody all must settle, and every trade with it."""
    for code in (*MEMBERS, "CCP"):
        for asset in ("STOCK", "SHARE", "EUR"):
            chain.give(code, asset, 10_000_000)
    chain.settle()
    assert not Instruction.objects.filter(status="PENDING").exists()
    assert set(Trade.objects.values_list("status", flat=True)) == {"SETTLED"}
    ccp = chain.account("CCP")
    assert Balance.objects.get(account=ccp, asset_id=chain.assets["STOCK"]).balance == 10_000_000
    assert [finding for finding in check_invariants() if finding.violations] == []
