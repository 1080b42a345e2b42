"""Links between instructions: asked for by a party, in effect once both are matched (T2S: WITH, AFTE, BEFO)."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from events.services.audit import record_action
from reference.core.actor import Actor
from reference.locks import take_lock
from settlement.core.lifecycle import InstructionStatus
from settlement.core.link_rules import Edge, find_contradiction, read_link
from settlement.core.party_lifecycle import PartyStatus
from settlement.models import Instruction, PartyInstruction, PartyLink
from settlement.refusals import (
    CircularLinks,
    ContradictoryLinks,
    InstructionNotPending,
    InstructionSettling,
    LinkRefused,
    UnknownLinkedInstruction,
)
from settlement.services.resolve_links import (
    PARTY_LOCK,
    node_of,
    refresh_holds,
    resolve_links,
    standing_links,
    write_links,
)
from settlement.services.settle_cycle import CYCLE_LOCK

PARTY, INSTRUCTION = "party-instruction", "instruction"


class WantedLink(NamedTuple):
    """A link as a party words it: its kind, WITH, AFTER or BEFORE, and the other instruction's reference."""

    kind: str
    reference: str


def link_party_instruction(
    *, party_pk: int, links: Sequence[WantedLink], actor: Actor, at: datetime, business_date: date
) -> None:
    """Link a party's instruction with others of its own, named by reference.

    Raises UnknownLinkedInstruction, ContradictoryLinks, CircularLinks, InstructionNotPending, InstructionSettling.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        take_lock(name=PARTY_LOCK)
        party = PartyInstruction.objects.select_related("instruction").get(pk=party_pk)
        for link in links:
            other = find_own(party=party, reference=link.reference)
            for end in (party, other):
                check_linkable_party(party=end)
            _check_edge(edge=read_link(kind=link.kind, first=node_of(party), second=node_of(other)))
            PartyLink.objects.create(kind=link.kind, party_instruction=party, other=other, created_at=at)
            record_action(
                actor=actor, action="instruction.linked", at=at, business_date=business_date, object_type=PARTY,
                object_id=party.pk, summary=f"Linked: {link.kind} {other.reference}.",
                detail={"kind": link.kind, "other": other.reference},
            )  # fmt: skip
        resolve_links(at=at)
        refresh_holds(instruction_ids=[row.instruction_id for row in [party, *_others_of(party)] if row.instruction_id])


def _others_of(party: PartyInstruction) -> list[PartyInstruction]:
    """Return the instructions that a party's instruction is linked with."""
    wanted = PartyLink.objects.filter(removed_at=None)
    ids = set(wanted.filter(party_instruction=party).values_list("other_id", flat=True))
    ids |= set(wanted.filter(other=party).values_list("party_instruction_id", flat=True))
    return list(PartyInstruction.objects.filter(pk__in=ids))


def link_instruction(
    *, instruction_pk: int, links: Sequence[WantedLink], actor: Actor, at: datetime, business_date: date
) -> None:
    """Link a matched instruction with other matched ones, named by id or reference. For the operator.

    Raises UnknownLinkedInstruction, LinkRefused, ContradictoryLinks, CircularLinks, InstructionNotPending,
    InstructionSettling.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        take_lock(name=PARTY_LOCK)
        instruction = Instruction.objects.get(pk=instruction_pk)
        for link in links:
            other = find_instruction(reference=link.reference)
            for end in (instruction, other):
                check_linkable(instruction=end)
            edge = read_link(kind=link.kind, first=instruction.pk, second=other.pk)
            _check_edge(edge=edge)
            write_links(edges=[edge], at=at)
            record_action(
                actor=actor, action="instruction.linked", at=at, business_date=business_date, object_type=INSTRUCTION,
                object_id=instruction.pk, summary=f"Linked: {link.kind} instruction {other.pk}.",
                detail={"kind": link.kind, "other": other.pk},
            )  # fmt: skip


def _check_edge(*, edge: Edge) -> None:
    """Raise the refusal of a link that cannot stand; the same twice is refused as a contradiction of nothing."""
    problem = find_contradiction(edge=edge, standing=standing_links(nodes=(edge.first, edge.second)))
    if problem == "SELF":
        raise ContradictoryLinks("An instruction is not linked with itself.", pointer="/reference")
    if problem == "TWICE":
        raise ContradictoryLinks("The two are linked so already.", pointer="/reference")
    if problem == "CONTRADICTS":
        raise ContradictoryLinks(pointer="/kind")
    if problem == "CIRCULAR":
        raise CircularLinks(pointer="/kind")


def has_begun(instruction: Instruction) -> bool:
    """Tell whether an instruction has settled, wholly or in part."""
    return bool(
        instruction.status == InstructionStatus.SETTLED or instruction.settled_units or instruction.settled_minor
    )


def check_linkable(*, instruction: Instruction) -> None:
    """Raise InstructionSettling or InstructionNotPending where links can no longer change."""
    if has_begun(instruction):
        raise InstructionSettling("The instruction has settled, wholly or in part: its links stay as they are.")
    if instruction.status != InstructionStatus.PENDING:
        raise InstructionNotPending(f"The instruction is {instruction.status} already.")


def check_linkable_party(*, party: PartyInstruction) -> None:
    """Raise InstructionSettling or InstructionNotPending where a party's instruction can no longer be linked."""
    if party.status == PartyStatus.CANCELLED:
        raise InstructionNotPending(f"{party.reference} is cancelled.")
    if party.instruction is not None:
        check_linkable(instruction=party.instruction)


def find_own(*, party: PartyInstruction, reference: str) -> PartyInstruction:
    """Return another instruction of the same party by its reference. Raises UnknownLinkedInstruction, LinkRefused."""
    own = PartyInstruction.objects.filter(participant_id=party.participant_id).select_related("instruction")
    found = own.filter(reference=reference).first()
    if found is None:
        both_sides = Instruction.objects.filter(instructed_by_id=party.participant_id, reference=reference)
        if both_sides.exists():
            raise LinkRefused(
                f"{reference} was entered for both sides: the operator links it once yours is matched.",
                pointer="/reference",
            )
        raise UnknownLinkedInstruction(f"You have no instruction {reference!r}.", pointer="/reference")
    return found


def find_instruction(*, reference: str) -> Instruction:
    """Return a matched instruction by its id or reference. Raises UnknownLinkedInstruction, LinkRefused."""
    try:
        found = list(Instruction.objects.filter(public_id=UUID(reference))[:1])
    except ValueError:
        of_party = Q(parties__reference=reference)
        found = list(Instruction.objects.filter(Q(reference=reference) | of_party).distinct()[:2])
    if not found:
        raise UnknownLinkedInstruction(f"There is no matched instruction {reference!r}.", pointer="/reference")
    if len(found) > 1:
        raise LinkRefused(f"{reference!r} is the reference of several: name it by its id.", pointer="/reference")
    return found[0]
