"""The whole life of an order: checked, routed, filled, cleared, settled; composed from what each app knows of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from clearing.models import Obligation
from clearing.queries.life import describe_obligation, obligations_of
from events.core.life import LifeStep, Link, order_steps
from fmi.life import posting_steps
from reference.core.actor import Actor
from settlement.models import Instruction
from settlement.queries import life as settlement_life
from trades.core.allocation_lifecycle import AllocationStatus
from trades.core.order_lifecycle import OrderStatus
from trades.models import AllocationShare, Fill, Match, Order, OrderSlice, OrderStep

# The longer story of an order in very many parts is in its table of fills.
MOST_FILLS_TOLD = 25
TITLES = {
    OrderStatus.RECEIVED: "Received",
    OrderStatus.VALIDATED: "Passed the checks before trading",
    OrderStatus.ROUTING: "Sent to the venues",
    OrderStatus.PARTIALLY_FILLED: "Filled in part",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CLEARING: "Executed; its trades are in clearing",
    OrderStatus.CLEARED: "Cleared: the CCP stands in between",
    OrderStatus.SETTLING: "Netted and instructed at the depository",
    OrderStatus.SETTLED: "Settled",
    OrderStatus.REJECTED: "Rejected",
    OrderStatus.CANCELLED: "Cancelled",
    OrderStatus.EXPIRED: "Expired",
}
EARLY = (OrderStatus.RECEIVED, OrderStatus.VALIDATED, OrderStatus.ROUTING)


@dataclass(frozen=True)
class OrderLife:
    """An order, where its parts went, what they became, and every step on the way, in order."""

    order: Order
    slices: Sequence[OrderSlice]
    fills: Sequence[Fill]
    obligations: Sequence[Obligation]
    instructions: Sequence[Instruction]
    steps: Sequence[LifeStep]


def read_order_life(*, order: Order, actor: Actor) -> OrderLife:
    """Compose an order's life from its receipt to the postings: about fifteen queries, however many fills it has."""
    slices = list(order.slices.select_related("venue").order_by("id"))
    fills = list(order.fills.select_related("venue", "trade").order_by("at", "id"))
    matches = list(
        Match.objects.filter(buy_trade_id__in={fill.trade_id for fill in fills}).values_list("id", flat=True)
    )
    obligations = obligations_of(
        match_ids=matches,
        account_ids=_accounts_of(order=order),
        security_id=order.security_id,
        currency_id=order.currency_id,
    )
    instructions = settlement_life.instructions_of(obligation_ids=[row.pk for row in obligations])
    early, late = _own_steps(order=order, slices=slices)
    # A venue's clock counts milliseconds, the router's the moment it was woken: a step comes after the fills behind it.
    late = [replace(step, at=max([step.at, *_executed_before(step, fills)])) for step in late]
    steps = early + _fill_steps(order=order, fills=fills)
    steps += _netted_steps(obligations=obligations)
    steps += settlement_life.life_of(instructions=instructions, actor=actor)
    steps += posting_steps(instructions=instructions, actor=actor)
    steps += late  # Of one moment, what happened to the order's trades comes before what that made of the order.
    return OrderLife(
        order=order,
        slices=slices,
        fills=fills,
        obligations=obligations,
        instructions=instructions,
        steps=order_steps(steps=steps),
    )


def _accounts_of(*, order: Order) -> list[int]:
    """Return the accounts that an order's fills settle in: its own, and those among which it is shared."""
    shares = AllocationShare.objects.filter(allocation__order=order, allocation__status=AllocationStatus.APPLIED)
    return [order.account_id, *shares.values_list("account_id", flat=True)]


def _own_steps(*, order: Order, slices: Sequence[OrderSlice]) -> tuple[list[LifeStep], list[LifeStep]]:
    """Tell the order's own steps: those up to the venues, and those after."""
    early: list[LifeStep] = []
    late: list[LifeStep] = []
    before = ""
    for row in order.steps.order_by("id"):
        step = _own_step(row=row, before=before, order=order, slices=slices)
        (early if row.status in EARLY else late).append(step)
        before = row.status
    return early, late


