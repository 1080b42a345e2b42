"""A default from its proposal to its end: a worked example to the cent, and what each step refuses."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories.collateral import at_ccp

if TYPE_CHECKING:
    from tests.factories.chain import Chain

FRIDAY = date(2008, 9, 12)


def refuse(code: str, act: Any, *arguments: Any, **fields: Any) -> None:
    from reference.refusals import Refusal

    with pytest.raises(Refusal) as caught:
        act(*arguments, **fields)
    assert caught.value.code == code


@pytest.fixture(scope="module")
def _lost(file_market: Chain) -> None:
    """DELTA has lost, once for the file."""
    from tests.factories.defaulting import lose

    lose(file_market)


@pytest.fixture
def lost(_lost: None, chain: Chain) -> Chain:
    """The market in which DELTA has lost, as no test before has left it."""
    return chain


def winner_of(lot: Any) -> str:
    return str(lot.winning_bid.member.code)


def used(case: Any) -> dict[tuple[int, str], int]:
    return {
        (use.layer, use.member.code if use.member else ""): use.used_minor for use in case.uses.select_related("member")
    }


def test_the_market_is_as_told(lost: Chain) -> None:
    from clearing.models import MarginCall

    assert lost.balance("DELTA", "EUR") == 0
    assert lost.balance("BRAVO", "EUR") == 1_300_000
    [call] = MarginCall.objects.filter(kind="VARIATION")
    assert (call.member.code, call.amount_minor) == ("DELTA", 100_000)
    # The winners are paid all the same, out of the account's own liquidity.
    assert at_ccp(lost, "", "EUR", "VM") == 900_000


def test_worked_example(lost: Chain) -> None:
    """CHARLIE pays 50.00 for the lot: 1,000.00 unpaid less 50.00 are 950.00, of which 500.00 reach the survivors."""
    from clearing.models import CarriedContract, Membership
    from clearing.services.default_losses import allocate_losses, close_case, refill_resources
    from tests.factories.defaulting import ONE, auction, evening, suspend

    case = suspend(lost)
    auction(lost, case, ALPHA=20_000, BRAVO=-4_999, CHARLIE=-5_000)
    assert case.status == "TRANSFERRED"
    [lot] = case.lots.all()
    assert (lot.worth_minor, lot.gross_minor, winner_of(lot)) == (-300_000, 700_000, "CHARLIE")
    moved = CarriedContract.objects.filter(cause="TRANSFER").values_list(
        "account__code", "quantity_units", "cash_minor"
    )
    assert set(moved) == {("DELTA-SEC-HOUSE", -1_000, 1_000_000), ("CHARLIE-SEC-HOUSE", 1_000, -1_000_000)}
    # The worth moves at once: CHARLIE is paid what its next variation margin takes again.
    assert lost.balance("CHARLIE", "EUR") == 1_300_000
    allocate_losses(case_id=case.pk, actor=ONE, at=lost.at, business_date=lost.day)
    assert used(case) == {
        (1, "DELTA"): 30_000, (2, "DELTA"): 10_000, (3, ""): 5_000, (5, "ALPHA"): 25_000, (5, "BRAVO"): 16_667,
        (5, "CHARLIE"): 8_333, (7, ""): 0,
    }  # fmt: skip
    kinds = dict(case.movements.values_list("kind", "amount_minor"))
    assert kinds == {"WORTH": 300_000, "VARIATION": 100_000, "PRICE": -5_000}
    assert at_ccp(lost, "", "EUR", "ESTATE") == 0
    assert at_ccp(lost, "", "EUR", "SKIN") == 0
    assert [at_ccp(lost, code, "EUR", "DF") for code in ("ALPHA", "BRAVO", "CHARLIE")] == [5_000, 3_333, 1_667]
    # The survivors' margin is never touched.
    assert [at_ccp(lost, code, "EUR") for code in ("ALPHA", "BRAVO", "CHARLIE")] == [70_000] * 3
    evening(lost, FRIDAY, STOCK="7", SHARE="20")
    assert lost.balance("CHARLIE", "EUR") == 1_000_000 - 5_000 + 0
    assert at_ccp(lost, "", "EUR", "VM") == 1_000_000
    calls = refill_resources(case_id=case.pk, actor=ONE, at=lost.at, business_date=lost.day)
    assert [(call.kind, call.amount_minor) for call in calls] == [
        ("FUND", 25_000), ("FUND", 16_667), ("FUND", 8_333),
    ]  # fmt: skip
    assert (at_ccp(lost, "", "EUR", "SKIN"), at_ccp(lost, "", "EUR", "EQUITY")) == (5_000, 35_000)
    closed = close_case(case_id=case.pk, actor=ONE, at=lost.at, business_date=lost.day)
    assert (closed.status, Membership.objects.get(pk=closed.member_id).status) == ("CLOSED", "TERMINATED")
    check_invariants()


def check_invariants() -> None:
    from fmi.invariants import check_invariants as check

    assert [finding for finding in check() if finding.violations] == []


def hash_tables() -> dict[str, str]:
    """Return a digest of every table's rows, but those a drill writes."""
    from django.apps import apps
    from django.db import connection

    own = {"clearing_defaultdrill", "events_auditrecord", "events_unsealedrecord"}
    found = {}
    with connection.cursor() as cursor:
        for table in sorted({model._meta.db_table for model in apps.get_models()} - own):
            cursor.execute(f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t")
            found[table] = cursor.fetchone()[0]
    return found


@pytest.mark.parametrize(("ask", "status"), [(20, "CLOSED"), (50, "CLOSED"), (500, "TRANSFERRED")])
def test_a_drill_changes_nothing(lost: Chain, ask: int, status: str) -> None:
    from clearing.models import DefaultDrill
    from clearing.services.default_drill import DrillInputs, play_drill
    from tests.factories.defaulting import ONE

    before = hash_tables()
    inputs = DrillInputs(lots=2, ask_per_mille=ask, silent=("ALPHA",))
    drill = play_drill(member_id=lost.ids["DELTA"], inputs=inputs, actor=ONE, at=lost.at, business_date=lost.day)
    assert hash_tables() == before
    assert drill.outcome["status"] == status, drill.outcome
    assert [step["action"] for step in drill.outcome["steps"]][:5] == ["propose", "declare", "suspend", "open", "award"]
    if status == "CLOSED":
        assert drill.outcome["refused"] is None
        lost_minor = sum(row["amount_minor"] for row in drill.outcome["movements"] if row["kind"] != "WORTH")
        assert sum(row["used_minor"] for row in drill.outcome["waterfall"]) == lost_minor == 100_000 + 700 * ask
        junior = {row["member"] for row in drill.outcome["waterfall"] if row["layer"] == 4}
        assert junior == {"ALPHA"}
    else:
        assert drill.outcome["refused"]["code"] == "losses-uncovered"
    assert DefaultDrill.objects.count() == 1


def test_a_default_takes_two_people_and_is_declared_once(lost: Chain) -> None:
    from clearing.services.default_case import declare_default, propose_default, suspend_member, withdraw_default
    from tests.factories.defaulting import ONE, OTHER, step

    fields: dict[str, Any] = {"reason": "x", "juniorise": False, "actor": ONE, **step(lost)}
    case = propose_default(member_id=lost.ids["DELTA"], **fields)
    refuse("default-already-proposed", propose_default, member_id=lost.ids["DELTA"], **fields)
    refuse("own-proposal-not-approvable", declare_default, case_id=case.pk, actor=ONE, **step(lost))
    refuse("default-step-not-due", suspend_member, case_id=case.pk, actor=ONE, **step(lost))
    declare_default(case_id=case.pk, actor=OTHER, **step(lost))
    refuse("default-already-declared", declare_default, case_id=case.pk, actor=ONE, **step(lost))
    refuse("default-already-declared", propose_default, member_id=lost.ids["DELTA"], **fields)
    refuse("default-already-declared", withdraw_default, case_id=case.pk, actor=ONE, **step(lost))
    refuse("unknown-default", declare_default, case_id=0, actor=OTHER, **step(lost))


def test_a_default_that_nobody_declares_is_put_away(lost: Chain) -> None:
    """Rejected among the approvals, or not decided in time: the member was never in default."""
    from clearing.models import DefaultCase
    from clearing.services.default_case import DECLARATION_KIND, propose_default
    from reference.four_eyes import differences_of, expire_proposals, reject_proposal
    from reference.models import Proposal
    from tests.factories.defaulting import ONE, OTHER, step

    fields: dict[str, Any] = {"reason": "x", "juniorise": False, "actor": ONE, **step(lost)}
    rejected = propose_default(member_id=lost.ids["BRAVO"], **fields)
    waiting = Proposal.objects.get(kind=DECLARATION_KIND, subject_id=rejected.pk)
    [words] = differences_of(proposals=[waiting])[waiting.pk]
    assert (words.label, words.after) == ("BRAVO: x", "in default")
    reject_proposal(proposal_id=waiting.pk, reason="It has paid", actor=OTHER, **step(lost))
    expired = propose_default(member_id=lost.ids["BRAVO"], **fields)
    assert expire_proposals(at=lost.at + timedelta(days=5), business_date=lost.day) == 1
    ends = [DefaultCase.objects.get(pk=case.pk).steps.latest("pk") for case in (rejected, expired)]
    assert [(end.status, end.done_by) for end in ends] == [("WITHDRAWN", OTHER.name), ("WITHDRAWN", "system")]
    assert ends[1].summary == "Proposal to declare BRAVO in default expired"


def test_a_suspended_members_trades_are_not_novated(lost: Chain) -> None:
    from tests.factories.defaulting import suspend

    suspend(lost)
    lost.trade("LATE", "DELTA", "BRAVO", quantity=10)
    lost.trade("GOOD", "ALPHA", "BRAVO", quantity=10)
    lost.clear()
    assert (lost.status("LATE-D"), lost.status("GOOD-A")) == ("MATCHED", "CLEARED")


def test_an_unsold_lot_is_offered_again_and_a_changed_one_is_not_moved(lost: Chain) -> None:
    from tests.factories.defaulting import auction, suspend

    case = suspend(lost)
    auction(lost, case, reserve=1, ALPHA=20_000)
    assert case.status == "SUSPENDED"
    assert [lot.status for lot in case.lots.all()] == ["UNSOLD"]
    auction(lost, case, reserve=1, ALPHA=7_000, BRAVO=7_000)
    assert case.status == "TRANSFERRED"
    assert [(lot.number, lot.status) for lot in case.lots.all()] == [(1, "UNSOLD"), (2, "SOLD")]
    assert winner_of(case.lots.get(number=2)) == "ALPHA"


def test_what_was_netted_for_a_defaulter_is_taken_back_and_moves_too(lost: Chain) -> None:
    """Netting goes on for the others; what it makes of the defaulter gets no instruction and is carried again."""
    from clearing.models import Obligation
    from settlement.models import Instruction
    from tests.factories.defaulting import auction, suspend

    lost.trade("T2", "DELTA", "CHARLIE", quantity=100, settlement_date="2008-09-11", price="7")
    lost.clear()
    lost.net()
    lost.instruct()
    case = suspend(lost)
    own = Obligation.objects.get(account=lost.account("DELTA"))
    assert own.carried_at is not None
    assert Instruction.objects.get(source="OBLIGATION", source_id=own.pk).status == "CANCELLED"
    lost.net()
    lost.instruct()
    again = Obligation.objects.filter(account=lost.account("DELTA"), carried_at=None).get()
    assert not Instruction.objects.filter(source="OBLIGATION", source_id=again.pk).exists()
    auction(lost, case, ALPHA=0)
    [lot] = case.lots.all()
    [position] = lot.positions.all()
    assert (position.quantity_units, position.cash_minor, lot.worth_minor) == (1_100, -1_070_000, -300_000)
    check_invariants()


def test_a_client_is_ported_with_the_consent_of_its_new_member(lost: Chain) -> None:
    from clearing.services.default_positions import answer_porting, offer_porting
    from reference.queries import directory
    from tests.factories.defaulting import FRIDAY_PRICES, ONE, auction, evening, step, suspend

    lost.trade("E", "ECHO", "BRAVO", quantity=100, settlement_date="2008-09-19", price="7")
    lost.trade("A", "ALPHA", "BRAVO", quantity=50, settlement_date="2008-09-19", price="7", security="SHARE")
    lost.clear()
    evening(lost, lost.day, **FRIDAY_PRICES)
    case = suspend(lost, "ALPHA")
    porting = offer_porting(case_id=case.pk, client="ECHO", to_member="CHARLIE", actor=ONE, **step(lost))
    refuse(
        "unknown-porting", answer_porting, porting_id=porting.pk, accept=True, actor=lost.actor("BRAVO"), **step(lost)
    )
    answer_porting(porting_id=porting.pk, accept=True, actor=lost.actor("CHARLIE"), **step(lost))
    assert directory().participants_by_code["ECHO"].clearing_member_id == lost.ids["CHARLIE"]
    moved = case.movements.filter(kind="PORT").first()
    assert moved is None or at_ccp(lost, "CHARLIE", "EUR") == 70_000 + moved.amount_minor
    auction(lost, case, BRAVO=0)
    [position] = [row for lot in case.lots.all() for row in lot.positions.all()]
    assert position.account == lost.account("ALPHA")
    evening(lost, FRIDAY, **FRIDAY_PRICES)
    check_invariants()


ATTACKS = [
    ("UPDATE clearing_defaultcase SET status = 'ALLOCATED'", "cannot go from"),
    ("UPDATE clearing_defaultcase SET declared_by = proposed_by", "defaultcase_four_eyes|declared once"),
    ("UPDATE clearing_defaultcase SET declared_by = 'somebody'", "declared once"),
    ("UPDATE clearing_defaultcase SET member_id = member_id", "never change"),
    ("DELETE FROM clearing_defaultcase", "never deleted"),
    ("UPDATE clearing_bid SET price_minor = 0", "append-only"),
    ("DELETE FROM clearing_bid", "append-only"),
    ("UPDATE clearing_auctionlot SET deadline = deadline + interval '1 day'", "terms of a lot"),
    ("UPDATE clearing_auctionlot SET status = 'SOLD', closed_at = deadline, winning_bid_id ="
     " (SELECT id FROM clearing_bid ORDER BY price_minor DESC LIMIT 1)", "sold to its best bid"),
    ("UPDATE clearing_auctionlot SET status = 'SOLD', closed_at = deadline - interval '1 s', winning_bid_id ="
     " (SELECT id FROM clearing_bid ORDER BY price_minor LIMIT 1)", "auctionlot_closed_after_deadline"),
    ("INSERT INTO clearing_bid (lot_id, member_id, price_minor, made_by, at) SELECT l.id, c.member_id, 0, 'x',"
     " l.opened_at FROM clearing_auctionlot l JOIN clearing_defaultcase c ON c.id = l.case_id",
     "active member bids"),
    ("INSERT INTO clearing_bid (lot_id, member_id, price_minor, made_by, at) SELECT lot_id, member_id, 0, 'x',"
     " at + interval '2 hours' FROM clearing_bid LIMIT 1", "while its lot is open"),
    ("INSERT INTO clearing_lotposition (lot_id, account_id, security_id, quantity_units, cash_minor, mark_minor)"
     " SELECT lot_id, account_id, security_id + 1, 1, 1, 1 FROM clearing_lotposition LIMIT 1",
     "before it is offered"),
    ("INSERT INTO clearing_waterfalluse (case_id, currency_id, layer, account_id, available_minor, used_minor, at)"
     " SELECT c.id, l.currency_id, 3, 1, 1, 0, now() FROM clearing_defaultcase c JOIN clearing_auctionlot l"
     " ON l.case_id = c.id", "once its positions are transferred"),
    ("UPDATE clearing_casestep SET summary = 'x'", "append-only"),
    ("INSERT INTO clearing_defaultcase (member_id, reason, status, juniorise, assessment_percent, proposed_by,"
     " proposed_at, declared_by) SELECT member_id, 'x', 'PROPOSED', true, 200, 'x', now(), ''"
     " FROM clearing_defaultcase", "defaultcase_one_a_member"),
]  # fmt: skip


def test_raw_sql_is_refused(offered: Chain) -> None:
    from django.db import DatabaseError, connection, transaction

    for sql, because in ATTACKS:
        with pytest.raises(DatabaseError, match=because), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


def test_a_bid_dated_back_is_refused(offered: Chain) -> None:
    """The business clock is past the deadline, whatever time the row claims."""
    from django.db import DatabaseError, connection, transaction

    offered.move_to(offered.day, 12)
    refused = pytest.raises(DatabaseError, match="while its lot is open")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO clearing_bid (lot_id, member_id, price_minor, made_by, at)"
            " SELECT lot_id, member_id, -1, 'x', at FROM clearing_bid LIMIT 1"
        )


