"""An instruction's life: created, tried in cycles, held, settled or cancelled."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from events.core.life import LifeStep, Link
from events.queries import actions_on
from reference.core.actor import Actor
from reference.queries import directory
from settlement.core.lifecycle import InstructionStatus, Reason
from settlement.models import Attempt, Instruction, InstructionSource
from settlement.queries.visible import instructions_visible_to
from settlement.refusals import UnknownInstruction

SHOWN = (
    "deliverer_account__participant", "receiver_account__participant", "security", "currency", "cycle", "instructed_by",
)  # fmt: skip
ACTION_TITLES = {
    "instruction.held": "Held",
    "instruction.released": "Released",
    "instruction.cancelled": "Cancelled",
    "instruction.entered": "Entered directly",
}


def get_instruction(*, actor: Actor, public_id: UUID | str) -> Instruction:
    """Return one instruction with all that it names. Raises UnknownInstruction where the actor may see none."""
    found = instructions_visible_to(actor=actor).select_related(*SHOWN).filter(public_id=public_id).first()
    if found is None:
        raise UnknownInstruction
    return found


def instructions_of(*, obligation_ids: Iterable[int]) -> list[Instruction]:
    """Return the instructions that settle these obligations."""
    return list(
        Instruction.objects.select_related(*SHOWN)
        .filter(source=InstructionSource.OBLIGATION, source_id__in=list(obligation_ids))
        .order_by("id")
    )


def life_of(*, instructions: Sequence[Instruction], actor: Actor) -> list[LifeStep]:
    """Return what happened to these instructions, each in its order."""
    attempts: dict[int, list[Attempt]] = {}
    rows = Attempt.objects.filter(instruction_id__in=[row.pk for row in instructions]).select_related(
        "cycle", "short_account__participant", "short_asset"
    )
    for attempt in rows.order_by("cycle_id"):
        attempts.setdefault(attempt.instruction_id, []).append(attempt)
    steps: list[LifeStep] = []
    for instruction in instructions:
        subject = subject_of(instruction, among=instructions)
        own = [_created(instruction)]
        own += _tried(attempts=attempts.get(instruction.pk, []), instruction=instruction, actor=actor)
        if instruction.status == InstructionStatus.SETTLED:
            own.append(_settled(instruction))
        steps += [replace(step, title=_with_subject(subject, step.title)) for step in own]
    return steps + _actions(instructions=instructions, actor=actor)


def _with_subject(subject: str, title: str) -> str:
    """Put a subject before a title, which then goes on in lower case."""
    return f"{subject}{title[:1].lower()}{title[1:]}" if subject else title


def subject_of(instruction: Instruction, *, among: Sequence[Instruction]) -> str:
    """Return whose side an instruction is, with a colon, where several tell of one trade: "ESTRELA: "."""
    if len(among) < 2:
        return ""
    ccp = directory().ccp
    receiver = instruction.receiver_account.participant
    if ccp is not None and receiver.pk == ccp.id:
        return f"{instruction.deliverer_account.participant.code}: "
    return f"{receiver.code}: "


def describe_instruction(instruction: Instruction) -> str:
    """Say in words what an instruction moves."""
    deliverer = instruction.deliverer_account.participant.code
    receiver = instruction.receiver_account.participant.code
    cash = instruction.cash_minor
    amount = f"{Decimal(abs(cash)).scaleb(-instruction.currency.digits):,} {instruction.currency.code}"
    if not instruction.quantity_units:
        payer, payee = (receiver, deliverer) if cash > 0 else (deliverer, receiver)
        return f"{payer} pays {payee} {amount}"
    delivery = f"{deliverer} delivers {instruction.quantity_units:,} {instruction.security.symbol} to {receiver}"
    if not cash:
        return f"{delivery}, free of payment"
    return f"{delivery} against {amount}" if cash > 0 else f"{delivery} and pays {amount}"


def _created(instruction: Instruction) -> LifeStep:
    """Tell where the instruction came from."""
    direct = instruction.source == InstructionSource.DIRECT
    by = instruction.instructed_by.code if instruction.instructed_by else "clearing"
    return LifeStep(
        at=instruction.created_at,
        recorded_at=instruction.recorded_at,
        title="Instruction entered directly" if direct else "Settlement instructed",
        state=InstructionStatus.PENDING,
        after=InstructionStatus.PENDING,
        why=f"{describe_instruction(instruction)}.",
        by=by,
        details=(
            ("Intended date", instruction.intended_date.isoformat()),
            ("Deliverer", instruction.deliverer_account.code),
            ("Receiver", instruction.receiver_account.code),
        ),
        link=Link("instruction", str(instruction.public_id)),
    )


def _tried(*, attempts: Sequence[Attempt], instruction: Instruction, actor: Actor) -> list[LifeStep]:
    """Tell of the cycles that could not settle it; cycles in a row with the same shortage are one step."""
    steps = []
    kinds = groupby(attempts, key=lambda attempt: (attempt.reason, attempt.short_account_id, attempt.shortfall))
    for _, group in kinds:
        same = list(group)
        first, last = same[0], same[-1]
        cycles = f"{len(same)} cycles" if len(same) > 1 else first.cycle.name
        late = last.cycle.business_date > instruction.intended_date
        title = "On hold" if first.reason == Reason.HOLD else f"Could not settle: {cycles}"
        steps.append(
            LifeStep(
                at=first.cycle.ran_at,
                until=last.cycle.ran_at,
                recorded_at=first.cycle.recorded_at,
                title=title,
                state="HELD" if first.reason == Reason.HOLD else "FAILING" if late else str(first.reason),
                before=InstructionStatus.PENDING,
                after=InstructionStatus.PENDING,
                why=describe_shortage(attempt=last, actor=actor),
                by="settlement",
                details=tuple(
                    (f"{row.cycle.business_date} {row.cycle.name}", describe_shortage(attempt=row, actor=actor))
                    for row in same
                ),
                link=Link("cycle", str(first.cycle_id)),
            )
        )
    return steps


def describe_shortage(*, attempt: Attempt, actor: Actor) -> str:
    """Say what was missing and where. How much the other side lacks is not a participant's to know."""
    if attempt.reason == Reason.HOLD:
        return "A party holds it."
    what = "securities" if attempt.reason == Reason.LACK else "cash"
    account = attempt.short_account
    if account is None or attempt.short_asset is None:
        return f"Lacks {what}."
    if not actor.sees_all and account.participant_id != actor.participant_id:
        return f"The other side lacks {what}."
    amount = Decimal(attempt.shortfall).scaleb(-attempt.short_asset.digits)
    return f"{account.code} lacks {amount:,} {attempt.short_asset.code}."


