"""Write down how blocks are allocated: instructed, applied, ended. When, the clearing floor decides."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import connection

from ledger.models import Account, AccountKind
from reference.core.actor import Actor
from trades.core.allocation import (
    Allocation as Share,
)
from trades.core.allocation import (
    AllocationNotPositive,
    Block,
    allocate_by_percentage,
    allocate_by_quantity,
    allocate_pro_rata,
)
from trades.core.allocation_lifecycle import EFFECTIVE_STATUSES, AllocationStatus
from trades.models import Allocation, AllocationLine, AllocationMethod, AllocationShare
from trades.queries.blocks import BlockTerms
from trades.refusals.allocations import (
    AllocationAccountUnknown,
    AllocationBelowOneUnit,
    AllocationLineInvalid,
    BlockAllocated,
)

DECIMALS = 6
WEIGHT_SCALE = Decimal(10) ** DECIMALS
LARGEST_TOLD = Decimal(10) ** 15


@dataclass(frozen=True, slots=True)
class Applied:
    """An allocation that is applied: its block, where it settles, and what each account gets, by account id."""

    allocation_id: int
    block: Block
    settlement_date: date
    shares: Mapping[int, Share]


def instruct_allocation(
    *, block: BlockTerms, method: str, told: Mapping[str, Decimal], actor: Actor, at: datetime, business_date: date,
    replaces: Allocation | None = None,
) -> Allocation:  # fmt: skip
    """Write the instruction of how a block is to be shared; it waits until it is applied. Inside a transaction.

    told: units, percent or weight by account code or name. Raises BlockAllocated, AllocationLineInvalid,
    AllocationAccountUnknown, AllocationBelowOneUnit and what core/allocation.py refuses of the whole block.
    """
    standing = Allocation.objects.filter(status__in=EFFECTIVE_STATUSES, trade_date=block.trade_date)
    same = standing.filter(trade=block.trade, side=block.side) if block.trade else standing.filter(order=block.order)
    if same.exists():
        raise BlockAllocated
    accounts = find_targets(participant_id=block.participant_id, told=told)
    whole = share_block(
        block=Block(block.full_units, block.full_units), method=method,
        told={account.pk: value for account, value in accounts}, is_full=True,
    )  # fmt: skip
    if block.is_done and any(share.quantity_units == 0 for share in whole.values()):
        raise AllocationBelowOneUnit
    allocation = Allocation.objects.create(
        public_id=uuid.uuid4(), participant_id=block.participant_id, account_id=block.account_id, trade=block.trade,
        order=block.order, trade_date=block.trade_date, side=block.side, security_id=block.security_id,
        currency_id=block.currency_id, method=method, status=AllocationStatus.WAITING, instructed_by=actor.name,
        instructed_at=at, business_date=business_date, replaces=replaces,
    )  # fmt: skip
    AllocationLine.objects.bulk_create(
        [AllocationLine(allocation=allocation, account=account, told=value) for account, value in accounts]
    )
    return allocation


def find_targets(*, participant_id: int, told: Mapping[str, Decimal]) -> list[tuple[Account, Decimal]]:
    """Return the accounts of a party that are named, by code or by name, in the order of their ids.

    Raises AllocationLineInvalid, AllocationAccountUnknown.
    """
    own = list(Account.objects.filter(participant_id=participant_id, kind=AccountKind.SECURITIES).order_by("pk"))
    known = {account.name: account for account in own} | {account.code: account for account in own}
    found: dict[int, tuple[Account, Decimal]] = {}
    for name, value in told.items():
        account = known.get(name)
        if account is None:
            raise AllocationAccountUnknown(f"{name} is no securities account of the block's party.", account=name)
        if account.pk in found or not value.is_finite() or value > LARGEST_TOLD or value % (1 / WEIGHT_SCALE):
            raise AllocationLineInvalid(account=name)
        found[account.pk] = (account, value)
    return [found[pk] for pk in sorted(found)]


def share_block(
    *, block: Block, method: str, told: Mapping[int, Decimal], is_full: bool
) -> dict[int, Share]:  # fmt: skip
    """Share a block among accounts by what was told; exact. Returns shares by account id.

    is_full: all of the block has traded. Where it has not, an order that filled in part, told quantities are weights
    (Delegated Regulation (EU) 2017/565, Art 68(2): a partial execution is shared by the rule that was fixed before).
    Raises AllocationLineInvalid and what core/allocation.py refuses.
    """
    if method == AllocationMethod.PERCENTAGE:
        parts = allocate_by_percentage(block=block, percentages={str(pk): value for pk, value in told.items()})
    elif method == AllocationMethod.QUANTITY and is_full:
        if any(value % 1 for value in told.values()):
            raise AllocationLineInvalid("Units are whole numbers.")
        parts = allocate_by_quantity(block=block, quantities={str(pk): int(value) for pk, value in told.items()})
    else:
        if any(value <= 0 for value in told.values()):
            raise AllocationNotPositive
        parts = allocate_pro_rata(
            block=block, weights={str(pk): int(value * WEIGHT_SCALE) for pk, value in told.items()}
        )
    return {int(part.account): part for part in parts}


def apply_shares(*, applied: Sequence[Applied], at: datetime, business_date: date) -> list[AllocationShare]:
    """Write what each account gets, and the blocks as applied. Two statements, whatever their number."""
    if not applied:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE trades_allocation a SET status = 'APPLIED', applied_at = %s, applied_on = %s,
                   settlement_date = n.settlement_date, quantity_units = n.quantity, amount_minor = n.amount,
                   fee_minor = n.fee
               FROM unnest(%s::bigint[], %s::date[], %s::bigint[], %s::bigint[], %s::bigint[])
                   AS n (id, settlement_date, quantity, amount, fee)
               WHERE a.id = n.id AND a.status = 'WAITING'""",
            [
                at, business_date, [one.allocation_id for one in applied], [one.settlement_date for one in applied],
                [one.block.quantity_units for one in applied], [one.block.amount_minor for one in applied],
                [one.block.fee_minor for one in applied],
            ],
        )  # fmt: skip
    return AllocationShare.objects.bulk_create(
        [
            AllocationShare(
                allocation_id=one.allocation_id, account_id=account_id, quantity_units=share.quantity_units,
                amount_minor=share.amount_minor, fee_minor=share.fee_minor,
            )
            for one in applied
            for account_id, share in sorted(one.shares.items())
            if share.quantity_units
        ],
        batch_size=None,
    )  # fmt: skip


def end_allocations(*, notes: Mapping[int, str], status: AllocationStatus, at: datetime, business_date: date) -> None:
    """End allocations, each with why. notes: by allocation id. One statement."""
    if not notes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE trades_allocation a SET status = %s, ended_at = %s, ended_on = %s, note = n.note
               FROM unnest(%s::bigint[], %s::text[]) AS n (id, note) WHERE a.id = n.id""",
            [status, at, business_date, list(notes), list(notes.values())],
        )
