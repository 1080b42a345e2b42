"""Carry positions into a later net: what failed rolls on, what a defaulter leaves moves to another account."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from clearing.models import CarryCause
from clearing.services.net_obligations import ccp_securities_account
from clearing.services.novate_trades import CLEARING_LOCK
from reference.locks import take_lock
from settlement.services.cancel_instructions import cancel_instructions_of

# What is left of each obligation: the whole, less what its instruction has settled in parts.
REST_SQL = """
    CREATE TEMP TABLE carried_rest ON COMMIT DROP AS
    SELECT o.id, o.account_id, o.security_id, o.currency_id,
           o.quantity_units - sign(o.quantity_units)::bigint * coalesce(i.settled_units, 0) AS quantity_units,
           o.cash_minor - CASE WHEN i.deliverer_account_id = o.account_id THEN 1 ELSE -1 END
               * coalesce(i.settled_minor, 0) AS cash_minor
    FROM clearing_obligation o
    LEFT JOIN settlement_instruction i ON i.source = 'OBLIGATION' AND i.source_id = o.id
    WHERE o.id = ANY(%(obligations)s) AND o.kind = 'NET' AND o.discharged_at IS NULL AND o.carried_at IS NULL
      AND (i.id IS NULL OR i.status = 'CANCELLED')
"""

LEFT_SQL = """
    UPDATE clearing_obligation o SET carried_at = %(at)s FROM carried_rest r WHERE o.id = r.id
"""

CARRY_SQL = """
    INSERT INTO clearing_carriedcontract (
        cause, cause_id, account_id, security_id, currency_id, settlement_date, quantity_units, cash_minor, created_at)
    SELECT %(cause)s, cause_id, account_id, security_id, currency_id, %(settlement_date)s, sum(quantity)::bigint,
           sum(cash)::bigint, %(at)s
    FROM (
        SELECT coalesce(%(cause_id)s, id) AS cause_id, coalesce(%(to_account)s, account_id) AS account_id,
               security_id, currency_id, quantity_units AS quantity, cash_minor AS cash
        FROM carried_rest
        UNION ALL
        SELECT coalesce(%(cause_id)s, id), %(ccp_account)s, security_id, currency_id, -quantity_units, -cash_minor
        FROM carried_rest
    ) side
    GROUP BY cause_id, account_id, security_id, currency_id
    HAVING sum(quantity) <> 0 OR sum(cash) <> 0
"""

# A link names the instruction itself: what waits for it, a market claim say, would wait for ever.
FAILED_SQL = """
    SELECT o.id FROM clearing_obligation o
    LEFT JOIN settlement_instruction i ON i.source = 'OBLIGATION' AND i.source_id = o.id
    WHERE o.kind = 'NET' AND o.settlement_date < %(business_date)s
      AND o.discharged_at IS NULL AND o.cancelled_at IS NULL AND o.carried_at IS NULL
      AND (o.quantity_units <> 0 OR o.cash_minor <> 0)
      AND (i.id IS NULL OR i.status = 'PENDING' AND NOT EXISTS (
          SELECT 1 FROM settlement_instructionlink l
          WHERE l.removed_at IS NULL AND i.id IN (l.instruction_id, l.other_id)))
    ORDER BY o.id
"""

# The contracts of one account that are novated and not yet netted: given up, and taken over as they are.
TRANSFER_SQL = """
    INSERT INTO clearing_carriedcontract (
        cause, cause_id, account_id, security_id, currency_id, settlement_date, quantity_units, cash_minor, created_at)
    SELECT 'TRANSFER', %(cause_id)s, side.account_id, security_id, currency_id, settlement_date, side.sign * quantity,
           side.sign * cash, %(at)s
    FROM (
        SELECT security_id, currency_id, settlement_date, sum(quantity)::bigint AS quantity, sum(cash)::bigint AS cash
        FROM (
            SELECT m.security_id, m.currency_id, n.settlement_date, m.quantity_units AS quantity,
                   -m.amount_minor AS cash
            FROM clearing_novation n JOIN trades_match m ON m.id = n.match_id
            WHERE n.netting_run_id IS NULL AND n.cancelled_at IS NULL AND m.buyer_account_id = %(from_account)s
            UNION ALL
            SELECT m.security_id, m.currency_id, n.settlement_date, -m.quantity_units, m.amount_minor
            FROM clearing_novation n JOIN trades_match m ON m.id = n.match_id
            WHERE n.netting_run_id IS NULL AND n.cancelled_at IS NULL AND m.seller_account_id = %(from_account)s
            UNION ALL
            SELECT c.security_id, c.currency_id, c.settlement_date, c.quantity_units, c.cash_minor
            FROM clearing_carriedcontract c
            WHERE c.netting_run_id IS NULL AND c.account_id = %(from_account)s
        ) contract
        GROUP BY security_id, currency_id, settlement_date
        HAVING (sum(quantity) <> 0 OR sum(cash) <> 0)
           AND (%(securities)s::bigint[] IS NULL OR security_id = ANY(%(securities)s))
    ) net
    CROSS JOIN (VALUES (%(from_account)s::bigint, -1), (%(to_account)s::bigint, 1)) AS side (account_id, sign)
"""


def roll_failed_obligations(*, at: datetime, business_date: date) -> int:
    """Let every net obligation that should have settled before this day join its net; return how many did.

    Continuous net settlement (NSCC's CNS): the rest of what failed is netted anew with what is due today, and
    one obligation stands for both. Called twice, it finds nothing the second time.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=CLEARING_LOCK)
        cursor.execute(FAILED_SQL, {"business_date": business_date})
        failed = [int(row[0]) for row in cursor.fetchall()]
        return carry_obligations(obligation_ids=failed, cause=CarryCause.ROLL, settlement_date=business_date, at=at)


def carry_obligations(
    *,
    obligation_ids: Sequence[int],
    cause: CarryCause,
    settlement_date: date,
    at: datetime,
    cause_id: int | None = None,
    to_account: int | None = None,
) -> int:
    """Take what is left of net obligations out of settlement and into a later net; return how many were taken.

    The rest of each instruction is cancelled; what settled in parts stays settled. The rest stands as a carried
    contract of the same account, or of `to_account`, from `settlement_date` on, with the CCP as the other side.
    cause_id: the row that a transfer goes back to; a roll goes back to each obligation itself.
    """
    if not obligation_ids:
        return 0
    parameters: dict[str, Any] = {
        "obligations": list(obligation_ids), "cause": cause.value, "cause_id": cause_id, "to_account": to_account,
        "settlement_date": settlement_date, "at": at, "ccp_account": ccp_securities_account().pk,
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=CLEARING_LOCK)
        cancel_instructions_of(source_ids=list(obligation_ids))
        cursor.execute("DROP TABLE IF EXISTS carried_rest")
        cursor.execute(REST_SQL, parameters)
        carried = int(cursor.rowcount)
        cursor.execute(LEFT_SQL, parameters)
        cursor.execute(CARRY_SQL, parameters)
    return carried


def transfer_contracts(
    *, from_account: int, to_account: int, cause_id: int, at: datetime, securities: Sequence[int] | None = None
) -> int:
    """Move an account's contracts that are not yet netted to another account, at their own cash and dates.

    securities: only these; None for all. Returns how many net positions (security, currency, date) moved.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        take_lock(name=CLEARING_LOCK)
        cursor.execute(
            TRANSFER_SQL,
            {
                "from_account": from_account, "to_account": to_account, "cause_id": cause_id, "at": at,
                "securities": None if securities is None else list(securities),
            },
        )  # fmt: skip
        return int(cursor.rowcount) // 2
