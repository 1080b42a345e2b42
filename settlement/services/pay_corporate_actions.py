"""Pay corporate actions on their payment date: one journal entry for each, from the issuer to every holder."""

from datetime import date, datetime

from django.db import connection, transaction

from events.services.audit import record_actions
from ledger.models import Account, AccountKind
from ledger.services import post_entries
from reference.bulk import fetch_arrays
from reference.core.actor import SYSTEM
from reference.locks import take_lock
from reference.queries import directory
from settlement.core.corporate_actions import CorporateActionStatus
from settlement.models import CorporateAction
from settlement.queries.day import open_outage
from settlement.services.settle_cycle import CYCLE_LOCK

SOURCE = "CORPORATE"

# What an issuer pays comes from outside this market, as what it issues does: out of the issuance account.
POSTINGS_SQL = """
    WITH paid AS (
        SELECT e.action_id, coalesce(c.currency_id, c.security_id) AS asset_id, c.kind = 'SPLIT' AS split, e.amount,
               a.id AS account_id, a.linked_cash_id
        FROM settlement_entitlement e
        JOIN settlement_corporateaction c ON c.id = e.action_id
        JOIN ledger_account a ON a.id = e.account_id
        WHERE c.id IN ({actions})
    )
    SELECT action_id, CASE WHEN split THEN account_id ELSE linked_cash_id END AS account_id, asset_id,
           sum(amount)::bigint AS amount
    FROM paid GROUP BY 1, 2, 3
    UNION ALL
    SELECT action_id, CASE WHEN split THEN {issuance} ELSE {paying} END::bigint, asset_id, -sum(amount)::bigint
    FROM paid GROUP BY 1, 2, 3
    ORDER BY 1, 2
"""


def pay_corporate_actions(*, business_date: date, at: datetime) -> int:
    """Pay the recorded actions whose payment date has come; return how many. Done twice, it is done once.

    Cash goes to the cash account linked to each holder's securities account, a split's further units to the
    securities account itself. Nothing is paid during an outage. Raises RuntimeError without an issuance account.
    """
    with transaction.atomic():
        take_lock(name=CYCLE_LOCK)
        due = list(
            CorporateAction.objects.select_for_update(no_key=True)
            .filter(status=CorporateActionStatus.RECORDED, payment_date__lte=business_date)
            .order_by("pk")
        )
        if not due or open_outage() is not None:
            return 0
        ids = [row.pk for row in due]
        issuance = _issuance_account()
        with connection.cursor() as cursor:
            rows = fetch_arrays(
                cursor,
                POSTINGS_SQL.format(
                    actions=", ".join(map(str, ids)), issuance=issuance.pk, paying=int(issuance.linked_cash_id or 0)
                ),
            )
        post_entries(
            source=SOURCE,
            business_date=business_date,
            at=at,
            source_ids=rows["action_id"],
            accounts=rows["account_id"],
            assets=rows["asset_id"],
            amounts=rows["amount"],
        )
        CorporateAction.objects.filter(pk__in=ids).update(status=CorporateActionStatus.PAID, paid_at=at)
        record_actions(
            actor=SYSTEM,
            action="corporate_action.paid",
            at=at,
            business_date=business_date,
            object_type="corporateaction",
            objects=[(row.pk, f"{row.kind} paid to its holders", {}) for row in due],
        )
    return len(due)


def _issuance_account() -> Account:
    """Return the depository's issuance account. Raises RuntimeError where there is none."""
    csd = directory().csd
    found = Account.objects.filter(
        participant_id=csd.id if csd else 0, kind=AccountKind.SECURITIES, name="ISSUANCE"
    ).first()
    if found is None:
        raise RuntimeError("the depository has no issuance account to pay from")
    return found
