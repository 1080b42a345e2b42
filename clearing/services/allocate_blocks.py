"""Allocate blocks: a transfer of contracts against the CCP, from where the block stands to the accounts it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.db import connection, transaction

from clearing.queries.defaults import barred_accounts
from clearing.services.novate_trades import CLEARING_LOCK
from events.services.audit import record_action
from reference.core.actor import Actor
from reference.locks import take_lock
from trades.core.allocation import Block
from trades.core.allocation_lifecycle import AllocationStatus
from trades.models import Allocation, AllocationLine
from trades.queries.blocks import BLOCK_MATCHES, NOT_DONE, BlockTerms
from trades.refusals.allocations import (
    AllocationAfterCutOff,
    AllocationBelowOneUnit,
    AllocationEnded,
    BlockBarred,
    BlockGone,
    SeveralSettlementDates,
)
from trades.services.allocations.write_allocations import (
    Applied,
    apply_shares,
    end_allocations,
    instruct_allocation,
    share_block,
)

# How far each waiting block has come: its matches, how many of them are novated and how many netted already.
WAITING_SQL = f"""
    WITH asked AS MATERIALIZED (
        SELECT id AS key, trade_id, order_id, side, trade_date FROM trades_allocation
        WHERE status = 'WAITING' AND (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
        ORDER BY id FOR NO KEY UPDATE
    ), block AS (
        SELECT b.key, count(*) AS matches, count(n.match_id) FILTER (WHERE n.cancelled_at IS NULL) AS novated,
               count(n.netting_run_id) AS netted, count(DISTINCT b.settlement_date) AS dates,
               min(b.settlement_date) AS settlement_date, sum(b.quantity_units)::bigint AS quantity,
               sum(b.amount_minor)::bigint AS amount, sum(b.fee_minor)::bigint AS fee
        FROM ({BLOCK_MATCHES}) b LEFT JOIN clearing_novation n ON n.match_id = b.match_id
        GROUP BY b.key
    )
    SELECT a.id, a.method, a.account_id, coalesce(b.matches, 0), coalesce(b.novated, 0), coalesce(b.netted, 0),
           coalesce(b.dates, 0), b.settlement_date, b.quantity, b.amount, b.fee, coalesce(t.status, ''),
           coalesce(o.status, ''), a.trade_date, coalesce(t.quantity_units, o.quantity_units)
    FROM asked k JOIN trades_allocation a ON a.id = k.key
    LEFT JOIN trades_trade t ON t.id = a.trade_id
    LEFT JOIN trades_order o ON o.id = a.order_id
    LEFT JOIN block b ON b.key = a.id
    ORDER BY a.id
"""

# A buy is given up as a delivery for its amount and taken over as it was; a sale the other way round.
MOVE_SQL = """
    INSERT INTO clearing_carriedcontract (
        cause, cause_id, account_id, security_id, currency_id, settlement_date, quantity_units, cash_minor, created_at)
    SELECT %(cause)s, s.id, moved.account_id, a.security_id, a.currency_id, a.settlement_date,
           moved.sign * s.quantity_units, -moved.sign * s.amount_minor, %(at)s
    FROM trades_allocationshare s
    JOIN trades_allocation a ON a.id = s.allocation_id
    CROSS JOIN LATERAL (
        SELECT CASE a.side WHEN 'BUY' THEN 1 ELSE -1 END * %(way)s AS sign
    ) side
    CROSS JOIN LATERAL (VALUES (a.account_id, -side.sign), (s.account_id, side.sign)) AS moved (account_id, sign)
    WHERE a.id = ANY(%(ids)s) AND s.account_id <> a.account_id
    ORDER BY s.id, moved.sign
"""

NETTED_SQL = f"""
    WITH asked AS (SELECT id AS key, trade_id, order_id, side, trade_date FROM trades_allocation WHERE id = %s)
    SELECT count(*) FROM ({BLOCK_MATCHES}) b JOIN clearing_novation n ON n.match_id = b.match_id
    WHERE n.netting_run_id IS NOT NULL
"""

OF_MATCH_SQL = """
    SELECT a.id FROM trades_allocation a JOIN trades_match m ON m.id = %(match)s
        AND a.trade_id = CASE a.side WHEN 'BUY' THEN m.buy_trade_id ELSE m.sell_trade_id END
    WHERE a.status = 'APPLIED'
    UNION
    SELECT a.id FROM trades_match m JOIN trades_trade t ON t.id = m.buy_trade_id
    JOIN trades_fill f ON f.trade_id = t.id
    JOIN trades_allocation a ON a.order_id = f.order_id AND a.trade_date = t.trade_date
    WHERE m.id = %(match)s AND a.status = 'APPLIED'
    ORDER BY 1
"""


def allocate_block(
    *, block: BlockTerms, method: str, told: Mapping[str, Decimal], actor: Actor, at: datetime, business_date: date,
    replaces: Allocation | None = None,
) -> Allocation:  # fmt: skip
    """Allocate a block to accounts of its party: at once where it is novated, otherwise as soon as it is.

    told: units, percent or weight by account. Raises BlockBarred, AllocationAfterCutOff and what
    instruct_allocation and core/allocation.py refuse.
    """
    with transaction.atomic():
        take_lock(name=CLEARING_LOCK)
        allocation = instruct_allocation(
            block=block, method=method, told=told, actor=actor, at=at, business_date=business_date, replaces=replaces
        )
        _apply(ids=[allocation.pk], at=at, business_date=business_date, refuse=True)
        allocation.refresh_from_db()
        what = f"{len(told)} accounts, {allocation.get_method_display().lower()}: {allocation.get_status_display()}"
        _audit("allocation.instructed", allocation, what, actor, at, business_date)
    return allocation


def cancel_allocation(
    *, allocation: Allocation, actor: Actor, at: datetime, business_date: date, note: str = ""
) -> Allocation:
    """Take an allocation back, until its block is netted; what it moved returns to the block's account.

    Raises AllocationEnded, AllocationAfterCutOff, BlockBarred.
    """
    with transaction.atomic():
        take_lock(name=CLEARING_LOCK)
        found = Allocation.objects.select_for_update(no_key=True).get(pk=allocation.pk)
        if found.status not in (AllocationStatus.WAITING, AllocationStatus.APPLIED):
            raise AllocationEnded(f"The allocation is {found.status} already.")
        if found.status == AllocationStatus.APPLIED:
            with connection.cursor() as cursor:
                cursor.execute(NETTED_SQL, [found.pk])
                if cursor.fetchone()[0]:
                    raise AllocationAfterCutOff
            if found.account_id in barred_accounts():
                raise BlockBarred
        _take_back(allocations=[found], note=note or f"Cancelled by {actor.name}.", at=at, business_date=business_date)
        _audit("allocation.cancelled", found, note or "no reason given", actor, at, business_date)
        found.refresh_from_db()
    return found


def reallocate_block(
    *, allocation: Allocation, block: BlockTerms, method: str, told: Mapping[str, Decimal], actor: Actor,
    at: datetime, business_date: date,
) -> Allocation:  # fmt: skip
    """Cancel an allocation and allocate its block anew, both or neither. Raises what the two raise."""
    with transaction.atomic():
        cancelled = cancel_allocation(
            allocation=allocation, actor=actor, at=at, business_date=business_date, note="Re-allocated."
        )
        return allocate_block(
            block=block, method=method, told=told, actor=actor, at=at, business_date=business_date, replaces=cancelled
        )


def apply_allocations(*, at: datetime, business_date: date, closing: bool = False) -> int:
    """Apply every waiting allocation whose block is novated; return how many. Called twice, it finds nothing more.

    closing: the day's trading is over, so that orders that still work are done for their date.
    """
    if not Allocation.objects.filter(status=AllocationStatus.WAITING).exists():
        return 0
    with transaction.atomic():
        take_lock(name=CLEARING_LOCK)
        return _apply(ids=None, at=at, business_date=business_date, closing=closing)


def withdraw_allocations(*, match_id: int, at: datetime, business_date: date) -> None:
    """Take back the allocations that a trade is part of, before it is cancelled.

    The rest of an order's block is unallocated again. Inside the caller's transaction, which holds the clearing lock.
    """
    with connection.cursor() as cursor:
        cursor.execute(OF_MATCH_SQL, {"match": match_id})
        ids = [int(row[0]) for row in cursor.fetchall()]
    if ids:
        found = list(Allocation.objects.filter(pk__in=ids).order_by("pk"))
        _take_back(allocations=found, note="Its trade was cancelled.", at=at, business_date=business_date)


def _take_back(*, allocations: Sequence[Allocation], note: str, at: datetime, business_date: date) -> None:
    """End allocations, and move what they moved the other way."""
    applied = [one.pk for one in allocations if one.status == AllocationStatus.APPLIED]
    end_allocations(
        notes=dict.fromkeys([one.pk for one in allocations], note), status=AllocationStatus.CANCELLED, at=at,
        business_date=business_date,
    )  # fmt: skip
    _move(ids=applied, cause="REVERSAL", way=-1, at=at)


def _move(*, ids: Sequence[int], cause: str, way: int, at: datetime) -> None:
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(MOVE_SQL, {"ids": list(ids), "cause": cause, "way": way, "at": at})


def _apply(
    *, ids: Sequence[int] | None, at: datetime, business_date: date, closing: bool = False, refuse: bool = False
) -> int:
    """Apply what is ready of the waiting allocations; what can never be is lapsed, or refused where it is asked for."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING_SQL, {"ids": None if ids is None else list(ids)})
        rows = cursor.fetchall()
    told: dict[int, dict[int, Decimal]] = {}
    for line in AllocationLine.objects.filter(allocation_id__in=[row[0] for row in rows]).order_by("account_id"):
        told.setdefault(line.allocation_id, {})[line.account_id] = line.told
    barred = set(barred_accounts())
    applied: list[Applied] = []
    lapsed: dict[int, str] = {}
    for row in rows:
        (pk, method, account, matches, novated, netted, dates, settles, quantity, amount, fee, trade_status,
         order_status, trade_date, full_units) = row  # fmt: skip
        over = closing or trade_date < business_date
        problem = _problem(
            is_barred=account in barred, netted=netted, dates=dates, matches=matches, trade_status=trade_status,
            order_status=order_status, over=over,
        )  # fmt: skip
        if problem is not None:
            if refuse:
                raise problem
            lapsed[pk] = problem.message
            continue
        working = order_status in NOT_DONE and not over
        if matches == 0 or novated < matches or working:
            continue
        block = Block(quantity, amount, fee)
        shares = share_block(block=block, method=method, told=told[pk], is_full=quantity == full_units)
        if refuse and any(share.quantity_units == 0 for share in shares.values()):
            raise AllocationBelowOneUnit
        applied.append(Applied(pk, block, settles, {key: one for key, one in shares.items() if one.quantity_units}))
    apply_shares(applied=applied, at=at, business_date=business_date)
    _move(ids=[one.allocation_id for one in applied], cause="ALLOCATION", way=1, at=at)
    end_allocations(notes=lapsed, status=AllocationStatus.LAPSED, at=at, business_date=business_date)
    return len(applied)


def _problem(
    *, is_barred: bool, netted: int, dates: int, matches: int, trade_status: str, order_status: str, over: bool
) -> BlockBarred | AllocationAfterCutOff | SeveralSettlementDates | BlockGone | None:
    """Return why a block can never be allocated, None where it can or may come to be."""
    if is_barred:
        return BlockBarred()
    if netted:
        return AllocationAfterCutOff()
    if dates > 1:
        return SeveralSettlementDates()
    ended = order_status != "" and (order_status not in NOT_DONE or over)
    if trade_status == "CANCELLED" or (matches == 0 and ended):
        return BlockGone()
    return None


def _audit(action: str, allocation: Allocation, words: str, actor: Actor, at: datetime, business_date: date) -> None:
    record_action(
        actor=actor, action=action, at=at, business_date=business_date, object_type="allocation",
        object_id=allocation.pk, summary=f"{allocation.public_id}: {words}"[:200],
    )  # fmt: skip
