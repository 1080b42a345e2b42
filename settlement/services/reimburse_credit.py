"""End credits: reimbursed at the end of the day out of cash that is there, or relocated and owed overnight.

T2S: at its reimbursement the cash goes back to the central bank and the collateral to where it came from, by a
reverse transaction; where the cash is missing, the collateral is relocated to the central bank's own account and
the credit is from then on overnight credit.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
from django.db import transaction

from ledger.queries import NO_FLOOR, balances_for_update
from ledger.services import post_together
from reference.locks import take_lock
from settlement.core.credit_lifecycle import CreditStatus
from settlement.models import CreditDraw
from settlement.services.draw_credit import as_postings
from settlement.services.settle_cycle import CYCLE_LOCK

Line = tuple[int, int, int, int]


class Ended(NamedTuple):
    """How many credits were reimbursed, and how many relocated."""

    reimbursed: int
    relocated: int


def reimburse_credits(*, business_date: date, at: datetime) -> Ended:
    """End the open credits: whole, the oldest first, out of cash that is there; the others are relocated.

    One journal entry each, (REIMBURSE, credit id) or (RELOCATE, credit id). Done twice, it changes nothing.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        draws = _owed(status=CreditStatus.OPEN)
        paid = _covered(draws)
        left = [draw for draw in draws if draw.pk not in paid]
        post_together(
            postings=[
                as_postings(source="REIMBURSE", lines=[line for draw in paid.values() for line in _reverse(draw)]),
                as_postings(source="RELOCATE", lines=[line for draw in left for line in _relocate(draw)]),
            ],
            business_date=business_date,
            at=at,
        )
        _move(paid, status=CreditStatus.REIMBURSED, reimbursed_at=at)
        _move((draw.pk for draw in left), status=CreditStatus.RELOCATED, relocated_at=at)
    return Ended(len(paid), len(left))


def repay_overnight_credits(*, business_date: date, at: datetime) -> int:
    """Repay relocated credits whose cash is there now, the oldest first; return how many."""
    if not CreditDraw.objects.filter(status=CreditStatus.RELOCATED).exists():
        return 0
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        paid = _covered(_owed(status=CreditStatus.RELOCATED))
        lines = [line for draw in paid.values() for line in _reverse(draw)]
        post_together(postings=[as_postings(source="REIMBURSE", lines=lines)], business_date=business_date, at=at)
        _move(paid, status=CreditStatus.REIMBURSED, reimbursed_at=at)
    return len(paid)


def _owed(*, status: CreditStatus) -> list[CreditDraw]:
    """Return the credits in this state, the oldest first, with their lines and pledges."""
    rows = CreditDraw.objects.filter(status=status).select_related("line").prefetch_related("pledges")
    return list(rows.order_by("id"))


def _covered(draws: list[CreditDraw]) -> dict[int, CreditDraw]:
    """Return, by id, the credits that their accounts' cash covers one after the other; lock that cash."""
    accounts = sorted({draw.line.account_id for draw in draws})
    account, asset, balance, floor = balances_for_update(accounts=accounts)
    # Without a floor there is always enough.
    room = np.where(floor == NO_FLOOR, np.iinfo(np.int64).max, balance - np.where(floor == NO_FLOOR, 0, floor))
    cash = dict(zip(zip(account.tolist(), asset.tolist(), strict=True), room.tolist(), strict=True))
    paid = {}
    for draw in draws:
        key = (draw.line.account_id, draw.line.currency_id)
        if cash.get(key, 0) >= draw.amount_minor:
            cash[key] -= draw.amount_minor
            paid[draw.pk] = draw
    return paid


def _reverse(draw: CreditDraw) -> list[Line]:
    """Return the postings that give cash and collateral back, from where they stand."""
    line, overnight = draw.line, draw.status == CreditStatus.RELOCATED
    lender = line.overnight_account_id if overnight else line.credit_account_id
    held_at = line.overnight_collateral_account_id if overnight else line.collateral_account_id
    lines = [
        (draw.pk, line.account_id, line.currency_id, -draw.amount_minor),
        (draw.pk, lender, line.currency_id, draw.amount_minor),
    ]
    for pledge in draw.pledges.all():
        lines += [
            (draw.pk, held_at, pledge.security_id, -pledge.units),
            (draw.pk, pledge.securities_account_id, pledge.security_id, pledge.units),
        ]
    return lines


def _relocate(draw: CreditDraw) -> list[Line]:
    """Return the postings that make an intraday credit and its collateral those of the night."""
    line = draw.line
    lines = [
        (draw.pk, line.credit_account_id, line.currency_id, draw.amount_minor),
        (draw.pk, line.overnight_account_id, line.currency_id, -draw.amount_minor),
    ]
    for pledge in draw.pledges.all():
        lines += [
            (draw.pk, line.collateral_account_id, pledge.security_id, -pledge.units),
            (draw.pk, line.overnight_collateral_account_id, pledge.security_id, pledge.units),
        ]
    return lines


def _move(ids: Iterable[int], *, status: CreditStatus, **times: datetime) -> None:
    """Write the new state of these credits."""
    CreditDraw.objects.filter(pk__in=list(ids)).update(status=status, **times)
