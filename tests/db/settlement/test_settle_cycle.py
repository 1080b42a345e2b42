"""Settlement cycles over real balances: together or not at all, the wait and its reason, hold and release."""

from __future__ import annotations

from datetime import date

import pytest

from events.models import AuditRecord, OutboxFact
from ledger.models import JournalEntry, Posting
from reference.core.actor import SYSTEM
from reference.core.limits import LARGEST_AMOUNT
from reference.queries import directory
from settlement.models import Attempt, Instruction
from settlement.refusals import (
    InstructionNotPending,
    InstructionReferenceReused,
    InstructionRefused,
    UnknownInstruction,
)
from settlement.services.create_instructions import DirectInstruction, enter_instruction
from settlement.services.hold_instruction import hold_instruction, release_instruction
from tests.factories.chain import WEDNESDAY, Chain

THURSDAY = date(2008, 9, 11)


def enter(
    chain: Chain,
    reference: str,
    deliverer: str,
    receiver: str,
    quantity: int,
    cash: int,
    *,
    symbol: str = "STOCK",
    intended: date | None = None,
    priority: int = 4,
) -> Instruction:
    instruction, _ = enter_instruction(
        entered=DirectInstruction(
            reference=reference,
            deliverer_account=chain.account(deliverer),
            receiver_account=chain.account(receiver),
            security=directory().securities[chain.assets[symbol]],
            quantity_units=quantity,
            cash_minor=cash,
            intended_date=intended or chain.day,
            priority=priority,
        ),
        instructing_participant_id=chain.ids[deliverer],
        actor=chain.actor(deliverer),
        at=chain.at,
        business_date=chain.day,
    )
    return instruction


def standing(instruction: Instruction) -> tuple[str, str, int]:
    instruction.refresh_from_db()
    return instruction.status, instruction.reason, instruction.shortfall


