"""The pages of instructions: the list, and what is done to one: held, released, amended, linked, cancelled."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from reference.access import actor_of
from reference.answering import act_and_return, acting_actor_of, answer
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import business_clock, directory
from settlement.filters import InstructionFilter
from settlement.models import Instruction, PartyLinkKind
from settlement.pages.amending import read_amendment_form
from settlement.queries.life import SHOWN, get_instruction
from settlement.queries.party import own_party_of
from settlement.queries.visible import instructions_visible_to
from settlement.refusals import LinkRefused
from settlement.services.amend_instruction import amend_instruction
from settlement.services.cancel_instructions import cancel_instruction
from settlement.services.hold_instruction import hold_instruction, release_instruction, sides_of
from settlement.services.link_instructions import WantedLink, link_instruction, link_party_instruction
from settlement.services.unlink_instructions import unlink_instruction, unlink_party_instruction

INSTRUCTION_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.public_id),
    ("source", lambda row: row.source),
    ("reference", lambda row: row.reference),
    ("status", lambda row: row.status),
    ("reason", lambda row: row.reason),
    ("deliverer", lambda row: row.deliverer_account.participant.code),
    ("deliverer_account", lambda row: row.deliverer_account.code),
    ("receiver", lambda row: row.receiver_account.participant.code),
    ("receiver_account", lambda row: row.receiver_account.code),
    ("isin", lambda row: row.security.code if row.security else ""),
    ("quantity", lambda row: row.quantity_units),
    ("cash_minor", lambda row: row.cash_minor),
    ("currency", lambda row: row.currency.code),
    ("intended_date", lambda row: row.intended_date),
    ("priority", lambda row: row.priority),
    ("held_by_deliverer", lambda row: row.held_by_deliverer),
    ("held_by_receiver", lambda row: row.held_by_receiver),
    ("created_at", lambda row: row.created_at),
    ("settled_at", lambda row: row.settled_at),
    ("cycle", lambda row: row.cycle_id),
)


@require_safe
def instructions(request: HttpRequest) -> HttpResponseBase:
    """List settlement instructions, newest first; the CSV holds exactly the filtered list."""
    actor, reading = actor_of(request), business_clock()
    filtered = InstructionFilter(request.GET, queryset=instructions_visible_to(actor=actor).select_related(*SHOWN))
    rows = filtered.qs if filtered.is_valid() else Instruction.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=INSTRUCTION_COLUMNS, name="instructions")
    source = directory()
    context = {
        "today": reading.business_date,
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request),
        "csv_url": csv_url(request),
        "participants": sorted(source.participants.values(), key=lambda entry: entry.code),
        "securities": sorted(source.securities.values(), key=lambda entry: entry.symbol),
    }
    return answer(request, "settlement/instructions.html", context)


@require_POST
def hold(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Hold an instruction for the actor's side."""
    return _set_hold(request, public_id=public_id, held=True)


@require_POST
def release(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Release an instruction for the actor's side."""
    return _set_hold(request, public_id=public_id, held=False)


def _set_hold(request: HttpRequest, *, public_id: UUID, held: bool) -> HttpResponse:
    """Hold or release, and go back to the instruction."""
    actor, reading = acting_actor_of(request), business_clock()
    row = get_instruction(actor=actor, public_id=public_id)

    def act() -> str:
        change = hold_instruction if held else release_instruction
        changed = change(instruction_pk=row.pk, actor=actor, at=reading.at, business_date=reading.business_date)
        if held:
            return "The instruction is held: no cycle settles it until it is released."
        if changed.held_by_deliverer or changed.held_by_receiver:
            return "Your hold is released; the other side still holds the instruction."
        return "The instruction is released: the next cycle tries it."

    return act_and_return(request, act=act, back=reverse("instruction", args=[public_id]))


def _act(
    request: HttpRequest, *, public_id: UUID, change: Callable[[Instruction, dict[str, Any]], str]
) -> HttpResponse:
    """Do something to an instruction and go back to it. change: (it, what every service asks for) -> what to say."""
    actor, reading = acting_actor_of(request), business_clock()
    row = get_instruction(actor=actor, public_id=public_id)
    who = {"actor": actor, "at": reading.at, "business_date": reading.business_date}
    return act_and_return(request, act=lambda: change(row, who), back=reverse("instruction", args=[public_id]))


@require_POST
def cancel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Want an instruction cancelled."""

    def change(row: Instruction, who: dict[str, Any]) -> str:
        sides = sides_of(instruction=row, actor=who["actor"])
        reason = request.POST.get("reason", "").strip()[:200]
        if cancel_instruction(instruction_pk=row.pk, sides=sides, reason=reason, **who) == "CANCELLED":
            return "The instruction is cancelled."
        return "Your wish is noted. It is cancelled when the other party asks for it too."

    return _act(request, public_id=public_id, change=change)


@require_POST
def amend(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Amend the process indicators of the actor's side."""

    def change(row: Instruction, who: dict[str, Any]) -> str:
        amend_instruction(instruction_pk=row.pk, amendment=read_amendment_form(request.POST), **who)
        return "The instruction is amended."

    return _act(request, public_id=public_id, change=change)


@require_POST
def link(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Link an instruction with another."""
    kind, reference = request.POST.get("kind", ""), request.POST.get("reference", "").strip()[:36]

    def change(row: Instruction, who: dict[str, Any]) -> str:
        if kind not in PartyLinkKind.values:
            raise LinkRefused("There is no such kind of link.")
        links = [WantedLink(kind, reference)]
        own = own_party_of(instruction=row, actor=who["actor"])
        if who["actor"].is_operator:
            link_instruction(instruction_pk=row.pk, links=links, **who)
        elif own is not None:
            link_party_instruction(party_pk=own.pk, links=links, **who)
        else:
            raise LinkRefused
        return f"Linked: {kind} {reference}."

    return _act(request, public_id=public_id, change=change)


@require_POST
def unlink(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take a link of an instruction away."""
    reference = request.POST.get("reference", "").strip()[:36]

    def change(row: Instruction, who: dict[str, Any]) -> str:
        own = own_party_of(instruction=row, actor=who["actor"])
        if who["actor"].is_operator:
            unlink_instruction(instruction_pk=row.pk, reference=reference, **who)
        elif own is not None:
            unlink_party_instruction(party_pk=own.pk, reference=reference, **who)
        else:
            raise LinkRefused
        return f"The link with {reference} is gone."

    return _act(request, public_id=public_id, change=change)
