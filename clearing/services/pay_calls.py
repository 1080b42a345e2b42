"""Collect margin calls: the direct debit of a member's house cash at the deadline, or earlier where it says so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from clearing.contracts import CallOverdue, MarginCallPaid
from clearing.core.collateral_value import allocate_debits
from clearing.models import CallPayment, MarginCall
from clearing.queries.membership import RISK_LOCK
from clearing.refusals import CallNotOpen, UnknownCall
from clearing.services.issue_calls import CALLED_STATUSES
from events.services.audit import record_action, record_actions
from events.services.outbox import record_fact
from events.services.shares import share_out
from ledger.refusals import BalanceBelowLimit
from ledger.services import post_entries
from reference.core.actor import SYSTEM, Actor
from reference.locks import take_lock

# Variation margin first, for others wait for it; then what protects the CCP; then contributions. Of each the oldest.
# Where a payment goes says its kind: collateral, the passing through of variation margin, or the default fund.
OPEN_SQL = """
    SELECT c.id, c.member_id, c.currency_id, c.amount_minor - c.paid_minor, h.id,
           CASE WHEN c.kind IN ('INITIAL', 'INTRADAY') THEN m.im_cash_id
                WHEN c.kind = 'VARIATION' THEN v.id ELSE m.fund_cash_id END,
           c.status, c.deadline <= %(at)s
    FROM clearing_margincall c
    JOIN clearing_membership m ON m.member_id = c.member_id AND m.status = ANY(%(statuses)s)
    JOIN ledger_account h ON h.participant_id = c.member_id AND h.kind = 'CASH' AND h.name = 'HOUSE'
    JOIN ledger_account i ON i.id = m.im_cash_id
    JOIN ledger_account v ON v.participant_id = i.participant_id AND v.kind = 'CASH' AND v.name = 'VM'
    WHERE c.status IN ('ISSUED', 'OVERDUE') AND {chosen}
    ORDER BY array_position(ARRAY['VARIATION', 'INTRADAY', 'INITIAL', 'ASSESSMENT', 'FUND'], c.kind::text),
             c.deadline, c.id
"""

HELD_SQL = """
    SELECT b.account_id, b.asset_id, b.balance - coalesce(b.floor, 0)
    FROM ledger_balance b JOIN unnest(%s::bigint[], %s::bigint[]) AS w (account_id, asset_id)
        USING (account_id, asset_id)
    ORDER BY b.id FOR NO KEY UPDATE OF b
"""

BOOK_SQL = """
    UPDATE clearing_margincall c
    SET paid_minor = c.paid_minor + b.amount,
        status = CASE WHEN c.paid_minor + b.amount = c.amount_minor THEN 'PAID'
                      WHEN b.is_late THEN 'OVERDUE' ELSE c.status END,
        paid_at = CASE WHEN c.paid_minor + b.amount = c.amount_minor THEN %(at)s::timestamptz END,
        overdue_at = CASE WHEN c.paid_minor + b.amount < c.amount_minor AND b.is_late
                          THEN coalesce(c.overdue_at, %(at)s) ELSE c.overdue_at END
    FROM unnest(%(calls)s::bigint[], %(amounts)s::bigint[], %(late)s::boolean[]) AS b (id, amount, is_late)
    WHERE c.id = b.id
