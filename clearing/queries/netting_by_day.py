"""What netting leaves to settle, day by day: a date at a time, or with what failed before (continuously)."""

from dataclasses import dataclass
from datetime import date

from django.db import connection

from clearing.queries.netting import Netted
from reference.core.actor import Actor

BY_DAY_SQL = """
    WITH run AS (
        SELECT id, business_date, min(ran_at) OVER (PARTITION BY business_date) AS first_at
        FROM clearing_nettingrun WHERE business_date >= %(since)s
    ), side AS (
        SELECT r.business_date, o.account_id, o.security_id, o.currency_id, o.cash_minor AS due, 0 AS failed,
               o.bought_minor + o.sold_minor AS gross
        FROM run r JOIN clearing_obligation o ON o.netting_run_id = r.id
        UNION ALL  -- Of what a run netted, what was carried into it is not due but failed; what was allocated is due.
        SELECT r.business_date, c.account_id, c.security_id, c.currency_id, -c.cash_minor, c.cash_minor,
               -abs(c.cash_minor)
        FROM run r JOIN clearing_carriedcontract c ON c.netting_run_id = r.id
            AND c.cause NOT IN ('ALLOCATION', 'REVERSAL')
        UNION ALL  -- Where nothing is carried, what failed stands beside it as obligations of its own.
        SELECT d.business_date, o.account_id, o.security_id, o.currency_id, 0, o.cash_minor, 0
        FROM (SELECT DISTINCT business_date, first_at FROM run) d
        JOIN clearing_obligation o ON o.kind = 'NET' AND o.settlement_date < d.business_date
            AND o.created_at < d.first_at AND (o.discharged_at IS NULL OR o.discharged_at >= d.first_at)
            AND (o.carried_at IS NULL OR o.carried_at > d.first_at)
    ), position AS (
        SELECT business_date, currency_id, sum(due) AS due, sum(failed) AS failed, sum(gross) AS gross
        FROM side JOIN ledger_account a ON a.id = side.account_id
        JOIN reference_participant p ON p.id = a.participant_id AND p.role <> 'CCP'
        WHERE %(participant)s::bigint IS NULL OR p.id = %(participant)s
        GROUP BY business_date, account_id, security_id, currency_id
    )
    SELECT business_date, c.code, sum(gross)::bigint, sum(abs(due))::bigint, sum(abs(failed))::bigint,
           sum(abs(due + failed))::bigint
    FROM position JOIN reference_asset c ON c.id = position.currency_id
    GROUP BY business_date, c.code ORDER BY business_date DESC, c.code
"""


@dataclass(frozen=True)
class NettingDay:
    """One currency on one business date, in minor units, the sum over all accounts of what each is to pay or get.

    gross: every contract for itself. due: netted a settlement date at a time. failed: what is left from earlier
    dates and stands beside it. continuous: both netted into one.
    """

    day: date
    currency: str
    gross_minor: int
    due_minor: int
    failed_minor: int
    continuous_minor: int

    @property
    def per_date(self) -> Netted:
        """Value before and after netting a date at a time, what failed before included on both sides."""
        return Netted(self.currency, self.gross_minor + self.failed_minor, self.due_minor + self.failed_minor)

    @property
    def continuous(self) -> Netted:
        """Value before and after continuous netting."""
        return Netted(self.currency, self.gross_minor + self.failed_minor, self.continuous_minor)


def netting_by_day(*, actor: Actor, since: date) -> list[NettingDay]:
    """Return each business date's netting since one, newest first. A participant sees its own accounts' part.

    Both ways of netting are worked out from the same contracts, whichever of them was used on the day. What had
    settled in part counts in full among what failed. One query.
    """
    with connection.cursor() as cursor:
        cursor.execute(BY_DAY_SQL, {"since": since, "participant": None if actor.sees_all else actor.participant_id})
        return [NettingDay(*row) for row in cursor.fetchall()]
