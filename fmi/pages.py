"""The pages of the top floor: home, the clock, and the lives composed from every app."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from clearing.queries.life import describe_obligation
from events.core.life import LifeStep, Link
from fmi.home import Home, read_home
from fmi.life import InstructionLife, read_instruction_life, read_trade_life
from fmi.things import find_page
from reference.access import actor_of
from reference.answering import answer
from reference.core.figures import show_sign
from reference.models import Participant
from reference.queries import business_clock
from settlement.core.lifecycle import InstructionStatus
from settlement.pages.amending import describe_changes
from settlement.queries.life import describe_instruction
from settlement.queries.life import get_instruction as find_instruction
from settlement.queries.waiting import last_attempt_at, waiting_chain
from settlement.services.hold_instruction import sides_of
from trades.core.lifecycle import Side, TradeStatus
from trades.models import Trade
from trades.queries.compliance import alerts_visible_to, enrichment_of_trade
from trades.queries.counts import STAGES
from trades.queries.life import get_trade, requests_of
from trades.queries.orders import orders_behind
from trades.services.cancel_trades import may_touch

WINDOWS = (1, 20)
IDLE_AFTER = timedelta(hours=1)
VIEWS = ("compact", "full", "raw")
ADDRESS_OF = {
    "trade": "trade",
    "submission": "submission",
    "instruction": "instruction",
    "party-instruction": "party-instruction",
    "cycle": "cycle",
    "account": "account",
    "order": "order",
}


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the day: where it stands, what needs a hand, how much netting and settlement achieve."""
    days = request.GET.get("days", "")
    window = int(days) if days.isdigit() and int(days) in WINDOWS else WINDOWS[0]
    actor = actor_of(request)
    found = read_home(actor=actor, reading=business_clock(), window_days=window, now=timezone.now())
    context = {"home": found, "stages": _stages(found), "exits": _exits(found)}
    return answer(request, "home.html", context)


@require_safe
def clock(request: HttpRequest) -> HttpResponse:
    """Show the head's clock alone."""
    return render(request, "components/clock.html")


