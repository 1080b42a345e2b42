"""Auto-collateralisation in the cycle: on stock, on flow, within limit and collateral; reimbursed or relocated."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.db.models import Sum

from fmi.invariants import check_invariants
from ledger.models import JournalEntry, Posting
from ledger.services import post_entries
from reference.core.actor import SYSTEM
from settlement.models import Attempt, CollateralPledge, CreditDraw, Cycle, Instruction, LinkKind
from settlement.refusals import CreditLineInUse, CreditLineRefused
from settlement.services.business_day import open_business_day
from settlement.services.credit_lines import change_credit_line, open_credit_line
from settlement.services.reimburse_credit import reimburse_credits, repay_overnight_credits
from tests.factories.chain import MONDAY, Chain, total_by_asset
from tests.factories.credit import at_central_bank, lend, price
from tests.factories.instructions import instruct, link

pytestmark = pytest.mark.django_db


def cycle(chain: Chain, *, partials: bool = False) -> Cycle:
    found = chain.cycle(partials=partials)
    assert found is not None
    return found


def standing(instruction: Instruction) -> tuple[str, str, int]:
    instruction.refresh_from_db()
    return instruction.status, instruction.reason, instruction.shortfall


@pytest.fixture(autouse=True)
def _books_hold(chain: Chain) -> object:
    """Hold every invariant, and every deferred rule, after each test."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert [finding for finding in check_invariants() if finding.violations] == []
    assert set(total_by_asset().values()) <= {0}


def test_what_is_bought_pays_for_itself_up_to_its_value_after_the_haircut(chain: Chain) -> None:
    """On flow: 1,000 of a bond at 98 %, less 8 %, are worth EUR 900 (90 cents each); EUR 980 are paid."""
    price(chain, "BOND", "98")
    lend(chain, "BRAVO", 1_000_000)
    chain.give("ALPHA", "BOND", 1_000)
    chain.give("BRAVO", "EUR", 98_000 - 90_000)
    bought = instruct(chain, "ALPHA", "BRAVO", 1_000, 98_000, symbol="BOND")
    ran = cycle(chain)
    assert standing(bought)[0] == "SETTLED"
    assert ran.credit_drawn_minor == {"EUR": 90_000}
    (draw,) = CreditDraw.objects.all()
    assert (draw.amount_minor, draw.status, draw.cycle_id, draw.business_date) == (90_000, "OPEN", ran.pk, MONDAY)
    (pledge,) = CollateralPledge.objects.all()
    assert (pledge.units, pledge.unit_value_minor, pledge.value_minor) == (1_000, 90, 90_000)
    assert (chain.balance("BRAVO", "EUR"), chain.balance("BRAVO", "BOND")) == (0, 0)
    assert chain.balance("ALPHA", "EUR") == 98_000
    assert (at_central_bank(chain, "BRAVO", "EUR"), at_central_bank(chain, "BRAVO", "BOND")) == (-90_000, 1_000)
    entry = JournalEntry.objects.get(source="CREDIT")
    assert (entry.source_id, entry.at) == (draw.pk, chain.at)
    assert sorted(Posting.objects.filter(entry=entry).values_list("amount", flat=True)) == [
        -90_000, -1_000, 1_000, 90_000,
    ]  # fmt: skip


def test_one_cent_less_of_own_cash_and_it_waits_for_it(chain: Chain) -> None:
    price(chain, "BOND", "98")
    lend(chain, "BRAVO", 1_000_000)
    chain.give("ALPHA", "BOND", 1_000)
    chain.give("BRAVO", "EUR", 98_000 - 90_000 - 1)
    bought = instruct(chain, "ALPHA", "BRAVO", 1_000, 98_000, symbol="BOND")
    ran = cycle(chain)
    assert standing(bought) == ("PENDING", "MONY", 1)
    assert (ran.settled, ran.mony, ran.credit_drawn_minor) == (0, 1, {})
    attempt = Attempt.objects.get()
    assert (attempt.short_account_id, attempt.short_asset_id) == (
        chain.account("BRAVO", "EUR").pk,
        chain.assets["EUR"],
    )
    assert not CreditDraw.objects.exists()


