"""Open accounts and write the journal. Nothing else moves a balance."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
from django.db import IntegrityError, connection, transaction
from numpy.typing import NDArray

from events.services.audit import record_action
from ledger.models import Account, AccountKind
from ledger.refusals import (
    AccountNameMalformed,
    BalanceBelowLimit,
    EntryNotBalanced,
    LinkedCashRefused,
    UnknownAccount,
)
from reference.bulk import copy_arrays
from reference.core.actor import Actor
from reference.core.directory import ParticipantEntry
from reference.refusals import CodeTaken
from reference.tracing import note_on_span, traced

ACCOUNT_NAME = re.compile(r"[A-Z0-9]{1,20}")

REFUSAL_OF_CONSTRAINT = {
    "balance_not_below_floor": BalanceBelowLimit,
    "posting_entry_balanced": EntryNotBalanced,
    "ledger_posting_account_id_exists": UnknownAccount,
}

# Up to so many postings travel as parameters; more are copied into a temporary table.
FEW_POSTINGS = 5_000

PARAMETERS = """
    unnest(%(kind)s::smallint[], %(source_id)s::bigint[], %(account_id)s::bigint[], %(asset_id)s::bigint[],
           %(amount)s::bigint[]) AS input (kind, source_id, account_id, asset_id, amount)
"""

STAGE_SQL = """
    CREATE TEMP TABLE IF NOT EXISTS staged_posting (
        kind smallint, source_id bigint, account_id bigint, asset_id bigint, amount bigint) ON COMMIT DELETE ROWS
"""

# kind is the place of the posting's source in the array of sources.
POST_SQL = """
    WITH entries AS (
        INSERT INTO ledger_journalentry (source, source_id, business_date, at)
        SELECT (%(sources)s::text[])[kind], source_id, %(business_date)s::date, %(at)s::timestamptz
        FROM (SELECT DISTINCT kind, source_id FROM {postings}) ids ORDER BY kind, source_id
        ON CONFLICT (source, source_id) DO NOTHING
        RETURNING id, array_position(%(sources)s::text[], source::text)::smallint AS kind, source_id
    ), posted AS (
        INSERT INTO ledger_posting (entry_id, account_id, asset_id, amount, business_date)
        SELECT entries.id, account_id, asset_id, amount, %(business_date)s::date
        FROM {postings} JOIN entries USING (kind, source_id) ORDER BY entries.id
    )
    SELECT count(*) FROM entries
