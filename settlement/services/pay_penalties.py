"""Net a month's penalties between each two participants and instruct their payment."""

from datetime import date, datetime, timedelta

import numpy as np
from django.db import connection, transaction

from ledger.models import Account, AccountKind
from reference.locks import take_lock
from reference.queries import directory
from settlement.core.penalties import payment_date
from settlement.models import InstructionSource, PenaltyPayment
from settlement.services.business_day import CSD_CALENDAR
from settlement.services.charge_penalties import PENALTIES_LOCK
from settlement.services.create_instructions import InstructionColumns, create_instructions

TOP_PRIORITY = 2

# The last run of each day counts. Between two participants the larger side pays the difference.
NET_SQL = """
    INSERT INTO settlement_penaltypayment (
        month, payer_id, payee_id, currency_id, amount_minor, payable_minor, receivable_minor, business_date, at)
    WITH counted AS (
        SELECT DISTINCT ON (business_date) id FROM settlement_penaltyrun
        WHERE business_date >= %(month)s AND business_date < %(month)s::date + interval '1 month'
        ORDER BY business_date, version DESC
    ), owed AS (
        SELECT failing_id, suffering_id, currency_id, sum(amount_minor)::bigint AS minor
        FROM settlement_penalty WHERE run_id IN (SELECT id FROM counted) GROUP BY 1, 2, 3
    )
    SELECT %(month)s, o.failing_id, o.suffering_id, o.currency_id, o.minor - coalesce(b.minor, 0), o.minor,
           coalesce(b.minor, 0), %(business_date)s, %(at)s
    FROM owed o
    LEFT JOIN owed b ON b.failing_id = o.suffering_id AND b.suffering_id = o.failing_id
        AND b.currency_id = o.currency_id
    WHERE o.minor > coalesce(b.minor, 0)
    ORDER BY o.currency_id, o.failing_id, o.suffering_id
    ON CONFLICT (month, payer_id, payee_id, currency_id) DO NOTHING
"""


def pay_penalties(*, business_date: date, at: datetime) -> int:
    """On the 18th business day of a month, or the first day played after it, instruct last month's net penalties.

    One payment for each pair and currency (ESMA CSDR penalties framework), settled like any other payment
    between the cash accounts of the two. Returns the number of payments; done twice, it is done once.
    """
    penalised = (business_date.replace(day=1) - timedelta(days=1)).replace(day=1)
    calendar = directory().calendars_by_code[CSD_CALENDAR].business_days
    if business_date < payment_date(month=penalised, calendar=calendar):
        return 0
    with transaction.atomic():
        take_lock(name=PENALTIES_LOCK)
        if PenaltyPayment.objects.filter(month=penalised).exists():
            return 0
        with connection.cursor() as cursor:
            cursor.execute(NET_SQL, {"month": penalised, "business_date": business_date, "at": at})
        payments = list(PenaltyPayment.objects.filter(month=penalised).order_by("id"))
        if not payments:
            return 0
        accounts = _house_accounts({row.payer_id for row in payments} | {row.payee_id for row in payments})
        return create_instructions(
            columns=InstructionColumns(
                source_id=np.array([row.pk for row in payments], dtype=np.int64),
                deliverer_account=np.array([accounts[row.payee_id] for row in payments], dtype=np.int64),
                receiver_account=np.array([accounts[row.payer_id] for row in payments], dtype=np.int64),
                security=np.zeros(len(payments), dtype=np.int64),
                quantity_units=np.zeros(len(payments), dtype=np.int64),
                currency=np.array([row.currency_id for row in payments], dtype=np.int64),
                cash_minor=np.array([row.amount_minor for row in payments], dtype=np.int64),
                intended_date=[business_date] * len(payments),
                priority=np.full(len(payments), TOP_PRIORITY, dtype=np.int64),
            ),
            at=at,
            source=InstructionSource.PENALTY,
        )


def _house_accounts(participants: set[int]) -> dict[int, int]:
    """Return participant id -> its own securities account, whose linked cash account pays."""
    rows = Account.objects.filter(participant_id__in=participants, kind=AccountKind.SECURITIES, name="HOUSE")
    return dict(rows.values_list("participant_id", "pk"))
