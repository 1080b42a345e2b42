"""An instruction's life: created, tried in cycles, held, settled or cancelled."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from events.core.life import LifeStep, Link
from reference.core.actor import Actor
from reference.models import AssetKind
from reference.queries import directory
from settlement.core.lifecycle import InstructionStatus, Reason
from settlement.models import Attempt, Instruction, InstructionSource, PartialSettlement
from settlement.queries.actions import actions_of, steps_of_parties
from settlement.queries.visible import instructions_visible_to
from settlement.refusals import UnknownInstruction

SHOWN = (
    "deliverer_account__participant", "receiver_account__participant", "security", "currency", "cycle", "instructed_by",
)  # fmt: skip


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
    parts = list(
        PartialSettlement.objects.filter(instruction__in=[row.pk for row in instructions])
        .select_related("cycle")
        .order_by("id")
    )
    steps: list[LifeStep] = []
    for instruction in instructions:
        subject = subject_of(instruction, among=instructions)
        own = [_created(instruction)]
        own += _tried(attempts=attempts.get(instruction.pk, []), instruction=instruction, actor=actor)
        own += [_partly(part, instruction=instruction) for part in parts if part.instruction_id == instruction.pk]
        if instruction.status == InstructionStatus.SETTLED:
            own.append(_settled(instruction))
        steps += [replace(step, title=_with_subject(subject, step.title)) for step in own]
    parties = steps_of_parties(instructions=instructions, actor=actor)
    return [*parties, *steps, *actions_of(instructions=instructions, actor=actor)]


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
    if instruction.security is None:
        payer, payee = (receiver, deliverer) if cash > 0 else (deliverer, receiver)
        return f"{payer} pays {payee} {amount}"
    delivery = f"{deliverer} delivers {instruction.quantity_units:,} {instruction.security.symbol} to {receiver}"
    if not cash:
        return f"{delivery}, free of payment"
    return f"{delivery} against {amount}" if cash > 0 else f"{delivery} and pays {amount}"


def _created(instruction: Instruction) -> LifeStep:
    """Tell where the instruction came from: two parties' own, an entry for both, clearing or the CSD itself."""
    direct = instruction.source == InstructionSource.DIRECT
    title, by = "Settlement instructed", "clearing" if instruction.source == InstructionSource.OBLIGATION else "the CSD"
    if direct:
        entered_for_both = instruction.instructed_by is not None
        title = "Instruction entered directly" if entered_for_both else "Matched"
        by = instruction.instructed_by.code if instruction.instructed_by is not None else "the CSD"
    return LifeStep(
        at=instruction.created_at,
        recorded_at=instruction.recorded_at,
        title=title,
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
    # Lacking securities, and lacking them even for a part, are the same shortage told in and outside a window.
    kinds = groupby(
        attempts,
        key=lambda attempt: (
            Reason.LACK if attempt.reason == Reason.MINIMUM else attempt.reason,
            attempt.short_account_id,
            attempt.shortfall,
        ),
    )
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
    """Say what was missing and where, and what would have brought it.

    How much the other side lacks, and of whom it waits for it, is not a participant's to know.
    """
    if attempt.reason == Reason.HOLD:
        return "A party holds it."
    if attempt.reason == Reason.LINK:
        return "Waits for the instruction it is linked with."
    account, asset = attempt.short_account, attempt.short_asset
    what = "cash" if asset is not None and asset.kind == AssetKind.CASH else "securities"
    small = " Only a part below the least that may settle could." if attempt.reason == Reason.MINIMUM else ""
    if account is None or asset is None:
        return f"Lacks {what}."
    if not actor.sees_all and account.participant_id != actor.participant_id:
        return f"The other side lacks {what}.{small}"
    amount = Decimal(attempt.shortfall).scaleb(-asset.digits)
    brought = f" Instruction {attempt.waits_for_id} would bring some." if attempt.waits_for_id else ""
    return f"{account.code} lacks {amount:,} {asset.code}.{small}{brought}"


def _partly(part: PartialSettlement, *, instruction: Instruction) -> LifeStep:
    """Tell of a part that settled."""
    cash = Decimal(abs(part.settled_minor)).scaleb(-instruction.currency.digits)
    against = f" for {cash:,} {instruction.currency.code}" if part.settled_minor else ""
    return LifeStep(
        at=part.cycle.ran_at,
        recorded_at=part.cycle.recorded_at,
        title=f"Settled in part in {part.cycle.name}",
        state="PARTLY",
        before=InstructionStatus.PENDING,
        after=InstructionStatus.PENDING,
        why=f"{part.settled_units:,} of {instruction.quantity_units:,}{against}; the rest waits.",
        by="settlement",
        link=Link("cycle", str(part.cycle_id)),
    )


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
