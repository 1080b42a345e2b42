"""Collateral: what it is worth, what of it is free, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import CollateralMovement, Membership
from clearing.queries.collateral import Pool, value_collateral
from clearing.refusals import (
    CollateralCannotBeReplaced,
    CollateralConcentrated,
    CollateralNotEligible,
    CollateralNotFree,
    CollateralNotHeld,
    CollateralRefused,
    CollateralWithoutValue,
    MembershipNotActive,
    UnknownMembership,
)
from clearing.services.move_collateral import deposit_collateral, release_excess, withdraw_collateral
from clearing.services.open_membership import change_membership, open_membership, open_memberships
from clearing.services.substitute_collateral import substitute_collateral
from events.models import AuditRecord
from fmi.invariants import check_invariants
from ledger.models import Account
from reference.core.actor import SYSTEM
from reference.models import Security
from reference.queries import forget_directory
from reference.refusals import Refusal, UnknownSecurity
from settlement.models import CollateralHaircut
from tests.factories.chain import Chain
from tests.factories.collateral import at_ccp, join, order, put_in, require
from tests.factories.credit import price


def pool_of(chain: Chain, code: str, limit_ppm: int = 1_000_000) -> Pool:
    pools = value_collateral(business_date=chain.day, closed=False, limit_ppm=limit_ppm)
    return pools[chain.ids[code], chain.assets["EUR"]]


def deposit(chain: Chain, code: str, asset: str, amount: int, **who: Any) -> CollateralMovement:
    return deposit_collateral(order=order(chain, code, **who), asset_id=chain.assets[asset], amount=amount)


def withdraw(chain: Chain, code: str, asset: str, amount: int, **who: Any) -> CollateralMovement:
    return withdraw_collateral(order=order(chain, code, **who), asset_id=chain.assets[asset], amount=amount)


def test_each_member_has_accounts_of_its_own_at_the_ccp(chain: Chain) -> None:
    join(chain)
    rows = Membership.objects.select_related("member", "im_cash", "im_securities", "fund_cash")
    assert [(row.member.code, row.im_cash.code, row.im_securities.code, row.fund_cash.code) for row in rows] == [
        (code, f"CCP-CASH-IM-{code}", f"CCP-SEC-IM-{code}", f"CCP-CASH-DF-{code}")
        for code in ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
    ]
    before = Account.objects.count()
    assert open_memberships(joined_on=chain.day) == 0
    open_membership(member_id=chain.ids["ALPHA"], joined_on=chain.day, group_name="another")
    assert Account.objects.count() == before
    assert Membership.objects.get(member_id=chain.ids["ALPHA"]).group_name == ""


def test_a_bank_that_clears_through_another_has_no_membership(chain: Chain) -> None:
    join(chain)
    with pytest.raises(Refusal) as refused:
        open_membership(member_id=chain.ids["ECHO"], joined_on=chain.day)
    assert refused.value.code == "not-a-clearing-member"


def test_cash_counts_in_full_and_securities_after_the_haircut(chain: Chain) -> None:
    join(chain)
    put_in(chain, "ALPHA", "EUR", 1_000_00)
    put_in(chain, "ALPHA", "BOND", 1_000)
    pool = pool_of(chain, "ALPHA")
    # The bond matures in more than five years and a corporation issued it: 8 %. 1,000 × 98 % × 92 % = 901.60.
    assert (pool.cash_minor, pool.securities_minor, pool.value_minor) == (100_000, 90_160, 190_160)
    (holding,) = pool.holdings
    assert (holding.market_minor, holding.value_minor) == (98_000, 90_160)
    assert (at_ccp(chain, "ALPHA", "EUR"), at_ccp(chain, "ALPHA", "BOND")) == (100_000, 1_000)
    assert chain.balance("ALPHA", "BOND") == 0
    assert [finding for finding in check_invariants() if finding.violations] == []


def test_every_movement_is_a_journal_entry_and_an_audit_record(chain: Chain) -> None:
    join(chain)
    chain.give("ALPHA", "EUR", 5_000)
    deposit(chain, "ALPHA", "EUR", 5_000, actor=chain.actor("ALPHA"))
    withdraw(chain, "ALPHA", "EUR", 2_000, actor=chain.actor("ALPHA"))
    assert list(CollateralMovement.objects.values_list("kind", "amount", "ordered_by")) == [
        ("WITHDRAWAL", -2_000, "alpha"), ("DEPOSIT", 5_000, "alpha"),
    ]  # fmt: skip
    assert (at_ccp(chain, "ALPHA", "EUR"), chain.balance("ALPHA", "EUR")) == (3_000, 2_000)
    actions = AuditRecord.objects.filter(object_type="collateralmovement").values_list("action", flat=True)
    assert sorted(actions) == ["collateral.deposited", "collateral.withdrawn"]


@pytest.mark.parametrize("amount", [0, -1, 2**62, 2**80])
def test_no_amount_is_no_order(chain: Chain, amount: int) -> None:
    join(chain)
    put_in(chain, "ALPHA", "EUR", 5_000)
    for act in (deposit, withdraw):
        with pytest.raises(CollateralRefused):
            act(chain, "ALPHA", "EUR", amount)
    assert CollateralMovement.objects.count() == 1


def test_more_than_the_house_account_holds_is_not_deposited(chain: Chain) -> None:
    join(chain)
    chain.give("ALPHA", "EUR", 5_000)
    with pytest.raises(CollateralNotHeld):
        deposit(chain, "ALPHA", "EUR", 5_001)
    with pytest.raises(CollateralNotHeld):
        deposit(chain, "ALPHA", "BOND", 1)
    assert not CollateralMovement.objects.exists()


def test_more_than_is_free_is_not_withdrawn(chain: Chain) -> None:
    join(chain)
    put_in(chain, "ALPHA", "EUR", 5_000)
    require(chain, ALPHA=3_000)
    with pytest.raises(CollateralNotFree, match=r"20\.00 EUR are free"):
        withdraw(chain, "ALPHA", "EUR", 2_001)
    withdraw(chain, "ALPHA", "EUR", 2_000)
    with pytest.raises(CollateralNotFree):
        release_excess(order=order(chain, "ALPHA"))
    assert at_ccp(chain, "ALPHA", "EUR") == 3_000


def test_excess_is_released_on_order(chain: Chain) -> None:
    join(chain)
    put_in(chain, "ALPHA", "EUR", 5_000)
    put_in(chain, "ALPHA", "BOND", 100)
    require(chain, ALPHA=10_000)
    # 100 bonds count for 90.16, so that 984 of the cash is needed beside them.
    assert release_excess(order=order(chain, "ALPHA")).amount == -4_016
    assert pool_of(chain, "ALPHA").value_minor == 10_000


def test_securities_are_free_as_far_as_the_rest_covers(chain: Chain) -> None:
    join(chain)
    put_in(chain, "ALPHA", "EUR", 10_000)
    put_in(chain, "ALPHA", "BOND", 1_000)
    require(chain, ALPHA=55_080)
    # 90.16 a hundred units: 500 units and the cash cover 55,080 exactly.
    with pytest.raises(CollateralNotFree, match="500 units are free"):
        withdraw(chain, "ALPHA", "BOND", 501)
    withdraw(chain, "ALPHA", "BOND", 500)
    with pytest.raises(CollateralNotHeld):
        withdraw(chain, "ALPHA", "BOND", 501)


def test_a_call_for_other_money_keeps_collateral_in(chain: Chain) -> None:
    from clearing.services.issue_calls import issue_variation_calls

    join(chain)
    put_in(chain, "ALPHA", "EUR", 5_000)
    run = require(chain, ALPHA=1_000)
    issue_variation_calls(run=run, shortfalls={(chain.ids["ALPHA"], chain.assets["EUR"]): 3_000})
    with pytest.raises(CollateralNotFree, match=r"10\.00 EUR are free"):
        withdraw(chain, "ALPHA", "EUR", 1_001)


def test_a_security_of_another_currency_is_not_eligible(chain: Chain) -> None:
    join(chain)
    chain.give("ALPHA", "DOLLAR", 100)
    with pytest.raises(CollateralNotEligible, match="USD"):
        deposit(chain, "ALPHA", "DOLLAR", 100)


def test_a_security_without_a_recent_price_is_not_eligible(chain: Chain) -> None:
    join(chain)
    chain.give("ALPHA", "DOLLAR", 100)
    with pytest.raises(CollateralNotEligible, match="recent price"):
        deposit_collateral(order=order(chain, "ALPHA", currency="USD"), asset_id=chain.assets["DOLLAR"], amount=1)


def test_an_unknown_security_is_said_to_be_unknown(chain: Chain) -> None:
    join(chain)
    with pytest.raises(UnknownSecurity):
        deposit_collateral(order=order(chain, "ALPHA"), asset_id=2**40, amount=1)


def test_a_haircut_of_all_is_refused_by_name(chain: Chain) -> None:
    join(chain)
    chain.give("ALPHA", "BOND", 100)
    CollateralHaircut.objects.create(category="CORPORATE_LONG", valid_from=chain.day, percent=100)
    with pytest.raises(CollateralWithoutValue):
        deposit(chain, "ALPHA", "BOND", 100)


def test_what_loses_its_eligibility_counts_for_nothing_and_can_be_taken_out(chain: Chain) -> None:
    join(chain)
    put_in(chain, "ALPHA", "BOND", 100)
    put_in(chain, "ALPHA", "EUR", 1_000)
    Security.objects.filter(symbol="BOND").update(active=False)
    forget_directory()
    assert pool_of(chain, "ALPHA").value_minor == 1_000
    require(chain, ALPHA=1_000)
    withdraw(chain, "ALPHA", "BOND", 100)
    assert chain.balance("ALPHA", "BOND") == 100


def test_one_issuer_makes_up_no_more_than_the_limit(chain: Chain) -> None:
    join(chain, issuer_limit="40")
    put_in(chain, "ALPHA", "EUR", 60_000)
    chain.give("ALPHA", "BOND", 1_000)
    # 443 units count for 399.40 of 999.40; one more would be over 40 %.
    with pytest.raises(CollateralConcentrated, match="at most 40 %"):
        deposit(chain, "ALPHA", "BOND", 444)
    deposit(chain, "ALPHA", "BOND", 443)
    assert pool_of(chain, "ALPHA", 400_000).not_counted_minor == 0


def test_what_grows_over_the_limit_counts_only_up_to_it(chain: Chain) -> None:
    join(chain, issuer_limit="40")
    put_in(chain, "ALPHA", "EUR", 60_000)
    put_in(chain, "ALPHA", "BOND", 443)
    price(chain, "BOND", "196", chain.day.replace(day=7))
    pool = pool_of(chain, "ALPHA", 400_000)
    # Worth 798.81 now; of the 1,398.81 in all 40 % may be one issuer's.
    assert (pool.issuers[0].value_minor, pool.issuers[0].counted_minor) == (79_881, 55_952)
    assert pool.value_minor == 60_000 + 55_952


def test_cash_is_replaced_by_the_securities_worth_most(chain: Chain) -> None:
    join(chain)
    put_in(chain, "ALPHA", "EUR", 200_000)
    require(chain, ALPHA=200_000)
    chain.give("ALPHA", "BOND", 1_000)
    chain.give("ALPHA", "SHARE", 3)
    out, *into = substitute_collateral(order=order(chain, "ALPHA"), asset_id=chain.assets["EUR"], amount=150_000)
    # A share of 1,000.00 counts for 850.00 (15 %), three for 2,550.00: two of them are enough.
    assert (out.amount, [(row.asset_id, row.amount, row.replaces_id) for row in into]) == (
        -150_000, [(chain.assets["SHARE"], 2, out.pk)],
    )  # fmt: skip
    assert (at_ccp(chain, "ALPHA", "EUR"), at_ccp(chain, "ALPHA", "SHARE")) == (50_000, 2)
    assert [finding for finding in check_invariants() if finding.violations] == []


def test_what_securities_do_not_make_up_for_is_paid_in_cash(chain: Chain) -> None:
    join(chain)
    put_in(chain, "ALPHA", "SHARE", 2)
    require(chain, ALPHA=170_000)
    chain.give("ALPHA", "BOND", 1_000)
    with pytest.raises(CollateralCannotBeReplaced):
        substitute_collateral(order=order(chain, "ALPHA"), asset_id=chain.assets["SHARE"], amount=2)
    chain.give("ALPHA", "EUR", 79_840)
    _, *into = substitute_collateral(order=order(chain, "ALPHA"), asset_id=chain.assets["SHARE"], amount=2)
    assert {row.asset_id: row.amount for row in into} == {chain.assets["BOND"]: 1_000, chain.assets["EUR"]: 79_840}


def test_a_named_substitution_covers_what_is_required_or_is_refused(chain: Chain) -> None:
    join(chain)
    put_in(chain, "ALPHA", "EUR", 90_160)
    require(chain, ALPHA=90_160)
    chain.give("ALPHA", "BOND", 1_000)
    euro, bond = chain.assets["EUR"], chain.assets["BOND"]
    with pytest.raises(CollateralCannotBeReplaced):
        substitute_collateral(order=order(chain, "ALPHA"), asset_id=euro, amount=90_160, into={bond: 999})
    substitute_collateral(order=order(chain, "ALPHA"), asset_id=euro, amount=90_160, into={bond: 1_000})
    for wrong in ({}, {bond: 1}):
        with pytest.raises(CollateralRefused):
            substitute_collateral(order=order(chain, "ALPHA"), asset_id=bond, amount=1, into=wrong)
    with pytest.raises(CollateralNotHeld):
        substitute_collateral(order=order(chain, "ALPHA"), asset_id=bond, amount=1_001)


def test_a_member_moves_its_own_and_nobody_elses(chain: Chain) -> None:
    join(chain)
    put_in(chain, "ALPHA", "EUR", 5_000)
    for act in (deposit, withdraw):
        with pytest.raises(UnknownMembership):
            act(chain, "ALPHA", "EUR", 1, actor=chain.actor("BRAVO"))
        with pytest.raises(UnknownMembership):
            act(chain, "ECHO", "EUR", 1, actor=chain.actor("ECHO"))


def test_the_collateral_of_a_suspended_member_stays(chain: Chain) -> None:
    join(chain)
    put_in(chain, "ALPHA", "EUR", 5_000)
    change_membership(
        member_id=chain.ids["ALPHA"], status=MembershipStatus.SUSPENDED, why="a test", actor=SYSTEM, at=chain.at,
        business_date=chain.day,
    )  # fmt: skip
    for act in (deposit, withdraw):
        with pytest.raises(MembershipNotActive):
            act(chain, "ALPHA", "EUR", 1)


def test_the_collateral_of_many_members_costs_as_few_queries(chain: Chain, django_assert_num_queries: Any) -> None:
    join(chain)
    for code in ("ALPHA", "BRAVO", "CHARLIE", "DELTA"):
        put_in(chain, code, "EUR", 5_000)
        put_in(chain, code, "BOND", 100)
    with django_assert_num_queries(3):
        pools = value_collateral(business_date=chain.day, closed=False, limit_ppm=1_000_000)
    assert {pool.value_minor for pool in pools.values()} == {5_000 + 9_016}
