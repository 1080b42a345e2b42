"""At the end of the record date: who is entitled to what, and what was still to be delivered."""

from datetime import date, datetime

from django.db import connection, transaction

from events.services.audit import record_actions
from reference.core.actor import SYSTEM
from reference.locks import take_lock
from settlement.core.corporate_actions import CorporateActionStatus
from settlement.models import CorporateAction
from settlement.queries.corporate_actions import terms_of
from settlement.services.claim_on_fails import claim_on_fails
from settlement.services.settle_cycle import CYCLE_LOCK

# What is pledged stays its owner's: the proceeds of a holding on a collateral account are those of who pledged it.
ENTITLE_SQL = """
    INSERT INTO settlement_entitlement (action_id, account_id, holding_units, amount)
    SELECT action_id, account_id, units, div(units * numerator, denominator)::bigint
    FROM (
        SELECT t.action_id, t.numerator, t.denominator, coalesce(pledged.owner_id, b.account_id) AS account_id,
               sum(b.balance) AS units
        FROM unnest(%(action)s::bigint[], %(security)s::bigint[], %(numerator)s::numeric[], %(denominator)s::numeric[])
            AS t (action_id, security_id, numerator, denominator)
        JOIN ledger_balance b ON b.asset_id = t.security_id AND b.balance > 0
        JOIN ledger_account a ON a.id = b.account_id AND a.limit_minor IS NOT NULL
        LEFT JOIN LATERAL (
            SELECT own.id AS owner_id FROM settlement_creditline l
            JOIN ledger_account own ON own.linked_cash_id = l.account_id AND own.name = 'HOUSE'
            WHERE b.account_id IN (l.collateral_account_id, l.overnight_collateral_account_id) LIMIT 1
        ) pledged ON true
        GROUP BY 1, 2, 3, 4
    ) held
    WHERE units * numerator >= denominator
    ORDER BY action_id, account_id
"""


def record_corporate_actions(*, business_date: date, at: datetime) -> int:
    """Record the actions whose record date ends, then claim on what fails; return how many were recorded.

    Every securities account's settled balance times the terms, rounded down once for each account, in one
    statement. Called after the day's last settlement. Done twice, the second finds nothing new.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        due = list(
            CorporateAction.objects.select_for_update(no_key=True)
            .filter(status=CorporateActionStatus.ANNOUNCED, record_date__lte=business_date)
            .order_by("pk")
        )
        if due:
            with connection.cursor() as cursor:
                cursor.execute(ENTITLE_SQL, terms_of(actions=due))
            CorporateAction.objects.filter(pk__in=[row.pk for row in due]).update(
                status=CorporateActionStatus.RECORDED, recorded_at=at
            )
            record_actions(
                actor=SYSTEM,
                action="corporate_action.recorded",
                at=at,
                business_date=business_date,
                object_type="corporateaction",
                objects=[(row.pk, f"Holders at the end of {row.record_date} are entitled", {}) for row in due],
            )
        claim_on_fails(business_date=business_date, at=at)
    return len(due)
