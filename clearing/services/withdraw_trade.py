"""Take a trade that both parties cancel out of clearing and settlement: the hook that trades call."""

from datetime import date, datetime

from clearing.models import Novation, Obligation
from clearing.refusals import TradeNetted, TradeSettling
from clearing.services.allocate_blocks import withdraw_allocations
from clearing.services.novate_trades import CLEARING_LOCK
from reference.locks import take_lock
from settlement.services.cancel_instructions import cancel_instruction_of


def withdraw_trade(*, match_id: int, at: datetime, business_date: date) -> None:
    """Withdraw a matched trade, inside the caller's transaction.

    A cleared trade can be withdrawn until it is netted, a gross one until it settles.
    Raises TradeNetted, TradeSettling.
    """
    take_lock(name=CLEARING_LOCK)
    novation = Novation.objects.select_for_update(no_key=True).filter(match_id=match_id).first()
    if novation is not None:
        if novation.netting_run_id is not None:
            raise TradeNetted
        withdraw_allocations(match_id=match_id, at=at, business_date=business_date)
        Novation.objects.filter(match_id=match_id).update(cancelled_at=at)
        return
    obligation = Obligation.objects.select_for_update(no_key=True).filter(match_id=match_id).first()
    if obligation is None:
        return
    if obligation.discharged_at is not None or not cancel_instruction_of(source_id=obligation.pk):
        raise TradeSettling
    Obligation.objects.filter(pk=obligation.pk).update(cancelled_at=at)
