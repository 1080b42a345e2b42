"""Orders to move the business day by hand: written here, carried out by whoever moves the clock."""

from datetime import datetime

from django.db import transaction

from events.services.audit import record_action
from reference.core.actor import Actor
from reference.locks import take_lock
from reference.queries import ClockReading
from settlement.models import DayOrder, DayStep, ScheduledStep, StepAction
from settlement.refusals import ClockRunning, OrderUnderWay, StepAlreadyDone, UnknownStep
from settlement.services.business_day import DueStep, next_step

NEXT = "next"
END_OF_DAY = "end-of-day"
ORDER_LOCK = "settlement.day_order"
LONGEST_PROBLEM = 400


def order_steps(*, to: str, actor: Actor, clock: ClockReading) -> DayOrder:
    """Order the steps of the day up to one of them: `next`, `end-of-day`, or the code of a step.

    Where the day has ended, the steps are those of the next one. Raises ClockRunning, OrderUnderWay, UnknownStep,
    StepAlreadyDone.
    """
    if clock.running:
        raise ClockRunning
    with transaction.atomic():
        take_lock(name=ORDER_LOCK)
        standing = DayOrder.objects.filter(ended_at=None).first()
        if standing is not None:
            raise OrderUnderWay(f"The day is being moved to {standing.step_id} already.")
        following = next_step(business_date=clock.business_date)
        order = DayOrder.objects.create(
            business_date=following.business_date, step_id=_find_step(to=to, following=following),
            ordered_by=actor.name,
        )  # fmt: skip
        record_action(
            actor=actor,
            action="day.stepped",
            at=clock.at,
            business_date=clock.business_date,
            object_type="day-order",
            object_id=order.pk,
            summary=f"Steps of {order.business_date} up to {order.step_id} ordered.",
            detail={"to": to, "step": order.step_id},
        )
    return order


def order_is_done(*, order: DayOrder) -> bool:
    """Tell whether the last step of an order is done."""
    return DayStep.objects.filter(
        business_day_id=order.business_date, step_id=order.step_id, done_at__isnull=False
    ).exists()


def end_order(*, order: DayOrder, at: datetime, problem: str = "") -> None:
    """Note that an order was carried out, or why it was given up. at: wall-clock time."""
    DayOrder.objects.filter(pk=order.pk, ended_at=None).update(ended_at=at, problem=problem[:LONGEST_PROBLEM])


def _find_step(*, to: str, following: DueStep) -> str:
    """Return the code of the last step to do, of the open day's plan or, before it opens, of the schedule."""
    if to == NEXT:
        return following.code
    planned = dict(
        DayStep.objects.filter(business_day_id=following.business_date).values_list("step_id", "done_at")
    ) or dict.fromkeys(ScheduledStep.objects.filter(active=True).values_list("code", flat=True))
    code = to
    if to == END_OF_DAY:
        closing = ScheduledStep.objects.filter(action=StepAction.CLOSE, code__in=planned)
        code = closing.order_by("-time_of_day").values_list("code", flat=True).first() or to
    if code not in planned:
        raise UnknownStep(f"The schedule of {following.business_date} has no step {to!r}.", pointer="/to")
    if planned[code] is not None:
        raise StepAlreadyDone(f"{code} of {following.business_date} is done; a day is never gone back in.")
    return code