"""


class Collected(NamedTuple):
    """What one collection came to: calls paid in full, calls newly overdue, minor units debited in all."""

    paid: int
    overdue: int
    debited_minor: int


class OpenCall(NamedTuple):
    """A call that is to be debited now."""

    id: int
    member_id: int
    currency_id: int
    open_minor: int
    from_account: int
    to_account: int
    status: str
    is_late: bool


def pay_calls(*, at: datetime, business_date: date) -> Collected:
    """Debit every call that is due from the member's house cash, as far as it reaches; mark the rest overdue.

    What is paid in part keeps its rest open, and the next collection goes on with it. A call that is open before
    its deadline waits for it. Defaulters are not debited: their money is the default's.
    """
    with transaction.atomic():
        take_lock(name=RISK_LOCK)
        calls = _open_calls(chosen="c.deadline <= %(at)s", at=at)
        if not calls:
            return Collected(0, 0, 0)
        amounts = _amounts(calls=calls)
        newly_overdue = [
            call
            for call, amount in zip(calls, amounts.tolist(), strict=True)
            if amount < call.open_minor and call.status == "ISSUED"
        ]
        collected = _book(calls=calls, amounts=amounts, at=at, business_date=business_date)
        if newly_overdue:
            record_fact(
                fact=CallOverdue(count=len(newly_overdue)),
                shares=share_out(things=((call.member_id, call.id) for call in newly_overdue)),
            )
            record_actions(
                actor=SYSTEM,
                action="call.overdue",
                at=at,
                business_date=business_date,
                object_type="margincall",
                objects=[
                    (call.id, f"Margin call {call.id} is overdue", {"open_minor": call.open_minor})
                    for call in newly_overdue
                ],
            )
        return collected._replace(overdue=len(newly_overdue))


def pay_call(*, call_id: int, actor: Actor, at: datetime, business_date: date) -> MarginCall:
    """Pay what is open of one call now, in full, before its deadline or after it; by the member, or for it.

    Raises UnknownCall, also for another's; CallNotOpen, BalanceBelowLimit where the house cash does not reach.
    """
    with transaction.atomic():
        take_lock(name=RISK_LOCK)
        call = MarginCall.objects.select_related("member").filter(pk=call_id).first()
        if call is None or not (actor.participant_id is None or actor.participant_id == call.member_id):
            raise UnknownCall
        calls = _open_calls(chosen="c.id = %(call)s", at=at, call=call_id)
        if not calls:
            raise CallNotOpen
        amounts = _amounts(calls=calls)
        if int(amounts[0]) < calls[0].open_minor:
            raise BalanceBelowLimit("The house cash account does not hold what is open of the call.")
        _book(calls=calls, amounts=amounts, at=at, business_date=business_date)
        record_action(
            actor=actor,
            action="call.paid",
            at=at,
            business_date=business_date,
            object_type="margincall",
            object_id=call_id,
            summary=f"Margin call {call_id} on {call.member.code} paid",
            detail={"amount_minor": calls[0].open_minor},
        )
        call.refresh_from_db()
    return call


def _open_calls(*, chosen: str, at: datetime, call: int = 0) -> list[OpenCall]:
    """Return the open calls that are chosen by a condition, in the order in which they are paid."""
    with connection.cursor() as cursor:
        statuses = [status.value for status in CALLED_STATUSES]
        parameters: dict[str, Any] = {"at": at, "call": call, "statuses": statuses}
        cursor.execute(OPEN_SQL.format(chosen=chosen), parameters)
        return [OpenCall(*row) for row in cursor.fetchall()]


def _amounts(*, calls: Sequence[OpenCall]) -> NDArray[np.int64]:
    """Return what the house cash pays of each call, int64[c], its balances locked."""
    wanted = sorted({(call.from_account, call.currency_id) for call in calls})
    with connection.cursor() as cursor:
        cursor.execute(HELD_SQL, [[account for account, _ in wanted], [currency for _, currency in wanted]])
        held = {(account, currency): max(0, minor) for account, currency, minor in cursor.fetchall()}
    place = {key: index for index, key in enumerate(wanted)}
    return allocate_debits(
        account=np.array([place[call.from_account, call.currency_id] for call in calls], np.int64),
        available=np.array([held.get(key, 0) for key in wanted], np.int64),
        amount=np.array([call.open_minor for call in calls], np.int64),
    )


def _book(*, calls: Sequence[OpenCall], amounts: NDArray[np.int64], at: datetime, business_date: date) -> Collected:
    """Write the payments, post them and move the calls on."""
    paying = np.flatnonzero(amounts > 0).tolist()
    payments = CallPayment.objects.bulk_create(
        [
            CallPayment(call_id=calls[place].id, amount_minor=int(amounts[place]), business_date=business_date, at=at)
            for place in paying
        ]
    )
    if payments:
        debited = amounts[paying]
        ids = np.array([payment.pk for payment in payments], np.int64)
        currencies = np.array([calls[place].currency_id for place in paying], np.int64)
        post_entries(
            source="CALL",
            business_date=business_date,
            at=at,
            source_ids=np.concatenate([ids, ids]),
            accounts=np.array([calls[place].from_account for place in paying]
                              + [calls[place].to_account for place in paying], np.int64),
            assets=np.concatenate([currencies, currencies]),
            amounts=np.concatenate([-debited, debited]),
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            BOOK_SQL,
            {
                "at": at,
                "calls": [call.id for call in calls],
                "amounts": amounts.tolist(),
                "late": [call.is_late for call in calls],
            },
        )
    paid = [call for call, amount in zip(calls, amounts.tolist(), strict=True) if amount == call.open_minor]
    if paid:
        shares = share_out(things=((call.member_id, call.id) for call in paid))
        record_fact(fact=MarginCallPaid(count=len(paid)), shares=shares)
    return Collected(paid=len(paid), overdue=0, debited_minor=int(amounts.sum()))
