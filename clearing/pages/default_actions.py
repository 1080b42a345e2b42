"""What the pages of default management do: each a step of a case, a bid, an answer or a drill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from clearing.queries.defaults import get_case, get_lot
from clearing.refusals import DefaultRefused, UnknownDefault
from clearing.services.default_auction import close_auction, open_auction, place_bid, skip_auction
from clearing.services.default_case import declare_default, propose_default, suspend_member, withdraw_default
from clearing.services.default_drill import DrillInputs, play_drill
from clearing.services.default_losses import allocate_losses, assess_survivors, close_case, refill_resources
from clearing.services.default_positions import answer_porting, offer_porting, record_hedge, sell_collateral
from reference.answering import act_and_return, acting_actor_of, acting_operator_of
from reference.api.entry import minor_of
from reference.core.directory import CurrencyEntry, SecurityEntry
from reference.queries import business_clock, directory
from reference.refusals import UnknownSecurity

# step -> what does it, and what to say.
STEPS: Mapping[str, tuple[Callable[..., object], str]] = {
    "declare": (declare_default, "The default is declared. None of the member's trades is novated any more."),
    "withdraw": (withdraw_default, "The proposal is withdrawn."),
    "suspend": (suspend_member, "The member is suspended; its positions are out of settlement."),
    "skip": (skip_auction, "Nothing is open: no auction is needed."),
    "award": (close_auction, "The bids are opened, and what is sold has moved to the winners."),
    "assess": (assess_survivors, "The survivors are called; they pay until nine on the next business day."),
    "allocate": (allocate_losses, "The losses are allocated."),
    "refill": (refill_resources, "What was used is called again."),
    "close": (close_case, "The case is closed."),
}


@require_POST
def propose(request: HttpRequest) -> HttpResponse:
    """Propose a default."""
    actor = acting_operator_of(request)

    def act() -> str:
        member = directory().participant(code=request.POST.get("member", ""), pointer="/member")
        reason = request.POST.get("reason", "").strip()
        if not reason:
            raise DefaultRefused("Say why the member is in default.", pointer="/reason")
        case = propose_default(
            member_id=member.id, reason=reason[:400], juniorise="juniorise" in request.POST, actor=actor, **_now()
        )
        return f"Default case {case.pk} waits for a second person to declare it."

    return act_and_return(request, act=act, back=reverse("defaults"))


@require_POST
def step(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Take a step that needs nothing but a decision."""
    actor = acting_operator_of(request)
    get_case(actor=actor, pk=pk)
    if name not in STEPS:
        raise UnknownDefault
    done, said = STEPS[name]

    def act() -> str:
        done(case_id=pk, actor=actor, **_now())
        return said

    return _back(request, pk, act)


@require_POST
def auction(request: HttpRequest, pk: int) -> HttpResponse:
    """Cut lots and take bids."""
    actor = acting_operator_of(request)
    get_case(actor=actor, pk=pk)

    def act() -> str:
        when = _now()
        minutes = _whole(request, "minutes")
        if not 1 <= minutes <= 4320:
            raise DefaultRefused("Bids are taken for 1 minute to 3 days.", pointer="/minutes")
        lots = open_auction(
            case_id=pk, lots=_whole(request, "lots"),
            reserve_percent=_whole(request, "reserve_percent") if request.POST.get("reserve_percent") else None,
            deadline=when["at"] + timedelta(minutes=minutes), actor=actor, **when,
        )  # fmt: skip
        return f"{len(lots)} lots are offered; nobody reads a bid before the deadline."

    return _back(request, pk, act)


@require_POST
def offer(request: HttpRequest, pk: int) -> HttpResponse:
    """Offer a client to another member."""
    actor = acting_operator_of(request)
    get_case(actor=actor, pk=pk)

    def act() -> str:
        client, to_member = request.POST.get("client", ""), request.POST.get("to_member", "")
        offer_porting(case_id=pk, client=client, to_member=to_member, actor=actor, **_now())
        return f"{client} is offered to {to_member}, which has to consent."

    return _back(request, pk, act)


@require_POST
def answer_offer(request: HttpRequest, pk: int) -> HttpResponse:
    """Take over an offered client, or refuse."""
    actor = acting_actor_of(request)

    def act() -> str:
        porting = answer_porting(porting_id=pk, accept="accept" in request.POST, actor=actor, **_now())
        return f"{porting.client.code}: {porting.get_status_display().lower()}."

    return act_and_return(request, act=act, back=reverse("defaults"))


