"""Buy in what has failed too long: an optional run, since the CSDR Refit made buy-ins voluntary."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal

import numpy as np
from django.db import transaction

from events.services.audit import record_actions
from reference.core.actor import Actor
from reference.core.calendar import add_business_days
from reference.locks import take_lock
from reference.queries import directory
from settlement.core.lifecycle import InstructionStatus, Reason
from settlement.core.penalties import PenaltyCategory, classify_security
from settlement.models import BuyIn, Instruction, InstructionSource
from settlement.queries.prices import reference_prices
from settlement.services.create_instructions import InstructionColumns, create_instructions
from settlement.services.settle_cycle import CYCLE_LOCK

LIQUID_SHARES_DAYS, OTHER_DAYS = 4, 7
TOP_PRIORITY = 2


@dataclass(frozen=True)
class DueBuyIn:
    """A fail that may be bought in, at today's price."""

    instruction: Instruction
    due_date: date
    price: Decimal
    market_value_minor: int
    agreed_minor: int

    @property
    def compensation_minor(self) -> int:
        """Return what the failing party pays: by how much the securities now cost more than was agreed."""
        return max(0, self.market_value_minor - self.agreed_minor)


def find_buy_ins(*, business_date: date) -> list[DueBuyIn]:
    """Return the fails that may be bought in, oldest first.

    Delivery instructions of the parties themselves that lack securities 4 business days after the intended date for
    liquid shares, 7 for all else (RTS (EU) 2018/1229 Article 37). What clearing instructed is the CCP's to solve.
    A security without a price is left out.
    """
    source = directory()
    fails = (
        Instruction.objects.filter(
            status=InstructionStatus.PENDING,
            source=InstructionSource.DIRECT,
            reason__in=[Reason.LACK, Reason.MINIMUM],
            intended_date__lt=business_date,
            quantity_units__gt=0,
        )
        .select_related("deliverer_account", "receiver_account")
        .order_by("intended_date", "pk")
    )
    prices = reference_prices(security_ids=[row.security_id or 0 for row in fails], day=business_date)
    found = []
    for row in fails:
        security = source.securities[row.security_id or 0]
        category = classify_security(
            security_type=security.security_type,
            issuer_sector=security.issuer_sector,
            liquid=security.liquid,
            sme_growth_market=security.sme_growth_market,
        )
        days = LIQUID_SHARES_DAYS if category == PenaltyCategory.LIQUID_SHARES else OTHER_DAYS
        due = add_business_days(day=row.intended_date, count=days, calendar=security.calendar)
        price = prices.get(security.id)
        own = row.deliverer_account.participant_id == row.receiver_account.participant_id
        if due > business_date or price is None or own:
            continue
        value = (row.quantity_units - row.settled_units) * price * security.amount_per_price()
        found.append(
            DueBuyIn(
                instruction=row,
                due_date=due,
                price=price,
                market_value_minor=int(value.scaleb(security.currency.digits).to_integral_value(ROUND_CEILING)),
                agreed_minor=row.cash_minor - row.settled_minor,
            )
        )
    return found


def run_buy_ins(*, business_date: date, at: datetime, actor: Actor) -> list[BuyIn]:
    """Buy in every fail that is due: cancel the instruction, have the price difference paid; return the buy-ins.

    Cash compensation, as CSDR Article 7 has it where a buy-in is not possible: this market has no buy-in agent
    who could be made to sell. Done twice, the second finds nothing.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        due = find_buy_ins(business_date=business_date)
        if not due:
            return []
        Instruction.objects.filter(pk__in=[row.instruction.pk for row in due]).update(
            status=InstructionStatus.CANCELLED, reason="", shortfall=0
        )
        made = BuyIn.objects.bulk_create(
            [
                BuyIn(
                    instruction=row.instruction,
                    business_date=business_date,
                    due_date=row.due_date,
                    failing_id=row.instruction.deliverer_account.participant_id,
                    suffering_id=row.instruction.receiver_account.participant_id,
                    quantity_units=row.instruction.quantity_units - row.instruction.settled_units,
                    price=row.price,
                    market_value_minor=row.market_value_minor,
                    agreed_minor=row.agreed_minor,
                    compensation_minor=row.compensation_minor,
                    currency_id=row.instruction.currency_id,
                    at=at,
                )
                for row in due
            ]
        )
        _instruct_payments(made=made, at=at)
        record_actions(
            actor=actor,
            action="instruction.cancelled",
            at=at,
            business_date=business_date,
            object_type="instruction",
            objects=[
                (row.instruction_id, f"Bought in {row.business_date}: failing since before {row.due_date}",
                 {"after": "CANCELLED", "buy_in": row.pk})
                for row in made
            ],
        )  # fmt: skip
    return made


def _instruct_payments(*, made: list[BuyIn], at: datetime) -> None:
    """Instruct what is to be paid: from the account that failed to the one that waited."""
    paid = [row for row in made if row.compensation_minor > 0]
    count = len(paid)
    create_instructions(
        columns=InstructionColumns(
            source_id=np.array([row.pk for row in paid], dtype=np.int64),
            deliverer_account=np.array([row.instruction.receiver_account_id for row in paid], dtype=np.int64),
            receiver_account=np.array([row.instruction.deliverer_account_id for row in paid], dtype=np.int64),
            security=np.zeros(count, dtype=np.int64),
            quantity_units=np.zeros(count, dtype=np.int64),
            currency=np.array([row.currency_id for row in paid], dtype=np.int64),
            cash_minor=np.array([row.compensation_minor for row in paid], dtype=np.int64),
            intended_date=[row.business_date for row in paid],
            priority=np.full(count, TOP_PRIORITY, dtype=np.int64),
        ),
        at=at,
        source=InstructionSource.BUY_IN,
    )