def _own_step(*, row: OrderStep, before: str, order: Order, slices: Sequence[OrderSlice]) -> LifeStep:
    """Tell one step: a new status, or what was changed within one."""
    status = OrderStatus(row.status)
    title, why, details = TITLES[status], row.note, list[tuple[str, str]]()
    if status == before:
        title = "Replaced"
    elif status == OrderStatus.RECEIVED:
        title = f"Received from {order.client.code}"
        details = [("Client's reference", order.client_order_id), ("Entered by", order.entered_by)]
        if order.arrival_mid is not None:
            details.append(("Middle of the quote then", f"{order.arrival_mid.normalize():f}"))
    elif status == OrderStatus.REJECTED:
        why = row.note or order.refusal
        details = [("Code", order.refusal_code)]
    elif status == OrderStatus.ROUTING and slices:
        first = [part for part in slices if part.created_at <= row.at]
        why = row.note or ", ".join(f"{part.quantity_units:,} to {part.venue.mic}" for part in first)
    return LifeStep(
        at=row.at,
        recorded_at=row.recorded_at,
        title=title,
        state=status,
        before=before if before != status else "",
        after=status,
        why=_sentence(why),
        by=row.actor or "system",
        details=tuple(details),
    )


def _fill_steps(*, order: Order, fills: Sequence[Fill]) -> list[LifeStep]:
    """Tell each fill, with the trade it became; of very many the first, and the rest together."""
    told = list(fills[:MOST_FILLS_TOLD])
    steps = [_fill_step(order=order, fill=fill) for fill in told]
    rest = fills[MOST_FILLS_TOLD:]
    if rest:
        units = sum(fill.quantity_units for fill in rest)
        steps.append(
            LifeStep(
                at=rest[0].at, until=rest[-1].at, title=f"{len(rest):,} further fills of {units:,} in all",
                state="MATCHED", by="the venues",
            )
        )  # fmt: skip
    return steps


def _executed_before(step: LifeStep, fills: Sequence[Fill]) -> list[datetime]:
    """Return when the fills were executed that had been recorded when a step was."""
    return [fill.at for fill in fills if step.recorded_at is not None and fill.recorded_at <= step.recorded_at]


def _fill_step(*, order: Order, fill: Fill) -> LifeStep:
    """Tell one fill."""
    digits, code = order.currency.digits, order.currency.code
    details = [
        ("Execution", fill.execution_id),
        ("Amount", f"{Decimal(fill.amount_minor).scaleb(-digits):,} {code}"),
        ("Fee", f"{Decimal(fill.fee_minor).scaleb(-digits):,} {code}"),
        ("Stood in the book", "yes, as maker" if fill.maker else "no, as taker"),
    ]
    if fill.quoted_price is not None:
        details.append(("The venue's quote then", f"{fill.quoted_price.normalize():f}"))
    return LifeStep(
        at=fill.at,
        recorded_at=fill.recorded_at,
        title=f"{fill.quantity_units:,} at {fill.price.normalize():f} on {fill.venue.mic}",
        state="MATCHED",
        why="A locked-in trade.",
        by=fill.venue.mic,
        details=tuple(details),
        link=Link("trade", str(fill.trade.public_id)),
    )


def _netted_steps(*, obligations: Sequence[Obligation]) -> list[LifeStep]:
    """Tell into what the trades were netted."""
    return [
        LifeStep(
            at=row.netting_run.ran_at,
            recorded_at=row.netting_run.recorded_at,
            title=f"Netted with the other trades of {row.account.code}",
            state="CLEARED",
            why=f"{describe_obligation(row)}.",
            by="clearing",
            details=(("Contracts in it", f"{row.trades:,}"), ("Settlement date", row.settlement_date.isoformat())),
            link=Link("netting-run", str(row.netting_run_id)),
        )
        for row in obligations
        if row.netting_run is not None
    ]


def _sentence(text: str) -> str:
    """Return a text with a full stop."""
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
