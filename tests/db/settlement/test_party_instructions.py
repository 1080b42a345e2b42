"""One party's instructions: matched with the other's, alleged, amended, held, linked, cancelled."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from events.models import AuditRecord
from reference.core.actor import SYSTEM
from settlement.models import Instruction, InstructionLink, PartyInstruction
from settlement.refusals import (
    CancellationRefused,
    CircularLinks,
    ContradictoryLinks,
    InstructionNotPending,
    InstructionReferenceReused,
    InstructionRefused,
    InstructionSettling,
    LinkRefused,
    NotAmendable,
    PartialMinimumRefused,
    UnknownLinkedInstruction,
)
from settlement.services.allege_instructions import allege_instructions
from settlement.services.amend_instruction import Amendment, amend_instruction, amend_party_instruction
from settlement.services.cancel_instructions import cancel_aged_instructions, cancel_instruction
from settlement.services.cancel_party_instruction import cancel_aged_party_instructions, cancel_party_instruction
from settlement.services.enter_exchange import Exchange, enter_exchange_for_both, enter_exchange_for_party
from settlement.services.hold_instruction import hold_party_instruction, release_instruction
from settlement.services.link_instructions import WantedLink, link_instruction, link_party_instruction
from settlement.services.unlink_instructions import unlink_instruction, unlink_party_instruction
from tests.db.settlement.test_settle_cycle import enter
from tests.factories.chain import MONDAY, WEDNESDAY, Chain
from tests.factories.instructing import instruct, instruct_both, match_all, on

pytestmark = pytest.mark.django_db


def now(chain: Chain) -> dict[str, Any]:
    return {"at": chain.at, "business_date": chain.day}


def matched(chain: Chain, reference: str = "M", **changes: Any) -> Instruction:
    deliver, _ = instruct_both(chain, reference, **changes)
    match_all(chain)
    deliver.refresh_from_db()
    assert deliver.instruction is not None
    return deliver.instruction


class TestMatching:
    """Pairs become instructions."""

    def test_both_sides_become_one_instruction(self, chain: Chain) -> None:
        deliver = instruct(chain, "D1", "DELI", "ALPHA", "BRAVO", priority=3, partial="PARQ", partial_minimum_units=4,
                           common_reference="CR")  # fmt: skip
        assert match_all(chain) == 0
        receive = instruct(chain, "R1", "RECE", "BRAVO", "ALPHA", priority=2, partial="PART", held=True)
        assert match_all(chain) == 1
        assert match_all(chain) == 0
        instruction = Instruction.objects.get()
        deliver.refresh_from_db()
        receive.refresh_from_db()
        assert (deliver.status, deliver.instruction, receive.instruction) == ("MATCHED", instruction, instruction)
        assert (instruction.priority, instruction.partial_allowed, instruction.partial_minimum_units) == (2, True, 4)
        assert (instruction.held_by_deliverer, instruction.held_by_receiver) == (False, True)
        assert (instruction.deliverer_account_id, instruction.receiver_account_id) == (
            chain.account("ALPHA").pk, chain.account("BRAVO").pk,
        )  # fmt: skip

    def test_partial_only_where_both_allow(self, chain: Chain) -> None:
        instruct(chain, "D1", "DELI", "ALPHA", "BRAVO", partial="PARQ", partial_minimum_units=4)
        instruct(chain, "R1", "RECE", "BRAVO", "ALPHA")
        match_all(chain)
        instruction = Instruction.objects.get()
        assert (instruction.partial_allowed, instruction.partial_minimum_units) == (False, 0)

    @pytest.mark.parametrize(
        ("delivered", "received", "pairs"),
        [
            (1_000_000, 1_000_200, 1),
            (1_000_000, 1_000_201, 0),
            (10_000_001, 10_002_501, 1),
            (10_000_001, 10_002_502, 0),
        ],
    )
    def test_the_deliverers_amount_settles_within_the_tolerance(
        self, chain: Chain, delivered: int, received: int, pairs: int
    ) -> None:
        """Article 6: EUR 2 up to EUR 100,000, EUR 25 above."""
        instruct(chain, "D1", "DELI", "ALPHA", "BRAVO", cash=delivered)
        instruct(chain, "R1", "RECE", "BRAVO", "ALPHA", cash=received)
        assert match_all(chain) == pairs
        assert list(Instruction.objects.values_list("cash_minor", flat=True)) == [delivered] * pairs

    @pytest.mark.parametrize(
        ("changes", "pairs"),
        [
            ({"common_reference": "CR"}, 1),
            ({"trade_date": MONDAY}, 1),
            ({"units": 11}, 0),
            ({"intended_date": date(2008, 9, 11)}, 0),
            ({"cash": 0}, 0),
            ({"movement": "DELI"}, 0),
        ],
    )
    def test_blank_fields_match_filled_ones_and_others_must_agree(
        self, chain: Chain, changes: dict[str, Any], pairs: int
    ) -> None:
        instruct(chain, "D1", "DELI", "ALPHA", "BRAVO")
        movement = changes.pop("movement", "RECE")
        instruct(chain, "R1", movement, "BRAVO", "ALPHA", **changes)
        assert match_all(chain) == pairs

    def test_two_filled_references_must_agree(self, chain: Chain) -> None:
        instruct(chain, "D1", "DELI", "ALPHA", "BRAVO", common_reference="ONE")
        instruct(chain, "R1", "RECE", "BRAVO", "ALPHA", common_reference="TWO")
        assert match_all(chain) == 0

    def test_the_same_counterparty_twice_in_the_order_of_entry(self, chain: Chain) -> None:
        first, second = (instruct(chain, f"D{n}", "DELI", "ALPHA", "BRAVO") for n in (1, 2))
        instruct(chain, "R1", "RECE", "BRAVO", "ALPHA")
        assert match_all(chain) == 1
        assert [PartyInstruction.objects.get(pk=row.pk).status for row in (first, second)] == ["MATCHED", "UNMATCHED"]

    def test_a_transfer_between_own_accounts(self, chain: Chain) -> None:
        instruct(chain, "D1", "DELI", "ALPHA", "ALPHA", cash=0)
        instruct(chain, "R1", "RECE", "ALPHA", "ALPHA", cash=0)
        assert match_all(chain) == 0, "nothing moves within one account"
        instruct(chain, "R2", "RECE", "ALPHA", "ALPHA", cash=0, account="FUND")
        assert match_all(chain) == 1

    def test_what_matched_settles(self, chain: Chain) -> None:
        chain.give("ALPHA", "STOCK", 10)
        chain.give("BRAVO", "EUR", 10_000)
        instruction = matched(chain)
        chain.move_to(WEDNESDAY)
        chain.cycle()
        instruction.refresh_from_db()
        assert instruction.status == "SETTLED"
        assert (chain.balance("BRAVO", "STOCK"), chain.balance("ALPHA", "EUR")) == (10, 10_000)


class TestEntry:
    """What is refused, and what is entered twice."""

    def test_the_same_twice_is_one_and_other_content_is_refused(self, chain: Chain) -> None:
        first = instruct(chain, "D1", "DELI", "ALPHA", "BRAVO")
        assert instruct(chain, "D1", "DELI", "ALPHA", "BRAVO").pk == first.pk
        with pytest.raises(InstructionReferenceReused):
            instruct(chain, "D1", "DELI", "ALPHA", "BRAVO", units=11)
        instruct(chain, "D1", "RECE", "BRAVO", "ALPHA")
        assert PartyInstruction.objects.count() == 2

    def test_a_reference_entered_for_both_sides_is_taken(self, chain: Chain) -> None:
        enter(chain, "X", "ALPHA", "BRAVO", 10, 0)
        with pytest.raises(InstructionReferenceReused):
            instruct(chain, "X", "DELI", "ALPHA", "BRAVO")
        instruct(chain, "Y", "DELI", "ALPHA", "BRAVO")
        with pytest.raises(InstructionReferenceReused):
            enter(chain, "Y", "ALPHA", "BRAVO", 10, 0)
        assert (PartyInstruction.objects.count(), Instruction.objects.count()) == (1, 1)

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"partial": "PARQ", "partial_minimum_units": 11}, PartialMinimumRefused),
            ({"partial": "PARQ", "partial_minimum_units": 0}, PartialMinimumRefused),
            ({"partial": "PART", "partial_minimum_units": 1}, PartialMinimumRefused),
            ({"partial_minimum_units": 1}, PartialMinimumRefused),
            ({"units": 0, "partial": "PART"}, InstructionRefused),
            ({"payment": "FREE"}, InstructionRefused),
            ({"payment": "APMT", "cash": 0}, InstructionRefused),
            ({"payment": "PFOD"}, InstructionRefused),
            ({"trade_date": date(2008, 9, 11)}, InstructionRefused),
            ({"units": 10**16}, InstructionRefused),
            ({"links": [("WITH", "NONE")]}, UnknownLinkedInstruction),
        ],
    )
    def test_refused_by_name(self, chain: Chain, changes: dict[str, Any], refusal: type[Exception]) -> None:
        with pytest.raises(refusal):
            instruct(chain, "D1", "DELI", "ALPHA", "BRAVO", **changes)
        assert not PartyInstruction.objects.exists()
        assert not AuditRecord.objects.filter(action="instruction.entered").exists()


class TestAllegementAndAge:
    """The counterparty is told; what stays alone too long goes."""

    def test_alleged_within_the_hour_or_at_once(self, chain: Chain) -> None:
        instruct(chain, "D1", "DELI", "ALPHA", "BRAVO")
        match_all(chain)
        assert allege_instructions(**on(chain, MONDAY, 10)) == 0
        chain.move_to(MONDAY, 10, 30)
        assert allege_instructions(**now(chain)) == 1
        chain.move_to(WEDNESDAY, 10, 59)
        instruct(chain, "D2", "DELI", "ALPHA", "BRAVO", units=7)
        instruct(chain, "D3", "DELI", "ALPHA", "BRAVO", units=8, cash=0)
        match_all(chain)
        assert allege_instructions(**now(chain)) == 0
        assert allege_instructions(**on(chain, WEDNESDAY, 11)) == 1, "free of payment has until 18:00"

    def test_cancelled_alone_while_unmatched(self, chain: Chain) -> None:
        row = instruct(chain, "D1", "DELI", "ALPHA", "BRAVO")
        assert cancel_party_instruction(party_pk=row.pk, actor=chain.actor("ALPHA"), **now(chain)) == "CANCELLED"
        with pytest.raises(InstructionNotPending):
            cancel_party_instruction(party_pk=row.pk, actor=chain.actor("ALPHA"), **now(chain))
        instruct(chain, "R1", "RECE", "BRAVO", "ALPHA")
        assert match_all(chain) == 0

    def test_cancelled_after_twenty_business_days(self, chain: Chain) -> None:
        """Twenty TARGET days after Wednesday 10 September 2008 end on 8 October."""
        row = instruct(chain, "D1", "DELI", "ALPHA", "BRAVO")
        assert cancel_aged_party_instructions(**on(chain, date(2008, 10, 7))) == 0
        assert cancel_aged_party_instructions(**on(chain, date(2008, 10, 8))) == 1
        row.refresh_from_db()
        assert row.status == "CANCELLED"

    def test_a_part_that_settled_counts_as_a_change(self, chain: Chain) -> None:
        """Sixty TARGET days after 10 September 2008 end on 3 December; a part settled in between begins anew."""
        from django.db import connection

        from settlement.models import Cycle, PartialSettlement

        instruction = matched(chain, partial="PART")
        cycle = Cycle.objects.create(business_date=date(2008, 10, 1), number=1, name="C", ran_at=chain.at, considered=1,
                                     settled=0, partly=1, decided_in_ms=0, took_ms=0)  # fmt: skip
        PartialSettlement.objects.create(instruction=instruction, cycle=cycle, settled_units=4, settled_minor=4_000)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE settlement_instruction SET settled_units = 4, settled_minor = 4000")
        assert cancel_aged_instructions(**on(chain, date(2008, 12, 3))) == 0
        assert cancel_aged_instructions(**on(chain, date(2008, 12, 24))) == 1

    def test_both_sides_cancel_what_is_matched(self, chain: Chain) -> None:
        instruction = matched(chain)
        deliver, receive = instruction.parties.order_by("pk")
        assert cancel_party_instruction(party_pk=deliver.pk, actor=chain.actor("ALPHA"), **now(chain)) == "REQUESTED"
        instruction.refresh_from_db()
        assert (instruction.cancel_wanted_by_deliverer, instruction.status) == (True, "PENDING")
        assert cancel_party_instruction(party_pk=receive.pk, actor=chain.actor("BRAVO"), **now(chain)) == "CANCELLED"
        instruction.refresh_from_db()
        assert instruction.status == "CANCELLED"

    def test_what_settles_trades_is_cancelled_with_the_trade(self, chain: Chain) -> None:
        chain.trade("G", "ALPHA", "BRAVO", cleared=False)
        chain.clear()
        chain.instruct()
        with pytest.raises(CancellationRefused):
            cancel_instruction(
                instruction_pk=Instruction.objects.get().pk, actor=SYSTEM, sides=["deliverer", "receiver"], **now(chain)
            )


class TestAmendment:
    """Process indicators only, of either side."""

    def test_the_pair_follows_its_parties(self, chain: Chain) -> None:
        instruction = matched(chain)
        deliver, receive = instruction.parties.order_by("pk")
        amend_party_instruction(party_pk=deliver.pk, amendment=Amendment(priority=1, partial="PART"),
                                actor=chain.actor("ALPHA"), **now(chain))  # fmt: skip
        instruction.refresh_from_db()
        assert (instruction.priority, instruction.partial_allowed) == (1, False)
        amend_party_instruction(party_pk=receive.pk, amendment=Amendment(partial="PARQ", partial_minimum_units=6),
                                actor=chain.actor("BRAVO"), **now(chain))  # fmt: skip
        instruction.refresh_from_db()
        assert (instruction.partial_allowed, instruction.partial_minimum_units) == (True, 6)
        with pytest.raises(PartialMinimumRefused):
            amend_party_instruction(party_pk=receive.pk, amendment=Amendment(partial_minimum_units=11),
                                    actor=chain.actor("BRAVO"), **now(chain))  # fmt: skip

    def test_settled_is_not_amended(self, chain: Chain) -> None:
        chain.give("ALPHA", "STOCK", 10)
        chain.give("BRAVO", "EUR", 10_000)
        instruction = matched(chain)
        chain.move_to(WEDNESDAY)
        chain.cycle()
        deliver = instruction.parties.get(movement="DELI")
        with pytest.raises(InstructionSettling):
            amend_party_instruction(party_pk=deliver.pk, amendment=Amendment(priority=1), actor=chain.actor("ALPHA"),
                                    **now(chain))  # fmt: skip
        instruct(chain, "D9", "DELI", "ALPHA", "BRAVO", units=3)
        with pytest.raises(InstructionSettling):
            link_party_instruction(party_pk=deliver.pk, links=[WantedLink("WITH", "D9")], actor=chain.actor("ALPHA"),
                                   **now(chain))  # fmt: skip

    def test_only_the_operator_allows_parts_for_both(self, chain: Chain) -> None:
        instruction = enter(chain, "X", "ALPHA", "BRAVO", 10, 0)
        with pytest.raises(NotAmendable):
            amend_instruction(instruction_pk=instruction.pk, amendment=Amendment(partial="PART"),
                              actor=chain.actor("ALPHA"), **now(chain))  # fmt: skip
        amend_instruction(
            instruction_pk=instruction.pk, amendment=Amendment(partial="PART"), actor=SYSTEM, **now(chain)
        )
        amend_instruction(instruction_pk=instruction.pk, amendment=Amendment(priority=2), actor=chain.actor("BRAVO"),
                          **now(chain))  # fmt: skip
        instruction.refresh_from_db()
        assert (instruction.partial_allowed, instruction.priority) == (True, 2)


class TestLinks:
    """Asked for by reference, in effect once both are matched."""

    def test_linked_at_entry_waits_until_both_are_matched(self, chain: Chain) -> None:
        instruct(chain, "A", "DELI", "ALPHA", "BRAVO", units=5)
        instruct(chain, "B", "DELI", "ALPHA", "BRAVO", units=6, links=[("AFTER", "A")])
        instruct(chain, "B'", "RECE", "BRAVO", "ALPHA", units=6)
        assert match_all(chain) == 1
        later = Instruction.objects.get()
        assert later.held_by_deliverer
        release_instruction(instruction_pk=later.pk, actor=chain.actor("ALPHA"), **now(chain))
        later.refresh_from_db()
        assert later.held_by_deliverer, "the link keeps it until the other is matched"
        instruct(chain, "A'", "RECE", "BRAVO", "ALPHA", units=5)
        assert match_all(chain) == 1
        assert not Instruction.objects.get(pk=later.pk).held_by_deliverer
        earlier = Instruction.objects.exclude(pk=later.pk).get()
        link = InstructionLink.objects.get()
        assert (link.kind, link.instruction_id, link.other_id) == ("AFTER", later.pk, earlier.pk)

    def test_an_own_hold_outlives_the_link(self, chain: Chain) -> None:
        instruct_both(chain, "A", units=5)
        row = instruct(chain, "B", "DELI", "ALPHA", "BRAVO", units=6, links=[("WITH", "A-D")])
        hold_party_instruction(party_pk=row.pk, held=True, actor=chain.actor("ALPHA"), **now(chain))
        instruct(chain, "B'", "RECE", "BRAVO", "ALPHA", units=6)
        match_all(chain)
        assert InstructionLink.objects.filter(kind="WITH").count() == 1
        row.refresh_from_db()
        assert row.instruction is not None
        assert row.instruction.held_by_deliverer

    def test_circles_and_contradictions_are_refused(self, chain: Chain) -> None:
        instruct(chain, "A", "DELI", "ALPHA", "BRAVO", units=5)
        instruct(chain, "B", "DELI", "ALPHA", "BRAVO", units=6, links=[("AFTER", "A")])
        instruct(chain, "C", "DELI", "ALPHA", "BRAVO", units=7, links=[("AFTER", "B")])
        for reference, kind, other, refusal in (
            ("A", "AFTER", "C", CircularLinks),
            ("C", "BEFORE", "A", CircularLinks),
            ("A", "WITH", "C", ContradictoryLinks),
            ("A", "BEFORE", "B", ContradictoryLinks),
            ("A", "WITH", "A", ContradictoryLinks),
        ):
            with pytest.raises(refusal):
                link_party_instruction(
                    party_pk=PartyInstruction.objects.get(reference=reference).pk, links=[WantedLink(kind, other)],
                    actor=chain.actor("ALPHA"), **now(chain),
                )  # fmt: skip

    def test_parties_that_contradict_each_other_both_wait(self, chain: Chain) -> None:
        instruct(chain, "A", "DELI", "ALPHA", "BRAVO", units=5)
        instruct(chain, "B", "DELI", "ALPHA", "BRAVO", units=6, links=[("AFTER", "A")])
        instruct(chain, "B'", "RECE", "BRAVO", "ALPHA", units=6)
        instruct(chain, "A'", "RECE", "BRAVO", "ALPHA", units=5, links=[("AFTER", "B'")])
        match_all(chain)
        assert InstructionLink.objects.count() == 1
        a = Instruction.objects.get(quantity_units=5)
        assert a.held_by_receiver
        row = PartyInstruction.objects.get(reference="A'")
        unlink_party_instruction(party_pk=row.pk, reference="B'", actor=chain.actor("BRAVO"), **now(chain))
        assert not Instruction.objects.get(pk=a.pk).held_by_receiver
        assert InstructionLink.objects.filter(removed_at=None).count() == 1

    def test_a_link_both_asked_for_stands_until_both_take_it_away(self, chain: Chain) -> None:
        instruct_both(chain, "A", units=5)
        for by, movement, other in (("ALPHA", "DELI", "A-D"), ("BRAVO", "RECE", "A-R")):
            counterparty = "BRAVO" if by == "ALPHA" else "ALPHA"
            instruct(chain, f"B{by}", movement, by, counterparty, units=6, links=[("WITH", other)])
        match_all(chain)
        live = InstructionLink.objects.filter(removed_at=None)
        assert live.count() == 1
        for by, other, left in (("ALPHA", "A-D", 1), ("BRAVO", "A-R", 0)):
            row = PartyInstruction.objects.get(reference=f"B{by}")
            unlink_party_instruction(party_pk=row.pk, reference=other, actor=chain.actor(by), **now(chain))
            assert live.count() == left

    def test_the_operator_links_what_is_matched(self, chain: Chain) -> None:
        first, second = enter(chain, "X", "ALPHA", "BRAVO", 10, 0), enter(chain, "Y", "ALPHA", "BRAVO", 11, 0)
        link_instruction(instruction_pk=first.pk, links=[WantedLink("BEFORE", "Y")], actor=SYSTEM, **now(chain))
        link = InstructionLink.objects.get()
        assert (link.kind, link.instruction_id) == ("AFTER", second.pk)
        with pytest.raises(ContradictoryLinks):
            link_instruction(instruction_pk=first.pk, links=[WantedLink("WITH", str(second.public_id))], actor=SYSTEM,
                             **now(chain))  # fmt: skip
        unlink_instruction(instruction_pk=second.pk, reference="X", actor=SYSTEM, **now(chain))
        assert not InstructionLink.objects.filter(removed_at=None).exists()

    def test_a_party_does_not_link_what_was_entered_for_both(self, chain: Chain) -> None:
        enter(chain, "X", "ALPHA", "BRAVO", 10, 0)
        with pytest.raises(LinkRefused):
            instruct(chain, "D", "DELI", "ALPHA", "BRAVO", links=[("WITH", "X")])


class TestExchange:
    """Payment versus payment."""

    def exchange(self, chain: Chain, reference: str = "FX") -> Exchange:
        return Exchange(
            reference=reference, common_reference="DEAL", buyer_account=chain.account("ALPHA"),
            seller_account=chain.account("BRAVO"), paid_currency_id=chain.assets["EUR"], paid_minor=70_000,
            bought_currency_id=chain.assets["USD"], bought_minor=100_000, intended_date=WEDNESDAY, trade_date=None,
            priority=3,
        )  # fmt: skip

    def test_for_both_is_linked_at_once_and_entered_once(self, chain: Chain) -> None:
        for is_new in (True, False):
            rows, new = enter_exchange_for_both(
                exchange=self.exchange(chain), instructing_participant_id=chain.ids["ALPHA"], actor=SYSTEM, **now(chain)
            )
            assert (len(rows), new) == (2, is_new)
        assert InstructionLink.objects.get().kind == "WITH"
        assert list(Instruction.objects.order_by("pk").values_list("cash_minor", "quantity_units")) == [
            (70_000, 0), (100_000, 0),
        ]  # fmt: skip

    def test_each_party_enters_its_own_and_both_settle_together(self, chain: Chain) -> None:
        for by in ("ALPHA", "BRAVO"):
            enter_exchange_for_party(
                exchange=self.exchange(chain), participant_id=chain.ids[by], actor=chain.actor(by), **now(chain)
            )
        assert match_all(chain) == 2
        assert InstructionLink.objects.get().kind == "WITH"
        chain.give("ALPHA", "EUR", 70_000)
        chain.move_to(WEDNESDAY)
        chain.cycle()
        assert set(Instruction.objects.values_list("status", flat=True)) == {"PENDING"}
        chain.give("BRAVO", "USD", 100_000)
        chain.cycle()
        assert set(Instruction.objects.values_list("status", flat=True)) == {"SETTLED"}
        assert (chain.balance("ALPHA", "USD"), chain.balance("BRAVO", "EUR")) == (100_000, 70_000)
