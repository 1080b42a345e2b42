"""Take links between instructions away: a party its own, the operator any."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q

from events.services.audit import record_action
from events.services.outbox import record_fact
from reference.core.actor import Actor
from reference.locks import take_lock
from settlement.contracts import InstructionsReleased
from settlement.models import Instruction, PartyInstruction, PartyLink
from settlement.refusals import InstructionSettling, UnknownLinkedInstruction
from settlement.services.link_instructions import INSTRUCTION, PARTY, find_instruction, find_own, has_begun
from settlement.services.resolve_links import PARTY_LOCK, live_links_between, refresh_holds
from settlement.services.settle_cycle import CYCLE_LOCK


def unlink_party_instruction(*, party_pk: int, reference: str, actor: Actor, at: datetime, business_date: date) -> None:
    """Take a party's own link away, from whichever of its two instructions. The other party's stands.

    Raises UnknownLinkedInstruction, InstructionSettling.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        take_lock(name=PARTY_LOCK)
        party = PartyInstruction.objects.select_related("instruction").get(pk=party_pk)
        other = find_own(party=party, reference=reference)
        ends = Q(party_instruction=party, other=other) | Q(party_instruction=other, other=party)
        links = PartyLink.objects.filter(ends, removed_at=None)
        for end in (party, other):
            if end.instruction is not None and has_begun(end.instruction):
                raise InstructionSettling
        if not links.update(removed_at=at):
            raise UnknownLinkedInstruction(f"No link with {reference!r} stands.", pointer="/reference")
        matched = [row.instruction_id for row in (party, other) if row.instruction_id is not None]
        if len(matched) == 2 and not _wanted_by_another(ends=matched):
            live_links_between(first=matched[0], second=matched[1]).update(removed_at=at)
        refresh_holds(instruction_ids=matched)
        record_fact(fact=InstructionsReleased(count=len(matched)))
        record_action(
            actor=actor, action="instruction.unlinked", at=at, business_date=business_date, object_type=PARTY,
            object_id=party.pk, summary=f"No longer linked with {other.reference}.",
            detail={"other": other.reference},
        )  # fmt: skip


def unlink_instruction(*, instruction_pk: int, reference: str, actor: Actor, at: datetime, business_date: date) -> None:
    """Take the links between two matched instructions away, whoever asked for them. For the operator.

    Raises UnknownLinkedInstruction, InstructionSettling.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        take_lock(name=PARTY_LOCK)
        instruction, other = Instruction.objects.get(pk=instruction_pk), find_instruction(reference=reference)
        if has_begun(instruction) or has_begun(other):
            raise InstructionSettling
        ends = [instruction.pk, other.pk]
        PartyLink.objects.filter(
            removed_at=None, party_instruction__instruction_id__in=ends, other__instruction_id__in=ends
        ).update(removed_at=at)
        if not live_links_between(first=ends[0], second=ends[1]).update(removed_at=at):
            raise UnknownLinkedInstruction(f"No link with {reference!r} stands.", pointer="/reference")
        refresh_holds(instruction_ids=ends)
        record_fact(fact=InstructionsReleased(count=len(ends)))
        record_action(
            actor=actor, action="instruction.unlinked", at=at, business_date=business_date, object_type=INSTRUCTION,
            object_id=instruction.pk, summary=f"No longer linked with instruction {other.pk}.",
            detail={"other": other.pk},
        )  # fmt: skip


def _wanted_by_another(*, ends: Sequence[int]) -> bool:
    """Tell whether a party still asks for a link between two instructions."""
    return PartyLink.objects.filter(
        removed_at=None, party_instruction__instruction_id__in=ends, other__instruction_id__in=ends
    ).exists()
