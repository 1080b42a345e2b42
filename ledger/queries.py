"""Reads of the ledger: balances now and as of a date, statements, the trial balance, the invariants."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber
from numpy.typing import NDArray

from ledger.models import Account, Balance, JournalEntry, Posting
from ledger.refusals import UnknownAccount
from reference.core.actor import Actor
from reference.models import Asset

Balances = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
NO_FLOOR = np.iinfo(np.int64).min


def accounts_of(*, participant_id: int | None = None) -> QuerySet[Account]:
    """Return accounts with their participant, all or one participant's."""
    accounts = Account.objects.select_related("participant", "linked_cash").order_by("code")
    return accounts if participant_id is None else accounts.filter(participant_id=participant_id)


def visible_accounts(*, actor: Actor) -> QuerySet[Account]:
    """Return the accounts the actor may see: all, or its participant's own."""
    return accounts_of(participant_id=None if actor.sees_all else actor.participant_id)


def get_account(*, actor: Actor, code: str) -> Account:
    """Return one account. Raises UnknownAccount where there is none, or none this actor may see."""
    found = visible_accounts(actor=actor).filter(code=code).first()
    if found is None:
        raise UnknownAccount
    return found


def positions_of(*, participant_id: int) -> QuerySet[Balance]:
    """Return what a participant holds now, account by account and asset by asset, zero balances left out."""
    return (
        Balance.objects.filter(account__participant_id=participant_id)
        .exclude(balance=0)
        .select_related("account", "asset")
        .order_by("account__code", "asset__code")
    )


def positions_as_of(*, participant_id: int, business_date: date) -> list[dict[str, Any]]:
    """Return what a participant held at the end of a business date, summed from the journal."""
    rows: Iterable[Any] = (
        Posting.objects.filter(account__participant_id=participant_id, business_date__lte=business_date)
        .values(account_code=F("account__code"), asset_code=F("asset__code"), kind=F("asset__kind"))
        .annotate(balance=Sum("amount"))
        .exclude(balance=0)
        .order_by("account_code", "asset_code")
    )
    return list(rows)


def statement_of(
    *,
    account_id: int,
    asset_id: int | None = None,
    date_from: date | None = None,
    date_to: date | None = None,
    limit: int | None = None,
) -> list[Any]:
    """Return an account's postings, at most `limit`, oldest first, each with `running`, the balance after it."""
    postings = Posting.objects.filter(account_id=account_id).select_related("entry", "asset")
    if asset_id is not None:
        postings = postings.filter(asset_id=asset_id)
    brought_forward: dict[int, int] = {}
    if date_from is not None:
        earlier = postings.filter(business_date__lt=date_from).values_list("asset_id").annotate(Sum("amount"))
        brought_forward = dict(earlier.order_by())
        postings = postings.filter(business_date__gte=date_from)
    if date_to is not None:
        postings = postings.filter(business_date__lte=date_to)
    running = Window(Sum("amount"), partition_by=[F("asset_id")], order_by=[F("id").asc()])
    rows = list(postings.annotate(running=running).order_by("id")[:limit])
    for row in rows:
        row.running += brought_forward.get(row.asset_id, 0)
    return rows


@dataclass(frozen=True)
class Movement:
    """What an account held of an asset before and after a span of days, and what came in and went out."""

    asset: Asset
    opening: int
    received: int
    given: int

    @property
    def closing(self) -> int:
        """Return the balance at the end of the span."""
        return self.opening + self.received - self.given


def movements_of(*, account_id: int, date_from: date, date_to: date) -> list[Movement]:
    """Return, asset by asset, how an account moved from one business date to another, both included.

    Counted back from the balances of now, so that the cost is that of the days since, not of all history.
    """
    since = Posting.objects.filter(account_id=account_id, business_date__gte=date_from).order_by()
    within = Q(business_date__lte=date_to)
    sums = {
        row["asset_id"]: row
        for row in since.values("asset_id").annotate(
            everything=Sum("amount"),
            incoming=Sum("amount", filter=within & Q(amount__gt=0), default=0),
            outgoing=-Sum("amount", filter=within & Q(amount__lt=0), default=0),
        )
    }
    found = []
    for balance in Balance.objects.filter(account_id=account_id).select_related("asset").order_by("asset__code"):
        row = sums.get(balance.asset_id, {"everything": 0, "incoming": 0, "outgoing": 0})
        movement = Movement(balance.asset, balance.balance - row["everything"], row["incoming"], row["outgoing"])
        if movement.opening or movement.received or movement.given:
            found.append(movement)
    return found


