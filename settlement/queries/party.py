"""What parties have instructed: their own, what is alleged against them, and the links they ask for."""

from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet

from reference.core.actor import Actor
from settlement.core.party_lifecycle import PartyStatus
from settlement.models import Instruction, InstructionLink, PartyInstruction, PartyLink
from settlement.queries.visible import instructions_visible_to
from settlement.refusals import UnknownInstruction

SHOWN = (
    "participant", "account", "counterparty", "counterparty_account", "security", "currency",
    "instruction__deliverer_account", "instruction__receiver_account",
)  # fmt: skip
SEEN_FROM = {"WITH": "WITH", "AFTER": "BEFORE", "BEFORE": "AFTER"}


def party_instructions_visible_to(*, actor: Actor) -> QuerySet[PartyInstruction]:
    """Return what the actor's participant has instructed, or everybody for who sees all."""
    rows = PartyInstruction.objects.select_related(*SHOWN)
    return rows if actor.participant_id is None else rows.filter(participant_id=actor.participant_id)


def allegements_visible_to(*, actor: Actor) -> QuerySet[PartyInstruction]:
    """Return what others have instructed with the actor and it has not; all that is alleged for who sees all."""
    alleged = PartyInstruction.objects.select_related(*SHOWN).filter(
        status=PartyStatus.UNMATCHED, alleged_at__isnull=False
    )
    return alleged if actor.participant_id is None else alleged.filter(counterparty_id=actor.participant_id)


def get_party_instruction(*, actor: Actor, public_id: UUID | str) -> PartyInstruction:
    """Return one party instruction of the actor's. Raises UnknownInstruction where the actor may see none."""
    found = party_instructions_visible_to(actor=actor).filter(public_id=public_id).first()
    if found is None:
        raise UnknownInstruction
    return found


def own_party_of(*, instruction: Instruction, actor: Actor) -> PartyInstruction | None:
    """Return the actor's own instruction that became part of a matched one, where there is exactly one."""
    if actor.participant_id is None:
        return None
    own = list(PartyInstruction.objects.filter(instruction=instruction, participant_id=actor.participant_id)[:2])
    return own[0] if len(own) == 1 else None


@dataclass(frozen=True)
class ShownLink:
    """A link, seen from one instruction: how it hangs together with which other one, and whether it is in effect.

    remove_by: what names the other one when the reader takes the link away; empty where it is not the reader's.
    """

    kind: str
    reference: str
    public_id: str
    in_effect: bool
    remove_by: str = ""


def links_of(*, instruction: Instruction, actor: Actor) -> list[ShownLink]:
    """Return the links of a matched instruction: those in effect, and those the actor's side still waits for.

    Instructions that are not the actor's to see are not named.
    """
    ends = Q(instruction=instruction) | Q(other=instruction)
    rows = list(
        InstructionLink.objects.filter(ends, removed_at=None).select_related("instruction", "other").order_by("pk")
    )
    others = {row.other_id if row.instruction_id == instruction.pk else row.instruction_id for row in rows}
    visible = set(instructions_visible_to(actor=actor).filter(pk__in=others).values_list("pk", flat=True))
    sides = instruction_parties(instruction=instruction, actor=actor)
    own = {link.other_pair: link for side in sides for link in _wanted_links(party=side)}
    shown = []
    for row in rows:
        is_first = row.instruction_id == instruction.pk
        other, kind = (row.other, row.kind) if is_first else (row.instruction, SEEN_FROM[row.kind])
        remove_by = str(other.public_id) if actor.is_operator else own[other.pk].reference if other.pk in own else ""
        named = other.pk in visible
        shown.append(
            ShownLink(
                kind=kind,
                reference=(other.reference or f"instruction {other.pk}") if named else "another instruction",
                public_id=str(other.public_id) if named else "",
                in_effect=True,
                remove_by=remove_by,
            )
        )
    waiting = [link for side in sides for link in links_of_party(party=side) if not link.in_effect]
    return shown + [
        replace(link, public_id="", remove_by="" if actor.is_operator else link.reference) for link in waiting
    ]


def instruction_parties(*, instruction: Instruction, actor: Actor) -> list[PartyInstruction]:
    """Return the parties' own instructions that became a matched one, as far as the actor may see them."""
    rows = PartyInstruction.objects.filter(instruction=instruction).order_by("pk")
    return list(rows if actor.participant_id is None else rows.filter(participant_id=actor.participant_id))


class _WantedLink(NamedTuple):
    """A party's link, seen from one of its instructions: the other one, and what that was matched into."""

    kind: str
    reference: str
    public_id: str
    in_effect: bool
    other_pair: int | None


def _wanted_links(*, party: PartyInstruction) -> list[_WantedLink]:
    """Return the links that a party asks for between one of its instructions and others of its own."""
    rows = PartyLink.objects.filter(Q(party_instruction=party) | Q(other=party), removed_at=None)
    found = []
    for row in rows.select_related("party_instruction", "other").order_by("pk"):
        is_first = row.party_instruction_id == party.pk
        other, kind = (row.other, row.kind) if is_first else (row.party_instruction, SEEN_FROM[row.kind])
        in_effect = row.resolved_at is not None
        found.append(_WantedLink(kind, other.reference, str(other.public_id), in_effect, other.instruction_id))
    return found


def links_of_party(*, party: PartyInstruction) -> list[ShownLink]:
    """Return the links that a party asks for between one of its instructions and others of its own."""
    return [
        ShownLink(link.kind, link.reference, link.public_id, link.in_effect, link.reference)
        for link in _wanted_links(party=party)
    ]