@require_safe
def trade(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show one trade's whole life, from capture to postings."""
    actor = actor_of(request)
    found = read_trade_life(trade=get_trade(actor=actor, public_id=public_id), actor=actor)
    view = chosen_view(request)
    asked = [row.participant_id for row in requests_of(match=found.match)]
    parties = [found.trade.buyer, found.trade.seller]
    context = {
        "life": found,
        "trade": found.trade,
        "steps": show_steps(found.steps),
        "view": view,
        "tabs": view_tabs(view),
        "obligations": [(row, describe_obligation(row)) for row in found.obligations],
        "instructions": [(row, describe_instruction(row)) for row in found.instructions],
        "two_sided": found.trade.status != TradeStatus.NEW,
        "asked": bool(asked),
        "asked_text": _asked_text(parties=parties, asked=asked),
        "may_cancel": found.trade.status not in (TradeStatus.SETTLED, TradeStatus.CANCELLED)
        and may_touch(trade=found.trade, actor=actor)
        and actor.participant_id not in asked,
        "locked_in": found.trade.side == Side.BOTH,
        "enriched": enrichment_of_trade(trade_pk=found.trade.pk),
        "alerts": alerts_visible_to(actor=actor).filter(trade=found.trade) if actor.sees_all else (),
        "orders": orders_behind(trade=found.trade, actor=actor),
    }
    return answer(request, "trades/trade.html", context)


@require_safe
def instruction(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show one settlement instruction's life, and the trades it stands for."""
    actor = actor_of(request)
    row = find_instruction(actor=actor, public_id=public_id)
    found = read_instruction_life(instruction=row, actor=actor)
    view = chosen_view(request)
    sides = sides_of(instruction=row, actor=actor)
    attempt = last_attempt_at(instruction=row)
    context = {
        "life": found,
        "instruction": row,
        "description": describe_instruction(row),
        "obligation": describe_obligation(found.obligation) if found.obligation else "",
        "trades": _trades_behind(found, participant_id=actor.participant_id),
        "steps": show_steps(found.steps),
        "view": view,
        "tabs": view_tabs(view),
        "waiting": waiting_chain(attempt=attempt, actor=actor) if attempt else None,
        "pending": row.status == InstructionStatus.PENDING,
        "held": row.held_by_deliverer or row.held_by_receiver,
        "may_hold": any(not getattr(row, f"held_by_{side}") for side in sides),
        "may_release": any(getattr(row, f"held_by_{side}") for side in sides),
        "failing": row.status == InstructionStatus.PENDING and row.intended_date < business_clock().business_date,
    }
    context |= describe_changes(instruction=row, actor=actor, today=business_clock().business_date)
    return answer(request, "settlement/instruction.html", context)


def _trades_behind(found: InstructionLife, *, participant_id: int | None) -> list[dict[str, Any]]:
    """Return the trades behind an instruction, with addresses of the reports this participant may see."""

    def address(trade: Trade) -> str:
        own = participant_id is None or participant_id == trade.reporter_id
        shared = trade.side == Side.BOTH and participant_id in (trade.buyer_id, trade.seller_id)
        return reverse("trade", args=[trade.public_id]) if own or shared else ""

    return [
        {"match": row, "buy_url": address(row.buy_trade), "sell_url": address(row.sell_trade)} for row in found.matches
    ]


@require_safe
def thing(request: HttpRequest, kind: str, key: int) -> HttpResponse:
    """Go from a journal entry, an obligation or an audit record to the page of the thing it names."""
    address = find_page(kind=kind, key=key, actor=actor_of(request))
    if address is None:
        raise Http404("There is no such thing, or it is another participant's.")
    return redirect(address)


def show_steps(steps: Sequence[LifeStep]) -> list[dict[str, Any]]:
    """Put the steps of a life in the timeline's words: the time between them, their addresses, their states."""
    shown = []
    before: LifeStep | None = None
    for step in steps:
        gap = None
        if before is not None:
            # Two sides settle side by side: what still went on is not waited for.
            ended = before.until if before.until is not None and before.until <= step.at else before.at
            gap = step.at - ended
        before = step
        details = list(step.details)
        if step.before or step.after:
            details.insert(0, ("State", " → ".join(part for part in (step.before, step.after) if part)))
        if step.recorded_at is not None:
            details.append(("Recorded", step.recorded_at.isoformat(timespec="milliseconds")))
        shown.append(
            {
                "at": step.at,
                "title": step.title,
                "state": step.state,
                "why": step.why,
                "actor": step.by,
                "href": address_of(step.link),
                "gap": gap if gap else None,
                "idle": bool(gap and gap >= IDLE_AFTER),
                "details": [(label, show_sign(text=value)) for label, value in details],
                "raw": "\n".join(f"{label}: {value}" for label, value in details),
            }
        )
    return shown


def address_of(link: Link | None) -> str:
    """Return the address of the page a step points at, empty where it points at none."""
    if link is None:
        return ""
    if link.kind == "netting-run":
        return f"{reverse('netting')}?netting_run={link.key}"
    return reverse(ADDRESS_OF[link.kind], args=[link.key])


def _asked_text(*, parties: Sequence[Participant], asked: Sequence[int]) -> str:
    """Say which party has asked for the cancellation and which has not."""
    said = ", ".join(party.code for party in parties if party.pk in asked)
    silent = ", ".join(party.code for party in parties if party.pk not in asked)
    return f"{said} has asked. The trade is cancelled as soon as {silent} asks too."


def chosen_view(request: HttpRequest) -> str:
    """Return how much of a timeline to show."""
    view = request.GET.get("view", "")
    return view if view in VIEWS else VIEWS[0]


def view_tabs(view: str) -> list[dict[str, Any]]:
    """Return the tabs that choose how much of a timeline to show."""
    return [
        {"label": name.title(), "href": f"?view={name}" if name != VIEWS[0] else "?", "current": name == view}
        for name in VIEWS
    ]


def _stages(found: Home) -> list[dict[str, Any]]:
    """Return the funnel's stages: the count in each state now, and how many have come as far."""
    funnel = found.funnel
    stages = []
    for stage in STAGES:
        reached = funnel.reached(status=stage)
        share = 100 * reached / funnel.captured if funnel.captured else 0.0
        note = "wait for the other side" if stage == TradeStatus.NEW else f"{share:.1f} % came this far"
        stages.append(
            {
                "state": stage.value,
                "count": funnel.counts[stage],
                "href": _blotter(found, stage),
                "note": note,
                "percent": share,
                "tone": {TradeStatus.NEW: "idle", TradeStatus.SETTLED: "good"}.get(stage, ""),
            }
        )
    return stages


def _exits(found: Home) -> list[dict[str, Any]]:
    """Return the state that ends a life early."""
    state = TradeStatus.CANCELLED
    return [{"state": state.value, "count": found.funnel.counts[state], "href": _blotter(found, state)}]


def _blotter(found: Home, status: str) -> str:
    """Return the address of the blotter with exactly the counted trades."""
    span = f"business_date_from={found.funnel.since}&business_date_to={found.funnel.until}"
    return f"{reverse('trades')}?status={status}&{span}"