def test_a_delivery_and_its_payment_move_at_once(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    chain.give("BRAVO", "EUR", 100_000)
    instruction = enter(chain, "R", "ALPHA", "BRAVO", 100, 100_000)
    cycle = chain.cycle(name="First")
    assert cycle is not None
    assert (cycle.considered, cycle.settled, cycle.number, cycle.name) == (1, 1, 1, "First")
    assert cycle.considered_minor == cycle.settled_minor == {"EUR": 100_000}
    assert standing(instruction) == ("SETTLED", "", 0)
    assert (instruction.cycle_id, instruction.settled_at) == (cycle.pk, chain.at)
    assert [chain.balance(code, asset) for code in ("ALPHA", "BRAVO") for asset in ("STOCK", "EUR")] == [
        0, 100_000, 100, 0,
    ]  # fmt: skip
    entry = JournalEntry.objects.get(source="INSTRUCTION")
    assert (entry.source_id, entry.business_date, entry.at) == (instruction.pk, chain.day, chain.at)
    assert sorted(Posting.objects.filter(entry=entry).values_list("amount", flat=True)) == [
        -100_000,
        -100,
        100,
        100_000,
    ]


def test_a_settled_one_is_not_tried_again(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 200)
    enter(chain, "R", "ALPHA", "BRAVO", 100, 0)
    assert chain.cycle() is not None
    assert chain.cycle() is None
    assert chain.balance("BRAVO", "STOCK") == 100


def test_a_circle_of_three_without_any_stock_or_money_settles(chain: Chain) -> None:
    for deliverer, receiver in (("ALPHA", "BRAVO"), ("BRAVO", "CHARLIE"), ("CHARLIE", "ALPHA")):
        enter(chain, deliverer, deliverer, receiver, 500, 70_000)
    cycle = chain.cycle()
    assert cycle is not None
    assert (cycle.settled, cycle.lack, cycle.mony) == (3, 0, 0)
    assert all(chain.balance(code, asset) == 0 for code in ("ALPHA", "BRAVO", "CHARLIE") for asset in ("STOCK", "EUR"))
    assert Posting.objects.filter(entry__source="INSTRUCTION").count() == 12


def test_a_broken_circle_waits_whole(chain: Chain) -> None:
    rows = [
        enter(chain, "1", "ALPHA", "BRAVO", 500, 70_000),
        enter(chain, "2", "BRAVO", "CHARLIE", 500, 70_000),
        enter(chain, "3", "CHARLIE", "ALPHA", 499, 70_000),
    ]
    cycle = chain.cycle()
    assert cycle is not None
    assert (cycle.settled, cycle.lack) == (0, 3)
    assert {standing(row)[0] for row in rows} == {"PENDING"}
    assert not JournalEntry.objects.filter(source="INSTRUCTION").exists()


def test_a_chain_settles_on_its_first_stock(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    chain.give("DELTA", "EUR", 110_000)
    for price, (deliverer, receiver) in enumerate([("ALPHA", "BRAVO"), ("BRAVO", "CHARLIE"), ("CHARLIE", "DELTA")]):
        enter(chain, deliverer, deliverer, receiver, 100, 100_000 + 5_000 * price)
    cycle = chain.cycle()
    assert cycle is not None
    assert cycle.settled == 3
    # Bought at 1,000, sold at 1,050; bought at 1,050, sold at 1,100.
    assert [chain.balance(code, "EUR") for code in ("ALPHA", "BRAVO", "CHARLIE", "DELTA")] == [
        100_000, 5_000, 5_000, 0,
    ]  # fmt: skip


def test_lack_waits_with_its_reason_and_settles_when_the_stock_has_come(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 30)
    chain.give("BRAVO", "EUR", 100_000)
    instruction = enter(chain, "R", "ALPHA", "BRAVO", 100, 100_000)
    first = chain.cycle()
    assert first is not None
    assert (first.settled, first.lack, first.considered_minor, first.settled_minor) == (0, 1, {"EUR": 100_000}, {})
    assert standing(instruction) == ("PENDING", "LACK", 70)
    attempt = Attempt.objects.get()
    assert (attempt.cycle_id, attempt.reason, attempt.shortfall) == (first.pk, "LACK", 70)
    assert (attempt.short_account_id, attempt.short_asset_id) == (chain.account("ALPHA").pk, chain.assets["STOCK"])
    chain.cycle()
    assert Attempt.objects.count() == 2
    chain.give("ALPHA", "STOCK", 70)
    chain.move_to(THURSDAY)
    again = chain.cycle()
    assert again is not None
    assert (again.settled, again.number) == (1, 1)
    assert standing(instruction) == ("SETTLED", "", 0)
    assert Attempt.objects.count() == 2


def test_mony_waits_with_its_reason(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    chain.give("BRAVO", "EUR", 99_999)
    instruction = enter(chain, "R", "ALPHA", "BRAVO", 100, 100_000)
    cycle = chain.cycle()
    assert cycle is not None
    assert (cycle.mony, cycle.lack) == (1, 0)
    assert standing(instruction) == ("PENDING", "MONY", 1)
    assert Attempt.objects.get().short_account == chain.account("BRAVO", "EUR")


def test_before_its_intended_date_nothing_is_tried(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    enter(chain, "R", "ALPHA", "BRAVO", 100, 0, intended=WEDNESDAY)
    assert chain.cycle() is None
    chain.move_to(WEDNESDAY)
    assert chain.cycle() is not None


def test_the_higher_priority_is_served_first(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    normal = enter(chain, "normal", "ALPHA", "BRAVO", 100, 0)
    top = enter(chain, "top", "ALPHA", "CHARLIE", 100, 0, priority=2)
    chain.cycle()
    assert (standing(normal)[0], standing(top)[0]) == ("PENDING", "SETTLED")


def test_a_payment_free_of_delivery_and_a_delivery_free_of_payment(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 10)
    chain.give("ALPHA", "EUR", 500)
    enter(chain, "free", "ALPHA", "BRAVO", 10, 0)
    enter(chain, "payment", "ALPHA", "BRAVO", 0, -500)
    cycle = chain.cycle()
    assert cycle is not None
    assert cycle.settled == 2
    assert (chain.balance("BRAVO", "STOCK"), chain.balance("BRAVO", "EUR")) == (10, 500)
    assert Posting.objects.filter(entry__source="INSTRUCTION").count() == 4


def test_cycles_are_numbered_within_their_day(chain: Chain) -> None:
    enter(chain, "R", "ALPHA", "BRAVO", 10, 0)
    numbers = []
    for day in (chain.day, chain.day, WEDNESDAY):
        chain.move_to(day)
        cycle = chain.cycle()
        assert cycle is not None
        numbers.append(cycle.number)
    assert numbers == [1, 2, 1]


def act(chain: Chain, service: object, instruction: Instruction, by: str | None) -> Instruction:
    actor = SYSTEM if by is None else chain.actor(by)
    changed: Instruction = service(  # type: ignore[operator]
        instruction_pk=instruction.pk, actor=actor, at=chain.at, business_date=chain.day
    )
    return changed


def test_either_party_holds_and_only_its_own_release_counts(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    instruction = enter(chain, "R", "ALPHA", "BRAVO", 100, 0)
    act(chain, hold_instruction, instruction, "ALPHA")
    act(chain, hold_instruction, instruction, "BRAVO")
    act(chain, hold_instruction, instruction, "BRAVO")
    assert AuditRecord.objects.filter(action="instruction.held").count() == 2
    cycle = chain.cycle()
    assert cycle is not None
    assert (cycle.held, cycle.settled) == (1, 0)
    assert standing(instruction) == ("PENDING", "PREA", 0)
    assert Attempt.objects.get().reason == "PREA"
    act(chain, release_instruction, instruction, "ALPHA")
    chain.cycle()
    assert standing(instruction)[0] == "PENDING"
    act(chain, release_instruction, instruction, "BRAVO")
    chain.cycle()
    assert standing(instruction) == ("SETTLED", "", 0)
    with pytest.raises(InstructionNotPending):
        act(chain, hold_instruction, instruction, "ALPHA")


def test_the_operator_holds_and_releases_both_sides(chain: Chain) -> None:
    instruction = enter(chain, "R", "ALPHA", "BRAVO", 100, 0)
    held = act(chain, hold_instruction, instruction, None)
    assert held.held_by_deliverer
    assert held.held_by_receiver
    released = act(chain, release_instruction, instruction, None)
    assert not released.held_by_deliverer
    assert not released.held_by_receiver


def test_a_third_party_knows_of_no_such_instruction(chain: Chain) -> None:
    instruction = enter(chain, "R", "ALPHA", "BRAVO", 100, 0)
    with pytest.raises(UnknownInstruction):
        act(chain, hold_instruction, instruction, "CHARLIE")
    with pytest.raises(UnknownInstruction):
        hold_instruction(instruction_pk=999_999, actor=SYSTEM, at=chain.at, business_date=chain.day)


def test_a_held_instruction_does_not_hold_up_the_others(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    held = enter(chain, "held", "ALPHA", "BRAVO", 100, 0)
    free = enter(chain, "free", "ALPHA", "CHARLIE", 100, 0)
    act(chain, hold_instruction, held, "ALPHA")
    cycle = chain.cycle()
    assert cycle is not None
    assert (cycle.considered, cycle.settled, cycle.held) == (2, 1, 1)
    assert (standing(held)[:2], standing(free)[0]) == (("PENDING", "PREA"), "SETTLED")


def test_the_same_reference_with_the_same_content_is_the_same_instruction(chain: Chain) -> None:
    first = enter(chain, "R", "ALPHA", "BRAVO", 100, 5)
    facts = OutboxFact.objects.count()
    assert enter(chain, "R", "ALPHA", "BRAVO", 100, 5).pk == first.pk
    assert OutboxFact.objects.count() == facts
    with pytest.raises(InstructionReferenceReused):
        enter(chain, "R", "ALPHA", "BRAVO", 100, 6)


@pytest.mark.parametrize(
    ("deliverer", "receiver", "quantity", "cash"),
    [
        ("ALPHA", "ALPHA", 100, 0),
        ("ALPHA", "BRAVO", 0, 0),
        ("ALPHA", "BRAVO", -1, 5),
        ("ALPHA", "BRAVO", LARGEST_AMOUNT + 1, 0),
        ("ALPHA", "BRAVO", 1, LARGEST_AMOUNT + 1),
        ("ALPHA", "BRAVO", 1, -LARGEST_AMOUNT - 1),
    ],
)
def test_an_instruction_that_could_never_be_right_is_refused(
    chain: Chain, deliverer: str, receiver: str, quantity: int, cash: int
) -> None:
    with pytest.raises(InstructionRefused):
        enter(chain, "R", deliverer, receiver, quantity, cash)
    assert not Instruction.objects.exists()


def test_the_largest_instructions_do_not_stop_a_cycle(chain: Chain) -> None:
    for number in range(40):
        enter(chain, f"R{number}", "ALPHA", "BRAVO", LARGEST_AMOUNT, LARGEST_AMOUNT)
    chain.give("ALPHA", "SHARE", 1)
    small = enter(chain, "small", "ALPHA", "BRAVO", 1, 0, symbol="SHARE")
    cycle = chain.cycle()
    assert cycle is not None
    assert (cycle.settled, cycle.lack) == (1, 40)
    assert standing(small)[0] == "SETTLED"


def test_a_cash_account_is_not_named_in_an_instruction(chain: Chain) -> None:
    with pytest.raises(InstructionRefused):
        enter_instruction(
            entered=DirectInstruction(
                reference="R",
                deliverer_account=chain.account("ALPHA", "EUR"),
                receiver_account=chain.account("BRAVO"),
                security=directory().securities[chain.assets["STOCK"]],
                quantity_units=1,
                cash_minor=0,
                intended_date=chain.day,
                priority=4,
            ),
            instructing_participant_id=chain.ids["ALPHA"],
            actor=SYSTEM,
            at=chain.at,
            business_date=chain.day,
        )