@pytest.fixture
def offered(lost: Chain) -> Chain:
    """One lot is offered, two bids are made."""
    from datetime import timedelta

    from clearing.services.default_auction import open_auction, place_bid
    from tests.factories.defaulting import ONE, step, suspend

    case = suspend(lost)
    [lot] = open_auction(
        case_id=case.pk, lots=1, reserve_percent=None, deadline=lost.at + timedelta(hours=1), actor=ONE, **step(lost)
    )
    for code, price in (("ALPHA", 9_000), ("BRAVO", 4_000)):
        place_bid(lot_id=lot.pk, price_minor=price, actor=lost.actor(code), **step(lost))
    return lost


def test_collateral_is_sold_before_others_pay_and_a_hedge_is_paid_with_the_losses(lost: Chain) -> None:
    """1,000.00 unpaid and 25.00 of hedge: 300.00 and 190.00 of margin, 100.00, 50.00, and 385.00 of the survivors."""
    from clearing.services.default_losses import allocate_losses
    from clearing.services.default_positions import record_hedge, sell_collateral
    from settlement.services.load_haircuts import load_haircuts
    from tests.factories.collateral import put_in
    from tests.factories.defaulting import ONE, auction, step, suspend

    load_haircuts()
    put_in(lost, "DELTA", "SHARE", 10)
    case = suspend(lost)
    hedge: dict[str, Any] = {"case_id": case.pk, "isin": lost.isins["STOCK"], "actor": ONE}
    refuse(
        "default-entry-refused",
        record_hedge,
        **hedge,
        counterparty="DELTA",
        quantity_units=-5,
        cost_minor=1,
        **step(lost),
    )
    record_hedge(**hedge, counterparty="ALPHA", quantity_units=-500, cost_minor=2_500, **step(lost))
    auction(lost, case, CHARLIE=0)
    refuse("collateral-not-sold", allocate_losses, case_id=case.pk, actor=ONE, **step(lost))
    sale: dict[str, Any] = {"case_id": case.pk, "buyer": "BRAVO", "isin": lost.isins["SHARE"], "actor": ONE}
    refuse("balance-below-limit", sell_collateral, **sale, units=11, price_minor=19_000, **step(lost))
    sell_collateral(**sale, units=10, price_minor=19_000, **step(lost))
    assert lost.balance("BRAVO", "SHARE") == 10
    before = lost.balance("ALPHA", "EUR")
    allocate_losses(case_id=case.pk, actor=ONE, **step(lost))
    assert lost.balance("ALPHA", "EUR") == before + 2_500
    borne = used(case)
    assert (borne[1, "DELTA"], borne[2, "DELTA"], borne[3, ""]) == (49_000, 10_000, 5_000)
    assert sum(borne.values()) == 102_500
    check_invariants()


