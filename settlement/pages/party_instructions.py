"""The pages of what single parties instruct: unmatched and alleged, and one instruction with what is done to it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from events.core.life import LifeStep, order_steps
from reference.access import actor_of
from reference.answering import act_and_return, acting_actor_of, answer
from reference.api.fields import decimal_text
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import business_clock, directory
from settlement.core.party_lifecycle import PartyStatus
from settlement.filters import PartyInstructionFilter
from settlement.models import Partial, PartyInstruction, PartyLinkKind
from settlement.pages.amending import PRIORITIES, read_amendment_form
from settlement.queries.actions import life_of_party
from settlement.queries.party import (
    allegements_visible_to,
    get_party_instruction,
    links_of_party,
    party_instructions_visible_to,
)
from settlement.queries.status import party_status_of
from settlement.refusals import LinkRefused
from settlement.services.amend_instruction import amend_party_instruction
from settlement.services.cancel_party_instruction import cancel_party_instruction
from settlement.services.hold_instruction import hold_party_instruction
from settlement.services.link_instructions import WantedLink, link_party_instruction
from settlement.services.unlink_instructions import unlink_party_instruction

VIEWS = {"unmatched": "Unmatched", "alleged": "Alleged", "all": "All entered"}
OWN_VIEWS = {"unmatched": "Yours, unmatched", "alleged": "Alleged against you", "all": "All you entered"}
COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.public_id),
    ("movement", lambda row: row.movement_code),
    ("payment", lambda row: row.payment),
    ("status", lambda row: row.status),
    ("instructed_by", lambda row: row.participant.code),
    ("counterparty", lambda row: row.counterparty.code),
    ("isin", lambda row: row.security.code if row.security else ""),
    ("quantity", lambda row: row.quantity_units),
    ("cash_minor", lambda row: row.cash_minor),
    ("currency", lambda row: row.currency.code),
    ("intended_date", lambda row: row.intended_date),
    ("common_reference", lambda row: row.common_reference),
    ("alleged_at", lambda row: row.alleged_at),
)
OTHER_MOVEMENT = {"DELI": "RECE", "RECE": "DELI", "CRDT": "DBIT", "DBIT": "CRDT"}
# What only the party itself may know of its instruction.
OWN_COLUMNS: tuple[Column, ...] = (
    ("reference", lambda row: row.reference),
    ("account", lambda row: row.account.code),
    ("priority", lambda row: row.priority),
    ("partial", lambda row: row.partial),
    ("held", lambda row: row.held),
)


@require_safe
def party_instructions(request: HttpRequest) -> HttpResponseBase:
    """List what waits for its other side, what is alleged, or all that was entered; newest first."""
    actor, reading = actor_of(request), business_clock()
    names = VIEWS if actor.sees_all else OWN_VIEWS
    view = request.GET.get("view", "unmatched")
    view = view if view in names else "unmatched"
    own = party_instructions_visible_to(actor=actor)
    sets = {
        "unmatched": own.filter(status=PartyStatus.UNMATCHED),
        "alleged": allegements_visible_to(actor=actor),
        "all": own,
    }
    filtered = PartyInstructionFilter(request.GET, queryset=sets[view])
    rows = filtered.qs if filtered.is_valid() else PartyInstruction.objects.none()
    others = view == "alleged" and not actor.sees_all
    if wants_csv(request):
        columns = COLUMNS if others else (*COLUMNS, *OWN_COLUMNS)
        return stream_query(rows=rows, columns=columns, name=f"{view}-instructions")
    cut = cut_page(rows=rows, request=request)
    context = {
        "today": reading.business_date,
        "view": view,
        "others": others,
        "cut": cut,
        "rows": [(row, _answer_url(row) if others else "") for row in cut.rows],
        "csv_url": csv_url(request),
        "tabs": [
            {"label": label, "href": f"?view={name}", "current": name == view,
             "count": sets[name].count() if name != "all" else None}
            for name, label in names.items()
        ],
    }  # fmt: skip
    return answer(request, "settlement/party_instructions.html", context)


def _answer_url(row: PartyInstruction) -> str:
    """Return the address of the entry form, filled in with the side that agrees with an alleged one."""
    digits = directory().currencies[row.currency_id].digits
    fields = {
        "movement": OTHER_MOVEMENT[row.movement_code],
        "payment": row.payment,
        "counterparty": row.participant.code,
        "security": row.security.symbol if row.security is not None else "",
        "quantity": row.quantity_units or "",
        "amount": decimal_text(minor=row.cash_minor, digits=digits) if row.cash_minor else "",
        "currency": row.currency.code,
        "intended_date": row.intended_date.isoformat(),
        "common_reference": row.common_reference,
    }
    return f"{reverse('instruction-enter')}?{urlencode(fields)}"


@require_safe
def party_instruction(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show one party's instruction, its life and what can be done to it."""
    actor, reading = actor_of(request), business_clock()
    party = get_party_instruction(actor=actor, public_id=public_id)
    pair = party.instruction
    context = {
        "party": party,
        "t2s": party_status_of(party=party, business_date=reading.business_date),
        "late": party.status == PartyStatus.UNMATCHED and party.intended_date < reading.business_date,
        "links": links_of_party(party=party),
        "steps": show_party_steps(order_steps(steps=life_of_party(party=party, actor=actor))),
        "open": party.status == PartyStatus.UNMATCHED or (pair is not None and pair.status == "PENDING"),
        "wanted": pair is not None and getattr(pair, f"cancel_wanted_by_{party.side}"),
        "other_wants": pair is not None
        and getattr(pair, f"cancel_wanted_by_{'receiver' if party.side == 'deliverer' else 'deliverer'}"),
        "unmatched": party.status == PartyStatus.UNMATCHED,
        "priorities": PRIORITIES,
        "partial_fixed": pair is not None and bool(pair.settled_units),
        "amend_url": reverse("party-instruction-amend", args=[public_id]),
        "link_url": reverse("party-instruction-link", args=[public_id]),
        "unlink_url": reverse("party-instruction-unlink", args=[public_id]),
        "cancel_url": reverse("party-instruction-cancel", args=[public_id]),
        "partials": Partial.choices,
        "kinds": PartyLinkKind.choices,
        "indicators": {
            "priority": party.priority,
            "partial": party.partial,
            "minimum": party.partial_minimum_units,
            "quantity": party.quantity_units,
        },
    }
    return answer(request, "settlement/party_instruction.html", context)


