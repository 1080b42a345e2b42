"""Give settlement its instructions: one for each obligation that moves something."""

from datetime import datetime

import numpy as np
from django.db import connection, transaction

from clearing.core.membership_lifecycle import MembershipStatus
from clearing.queries.defaults import barred_accounts
from clearing.services.novate_trades import CLEARING_LOCK
from reference.locks import take_lock
from reference.tracing import traced
from settlement.services.create_instructions import InstructionColumns, create_instructions

NORMAL_PRIORITY = 4

WAITING_SQL = """
    SELECT o.id, o.account_id, o.counterparty_account_id, o.security_id, o.quantity_units, o.currency_id,
           o.cash_minor, (o.kind = 'NET')::int, o.settlement_date
    FROM clearing_obligation o
    WHERE o.discharged_at IS NULL AND o.cancelled_at IS NULL AND o.carried_at IS NULL
      AND (o.quantity_units <> 0 OR o.cash_minor <> 0) AND NOT (o.kind = 'NET' AND o.account_id = ANY(%s))
      AND NOT EXISTS (
        SELECT 1 FROM settlement_instruction i WHERE i.source = 'OBLIGATION' AND i.source_id = o.id)
    ORDER BY o.id
"""


@traced("clearing.instruct")
def instruct_settlement(*, at: datetime) -> int:
    """Create the settlement instructions of all obligations that have none; return how many.

    The account that owes securities delivers; where none move, the one that receives cash does. What is
    cleared may settle in part: the CCP takes and gives what there is, and its members agreed to it.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=CLEARING_LOCK)
        # What a defaulter owes does not settle: it is auctioned.
        cursor.execute(WAITING_SQL, [barred_accounts(statuses=(MembershipStatus.DEFAULTED,))])
        rows = cursor.fetchall()
        if not rows:
            return 0
        dates = [row[8] for row in rows]
        obligation, account, counterparty, security, quantity, currency, cash, cleared = np.array(
            [row[:8] for row in rows], dtype=np.int64
        ).T.copy()
        delivers = (quantity < 0) | ((quantity == 0) & (cash > 0))
        return create_instructions(
            columns=InstructionColumns(
                source_id=obligation,
                deliverer_account=np.where(delivers, account, counterparty),
                receiver_account=np.where(delivers, counterparty, account),
                security=security,
                quantity_units=np.abs(quantity),
                currency=currency,
                cash_minor=np.where(delivers, cash, -cash),
                intended_date=dates,
                priority=np.full(len(rows), NORMAL_PRIORITY, dtype=np.int64),
                partial_allowed=(cleared == 1) & (quantity != 0),
            ),
            at=at,
        )
