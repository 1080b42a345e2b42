"""Business time that moves, and instructions that are announced as the services announce theirs."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import uuid4

from events.services.outbox import record_fact
from fmi.business_day import advance
from reference.queries import business_clock
from settlement.contracts import InstructionsCreated
from settlement.models import DayStep, Instruction
from settlement.services.business_day import open_business_day
from tests.factories.chain import MONDAY, Chain, at_time

FRIDAY = date(2008, 9, 5)


def go(chain: Chain, hour: int, minute: int = 0, *, day: date = MONDAY) -> None:
    """Move business time, and the chain with it."""
    advance(until=at_time(day, hour, minute))
    chain.day, chain.at = business_clock().business_date, at_time(day, hour, minute)


def announce(
    chain: Chain, *, quantity: int = 10, cash: int = 1_000, by: str = "ALPHA", to: str = "BRAVO", **more: Any
) -> Instruction:
    """Create an instruction that is due, and announce it."""
    row = Instruction.objects.create(
        public_id=uuid4(), source=more.pop("source", "DIRECT"), reference=uuid4().hex[:20],
        instructed_by_id=chain.ids[by], deliverer_account=chain.account(by), receiver_account=chain.account(to),
        security_id=chain.assets["STOCK"] if quantity else None, quantity_units=quantity,
        currency_id=chain.assets["EUR"], cash_minor=cash, intended_date=more.pop("intended_date", chain.day),
        status="PENDING", created_at=chain.at, **more,
    )  # fmt: skip
    record_fact(fact=InstructionsCreated(count=1))
    return row


def status(row: Instruction) -> tuple[str, str]:
    """Return where an instruction stands now, and why."""
    row.refresh_from_db()
    return row.status, row.reason


def enter_day(chain: Chain, day: date, hour: int, minute: int = 0) -> None:
    """Put the market into a business day of which the steps until then are done, as of a night without business."""
    chain.move_to(day, hour, minute)
    open_business_day(business_date=day, at=chain.at)
    DayStep.objects.filter(planned_at__lte=chain.at, done_at=None).update(done_at=chain.at)