def test_what_is_held_pays_for_what_is_not_eligible(chain: Chain) -> None:
    """On stock: shares of 15 % haircut stand for a purchase of what has no price; what is spare is pledged."""
    price(chain, "STOCK", "10")
    lend(chain, "BRAVO", 1_000_000)
    chain.give("ALPHA", "SHARE", 10)
    chain.give("BRAVO", "STOCK", 500)
    bought = instruct(chain, "ALPHA", "BRAVO", 10, 85_001, symbol="SHARE")
    assert cycle(chain).settled == 1
    assert standing(bought)[0] == "SETTLED"
    # 850 cents a share: 100 would lack a cent.
    assert CollateralPledge.objects.get().units == 101
    assert (chain.balance("BRAVO", "STOCK"), chain.balance("BRAVO", "SHARE")) == (399, 10)


def test_no_more_than_the_limit_is_drawn_over_all_cycles(chain: Chain) -> None:
    price(chain, "STOCK", "10")
    lend(chain, "BRAVO", 50_000)
    chain.give("ALPHA", "SHARE", 20)
    chain.give("BRAVO", "STOCK", 500)
    first = instruct(chain, "ALPHA", "BRAVO", 10, 30_000, symbol="SHARE")
    cycle(chain)
    second = instruct(chain, "ALPHA", "BRAVO", 10, 20_001, symbol="SHARE")
    cycle(chain)
    assert (standing(first)[0], standing(second)) == ("SETTLED", ("PENDING", "MONY", 1))
    chain.give("BRAVO", "EUR", 1)
    cycle(chain)
    assert standing(second)[0] == "SETTLED"
    assert CreditDraw.objects.aggregate(Sum("amount_minor"))["amount_minor__sum"] == 50_000


def test_without_a_line_or_with_one_switched_off_nothing_is_lent(chain: Chain) -> None:
    price(chain, "BOND", "98")
    line = lend(chain, "BRAVO", 1_000_000)
    change_credit_line(
        line_id=line.pk, limit_minor=1_000_000, active=False, actor=SYSTEM, at=chain.at, business_date=chain.day
    )
    chain.give("ALPHA", "BOND", 2_000)
    for buyer in ("BRAVO", "CHARLIE"):
        instruct(chain, "ALPHA", buyer, 1_000, 90_000, symbol="BOND")
    ran = cycle(chain)
    assert (ran.settled, ran.mony) == (0, 2)


def test_dollar_securities_do_not_stand_for_euros(chain: Chain) -> None:
    price(chain, "DOLLAR", "1000")
    lend(chain, "BRAVO", 1_000_000)
    chain.give("BRAVO", "DOLLAR", 500)
    chain.give("ALPHA", "SHARE", 1)
    instruct(chain, "ALPHA", "BRAVO", 1, 100, symbol="SHARE")
    assert cycle(chain).mony == 1


def test_stock_that_is_delivered_in_the_same_cycle_is_no_collateral(chain: Chain) -> None:
    price(chain, "STOCK", "10")
    lend(chain, "BRAVO", 1_000_000)
    chain.give("BRAVO", "STOCK", 100)
    chain.give("ALPHA", "SHARE", 1)
    gift = instruct(chain, "BRAVO", "CHARLIE", 100, 0, priority=4)
    bought = instruct(chain, "ALPHA", "BRAVO", 1, 42_500, symbol="SHARE", priority=1)
    cycle(chain)
    assert standing(bought)[0] == "SETTLED"
    # Half of the shares stand for the credit, so that the gift lacks as many.
    assert standing(gift) == ("PENDING", "LACK", 50)


def test_a_resale_needs_no_credit_and_a_circle_needs_none(chain: Chain) -> None:
    price(chain, "STOCK", "10")
    lend(chain, "BRAVO", 1_000_000)
    chain.give("ALPHA", "STOCK", 100)
    chain.give("CHARLIE", "EUR", 110_000)
    instruct(chain, "ALPHA", "BRAVO", 100, 100_000)
    instruct(chain, "BRAVO", "CHARLIE", 100, 110_000)
    ran = cycle(chain)
    assert (ran.settled, ran.credit_drawn_minor, CreditDraw.objects.count()) == (2, {}, 0)
    assert chain.balance("BRAVO", "EUR") == 10_000


