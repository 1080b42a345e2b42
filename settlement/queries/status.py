"""The T2S statuses of instructions, as an actor sees them."""

from datetime import date

from reference.core.actor import Actor
from settlement.core.status import SettlementState, T2sStatus, Viewpoint, derive_party_status, derive_status
from settlement.models import Instruction, PartyInstruction


def status_of(*, instruction: Instruction, business_date: date, participant_id: int | None = None) -> T2sStatus:
    """Return the T2S status of a matched instruction as a participant sees it; as the CSD does for None."""
    viewpoint: Viewpoint = ""
    if participant_id is not None:
        deliverer = instruction.deliverer_account.participant_id == participant_id
        receiver = instruction.receiver_account.participant_id == participant_id
        viewpoint = "" if deliverer == receiver else "deliverer" if deliverer else "receiver"
    return derive_status(
        state=SettlementState(
            status=instruction.status,
            reason=instruction.reason,
            settled_units=instruction.settled_units,
            settled_minor=instruction.settled_minor,
            cash_minor=instruction.cash_minor,
            intended_date=instruction.intended_date,
            held_by_deliverer=instruction.held_by_deliverer,
            held_by_receiver=instruction.held_by_receiver,
        ),
        business_date=business_date,
        viewpoint=viewpoint,
    )


def party_status_of(*, party: PartyInstruction, business_date: date) -> T2sStatus:
    """Return the T2S status of a party's instruction: once it is matched, that of the pair as the party sees it."""
    if party.instruction is not None:
        return status_of(
            instruction=party.instruction, business_date=business_date, participant_id=party.participant_id
        )
    return derive_party_status(
        status=party.status, intended_date=party.intended_date, business_date=business_date, held=party.held
    )


def participant_of(*, actor: Actor) -> int | None:
    """Return through whose eyes an actor sees statuses."""
    return None if actor.sees_all else actor.participant_id
