"""What can be changed of a matched instruction on its page, and the form that changes it."""

from typing import Any

from django.http import QueryDict
from django.urls import reverse

from reference.core.actor import Actor
from settlement.core.lifecycle import InstructionStatus
from settlement.models import Instruction, InstructionSource, Partial, PartyLinkKind
from settlement.queries.party import instruction_parties, links_of, own_party_of
from settlement.queries.status import participant_of, status_of
from settlement.refusals import PartialMinimumRefused
from settlement.services.amend_instruction import Amendment
from settlement.services.hold_instruction import sides_of

PRIORITIES = ((4, "4 normal"), (3, "3 high"), (2, "2 top"), (1, "1 reserved"))


def read_amendment_form(form: QueryDict) -> Amendment:
    """Return the amendment that a page's form asks for. Raises PartialMinimumRefused where the figure is none."""
    priority, partial = form.get("priority", ""), form.get("partial", "")
    minimum = form.get("partial_minimum", "").strip()
    if minimum and not (minimum.isascii() and minimum.isdigit() and len(minimum) < 17):
        raise PartialMinimumRefused
    return Amendment(
        priority=int(priority) if priority in ("1", "2", "3", "4") else None,
        partial=partial if partial in Partial.values else None,
        # Only PARQ has a least part; left standing in the form beside another indicator it says nothing.
        partial_minimum_units=int(minimum or 0) if partial == Partial.PARQ else None,
    )


def describe_changes(*, instruction: Instruction, actor: Actor, today: Any) -> dict[str, Any]:
    """Return what the page of a matched instruction says of links, wishes to cancel and what may be changed."""
    sides = sides_of(instruction=instruction, actor=actor)
    wanted = [side for side in ("deliverer", "receiver") if getattr(instruction, f"cancel_wanted_by_{side}")]
    own = own_party_of(instruction=instruction, actor=actor)
    partial = Partial.NPAR
    if instruction.partial_allowed:
        partial = Partial.PARQ if instruction.partial_minimum_units else Partial.PART
    open_ = instruction.status == InstructionStatus.PENDING
    key = [instruction.public_id]
    return {
        "t2s": status_of(instruction=instruction, business_date=today, participant_id=participant_of(actor=actor)),
        "links": links_of(instruction=instruction, actor=actor),
        "parties": instruction_parties(instruction=instruction, actor=actor),
        "cancel_wanted_by": wanted,
        "wanted": bool(sides) and set(sides) <= set(wanted),
        "other_wants": bool(set(wanted) - set(sides)),
        "may_amend": open_ and bool(sides),
        "may_link": open_ and (actor.is_operator or own is not None),
        "may_ask_to_cancel": open_ and bool(sides) and instruction.source == InstructionSource.DIRECT,
        "amend_url": reverse("instruction-amend", args=key),
        "link_url": reverse("instruction-link", args=key),
        "unlink_url": reverse("instruction-unlink", args=key),
        "cancel_url": reverse("instruction-cancel", args=key),
        "priorities": PRIORITIES,
        "partial_fixed": bool(instruction.settled_units),
        "partials": Partial.choices,
        "kinds": PartyLinkKind.choices,
        "indicators": {
            "priority": own.priority if own is not None else instruction.priority,
            "partial": own.partial if own is not None else partial,
            "minimum": own.partial_minimum_units if own is not None else instruction.partial_minimum_units,
            "quantity": instruction.quantity_units,
        },
    }
