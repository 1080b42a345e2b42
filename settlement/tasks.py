"""Wake-up calls: each drains whatever is due, so a lost, doubled or late one changes nothing."""

from dataclasses import replace

from celery import shared_task

from reference.queries import business_clock
from settlement.models import BusinessDay, StepAction
from settlement.queries.day import real_time_mode
from settlement.services.allege_instructions import allege_instructions
from settlement.services.business_day import next_step
from settlement.services.cancel_instructions import cancel_aged_instructions
from settlement.services.cancel_party_instruction import cancel_aged_party_instructions
from settlement.services.charge_penalties import charge_penalties
from settlement.services.compare_models import run_comparisons
from settlement.services.match_instructions import match_instructions
from settlement.services.pay_corporate_actions import pay_corporate_actions
from settlement.services.pay_penalties import pay_penalties
from settlement.services.record_corporate_actions import record_corporate_actions
from settlement.services.reimburse_credit import reimburse_credits, repay_overnight_credits
from settlement.services.run_cycle import run_scheduled_cycle, settle_now


@shared_task(name="settlement.run_cycle")
def run_cycle() -> None:
    """Run the cycle of the step whose time has come; at any other time try what has changed.

    Before the first business day was opened there is no schedule to obey: a cycle runs whenever it is asked for.
    """
    clock = business_clock()
    step = next_step(business_date=clock.business_date)
    if step.action == StepAction.CYCLE and step.planned_at <= clock.at:
        run_scheduled_cycle(step=step, at=clock.at)
    elif not BusinessDay.objects.exists():
        run_scheduled_cycle(step=replace(step, name="Settlement cycle", business_date=clock.business_date), at=clock.at)
    else:
        settle_now(mode=real_time_mode(at=clock.at), at=clock.at)


@shared_task(name="settlement.settle_now")
def settle_at_once() -> None:
    """Try what is due and has changed, while real-time settlement runs."""
    clock = business_clock()
    settle_now(mode=real_time_mode(at=clock.at), at=clock.at)


@shared_task(name="settlement.cancel_aged")
def cancel_aged() -> None:
    """Cancel what has been recycled too long."""
    clock = business_clock()
    cancel_aged_party_instructions(at=clock.at, business_date=clock.business_date)
    cancel_aged_instructions(at=clock.at, business_date=clock.business_date)


@shared_task(name="settlement.match")
def match() -> None:
    """Match what parties have instructed."""
    clock = business_clock()
    match_instructions(at=clock.at, business_date=clock.business_date)


@shared_task(name="settlement.allege")
def allege() -> None:
    """Tell counterparties what others have instructed with them."""
    clock = business_clock()
    allege_instructions(at=clock.at, business_date=clock.business_date)


@shared_task(name="settlement.penalise")
def penalise() -> None:
    """Charge the day's penalties, and pay last month's once their day has come."""
    clock = business_clock()
    charge_penalties(business_date=clock.business_date, at=clock.at)
    pay_penalties(business_date=clock.business_date, at=clock.at)


@shared_task(name="settlement.reimburse")
def reimburse() -> None:
    """Reimburse the day's credits, or relocate them."""
    clock = business_clock()
    reimburse_credits(business_date=clock.business_date, at=clock.at)


@shared_task(name="settlement.repay_overnight")
def repay_overnight() -> None:
    """Repay what is owed overnight and can be repaid."""
    clock = business_clock()
    repay_overnight_credits(business_date=clock.business_date, at=clock.at)


@shared_task(name="settlement.pay_corporate_actions")
def pay_distributions() -> None:
    """Pay the corporate actions whose payment date has come."""
    clock = business_clock()
    pay_corporate_actions(business_date=clock.business_date, at=clock.at)


@shared_task(name="settlement.record_corporate_actions")
def record_distributions() -> None:
    """Record who is entitled to the corporate actions whose record date ends, and claim on what fails."""
    clock = business_clock()
    record_corporate_actions(business_date=clock.business_date, at=clock.at)


@shared_task(name="settlement.compare")
def compare() -> None:
    """Compute the comparisons that were ordered."""
    run_comparisons()
