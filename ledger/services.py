"""Open accounts and write the journal. Nothing else moves a balance."""

from collections.abc import Iterable
from datetime import date, datetime

import numpy as np
from django.db import IntegrityError, connection, transaction
from numpy.typing import NDArray

from ledger.models import Account, AccountKind
from ledger.refusals import BalanceBelowLimit, EntryNotBalanced, UnknownAccount

REFUSAL_OF_CONSTRAINT = {
    "balance_not_below_floor": BalanceBelowLimit,
    "posting_entry_balanced": EntryNotBalanced,
    "ledger_posting_account_id_exists": UnknownAccount,
}

POST_SQL = """
    WITH input AS MATERIALIZED (
        SELECT * FROM unnest(%(source_ids)s::bigint[], %(accounts)s::bigint[], %(assets)s::bigint[],
                             %(amounts)s::bigint[]) AS p (source_id, account_id, asset_id, amount)
    ), entries AS (
        INSERT INTO ledger_journalentry (source, source_id, business_date, at)
        SELECT DISTINCT %(source)s, source_id, %(business_date)s::date, %(at)s::timestamptz FROM input
        ON CONFLICT (source, source_id) DO NOTHING
        RETURNING id, source_id
    ), posted AS (
        INSERT INTO ledger_posting (entry_id, account_id, asset_id, amount, business_date)
        SELECT e.id, p.account_id, p.asset_id, p.amount, %(business_date)s::date
        FROM input p JOIN entries e USING (source_id)
    )
    SELECT count(*) FROM entries
"""


def post_entries(
    *,
    source: str,
    business_date: date,
    at: datetime,
    source_ids: NDArray[np.int64],
    accounts: NDArray[np.int64],
    assets: NDArray[np.int64],
    amounts: NDArray[np.int64],
) -> int:
    """Write journal entries and move their balances, in one statement; return how many were new.

    The four arrays have one element a posting, shape (k,); postings that share a source_id make one
    entry. An entry that stands already under (source, source_id) is left as it is, so that the same
    call made twice posts once.

    Raises EntryNotBalanced, BalanceBelowLimit, UnknownAccount; then nothing is written.
    """
    moved = amounts != 0
    if not moved.any():
        return 0
    parameters = {
        "source": source,
        "business_date": business_date,
        "at": at,
        "source_ids": source_ids[moved].tolist(),
        "accounts": accounts[moved].tolist(),
        "assets": assets[moved].tolist(),
        "amounts": amounts[moved].tolist(),
    }
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(POST_SQL, parameters)
            return int(cursor.fetchone()[0])
    except IntegrityError as error:
        diagnostics = getattr(error.__cause__, "diag", None)
        refusal = REFUSAL_OF_CONSTRAINT.get(getattr(diagnostics, "constraint_name", None) or "")
        if refusal is None or diagnostics is None:
            raise
        raise refusal(str(diagnostics.message_detail or diagnostics.message_primary)) from error


def open_accounts(
    *, participants: Iterable[tuple[int, str]], name: str = "HOUSE", limit_minor: int | None = 0
) -> dict[int, Account]:
    """Open a cash and a linked securities account of this name for each (participant id, code).

    Accounts that stand already are kept. Returns participant id -> securities account.
    limit_minor: the floor of their balances; None for an issuance account, which may go below zero.
    """
    wanted = list(participants)
    ids = [participant_id for participant_id, _ in wanted]
    with transaction.atomic():
        Account.objects.bulk_create(
            [
                Account(
                    code=f"{code}-CASH-{name}",
                    participant_id=participant_id,
                    kind=AccountKind.CASH,
                    name=name,
                    limit_minor=limit_minor,
                )
                for participant_id, code in wanted
            ],
            ignore_conflicts=True,
        )
        cash = {
            account.participant_id: account.pk
            for account in Account.objects.filter(participant_id__in=ids, kind=AccountKind.CASH, name=name)
        }
        Account.objects.bulk_create(
            [
                Account(
                    code=f"{code}-SEC-{name}",
                    participant_id=participant_id,
                    kind=AccountKind.SECURITIES,
                    name=name,
                    linked_cash_id=cash[participant_id],
                    limit_minor=limit_minor,
                )
                for participant_id, code in wanted
            ],
            ignore_conflicts=True,
        )
    securities = Account.objects.filter(participant_id__in=ids, kind=AccountKind.SECURITIES, name=name)
    return {account.participant_id: account for account in securities}