def test_what_no_delivery_wants_is_pledged_first(chain: Chain) -> None:
    """BRAVO still has to deliver its stock, which is worth more: the share is pledged, and the delivery goes on."""
    price(chain, "STOCK", "100")
    price(chain, "SHARE", "10")
    lend(chain, "BRAVO", 1_000_000)
    chain.give("BRAVO", "STOCK", 100)
    chain.give("BRAVO", "SHARE", 100)
    chain.give("ALPHA", "BOND", 1_000)
    waits = instruct(chain, "BRAVO", "CHARLIE", 100, 1_000_000)
    instruct(chain, "ALPHA", "BRAVO", 1_000, 50_000, symbol="BOND")
    cycle(chain)
    assert standing(waits)[1] == "MONY"
    assert list(CollateralPledge.objects.values_list("security_id", "units")) == [(chain.assets["SHARE"], 59)]
    chain.give("CHARLIE", "EUR", 1_000_000)
    cycle(chain)
    assert standing(waits)[0] == "SETTLED"


def test_a_part_is_bought_as_far_as_credit_and_collateral_reach(chain: Chain) -> None:
    price(chain, "BOND", "98")
    lend(chain, "BRAVO", 100_000_000)
    chain.give("ALPHA", "BOND", 1_000_000)
    chain.give("BRAVO", "EUR", 2_000_000)
    bought = instruct(chain, "ALPHA", "BRAVO", 1_000_000, 98_000_000, symbol="BOND", partial=True)
    ran = cycle(chain, partials=True)
    bought.refresh_from_db()
    # 8 cents of own cash for each unit of nominal: EUR 20,000 reach for 250,000 of them.
    assert (ran.partly, bought.settled_units, bought.settled_minor) == (1, 250_000, 24_500_000)
    assert CreditDraw.objects.get().amount_minor == 22_500_000
    assert standing(bought)[1] == "MONY"


def test_what_is_linked_shares_one_credit(chain: Chain) -> None:
    price(chain, "STOCK", "10")
    lend(chain, "BRAVO", 100_000)
    chain.give("ALPHA", "STOCK", 100)
    chain.give("ALPHA", "SHARE", 1)
    one = instruct(chain, "ALPHA", "BRAVO", 100, 80_000)
    other = instruct(chain, "ALPHA", "BRAVO", 1, 5_000, symbol="SHARE")
    after = instruct(chain, "ALPHA", "BRAVO", 1, 5_000, symbol="SHARE")
    link(chain, LinkKind.WITH, one, other)
    link(chain, LinkKind.AFTER, after, one)
    ran = cycle(chain)
    assert (ran.settled, ran.credit_drawn_minor) == (2, {"EUR": 85_000})
    assert standing(after)[1] == "LACK"


def test_at_its_end_the_day_is_reimbursed_out_of_cash_that_is_there(chain: Chain) -> None:
    price(chain, "BOND", "98")
    lend(chain, "BRAVO", 1_000_000)
    chain.give("ALPHA", "BOND", 1_000)
    instruct(chain, "ALPHA", "BRAVO", 1_000, 90_000, symbol="BOND")
    cycle(chain)
    chain.give("BRAVO", "EUR", 95_000)
    assert reimburse_credits(business_date=chain.day, at=chain.at) == (1, 0)
    assert (chain.balance("BRAVO", "EUR"), chain.balance("BRAVO", "BOND")) == (5_000, 1_000)
    assert (at_central_bank(chain, "BRAVO", "EUR"), at_central_bank(chain, "BRAVO", "BOND")) == (0, 0)
    assert CreditDraw.objects.get().status == "REIMBURSED"
    entries = JournalEntry.objects.count()
    assert reimburse_credits(business_date=chain.day, at=chain.at) == (0, 0)
    assert JournalEntry.objects.count() == entries


def test_what_cannot_be_reimbursed_is_relocated_and_repaid_when_its_cash_has_come(chain: Chain) -> None:
    price(chain, "BOND", "98")
    line = lend(chain, "BRAVO", 100_000)
    chain.give("ALPHA", "BOND", 1_000)
    instruct(chain, "ALPHA", "BRAVO", 1_000, 90_000, symbol="BOND")
    cycle(chain)
    chain.give("BRAVO", "EUR", 89_999)
    assert reimburse_credits(business_date=chain.day, at=chain.at) == (0, 1)
    assert CreditDraw.objects.get().status == "RELOCATED"
    assert (at_central_bank(chain, "BRAVO", "EUR"), at_central_bank(chain, "BRAVO", "BOND")) == (0, 0)
    assert at_central_bank(chain, "BRAVO", "EUR", "NIGHT") == -90_000
    assert at_central_bank(chain, "BRAVO", "BOND", "NIGHT") == 1_000
    chain.move_to(MONDAY + timedelta(days=1), hour=1)
    assert repay_overnight_credits(business_date=chain.day, at=chain.at) == 0
    # What is owed overnight still counts against the limit.
    chain.give("BRAVO", "BOND", 1_000)
    chain.give("ALPHA", "SHARE", 1)
    more = instruct(chain, "ALPHA", "BRAVO", 1, 100_000, symbol="SHARE")
    cycle(chain)
    assert standing(more) == ("PENDING", "MONY", 1)
    with pytest.raises(CreditLineInUse):
        change_credit_line(
            line_id=line.pk, limit_minor=89_999, active=True, actor=SYSTEM, at=chain.at, business_date=chain.day
        )
    chain.give("BRAVO", "EUR", 1)
    assert repay_overnight_credits(business_date=chain.day, at=chain.at) == 1
    assert (chain.balance("BRAVO", "EUR"), chain.balance("BRAVO", "BOND")) == (0, 2_000)
    draw = CreditDraw.objects.get()
    assert (draw.status, draw.relocated_at is not None, draw.reimbursed_at) == ("REIMBURSED", True, chain.at)


