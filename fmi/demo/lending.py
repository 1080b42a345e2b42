"""Borrowing to cover: participants that fail for lack of securities borrow some during the day.

The loans are deliveries free of payment out of the accounts that hold most, entered
directly as settlement instructions, so that the cycles of the day have something to settle.
"""

from datetime import date, datetime

import numpy as np

from ledger.models import Account, Balance
from reference.core.actor import SYSTEM
from reference.queries import directory
from settlement.models import Instruction
from settlement.services.create_instructions import DirectInstruction, enter_instruction

SHARE_COVERED = 0.35
LARGEST_SHARE_LENT = 0.25


def lend_to_cover(*, seed: int, at: datetime, business_date: date) -> int:
    """Lend to a seeded share of those that failed in the last cycle; return how many loans were made.

    A loan's reference names the moment and the instruction it covers: lent twice, it is lent once.
    """
    random = np.random.default_rng([seed, business_date.toordinal(), at.hour])
    short = (
        Instruction.objects.filter(
            status="PENDING", reason="LACK", intended_date__lte=business_date, source="OBLIGATION"
        )
        .select_related("deliverer_account")
        .order_by("id")
    )
    made = 0
    for instruction in short:
        if random.random() < SHARE_COVERED:
            made += _lend(instruction=instruction, at=at, business_date=business_date)
    return made


def _lend(*, instruction: Instruction, at: datetime, business_date: date) -> int:
    """Lend what one instruction lacks out of the largest holding that can spare it; return 1, or 0 if none can."""
    assert instruction.security_id is not None, "What lacks securities names one."
    security = directory().securities[instruction.security_id]
    lots = -(-instruction.shortfall // security.lot_size_units)
    quantity = lots * security.lot_size_units
    borrower = instruction.deliverer_account
    lender = (
        Balance.objects.filter(
            asset_id=security.id, balance__gte=round(quantity / LARGEST_SHARE_LENT), floor__isnull=False
        )
        .exclude(account=borrower)
        # What it holds is pledged to it.
        .exclude(account__participant__role="CENTRAL_BANK")
        .order_by("-balance", "account_id")
        .first()
    )
    if lender is None or quantity <= 0 or borrower.participant_id == getattr(directory().ccp, "id", None):
        return 0
    _, created = enter_instruction(
        entered=DirectInstruction(
            reference=f"LOAN-{at:%y%m%d%H}-{instruction.pk}",
            deliverer_account=Account.objects.get(pk=lender.account_id),
            receiver_account=borrower,
            security=security,
            quantity_units=quantity,
            cash_minor=0,
            intended_date=business_date,
            priority=3,
        ),
        instructing_participant_id=borrower.participant_id,
        actor=SYSTEM,
        at=at,
        business_date=business_date,
    )
    return int(created)
