"""The day's cycles, one cycle, an instruction with hold and release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.pages.reading import get_csv, get_text, text_of

if TYPE_CHECKING:
    from django.test import Client

    from settlement.models import Instruction
    from tests.factories.chain import Chain


def waiting_instruction() -> Instruction:
    from settlement.models import Instruction

    return Instruction.objects.filter(status="PENDING", security__symbol="STOCK").get()


def test_schedule_stands_against_what_happened(operator: Client) -> None:
    text = get_text(operator, "/cycles/")
    assert "Wednesday 10 September 2008" in text
    assert "Tue 20:00 Night-time cycle 1" in text
    assert "Settled of the value due, EUR" in text


def test_value_due_counts_once_however_often_it_is_tried(operator: Client, chain: Chain) -> None:
    before = get_text(operator, "/cycles/")
    chain.move_to(chain.day, 12)
    chain.cycle("Second")
    after = get_text(operator, "/cycles/")
    share = before.split("Settled of the value due, EUR ")[1].split(" Waiting")[0]
    assert share in after


def test_cycle_lists_what_waits_with_reason_and_shortfall(operator: Client) -> None:
    from settlement.models import Cycle

    cycle = Cycle.objects.get()
    text = get_text(operator, f"/cycles/{cycle.pk}/")
    assert "Lacks securities" in text
    assert "DELTA-SEC-HOUSE lacks 5" in text
    settled = get_csv(operator, f"/cycles/{cycle.pk}/?show=settled&format=csv")
    assert len(settled) == cycle.settled
    waiting = get_csv(operator, f"/cycles/{cycle.pk}/?format=csv")
    assert len(waiting) == cycle.considered - cycle.settled
    assert operator.get("/cycles/999999/").status_code == 404


def test_participant_sees_its_own_part_of_a_cycle(delta: Client, alpha: Client) -> None:
    from settlement.models import Cycle

    cycle = Cycle.objects.get()
    text = get_text(delta, f"/cycles/{cycle.pk}/")
    assert "Considered 2" in text
    assert "DELTA-SEC-HOUSE lacks 5" in text
    other = get_text(alpha, f"/cycles/{cycle.pk}/")
    assert "The other side lacks securities." in other
    assert "lacks 5" not in other


def test_instructions_filter_and_csv(operator: Client, chain: Chain) -> None:
    assert len(get_csv(operator, "/instructions/?status=PENDING&format=csv")) == 3
    assert get_csv(operator, "/instructions/?failing=true&format=csv") == []
    chain.move_to(chain.day.replace(day=11))
    assert len(get_csv(operator, "/instructions/?failing=true&format=csv")) == 3
    assert "Failing Yes" in get_text(operator, "/instructions/?failing=true")


def test_hold_and_release_are_in_the_life_and_the_audit_log(delta: Client, operator: Client) -> None:
    address = f"/instructions/{waiting_instruction().public_id}/"
    text = text_of(delta.post(address + "hold/", follow=True))
    assert "The instruction is held: no cycle settles it until it is released." in text
    assert "held by the deliverer" in text
    assert "Held for the deliverer." in text
    text = text_of(delta.post(address + "release/", follow=True))
    assert "The instruction is released: the next cycle tries it." in text
    assert "instruction.held" in get_text(operator, "/audit/?action=instruction")


def test_held_by_the_other_side_stays_held(delta: Client, alpha: Client) -> None:
    address = f"/instructions/{waiting_instruction().public_id}/"
    delta.post(address + "hold/")
    alpha.post(address + "hold/")
    text = text_of(delta.post(address + "release/", follow=True))
    assert "the other side still holds the instruction" in text


def test_a_held_instruction_is_not_settled(delta: Client, chain: Chain) -> None:
    from settlement.models import Cycle

    instruction = waiting_instruction()
    delta.post(f"/instructions/{instruction.public_id}/hold/")
    chain.give("DELTA", "STOCK", 100)
    chain.move_to(chain.day, 12)
    chain.cycle("Second")
    assert Cycle.objects.latest("id").held == 1
    assert "On hold" in get_text(delta, f"/instructions/{instruction.public_id}/")


def test_others_may_not_see_or_hold(bravo: Client, auditor: Client) -> None:
    address = f"/instructions/{waiting_instruction().public_id}/"
    assert bravo.get(address).status_code == 404
    assert bravo.post(address + "hold/").status_code == 404
    assert auditor.post(address + "hold/").status_code == 403


def test_settled_cannot_be_held(operator: Client) -> None:
    from settlement.models import Instruction

    settled = Instruction.objects.filter(status="SETTLED").first()
    assert settled is not None
    text = text_of(operator.post(f"/instructions/{settled.public_id}/hold/", follow=True))
    assert "The instruction is SETTLED already." in text


def test_instruction_names_the_trades_behind_it(operator: Client) -> None:
    from settlement.models import Instruction

    row = Instruction.objects.filter(status="SETTLED", receiver_account__participant__code="ALPHA").get()
    text = get_text(operator, f"/instructions/{row.public_id}/")
    assert "Its trades" in text
    assert "CCP delivers 100 STOCK to ALPHA against 1,000.00 EUR" in text
