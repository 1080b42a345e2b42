"""What the database refuses of derivatives' history, said once for its tables."""

import pgtrigger

# A position that one account gains, others lose: open interest is long as much as it is short.
CHANGES_SUM_TO_ZERO = """
    IF EXISTS (
        SELECT 1 FROM new_rows GROUP BY event_id, contract_id HAVING sum(quantity_steps) <> 0
    ) THEN
        RAISE EXCEPTION 'the position changes of an event do not sum to zero per contract'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'positionchange_sums_to_zero';
    END IF;
    RETURN NULL;
"""

# Funding, fees and covered losses go from one derivatives account to another. Realised profit is paid out
# of the cost of positions, deposits out of the ledger: the journal entry of the event balances those.
MOVEMENTS_SUM_TO_ZERO = """
    IF EXISTS (
        SELECT 1 FROM new_rows WHERE kind IN ('FUNDING', 'FEE', 'COVER', 'SPREAD')
        GROUP BY event_id, kind HAVING sum(amount_minor) <> 0
    ) THEN
        RAISE EXCEPTION 'what accounts pay each other in an event does not sum to zero'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'balancemovement_sums_to_zero';
    END IF;
    RETURN NULL;
"""


def checked_after_insert(*, table: str, name: str, func: str) -> pgtrigger.Trigger:
    """Check the rows of an INSERT statement together."""
    return pgtrigger.Trigger(
        name=f"{table}_{name}",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        func=func,
    )