def _settled(instruction: Instruction) -> LifeStep:
    """Tell when and in which cycle it settled."""
    assert instruction.settled_at is not None
    assert instruction.cycle is not None
    return LifeStep(
        at=instruction.settled_at,
        recorded_at=instruction.cycle.recorded_at,
        title=f"Settled in {instruction.cycle.name}",
        state=InstructionStatus.SETTLED,
        before=InstructionStatus.PENDING,
        after=InstructionStatus.SETTLED,
        why="Delivery and payment at once, or neither (DvP model 1).",
        by="settlement",
        link=Link("cycle", str(instruction.cycle_id)),
    )


def _actions(*, instructions: Sequence[Instruction], actor: Actor) -> list[LifeStep]:
    """Tell what the parties did: holds, releases, cancellations."""
    steps = []
    for record in actions_on(object_type="instruction", object_ids=[row.pk for row in instructions]):
        if record.action == "instruction.entered":
            continue
        own = actor.sees_all or record.participant_id in (None, actor.participant_id)
        steps.append(
            LifeStep(
                at=record.at,
                recorded_at=record.recorded_at,
                title=ACTION_TITLES.get(record.action, record.action),
                state="CANCELLED" if record.action.endswith("cancelled") else "HELD",
                before=str(record.detail.get("before", "")),
                after=str(record.detail.get("after", "")),
                why=record.summary,
                by=record.actor if own else "the other side",
            )
        )
    return steps