def test_the_oldest_credit_is_reimbursed_first_and_a_smaller_one_that_fits_after_it(chain: Chain) -> None:
    price(chain, "STOCK", "10")
    lend(chain, "BRAVO", 1_000_000)
    chain.give("BRAVO", "STOCK", 1_000)
    chain.give("ALPHA", "SHARE", 3)
    for amount in (30_000, 50_000, 10_000):
        instruct(chain, "ALPHA", "BRAVO", 1, amount, symbol="SHARE")
        cycle(chain)
    chain.give("BRAVO", "EUR", 45_000)
    assert reimburse_credits(business_date=chain.day, at=chain.at) == (2, 1)
    states = CreditDraw.objects.order_by("id").values_list("amount_minor", "status")
    assert list(states) == [(30_000, "REIMBURSED"), (50_000, "RELOCATED"), (10_000, "REIMBURSED")]


def test_after_the_reimbursement_of_the_day_no_credit_is_given(chain: Chain) -> None:
    price(chain, "BOND", "98")
    lend(chain, "BRAVO", 1_000_000)
    open_business_day(business_date=chain.day, at=chain.at)
    chain.give("ALPHA", "BOND", 1_000)
    instruct(chain, "ALPHA", "BRAVO", 1_000, 90_000, symbol="BOND")
    chain.move_to(MONDAY, hour=16, minute=15)
    assert cycle(chain).mony == 1
    chain.move_to(MONDAY, hour=16, minute=14)
    assert cycle(chain).settled == 1


def test_a_line_is_opened_once_and_never_for_the_central_bank(chain: Chain) -> None:
    line = lend(chain, "BRAVO", 1_000)
    assert lend(chain, "BRAVO", 2_000).limit_minor == 1_000
    assert lend(chain, "BRAVO", 2_000, "USD").credit_account_id == line.credit_account_id
    for code, limit in (("BANK", 1_000), ("ALPHA", -1)):
        with pytest.raises(CreditLineRefused):
            open_credit_line(participant_id=chain.ids[code], currency_id=chain.assets["EUR"], limit_minor=limit)


def test_the_ledger_itself_refuses_more_than_the_limit(chain: Chain) -> None:
    from ledger.refusals import BalanceBelowLimit

    line = lend(chain, "BRAVO", 1_000)
    with pytest.raises(BalanceBelowLimit):
        post_entries(
            source="OPENING",
            business_date=chain.day,
            at=chain.at,
            source_ids=np.full(2, 999_999),
            accounts=np.array([line.credit_account_id, line.account_id]),
            assets=np.full(2, chain.assets["EUR"]),
            amounts=np.array([-1_001, 1_001]),
        )


def test_what_is_too_large_to_add_up_draws_nothing_and_stops_nobody(chain: Chain) -> None:
    price(chain, "STOCK", "1000000")
    lend(chain, "BRAVO", 1_000_000)
    chain.give("BRAVO", "STOCK", 2**50)
    chain.give("ALPHA", "SHARE", 1)
    chain.give("ALPHA", "BOND", 1_000)
    instruct(chain, "ALPHA", "BRAVO", 1, 100, symbol="SHARE")
    free = instruct(chain, "ALPHA", "CHARLIE", 1_000, 0, symbol="BOND")
    ran = cycle(chain)
    assert (ran.settled, ran.mony) == (1, 1)
    assert standing(free)[0] == "SETTLED"