def balances_by_account(*, account_ids: Sequence[int], first: int | None = None) -> dict[int, list[Any]]:
    """Return what these accounts hold now, zero balances left out; of each account the `first` by asset code.

    Each balance has `assets`, the number of assets its account holds.
    """
    found: dict[int, list[Any]] = {}
    rows = (
        Balance.objects.filter(account_id__in=account_ids)
        .exclude(balance=0)
        .select_related("asset")
        .annotate(
            assets=Window(Count("pk"), partition_by=[F("account_id")]),
            place=Window(RowNumber(), partition_by=[F("account_id")], order_by=[F("asset__code").asc()]),
        )
    )
    if first is not None:
        rows = rows.filter(place__lte=first)
    for row in rows.order_by("asset__code"):
        found.setdefault(row.account_id, []).append(row)
    return found


def balances_by_account_as_of(*, account_ids: Sequence[int], business_date: date) -> dict[int, list[Balance]]:
    """Return what these accounts held at the end of a business date: today's balances less what was posted since."""
    since: dict[tuple[int, int], int] = {
        (account_id, asset_id): amount
        for account_id, asset_id, amount in Posting.objects.filter(
            account_id__in=account_ids, business_date__gt=business_date
        )
        .order_by()
        .values_list("account_id", "asset_id")
        .annotate(Sum("amount"))
    }
    found: dict[int, list[Balance]] = {}
    rows = Balance.objects.filter(account_id__in=account_ids).select_related("asset").order_by("asset__code")
    for row in rows:
        row.balance -= since.get((row.account_id, row.asset_id), 0)
        if row.balance:
            found.setdefault(row.account_id, []).append(row)
    return found


def trial_balance(*, business_date: date | None = None) -> list[dict[str, Any]]:
    """Return, per asset, the sum of positive and of negative balances; they cancel out, or the books are wrong."""
    if business_date is None:
        balances = "SELECT asset_id, balance FROM ledger_balance"
        parameters: list[date] = []
    else:
        balances = (
            "SELECT asset_id, sum(amount)::bigint AS balance FROM ledger_posting"
            " WHERE business_date <= %s GROUP BY account_id, asset_id"
        )
        parameters = [business_date]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT a.code, a.name, a.kind, a.digits,
                   coalesce(sum(b.balance) FILTER (WHERE b.balance > 0), 0)::bigint,
                   coalesce(-sum(b.balance) FILTER (WHERE b.balance < 0), 0)::bigint,
                   count(*) FILTER (WHERE b.balance <> 0)
            FROM ({balances}) b JOIN reference_asset a ON a.id = b.asset_id
            GROUP BY a.id ORDER BY a.kind, a.code
            """,
            parameters,
        )
        columns = ("code", "name", "kind", "digits", "held", "issued", "accounts")
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return [{**row, "difference": row["held"] - row["issued"]} for row in rows]


def entries_of(*, source: str, source_ids: Sequence[int]) -> QuerySet[JournalEntry]:
    """Return the journal entries that these things caused, with their postings."""
    return (
        JournalEntry.objects.filter(source=source, source_id__in=source_ids)
        .prefetch_related("postings__account", "postings__asset")
        .order_by("id")
    )


def balances_for_update(*, accounts: Sequence[int]) -> Balances:
    """Lock the balances of these accounts in primary-key order; return account, asset, balance, floor arrays.

    An absent floor is the smallest int64.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, asset_id, balance, coalesce(floor, %s) FROM ledger_balance"
            " WHERE account_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [NO_FLOOR, list(accounts)],
        )
        rows = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, 4)
    return rows[:, 0].copy(), rows[:, 1].copy(), rows[:, 2].copy(), rows[:, 3].copy()


INVARIANTS = {
    "sum per asset zero": """
        SELECT format('asset %s sums to %s', a.code, sum(b.balance))
        FROM ledger_balance b JOIN reference_asset a ON a.id = b.asset_id
        GROUP BY a.code HAVING sum(b.balance) <> 0""",
    "balance equals the sum of its postings": """
        SELECT format('account %s asset %s: balance %s, postings %s', account_id, asset_id,
                      coalesce(b.balance, 0), coalesce(p.total, 0))
        FROM ledger_balance b
        FULL JOIN (SELECT account_id, asset_id, sum(amount) AS total FROM ledger_posting GROUP BY 1, 2) p
            USING (account_id, asset_id)
        WHERE coalesce(b.balance, 0) <> coalesce(p.total, 0)""",
    "every journal entry balanced": """
        SELECT format('entry %s asset %s sums to %s', entry_id, asset_id, sum(amount))
        FROM ledger_posting GROUP BY entry_id, asset_id HAVING sum(amount) <> 0
        UNION ALL
        SELECT format('posting %s has no entry', p.id) FROM ledger_posting p
        WHERE NOT EXISTS (SELECT 1 FROM ledger_journalentry e WHERE e.id = p.entry_id)""",
    "no restricted balance below its limit": """
        SELECT format('account %s asset %s: %s below %s', account_id, asset_id, balance, floor)
        FROM ledger_balance WHERE balance < floor""",
}
