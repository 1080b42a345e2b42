"""What the parties did, in the life of their instructions: instructed, held, released, amended, linked, cancelled."""

from collections.abc import Sequence

from events.core.life import LifeStep, Link
from events.models import AuditRecord
from events.queries.audit import actions_on
from reference.core.actor import Actor
from settlement.models import Instruction, PartyInstruction

ACTION_TITLES = {
    "instruction.held": "Held",
    "instruction.released": "Released",
    "instruction.cancelled": "Cancelled",
    "instruction.entered": "Instructed",
    "instruction.amended": "Amended",
    "instruction.linked": "Linked",
    "instruction.unlinked": "No longer linked",
    "instruction.cancellation_wanted": "Cancellation wanted",
}
STATES = {"instruction.cancelled": "CANCELLED", "instruction.held": "HELD", "instruction.released": "HELD"}


def actions_of(*, instructions: Sequence[Instruction], actor: Actor) -> list[LifeStep]:
    """Tell what was done to matched instructions."""
    records = actions_on(object_type="instruction", object_ids=[row.pk for row in instructions])
    return [
        _action(record=record, party=None, actor=actor) for record in records if record.action != "instruction.entered"
    ]


def steps_of_parties(*, instructions: Sequence[Instruction], actor: Actor) -> list[LifeStep]:
    """Tell what was done to the parties' own instructions that became matched ones."""
    rows = PartyInstruction.objects.filter(instruction__in=[row.pk for row in instructions])
    parties = {row.pk: row for row in rows.select_related("participant")}
    if not parties:
        return []
    records = actions_on(object_type="party-instruction", object_ids=list(parties))
    return [_action(record=record, party=parties[record.object_id or 0], actor=actor) for record in records]


def _action(*, record: AuditRecord, party: PartyInstruction | None, actor: Actor) -> LifeStep:
    """Tell of one thing that a party did, or the operator for it."""
    own = actor.sees_all or record.participant_id in (None, actor.participant_id)
    title = ACTION_TITLES.get(record.action, record.action)
    if party is not None and record.action == "instruction.entered":
        title = f"Instructed by {party.participant.code}"
    return LifeStep(
        at=record.at,
        recorded_at=record.recorded_at,
        title=title,
        state=STATES.get(record.action, "OPEN"),
        before=str(record.detail.get("before", "")) if isinstance(record.detail.get("before"), str) else "",
        after=str(record.detail.get("after", "")) if isinstance(record.detail.get("after"), str) else "",
        why=record.summary if own or party is None else "",
        by=record.actor if own else "the other side",
        link=Link("party-instruction", str(party.public_id)) if party is not None and own else None,
    )


def life_of_party(*, party: PartyInstruction, actor: Actor) -> list[LifeStep]:
    """Return what happened to a party's own instruction before and besides what it became."""
    records = actions_on(object_type="party-instruction", object_ids=[party.pk])
    steps = [_action(record=record, party=party, actor=actor) for record in records]
    if party.alleged_at is not None:
        steps.append(
            LifeStep(
                at=party.alleged_at,
                title="Alleged",
                state="ALLEGED",
                why=f"{party.counterparty.code} was told that it waits for its side.",
                by="the CSD",
            )
        )
    if party.instruction is not None and party.ended_at is not None:
        steps.append(
            LifeStep(
                at=party.ended_at,
                title="Matched",
                state="MATCHED",
                before="UNMATCHED",
                after="MATCHED",
                by="the CSD",
                why="Both sides agree; it settles as one instruction.",
                link=Link("instruction", str(party.instruction.public_id)),
            )
        )
    return steps
