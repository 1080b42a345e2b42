"""Allocations as pages and the API show them: one with its accounts, the block behind a form, what a sharing gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.db.models import QuerySet

from ledger.models import Account, AccountKind
from reference.core.actor import Actor
from reference.refusals import Refusal
from trades.core.allocation import Allocation as Share
from trades.core.allocation import Block, average_price
from trades.core.allocation_lifecycle import EFFECTIVE_STATUSES
from trades.models import Allocation, AllocationMethod, Order
from trades.queries.blocks import BlockTerms, allocations_visible_to, find_block
from trades.queries.life import get_trade
from trades.queries.visible import orders_visible_to
from trades.refusals.allocations import BlockNotNamed, UnknownAllocation
from trades.refusals.orders import UnknownOrder
from trades.services.allocations.write_allocations import share_block

LARGEST_LINES = 500


@dataclass(frozen=True)
class Preview:
    """What a sharing would give. left_units: of the block, that nobody gets yet; None where it cannot be told."""

    shares: Mapping[int, Share]
    left_units: int | None
    problem: str
    is_estimate: bool


def get_allocation(*, actor: Actor, public_id: UUID | str) -> Allocation:
    """Return one allocation with all that it names. Raises UnknownAllocation."""
    found = detailed(rows=allocations_visible_to(actor=actor)).filter(public_id=public_id).first()
    if found is None:
        raise UnknownAllocation
    return found


def detailed(*, rows: QuerySet[Allocation]) -> QuerySet[Allocation]:
    """Return the allocations with their accounts."""
    return rows.select_related("replaces").prefetch_related("lines__account", "shares__account")


def name_block(
    *,
    actor: Actor,
    trade: UUID | None = None,
    order: UUID | None = None,
    side: str = "",
    trade_date: date | None = None,
) -> BlockTerms:
    """Return the block of a trade or an order that the actor sees.

    Raises UnknownTrade, UnknownOrder, and what find_block raises.
    """
    if (trade is None) == (order is None):
        raise BlockNotNamed
    if trade is not None:
        return find_block(actor=actor, trade=get_trade(actor=actor, public_id=trade), side=side)
    found: Order | None = orders_visible_to(actor=actor).filter(public_id=order or "").first()
    if found is None:
        raise UnknownOrder
    return find_block(actor=actor, order=found, trade_date=trade_date)


def block_again(*, actor: Actor, allocation: Allocation) -> BlockTerms:
    """Return the block of an allocation that is to be shared anew. Raises what find_block raises."""
    return find_block(
        actor=actor, trade=allocation.trade, order=allocation.order, side=allocation.side,
        trade_date=allocation.trade_date,
    )  # fmt: skip


def standing_allocation(*, block: BlockTerms) -> Allocation | None:
    """Return the block's effective allocation, None where it has none."""
    rows = Allocation.objects.filter(status__in=EFFECTIVE_STATUSES, trade_date=block.trade_date)
    rows = rows.filter(trade=block.trade, side=block.side) if block.trade else rows.filter(order=block.order)
    return detailed(rows=rows).first()


def accounts_of(*, block: BlockTerms) -> list[Account]:
    """Return the accounts that a block can be allocated to, its own first."""
    rows = Account.objects.filter(participant_id=block.participant_id, kind=AccountKind.SECURITIES).order_by("code")
    return sorted(rows, key=lambda account: (account.pk != block.account_id, account.code))[:LARGEST_LINES]


def preview_sharing(*, block: BlockTerms, traded: Block, method: str, told: Mapping[int, Decimal]) -> Preview:
    """Return what a sharing would give, and why not, where it would not. traded: what of the block has traded."""
    is_full = traded.quantity_units == block.full_units
    shown = traded if traded.quantity_units else Block(block.full_units, 0)
    left: int | None = None
    if method == AllocationMethod.QUANTITY:
        left = block.full_units - int(sum(told.values()))
    try:
        whole = Block(block.full_units, block.full_units)
        parts = share_block(block=whole, method=method, told=told, is_full=True)
        if is_full or not block.is_done:
            parts = share_block(block=shown, method=method, told=told, is_full=is_full or not traded.quantity_units)
    except Refusal as refusal:
        return Preview({}, left, refusal.message, not is_full)
    problem = "" if all(part.quantity_units for part in parts.values()) else "Every account gets at least one unit."
    return Preview(parts, 0, problem, not is_full or not traded.quantity_units)


def average_of(*, row: Allocation) -> Decimal | None:
    """Return the average price of an applied allocation's block, in its security's quotation."""
    if row.quantity_units is None or row.amount_minor is None:
        return None
    block = Block(row.quantity_units, row.amount_minor)
    return average_price(block=block, minor_digits=row.currency.digits)
