"""Market claims: the deliverer of what was pending at the record date owes its receiver the distribution."""

from datetime import date, datetime

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from events.services.audit import record_actions
from reference.bulk import fetch_arrays
from reference.core.actor import SYSTEM
from reference.locks import take_lock
from settlement.core.corporate_actions import DETECTION_BUSINESS_DAYS, CorporateActionStatus
from settlement.core.lifecycle import InstructionStatus
from settlement.core.link_rules import Edge
from settlement.models import CorporateAction, Instruction, InstructionSource
from settlement.queries.corporate_actions import terms_of
from settlement.services.business_day import next_business_date
from settlement.services.create_instructions import InstructionColumns, create_instructions
from settlement.services.resolve_links import write_links
from settlement.services.settle_cycle import CYCLE_LOCK

TOP_PRIORITY = 2

# Due by the record date, so traded with the distribution, and not delivered by then: also what was matched or has
# settled since. Of what had settled in part, the rest.
CLAIM_SQL = """
    INSERT INTO settlement_marketclaim (action_id, instruction_id, quantity_units, amount, business_date, at)
    SELECT action_id, id, units, div(units::numeric * numerator, denominator)::bigint, %(business_date)s, %(at)s
    FROM (
        SELECT a.id AS action_id, i.id, t.numerator, t.denominator, i.quantity_units - coalesce(
                   (SELECT sum(p.settled_units) FROM settlement_partialsettlement p
                    JOIN settlement_cycle s ON s.id = p.cycle_id
                    WHERE p.instruction_id = i.id AND s.business_date <= a.record_date), 0)::bigint AS units
        FROM unnest(%(action)s::bigint[], %(security)s::bigint[], %(numerator)s::numeric[], %(denominator)s::numeric[])
            AS t (action_id, security_id, numerator, denominator)
        JOIN settlement_corporateaction a ON a.id = t.action_id
        JOIN settlement_instruction i ON i.security_id = t.security_id AND i.intended_date <= a.record_date
        LEFT JOIN settlement_cycle c ON c.id = i.cycle_id
        WHERE i.quantity_units > 0 AND i.status <> 'CANCELLED' AND (c.id IS NULL OR c.business_date > a.record_date)
          AND NOT EXISTS (
              SELECT 1 FROM settlement_marketclaim m WHERE m.action_id = a.id AND m.instruction_id = i.id)
    ) pending
    WHERE units::numeric * numerator >= denominator
    ORDER BY action_id, id
    ON CONFLICT (action_id, instruction_id) DO NOTHING
"""

TO_INSTRUCT_SQL = """
    SELECT m.id, m.amount, u.deliverer_account_id AS deliverer, u.receiver_account_id AS receiver,
           a.kind = 'SPLIT' AS split, a.security_id AS security, coalesce(a.currency_id, u.currency_id) AS currency,
           greatest(a.payment_date, m.business_date) AS intended_date
    FROM settlement_marketclaim m
    JOIN settlement_corporateaction a ON a.id = m.action_id
    JOIN settlement_instruction u ON u.id = m.instruction_id
    WHERE NOT EXISTS (SELECT 1 FROM settlement_instruction i WHERE i.source = 'CORPORATE' AND i.source_id = m.id)
    ORDER BY m.id
"""

TO_LINK_SQL = """
    SELECT i.id, m.instruction_id FROM settlement_marketclaim m
    JOIN settlement_instruction i ON i.source = 'CORPORATE' AND i.source_id = m.id
    WHERE m.id = ANY(%s) ORDER BY i.id
"""

OF_THE_CANCELLED_SQL = """
    SELECT i.id FROM settlement_marketclaim m
    JOIN settlement_instruction i ON i.source = 'CORPORATE' AND i.source_id = m.id AND i.status = 'PENDING'
    JOIN settlement_instruction u ON u.id = m.instruction_id AND u.status = 'CANCELLED'
    ORDER BY i.id
"""


def claim_on_fails(*, business_date: date, at: datetime) -> int:
    """Claim on what was pending at a record date, until 20 business days after it; return how many claims are new.

    T2S corporate actions standards: market claims are detected at the end of the record date and in the detection
    period after it, for matched instructions. One claim for each action and instruction. A claim settles on the
    payment date at the earliest, and only after the delivery it is for; it is cancelled with that.
    """
    first = next_business_date(after=business_date, count=-DETECTION_BUSINESS_DAYS)
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=CYCLE_LOCK)
        _cancel_with_deliveries(business_date=business_date, at=at)
        open_actions = list(
            CorporateAction.objects.filter(
                status__in=[CorporateActionStatus.RECORDED, CorporateActionStatus.PAID], record_date__gte=first
            )
        )
        if not open_actions:
            return 0
        cursor.execute(CLAIM_SQL, terms_of(actions=open_actions) | {"business_date": business_date, "at": at})
        found = int(cursor.rowcount)
        if found:
            _instruct(rows=fetch_arrays(cursor, TO_INSTRUCT_SQL), at=at)
    return found


def _instruct(*, rows: dict[str, NDArray[np.generic]], at: datetime) -> None:
    """Instruct the claims, each after the delivery it is for: cash to its receiver, or further units."""
    split, amount = rows["split"].astype(np.bool_), rows["amount"].astype(np.int64)
    deliverer, receiver = rows["deliverer"].astype(np.int64), rows["receiver"].astype(np.int64)
    create_instructions(
        columns=InstructionColumns(
            source_id=rows["id"].astype(np.int64),
            # Who receives securities pays for them: a payment alone goes from "receiver" to "deliverer".
            deliverer_account=np.where(split, deliverer, receiver),
            receiver_account=np.where(split, receiver, deliverer),
            security=np.where(split, rows["security"].astype(np.int64), 0),
            quantity_units=np.where(split, amount, 0),
            currency=rows["currency"].astype(np.int64),
            cash_minor=np.where(split, 0, amount),
            intended_date=rows["intended_date"].tolist(),
            priority=np.full(len(amount), TOP_PRIORITY, dtype=np.int64),
        ),
        at=at,
        source=InstructionSource.CORPORATE,
    )
    with connection.cursor() as cursor:
        cursor.execute(TO_LINK_SQL, [rows["id"].tolist()])
        write_links(edges=[Edge(False, claim, delivery) for claim, delivery in cursor.fetchall()], at=at)


def _cancel_with_deliveries(*, business_date: date, at: datetime) -> None:
    """Cancel the claims whose delivery was cancelled."""
    with connection.cursor() as cursor:
        cursor.execute(OF_THE_CANCELLED_SQL)
        gone = [pk for (pk,) in cursor.fetchall()]
    if gone:
        Instruction.objects.filter(pk__in=gone).update(status=InstructionStatus.CANCELLED, reason="", shortfall=0)
        record_actions(
            actor=SYSTEM,
            action="instruction.cancelled",
            at=at,
            business_date=business_date,
            object_type="instruction",
            objects=[(pk, "A market claim goes with its delivery", {"after": "CANCELLED"}) for pk in gone],
        )