def test_a_gain_of_closing_out_goes_to_the_estate_with_all_that_was_not_needed(lost: Chain) -> None:
    from clearing.services.default_losses import allocate_losses, close_case
    from tests.factories.defaulting import ONE, auction, step, suspend

    case = suspend(lost)
    auction(lost, case, CHARLIE=-150_000)
    allocate_losses(case_id=case.pk, actor=ONE, **step(lost))
    assert set(used(case).values()) == {0}
    assert lost.balance("DELTA", "EUR") == 50_000
    close_case(case_id=case.pk, actor=ONE, **step(lost))
    assert lost.balance("DELTA", "EUR") == 90_000
    check_invariants()


def test_survivors_are_assessed_before_losses_that_reach_them_are_allocated(lost: Chain) -> None:
    """2,000.00 lost: the survivors are assessed for what the fund does not bear, three to two to one."""
    from clearing.models import CaseCall
    from clearing.services.default_losses import allocate_losses, assess_survivors
    from clearing.services.pay_calls import pay_call
    from tests.factories.defaulting import ONE, auction, step, suspend

    case = suspend(lost)
    auction(lost, case, CHARLIE=100_000)
    # 2,000.00 lost: 1,050.00 above the assessments, which are capped at twice 600.00.
    refuse("assessments-wanted", allocate_losses, case_id=case.pk, actor=ONE, **step(lost))
    assess_survivors(case_id=case.pk, actor=ONE, **step(lost))
    refuse("default-step-not-due", assess_survivors, case_id=case.pk, actor=ONE, **step(lost))
    refuse("assessments-wanted", allocate_losses, case_id=case.pk, actor=ONE, **step(lost))
    calls = [row.call for row in CaseCall.objects.filter(case=case, call__kind="ASSESSMENT").order_by("pk")]
    assert [call.amount_minor for call in calls] == [47_500, 31_667, 15_833]
    for call in calls:
        pay_call(call_id=call.pk, actor=ONE, **step(lost))
    allocate_losses(case_id=case.pk, actor=ONE, **step(lost))
    borne = used(case)
    assert [borne[6, code] for code in ("ALPHA", "BRAVO", "CHARLIE")] == [47_500, 31_667, 15_833]
    assert borne[7, ""] == 0
    check_invariants()