"""


class Postings(NamedTuple):
    """Postings of one source, one element each, shape (k,); those that share a source_id make one entry."""

    source: str
    source_ids: NDArray[np.int64]
    accounts: NDArray[np.int64]
    assets: NDArray[np.int64]
    amounts: NDArray[np.int64]


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
    """Write the journal entries of one source and move their balances; see post_together."""
    postings = Postings(source, source_ids, accounts, assets, amounts)
    return post_together(postings=[postings], business_date=business_date, at=at)


@traced("ledger.post")
def post_together(*, postings: Sequence[Postings], business_date: date, at: datetime) -> int:
    """Write the journal entries of several sources and move their balances, in one statement; return how many were new.

    What one entry takes may be what another one brings: only the balances after all of them are held
    against their limits. An entry that stands already under (source, source_id) is left as it is, so that
    the same call made twice posts once.

    Raises EntryNotBalanced, BalanceBelowLimit, UnknownAccount; then nothing is written.
    """
    columns: dict[str, NDArray[Any]] = {
        "kind": np.repeat(np.arange(1, len(postings) + 1, dtype=np.int16), [len(of.amounts) for of in postings]),
        "source_id": np.concatenate([of.source_ids for of in postings]),
        "account_id": np.concatenate([of.accounts for of in postings]),
        "asset_id": np.concatenate([of.assets for of in postings]),
        "amount": np.concatenate([of.amounts for of in postings]),
    }
    moved = columns["amount"] != 0
    if not moved.any():
        return 0
    columns = {name: column[moved] for name, column in columns.items()}
    sources = [of.source for of in postings]
    parameters: dict[str, Any] = {"sources": sources, "business_date": business_date, "at": at}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            staged = _stage_postings(cursor=cursor, columns=columns, parameters=parameters)
            cursor.execute(POST_SQL.format(postings=staged), parameters)
            note_on_span(sources=" ".join(sources), postings=len(columns["amount"]))
            return int(cursor.fetchone()[0])
    except IntegrityError as error:
        diagnostics = getattr(error.__cause__, "diag", None)
        refusal = REFUSAL_OF_CONSTRAINT.get(getattr(diagnostics, "constraint_name", None) or "")
        if refusal is None or diagnostics is None:
            raise
        raise refusal(str(diagnostics.message_detail or diagnostics.message_primary)) from error


def _stage_postings(*, cursor: Any, columns: Mapping[str, NDArray[Any]], parameters: dict[str, Any]) -> str:
    """Put the postings where the statement can select them; return the FROM item."""
    if len(columns["amount"]) > FEW_POSTINGS:
        cursor.execute(STAGE_SQL)
        cursor.execute("TRUNCATE staged_posting")
        copy_arrays(cursor, table="staged_posting", columns=columns)
        return "staged_posting"
    parameters |= {name: column.tolist() for name, column in columns.items()}
    return PARAMETERS


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


def open_account(
    *, participant: ParticipantEntry, kind: str, name: str, linked_cash_id: int | None, actor: Actor, at: datetime,
    business_date: date,
) -> Account:  # fmt: skip
    """Open one account of a participant, which never goes below zero.

    linked_cash_id: for a securities account, who pays for it; its cash account of the same name where None.
    Raises AccountNameMalformed, LinkedCashRefused, CodeTaken.
    """
    if not ACCOUNT_NAME.fullmatch(name):
        raise AccountNameMalformed(pointer="/name")
    short = "CASH" if kind == AccountKind.CASH else "SEC"
    cash: int | None = None
    if kind == AccountKind.SECURITIES:
        own = Account.objects.filter(participant_id=participant.id, kind=AccountKind.CASH)
        found = own.filter(name=name) if linked_cash_id is None else own.filter(pk=linked_cash_id)
        cash = found.values_list("pk", flat=True).first()
    if (kind == AccountKind.SECURITIES) != (cash is not None) or (cash is None and linked_cash_id is not None):
        raise LinkedCashRefused(pointer="/linked_cash")
    account = Account(
        code=f"{participant.code}-{short}-{name}", participant_id=participant.id, kind=kind, name=name,
        linked_cash_id=cash,
    )  # fmt: skip
    with transaction.atomic():
        if Account.objects.filter(code=account.code).exists():
            raise CodeTaken(f"{account.code} is there already.", pointer="/name")
        account.save(force_insert=True)
        record_action(
            actor=actor, action="account.open", at=at, business_date=business_date, object_type="account",
            object_id=account.pk, summary=f"Account {account.code} opened",
        )  # fmt: skip
    return account


def change_linked_cash(
    *, account_id: int, linked_cash_id: int, actor: Actor, at: datetime, business_date: date
) -> Account:
    """Let another cash account of the participant pay for a securities account from the next settlement on.

    Raises UnknownAccount, LinkedCashRefused.
    """
    with transaction.atomic():
        account = Account.objects.select_for_update(of=("self",)).filter(pk=account_id).first()
        if account is None:
            raise UnknownAccount
        own = Account.objects.filter(participant_id=account.participant_id, kind=AccountKind.CASH, pk=linked_cash_id)
        if account.kind != AccountKind.SECURITIES or not own.exists():
            raise LinkedCashRefused(pointer="/linked_cash")
        before, account.linked_cash_id = account.linked_cash_id, linked_cash_id
        if before != linked_cash_id:
            account.save(update_fields=["linked_cash_id"])
            record_action(
                actor=actor, action="account.change", at=at, business_date=business_date, object_type="account",
                object_id=account.pk, summary=f"Account {account.code} is paid for by another cash account",
                detail={"linked_cash_id": {"before": before, "after": linked_cash_id}},
            )  # fmt: skip
    return account


def set_floor(*, account_id: int, asset_id: int, floor: int) -> None:
    """Let an account's balance of one asset go down to a floor of its own; raises BalanceBelowLimit if it is below."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ledger_balance (account_id, asset_id, balance, floor) VALUES (%s, %s, 0, %s)"
                " ON CONFLICT (account_id, asset_id) DO UPDATE SET floor = EXCLUDED.floor",
                [account_id, asset_id, floor],
            )
    except IntegrityError as error:
        raise BalanceBelowLimit from error