def show_party_steps(steps: list[LifeStep]) -> list[dict[str, Any]]:
    """Put the steps in the timeline's words."""
    return [
        {
            "at": step.at,
            "title": step.title,
            "state": step.state,
            "why": step.why,
            "actor": step.by,
            "href": reverse("instruction", args=[step.link.key])
            if step.link and step.link.kind == "instruction"
            else "",
        }
        for step in steps
    ]


def _act(request: HttpRequest, *, public_id: UUID, change: Callable[[dict[str, Any]], str]) -> HttpResponse:
    """Do something to a party's instruction and go back to it. change: what every service asks for -> what to say."""
    actor, reading = acting_actor_of(request), business_clock()
    party = get_party_instruction(actor=actor, public_id=public_id)
    who = {"party_pk": party.pk, "actor": actor, "at": reading.at, "business_date": reading.business_date}
    back = reverse("party-instruction", args=[public_id])
    return act_and_return(request, act=lambda: change(who), back=back)


@require_POST
def hold(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Hold it for its party."""

    def change(who: dict[str, Any]) -> str:
        hold_party_instruction(held=True, **who)
        return "It is held: it may match, and does not settle until you release it."

    return _act(request, public_id=public_id, change=change)


@require_POST
def release(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take the party's hold away."""

    def change(who: dict[str, Any]) -> str:
        hold_party_instruction(held=False, **who)
        return "Your hold is released."

    return _act(request, public_id=public_id, change=change)


@require_POST
def cancel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Cancel it, or ask for it."""

    def change(who: dict[str, Any]) -> str:
        reason = request.POST.get("reason", "").strip()[:200]
        if cancel_party_instruction(reason=reason, **who) == "CANCELLED":
            return "The instruction is cancelled."
        return "Your wish is noted. It is cancelled when the other party asks for it too."

    return _act(request, public_id=public_id, change=change)


@require_POST
def amend(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Amend its process indicators."""

    def change(who: dict[str, Any]) -> str:
        amend_party_instruction(amendment=read_amendment_form(request.POST), **who)
        return "The instruction is amended."

    return _act(request, public_id=public_id, change=change)


@require_POST
def link(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Link it with another one of its party's."""
    kind, reference = request.POST.get("kind", ""), request.POST.get("reference", "").strip()[:36]

    def change(who: dict[str, Any]) -> str:
        if kind not in PartyLinkKind.values:
            raise LinkRefused("There is no such kind of link.")
        link_party_instruction(links=[WantedLink(kind, reference)], **who)
        return f"Linked: {kind} {reference}. It takes effect once both are matched."

    return _act(request, public_id=public_id, change=change)


@require_POST
def unlink(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take its party's link away."""
    reference = request.POST.get("reference", "").strip()[:36]

    def change(who: dict[str, Any]) -> str:
        unlink_party_instruction(reference=reference, **who)
        return f"Your link with {reference} is gone."

    return _act(request, public_id=public_id, change=change)
