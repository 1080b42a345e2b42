"""The page on which one party's side of an instruction is entered."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from reference.answering import acting_actor_of
from reference.core.actor import Actor
from reference.queries import business_clock, directory
from reference.refusals import Refusal
from settlement.api.entry import instructing_party, resolve_party_entry
from settlement.api.party_serializers import PartyInstructionEntrySerializer
from settlement.models import Movement, Partial, PartyLinkKind, Payment
from settlement.pages.amending import PRIORITIES
from settlement.services.enter_party_instruction import enter_party_instructions


@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    """Show the form for one party's side, and enter it."""
    actor = acting_actor_of(request)
    if request.method != "POST":
        return _show_form(request, actor=actor, values=request.GET, errors={})
    entry = PartyInstructionEntrySerializer(data=_form_fields(request.POST))
    if not entry.is_valid():
        errors = {name: " ".join(str(text) for text in texts) for name, texts in entry.errors.items()}
        return _show_form(request, actor=actor, values=request.POST, errors=errors)
    reading = business_clock()
    try:
        participant = instructing_party(fields=entry.validated_data, actor=actor)
        [party], _ = enter_party_instructions(
            entered=[resolve_party_entry(fields=entry.validated_data, participant=participant)],
            actor=actor,
            at=reading.at,
            business_date=reading.business_date,
        )
    except Refusal as refusal:
        field = (refusal.pointer or "/").strip("/").split("/")[0]
        field = "link_reference" if refusal.code.endswith(("links", "linked-instruction", "link-refused")) else field
        return _show_form(request, actor=actor, values=request.POST, errors={field: refusal.message})
    return redirect("party-instruction", public_id=party.public_id)


def _form_fields(form: QueryDict) -> dict[str, Any]:
    """Return the fields that a form fills in; what is left blank is left out."""
    known = set(PartyInstructionEntrySerializer().fields) - {"links", "hold"}
    fields: dict[str, Any] = {name: form[name] for name in known if str(form.get(name, "")).strip()}
    fields["hold"] = form.get("hold") == "on"
    if str(form.get("link_reference", "")).strip():
        fields["links"] = [{"kind": form.get("link_kind", ""), "reference": str(form["link_reference"]).strip()}]
    return fields


def _show_form(
    request: HttpRequest, *, actor: Actor, values: Mapping[str, Any], errors: Mapping[str, str]
) -> HttpResponse:
    """Show the entry form with what was filled in and what is wrong with it."""
    source = directory()
    context = {
        "values": {name: values.get(name, "") for name in values},
        "errors": errors,
        "form_error": next((text for name, text in errors.items() if name in ("", "links", "non_field_errors")), ""),
        "for_whom": actor.participant_id is None,
        "today": business_clock().business_date,
        "movements": [*Movement.choices, ("CRDT", "Be paid (payment only)"), ("DBIT", "Pay (payment only)")],
        "payments": Payment.choices,
        "partials": Partial.choices,
        "kinds": PartyLinkKind.choices,
        "priorities": PRIORITIES,
        "participants": sorted(source.participants.values(), key=lambda entry: entry.code),
        "securities": sorted(source.securities.values(), key=lambda entry: entry.symbol),
        "currencies": sorted(source.currencies_by_code),
    }
    return render(request, "settlement/party_entry.html", context, status=422 if errors else 200)