@require_POST
def hedge(request: HttpRequest, pk: int) -> HttpResponse:
    """Record a hedge."""
    actor = acting_operator_of(request)
    get_case(actor=actor, pk=pk)

    def act() -> str:
        security = _security(request)
        record_hedge(
            case_id=pk, counterparty=request.POST.get("counterparty", ""), isin=security.isin,
            quantity_units=_whole(request, "quantity"), cost_minor=_minor(request, "cost", security.currency),
            actor=actor, **_now(),
        )  # fmt: skip
        return "The hedge is recorded; it is paid with the losses."

    return _back(request, pk, act)


@require_POST
def sell(request: HttpRequest, pk: int) -> HttpResponse:
    """Sell collateral of the defaulter."""
    actor = acting_operator_of(request)
    get_case(actor=actor, pk=pk)

    def act() -> str:
        security = _security(request)
        sell_collateral(
            case_id=pk, buyer=request.POST.get("buyer", ""), isin=security.isin, units=_whole(request, "units"),
            price_minor=_minor(request, "price", security.currency), actor=actor, **_now(),
        )  # fmt: skip
        return "The collateral is sold and paid."

    return _back(request, pk, act)


@require_POST
def bid(request: HttpRequest, pk: int) -> HttpResponse:
    """Bid on a lot."""
    actor = acting_actor_of(request)
    lot = get_lot(actor=actor, pk=pk)

    def act() -> str:
        currency = directory().currencies[lot.currency_id]
        place_bid(lot_id=lot.pk, price_minor=_minor(request, "price", currency), actor=actor, **_now())
        return f"Your bid on lot {lot.number} is sealed; until the deadline a later one replaces it."

    return _back(request, lot.case_id, act)


@require_POST
def play(request: HttpRequest) -> HttpResponse:
    """Play a drill."""
    actor = acting_operator_of(request)
    made: list[int] = []

    def act() -> str:
        member = directory().participant(code=request.POST.get("member", ""), pointer="/member")
        ask = _whole(request, "ask_per_mille")
        if not -1000 <= ask <= 1000:
            raise DefaultRefused("The best bidder asks for -1,000 to 1,000 per mille.", pointer="/ask_per_mille")
        inputs = DrillInputs(
            lots=_whole(request, "lots"), ask_per_mille=ask, juniorise="juniorise" in request.POST,
            silent=tuple(request.POST.get("silent", "").upper().replace(",", " ").split())[:50],
        )  # fmt: skip
        made.append(play_drill(member_id=member.id, inputs=inputs, actor=actor, **_now()).pk)
        return "The drill was played and rolled back: nothing but its outcome is kept."

    answered = act_and_return(request, act=act, back=reverse("defaults"))
    return redirect("default-drill", pk=made[0]) if made else answered


def _back(request: HttpRequest, pk: int, act: Callable[[], str]) -> HttpResponse:
    """Do something and go back to the case."""
    return act_and_return(request, act=act, back=reverse("default", kwargs={"pk": pk}))


def _now() -> dict[str, Any]:
    """Return business time, for the services."""
    clock = business_clock()
    return {"at": clock.at, "business_date": clock.business_date}


def _whole(request: HttpRequest, name: str) -> int:
    """Return a whole number from the form. Raises DefaultRefused."""
    text = request.POST.get(name, "").strip().replace(",", "")
    if not (text.lstrip("-").isascii() and text.lstrip("-").isdigit() and len(text) < 15):
        raise DefaultRefused(f"{name.replace('_', ' ').capitalize()} is a whole number.", pointer=f"/{name}")
    return int(text)


def _minor(request: HttpRequest, name: str, currency: CurrencyEntry) -> int:
    """Return an amount from the form in minor units. Raises DefaultRefused, AmountNotExact."""
    try:
        amount = Decimal(request.POST.get(name, "").strip().replace(",", ""))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) > 10**14:
        raise DefaultRefused(f"{name.capitalize()} is an amount of {currency.code}.", pointer=f"/{name}")
    return minor_of(amount=amount, currency=currency, pointer=f"/{name}")


def _security(request: HttpRequest) -> SecurityEntry:
    """Return the security that the form names by ISIN or symbol. Raises UnknownSecurity."""
    text, source = request.POST.get("security", "").strip(), directory()
    found = source.securities_by_isin.get(text) or source.securities_by_symbol.get(text)
    if found is None:
        raise UnknownSecurity(f"No security has the ISIN or symbol {text[:40]!r}.", pointer="/security")
    return found
