"""What is swept of derivatives accounts: nothing waits, the two stores agree, nobody stands below maintenance."""

from __future__ import annotations

from datetime import date, datetime

from clearing.models import DerivativeContract
from clearing.services.commit_derivatives import verify_live
from clearing.services.liquidate_accounts import liquidate_accounts


def watch_derivatives(*, at: datetime, business_date: date) -> int:
    """Write what waits, put the live store right, and liquidate; return how many accounts were liquidated.

    Where nothing is listed, nothing is asked of the live store. Raises LiveStateUnavailable.
    """
    if not DerivativeContract.objects.exists():
        return 0
    verify_live()
    return liquidate_accounts(at=at, business_date=business_date)
