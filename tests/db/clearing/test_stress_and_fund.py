"""Stress runs, Cover-2 by group and scenario, and the default fund's sizes, contributions and postings."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from django.db import connection

from clearing.models import (
    FundContribution,
    FundParameters,
    FundSizing,
    MarginCall,
    StressLoss,
    StressScenario,
    StressShock,
)
from clearing.queries.fund import read_losses
from clearing.queries.fund_invariants import FUND_INVARIANTS
from clearing.services.load_stress_scenarios import load_stress_scenarios
from clearing.services.open_membership import own_accounts
from clearing.services.pay_calls import pay_calls
from clearing.services.run_stress import run_stress
from clearing.services.size_fund import size_fund
from events.models import OutboxFact
from ledger.models import Account, Balance, JournalEntry
from ledger.services import post_entries
from tests.factories.chain import MONDAY, Chain, at_time
from tests.factories.margins import add_price, join_members, make_run

pytestmark = pytest.mark.django_db

TUESDAY, OCTOBER = date(2008, 9, 9), date(2008, 10, 1)


def scenario(code: str, shocks: dict[str, int], chain: Chain, **dates: date) -> StressScenario:
    """Write a scenario; shocks in basis points by factor or symbol."""
    made = StressScenario.objects.create(code=code, name=code, kind="HISTORICAL" if dates else "HYPOTHETICAL", **dates)
    for target, move_bp in shocks.items():
        known = target in chain.assets
        StressShock.objects.create(
            scenario=made, factor="" if known else target, security_id=chain.assets.get(target), move_bp=move_bp
        )
    return made


def parameters(**changes: int) -> None:
    values = {
        "lookback_days": 30, "buffer_percent": 0, "least_minor": 0, "least_contribution_minor": 0, "thin_percent": 90,
    }  # fmt: skip
    FundParameters.objects.create(valid_from=date(2000, 1, 1), **(values | changes))


def fund_balance(chain: Chain, code: str) -> int:
    account = Account.objects.get(participant_id=chain.ids["CCP"], kind="CASH", name=f"DF-{code}")
    row = Balance.objects.filter(account=account, asset_id=chain.assets["EUR"]).first()
    return row.balance if row else 0


def table(run_id: int) -> dict[tuple[str, str], tuple[int, int, int]]:
    return {
        (row.scenario.code, row.member.code): (row.loss_minor, row.margin_minor, row.uncovered_minor)
        for row in StressLoss.objects.filter(run_id=run_id).select_related("scenario", "member")
    }


def test_losses_by_scenario_and_member(chain: Chain) -> None:
    scenario("DOWN", {"EQUITY": -2_000, "GOVERNMENT": 100}, chain)
    scenario("STOCK", {"STOCK": -5_000}, chain)
    join_members(chain)
    run = make_run(
        chain,
        MONDAY,
        {
            "ALPHA": ({"STOCK": 10_000}, 1_500),
            "ALPHA/FUND": ({"STOCK": -10_000}, 1_000),
            "ECHO": ({"SHARE": 1_000, "BOND": 1_000}, 150),
            "BRAVO": ({"BOND": -10_000}, 0),
        },
    )
    # ECHO clears through ALPHA: its loss is ALPHA's. The gain of ALPHA's client covers nothing of ALPHA's own loss.
    assert run_stress(run=run) == 4
    assert table(run.pk) == {
        ("DOWN", "ALPHA"): (2_000 - 2_000 + 200, 2_650, 500 + 50),
        ("DOWN", "BRAVO"): (0, 0, 0),
        ("STOCK", "ALPHA"): (0, 2_650, 3_500),
        ("STOCK", "BRAVO"): (0, 0, 0),
    }
    assert run_stress(run=run) == 0


def test_history_moves_as_it_did_and_is_not_known_before_it_happened(chain: Chain) -> None:
    before, after = date(2008, 9, 4), date(2008, 9, 5)
    add_price(chain, "STOCK", before, "100", adjusted="50")
    add_price(chain, "STOCK", after, "80", adjusted="45")
    scenario("PAST", {"CORPORATE": -300}, chain, from_date=before, to_date=after)
    scenario("FUTURE", {"EQUITY": -9_000}, chain, from_date=MONDAY, to_date=TUESDAY)
    join_members(chain)
    run = make_run(chain, MONDAY, {"ALPHA": ({"STOCK": 1_000, "SHARE": 1_000, "BOND": 1_000}, 0)})
    assert run_stress(run=run) == 1
    # STOCK fell by 10 % adjusted, SHARE has no price and follows it, the bond is assumed to fall by 3 %.
    assert table(run.pk) == {("PAST", "ALPHA"): (230, 0, 230)}
    later = make_run(chain, TUESDAY, {"ALPHA": ({"STOCK": 1_000}, 0)})
    assert run_stress(run=later) == 2


def three_losses(chain: Chain, day: date, *, scale: int = 1) -> None:
    """Run the stress of [[90, 0, 40], [0, 70, 50], [60, 60, 0]] for ALPHA, BRAVO and CHARLIE with DELTA."""
    if not StressScenario.objects.exists():
        scenario("ONE", {"STOCK": -9_000, "SHARE": 0, "BOND": -4_000}, chain)
        scenario("TWO", {"STOCK": 0, "SHARE": -7_000, "BOND": -5_000}, chain)
        scenario("THREE", {"STOCK": -6_000, "SHARE": -6_000, "BOND": 0}, chain)
    run_stress(
        run=make_run(
            chain,
            day,
            {
                "ALPHA": ({"STOCK": 100 * scale}, 0),
                "BRAVO": ({"SHARE": 100 * scale}, 0),
                "CHARLIE": ({"BOND": 60 * scale}, 0),
                "DELTA": ({"BOND": 40 * scale}, 0),
            },
        )
    )


def test_cover_two_adds_affiliates_up_and_takes_the_worst_scenario(chain: Chain) -> None:
    join_members(chain, groups={"CHARLIE": "Gemini", "DELTA": "Gemini"})
    parameters()
    three_losses(chain, MONDAY)
    losses = read_losses(currency_id=chain.assets["EUR"], since=MONDAY, until=MONDAY)
    assert list(losses.groups) == ["ALPHA", "BRAVO", "Gemini"]
    assert losses.table.tolist() == [[90, 0, 40], [0, 70, 50], [60, 60, 0]]
    (sizing,) = size_fund(run=run_of(MONDAY))
    assert (sizing.cover_two_minor, sizing.largest_minor, sizing.second_and_third_minor) == (130, 90, 60)
    assert sizing.scenario is not None
    assert (sizing.scenario.code, sizing.groups, sizing.reason) == ("ONE", ["ALPHA", "Gemini"], "FIRST")
    assert sizing.size_minor == 130


def run_of(day: date):  # type: ignore[no-untyped-def]
    from clearing.models import MarginRun

    return MarginRun.objects.get(business_date=day)


def test_own_resources_count_for_article_43_and_not_for_article_42(chain: Chain) -> None:
    join_members(chain, groups={"CHARLIE": "Gemini", "DELTA": "Gemini"})
    parameters()
    own = own_accounts()["SKIN"]
    bank = chain.account("BANK", "EUR", "ISSUANCE")
    post_entries(
        source="OPENING", business_date=MONDAY, at=chain.at, source_ids=np.array([999, 999]),
        accounts=np.array([own, bank.pk]), assets=np.full(2, chain.assets["EUR"]), amounts=np.array([50, -50]),
    )  # fmt: skip
    three_losses(chain, MONDAY)
    (sizing,) = size_fund(run=run_of(MONDAY))
    # 130 − 50 = 80 would do for Cover-2, but the largest loss alone is 90.
    assert (sizing.own_resources_minor, sizing.size_minor) == (50, 90)


def test_the_first_fund_is_paid_on_the_first_evening(chain: Chain) -> None:
    join_members(chain)
    parameters(least_contribution_minor=50)
    scenario("DOWN", {"EQUITY": -2_000}, chain)
    run = make_run(chain, MONDAY, {"ALPHA": ({"STOCK": 10_000}, 300), "BRAVO": ({"STOCK": 5_000}, 100)})
    run_stress(run=run)
    (sizing,) = size_fund(run=run)
    # 2,000 − 300 and 1,000 − 100: 1,700 + 900 = 2,600; two without margin give 50 each, the rest is 3 : 1.
    assert sizing.size_minor == 2_600
    parts = dict(sizing.contributions.values_list("member__code", "contribution_minor"))
    assert parts == {"ALPHA": 1_875, "BRAVO": 625, "CHARLIE": 50, "DELTA": 50}
    assert {code: fund_balance(chain, code) for code in parts} == parts
    assert chain.balance("ALPHA", "EUR") == 1_000_000_000 - 1_875
    assert set(MarginCall.objects.filter(kind="FUND").values_list("status", flat=True)) == {"PAID"}
    assert size_fund(run=run) == []
    fact = OutboxFact.objects.get(name="FundSized")
    assert fact.payload == {"currency": "EUR", "size_minor": 2_600, "reason": "FIRST"}


def test_each_month_the_difference_is_called_or_given_back(chain: Chain) -> None:
    join_members(chain, groups={"CHARLIE": "Gemini", "DELTA": "Gemini"})
    parameters(lookback_days=5)
    three_losses(chain, MONDAY, scale=10)
    size_fund(run=run_of(MONDAY))
    three_losses(chain, TUESDAY)
    assert size_fund(run=run_of(TUESDAY)) == []
    held = {code: fund_balance(chain, code) for code in ("ALPHA", "BRAVO", "CHARLIE", "DELTA")}
    assert sum(held.values()) == 1_300
    chain.move_to(OCTOBER)
    scenario("MORE", {"STOCK": -9_000}, chain)
    run = make_run(chain, OCTOBER, {"ALPHA": ({"STOCK": 900}, 10), "BRAVO": ({"STOCK": 0}, 0)})
    run_stress(run=run)
    (sizing,) = size_fund(run=run)
    # 900 × 90 % − 10 = 800 of ALPHA alone; it alone has margin and so contributes all, the others get theirs back.
    assert (sizing.reason, sizing.size_minor) == ("MONTHLY", 800)
    own = sizing.contributions.get(member__code="ALPHA")
    assert (own.contribution_minor, own.held_minor, own.called_minor) == (800, held["ALPHA"], 800 - held["ALPHA"])
    call = MarginCall.objects.get(kind="FUND", run=run)
    assert (call.status, call.deadline) == ("ISSUED", at_time(date(2008, 10, 2), 9))
    assert FundContribution.objects.get(call=call) == own
    # Until ALPHA has paid, nobody gets anything back: the fund is never smaller than it was or is to be.
    others = ("BRAVO", "CHARLIE", "DELTA")
    assert {code: fund_balance(chain, code) for code in others} == {code: held[code] for code in others}
    assert pay_calls(at=call.deadline, business_date=date(2008, 10, 2)).paid == 1
    next_run = make_run(chain, date(2008, 10, 2), {"ALPHA": ({"STOCK": 900}, 10), "BRAVO": ({"STOCK": 0}, 0)})
    assert size_fund(run=next_run) == []
    assert {code: fund_balance(chain, code) for code in others} == dict.fromkeys(others, 0)
    assert chain.balance("BRAVO", "EUR") == 1_000_000_000
    assert fund_balance(chain, "ALPHA") == 800
    assert not any(violations().values())


def violations() -> dict[str, list[str]]:
    """Return what the invariants of the fund find."""
    with connection.cursor() as cursor:
        found = {}
        for name, sql in FUND_INVARIANTS.items():
            cursor.execute(sql)
            found[name] = [row[0] for row in cursor.fetchall()]
    return found


def test_a_thin_fund_is_told_of_and_grows_once(chain: Chain) -> None:
    join_members(chain, groups={"CHARLIE": "Gemini", "DELTA": "Gemini"})
    parameters(buffer_percent=25)
    three_losses(chain, MONDAY, scale=100)
    (first,) = size_fund(run=run_of(MONDAY))
    assert first.size_minor == 16_250
    three_losses(chain, TUESDAY, scale=110)
    assert size_fund(run=run_of(TUESDAY)) == []
    assert not OutboxFact.objects.filter(name="FundThin").exists()
    wednesday = date(2008, 9, 10)
    three_losses(chain, wednesday, scale=200)
    (second,) = size_fund(run=run_of(wednesday))
    assert (second.reason, second.size_minor) == ("THIN", 32_500)
    fact = OutboxFact.objects.get(name="FundThin")
    assert fact.payload == {"currency": "EUR", "cover_two_minor": 26_000, "resources_minor": 16_250}
    # The next evening the calls are still open, and count: nothing is called twice.
    thursday = date(2008, 9, 11)
    three_losses(chain, thursday, scale=200)
    assert size_fund(run=run_of(thursday)) == []
    assert FundSizing.objects.count() == 2


def test_a_member_that_cannot_pay_keeps_its_call(chain: Chain) -> None:
    join_members(chain, cash=100)
    parameters()
    scenario("DOWN", {"EQUITY": -2_000}, chain)
    run = make_run(chain, MONDAY, {"ALPHA": ({"STOCK": 10_000}, 300)})
    run_stress(run=run)
    size_fund(run=run)
    call = MarginCall.objects.get(member__code="ALPHA", kind="FUND")
    assert (call.status, call.paid_minor) == ("OVERDUE", 100)
    assert fund_balance(chain, "ALPHA") == 100


def test_the_scenarios_that_come_with_the_product(chain: Chain) -> None:
    assert load_stress_scenarios() == load_stress_scenarios() == StressScenario.objects.count()
    codes = set(StressScenario.objects.values_list("code", flat=True))
    assert {"EQUITY_DOWN", "CRASH_2008_SEP_1", "CRASH_2010_MAY_1", "RALLY_2002_OCT"} <= codes
    # The five stocks are not in this market: no scenario of theirs stands empty.
    assert "IBM_DOWN" not in codes
    assert not StressScenario.objects.filter(shocks=None).exists()


def test_money_that_leaves_the_fund_for_no_reason_is_found(chain: Chain) -> None:
    join_members(chain)
    parameters(least_contribution_minor=100)
    run = make_run(chain, MONDAY, {"ALPHA": ({"STOCK": 900}, 10)})
    size_fund(run=run)
    assert not any(violations().values())
    own = Account.objects.get(name="DF-ALPHA", kind="CASH").pk
    post_entries(
        source="FUND", business_date=MONDAY, at=chain.at, source_ids=np.array([999, 999]),
        accounts=np.array([own, chain.account("ALPHA", "EUR").pk]), assets=np.full(2, chain.assets["EUR"]),
        amounts=np.array([-60, 60]),
    )  # fmt: skip
    found = {name: rows for name, rows in violations().items() if rows}
    assert list(found.values()) == [[f"entry {entry_id()} of FUND 999, which is no contribution"]]


def entry_id() -> int:
    return JournalEntry.objects.get(source="FUND", source_id=999).pk
