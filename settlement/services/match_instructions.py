"""Match what parties have instructed: one pass over all that waits, in sets."""

from datetime import date, datetime

from django.db import connection, transaction

from events.services.outbox import record_fact
from events.services.shares import read_named_shares
from reference.core.pairing import Tolerance
from reference.locks import take_lock
from reference.public_ids import new_public_ids
from reference.queries import directory
from reference.statistics import refresh_statistics
from settlement.contracts import InstructionsCreated
from settlement.core.party_matching import OpenInstruction, pair_instructions
from settlement.services.resolve_links import PARTY_LOCK, refresh_holds, resolve_links
from settlement.services.settle_cycle import CYCLE_LOCK

OPEN_SQL = """
    SELECT id, movement = 'DELI', participant_id, account_id, counterparty_id, coalesce(counterparty_account_id, 0),
           coalesce(security_id, 0), quantity_units, payment, currency_id, cash_minor, intended_date, trade_date,
           common_reference
    FROM settlement_partyinstruction WHERE status = 'UNMATCHED' ORDER BY id
"""

# The deliverer's amount settles (Article 6). What one party does not allow in parts is not settled in parts;
# the larger least part and the more urgent priority count.
CREATE_SQL = """
    INSERT INTO settlement_instruction (
        public_id, source, source_id, reference, instructed_by_id, deliverer_account_id, receiver_account_id,
        security_id, quantity_units, currency_id, cash_minor, intended_date, priority, held_by_deliverer,
        held_by_receiver, status, reason, shortfall, partial_allowed, partial_minimum_units, created_at)
    SELECT pair.public_id, 'DIRECT', d.id, d.reference, NULL, d.account_id, r.account_id, d.security_id,
        d.quantity_units, d.currency_id, d.cash_minor, d.intended_date, least(d.priority, r.priority), d.held, r.held,
        'PENDING', '', 0, both_allow, CASE WHEN both_allow
            THEN greatest(d.partial_minimum_units, r.partial_minimum_units) ELSE 0 END, %s
    FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS pair (public_id, deliverer_id, receiver_id)
    JOIN settlement_partyinstruction d ON d.id = pair.deliverer_id
    JOIN settlement_partyinstruction r ON r.id = pair.receiver_id
    CROSS JOIN LATERAL (SELECT d.partial <> 'NPAR' AND r.partial <> 'NPAR' AS both_allow) terms
    ORDER BY d.id
    RETURNING source_id, id
"""

PARTIES_SQL = """
    SELECT a.participant_id, i.public_id FROM settlement_instruction i
    JOIN ledger_account a ON a.id IN (i.deliverer_account_id, i.receiver_account_id)
    WHERE i.id = ANY(%s) ORDER BY i.id
"""

MATCHED_SQL = """
    UPDATE settlement_partyinstruction p
    SET status = 'MATCHED', checked = true, instruction_id = found.instruction_id, ended_at = %s
    FROM unnest(%s::bigint[], %s::bigint[]) AS found (id, instruction_id)
    WHERE p.id = found.id
"""

CHECKED_SQL = "UPDATE settlement_partyinstruction SET checked = true WHERE status = 'UNMATCHED' AND NOT checked"


def match_instructions(*, at: datetime, business_date: date) -> int:
    """Match all that waits; return how many pairs became instructions. Called twice, it finds nothing new.

    Both parties' fields agree (CSDR RTS (EU) 2018/1229 Article 5(3)), the cash within the tolerance of the
    currency (Article 6). Links whose instructions are now both matched take effect.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        take_lock(name=PARTY_LOCK)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT 1 FROM settlement_partyinstruction WHERE status = 'UNMATCHED' AND NOT checked)"
            )
            if not cursor.fetchone()[0]:
                return 0
            cursor.execute(OPEN_SQL)
            waiting = [OpenInstruction(*row) for row in cursor.fetchall()]
            pairs = pair_instructions(instructions=waiting, tolerances=_tolerances())
            if pairs:
                deliverers, receivers = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
                cursor.execute(CREATE_SQL, [at, new_public_ids(count=len(pairs)), deliverers, receivers])
                made = dict(cursor.fetchall())
                instructions = [made[delivery] for delivery in deliverers]
                cursor.execute(MATCHED_SQL, [at, deliverers + receivers, instructions + instructions])
                resolve_links(at=at)
                refresh_holds(instruction_ids=instructions)
                shares = read_named_shares(sql=PARTIES_SQL, parameters=[instructions])
                record_fact(fact=InstructionsCreated(count=len(pairs)), shares=shares)
            cursor.execute(CHECKED_SQL)
        refresh_statistics(rows=len(pairs), tables=("settlement_instruction",))
    return len(pairs)


def _tolerances() -> dict[int, Tolerance]:
    """Return the matching tolerance of each currency, by its id."""
    return {
        entry.id: Tolerance(entry.tolerance_band_minor, entry.tolerance_below_minor, entry.tolerance_above_minor)
        for entry in directory().currencies.values()
    }
