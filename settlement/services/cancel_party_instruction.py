"""Cancel one party's instruction: by itself while it is unmatched, or by age."""

from datetime import date, datetime

from django.db import transaction
from django.db.models.functions import Greatest, TruncDate

from events.services.audit import record_action, record_actions
from reference.core.actor import SYSTEM, Actor
from reference.core.calendar import BUSINESS_ZONE
from reference.locks import take_lock
from settlement.core.party_lifecycle import PartyStatus
from settlement.models import PartyInstruction
from settlement.refusals import InstructionNotPending
from settlement.services.business_day import next_business_date
from settlement.services.cancel_instructions import cancel_instruction
from settlement.services.link_instructions import PARTY
from settlement.services.resolve_links import PARTY_LOCK

UNMATCHED_BUSINESS_DAYS = 20


def cancel_party_instruction(
    *, party_pk: int, actor: Actor, at: datetime, business_date: date, reason: str = ""
) -> str:
    """Cancel a party's instruction, or ask for the cancellation of what it became. Return CANCELLED or REQUESTED.

    While unmatched its party alone cancels it; once matched both parties must ask (T2S).
    Raises InstructionNotPending, CancellationRefused.
    """
    with transaction.atomic():
        take_lock(name=PARTY_LOCK)
        party = PartyInstruction.objects.select_for_update(no_key=True).get(pk=party_pk)
        if party.status == PartyStatus.CANCELLED:
            raise InstructionNotPending("The instruction is CANCELLED already.")
        if party.status == PartyStatus.UNMATCHED:
            PartyInstruction.objects.filter(pk=party.pk).update(status=PartyStatus.CANCELLED, ended_at=at)
            record_action(
                actor=actor, action="instruction.cancelled", at=at, business_date=business_date, object_type=PARTY,
                object_id=party.pk, summary=reason or "Cancelled by its party while unmatched.",
                detail={"before": "UNMATCHED", "after": "CANCELLED"},
            )  # fmt: skip
            return "CANCELLED"
        matched = party.instruction_id
    assert matched is not None, "What is matched became an instruction."
    return cancel_instruction(
        instruction_pk=matched, actor=actor, sides=[party.side], at=at, business_date=business_date, reason=reason
    )


def cancel_aged_party_instructions(*, at: datetime, business_date: date) -> int:
    """Cancel what has been unmatched for 20 business days (T2S); return how many.

    Counted from the later of the intended date and the entry or last amendment, on the CSD's calendar.
    """
    oldest = next_business_date(after=business_date, count=-UNMATCHED_BUSINESS_DAYS)
    with transaction.atomic():
        take_lock(name=PARTY_LOCK)
        aged = list(
            PartyInstruction.objects.filter(status=PartyStatus.UNMATCHED, intended_date__lte=oldest)
            .annotate(waits_since=Greatest("intended_date", TruncDate("changed_at", tzinfo=BUSINESS_ZONE)))
            .filter(waits_since__lte=oldest)
            .order_by("pk")
            .values_list("pk", "reference")
        )
        PartyInstruction.objects.filter(pk__in=[pk for pk, _ in aged]).update(status=PartyStatus.CANCELLED, ended_at=at)
        if aged:
            record_actions(
                actor=SYSTEM,
                action="instruction.cancelled",
                at=at,
                business_date=business_date,
                object_type=PARTY,
                objects=[
                    (
                        pk,
                        f"{reference}: unmatched for {UNMATCHED_BUSINESS_DAYS} business days",
                        {"before": "UNMATCHED", "after": "CANCELLED"},
                    )
                    for pk, reference in aged
                ],
            )
    return len(aged)
