"""Variation margin: who pays and who is paid, through the CCP's VM account; what cannot be paid is called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.db import connection

from clearing.core.arrays import Ints
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import MarginRun, Membership, PortfolioMargin, VariationBy
from clearing.refusals import VariationFundsShort
from clearing.services.issue_calls import issue_variation_calls
from clearing.services.open_membership import open_own_accounts
from ledger.models import Account, AccountKind
from ledger.services import post_entries
from reference.queries import directory

# Locked in the order of their keys, so that what reaches now still reaches when it is posted.
HELD_SQL = """
    SELECT b.account_id, b.asset_id, b.balance - coalesce(b.floor, 0)
    FROM ledger_balance b
    JOIN unnest(%s::bigint[], %s::bigint[]) AS wanted (account_id, asset_id) USING (account_id, asset_id)
    ORDER BY b.id FOR NO KEY UPDATE OF b
"""

Segment = tuple[int, int]


@dataclass(frozen=True)
class VariationSettlement:
    """How each segment's variation margin is settled, before its rows are written.

    ways: (member id, currency id) -> by what; shortfalls: what is called; cash: member id -> house cash account.
    """

    ways: dict[Segment, str]
    shortfalls: dict[Segment, int]
    cash: dict[int, int]
    vm_account: int

    def book(self, *, run: MarginRun) -> None:
        """Post what is settled at once, an entry a portfolio, and call what is not."""
        rows = list(
            PortfolioMargin.objects.filter(run=run, variation_by=VariationBy.JOURNAL)
            .exclude(variation_minor=0)
            .values_list("id", "member_id", "currency_id", "variation_minor")
        )
        if rows:
            ids, members, currencies, amounts = np.array(rows, dtype=np.int64).T.copy()
            own = np.array([self.cash[member] for member in members.tolist()], dtype=np.int64)
            post_entries(
                source="VARIATION",
                business_date=run.business_date,
                at=run.at,
                source_ids=np.concatenate([ids, ids]),
                accounts=np.concatenate([own, np.full(len(rows), self.vm_account, dtype=np.int64)]),
                assets=np.concatenate([currencies, currencies]),
                amounts=np.concatenate([amounts, -amounts]),
            )
        if self.shortfalls:
            issue_variation_calls(run=run, shortfalls=self.shortfalls)


def settle_variation(*, members: Ints, currencies: Ints, variation_minor: Ints) -> VariationSettlement:
    """Decide how each member's variation margin, net over its portfolios in a currency, is settled.

    (p,) each, one element a portfolio. A gain is paid, a loss is debited where the house cash reaches and called
    in whole where not; those who gain are paid all the same, from the liquidity of the CCP's VM account. A member
    in default neither pays nor is paid: its losses are the case's. Raises VariationFundsShort.
    """
    net: dict[Segment, int] = {}
    for member, currency, amount in zip(members.tolist(), currencies.tolist(), variation_minor.tolist(), strict=True):
        net[member, currency] = net.get((member, currency), 0) + amount
    if not net:
        return VariationSettlement({}, {}, {}, 0)
    defaulted = set(
        Membership.objects.filter(status=MembershipStatus.DEFAULTED, member_id__in=[member for member, _ in net])
        .values_list("member_id", flat=True)
    )  # fmt: skip
    cash = dict(
        Account.objects.filter(
            participant_id__in=[member for member, _ in net], kind=AccountKind.CASH, name="HOUSE"
        ).values_list("participant_id", "pk")
    )
    vm_account = open_own_accounts()["VM"]
    held = _held(accounts=[cash[member] for member, _ in net] + [vm_account] * len(net),
                 assets=[currency for _, currency in net] * 2)  # fmt: skip
    ways: dict[Segment, str] = {}
    for (member, currency), amount in net.items():
        if member in defaulted:
            ways[member, currency] = VariationBy.ESTATE.value
        elif held.get((cash[member], currency), 0) + amount < 0 and amount < 0:
            ways[member, currency] = VariationBy.CALL.value
    for currency in {currency for _, currency in net}:
        paid = sum(amount for key, amount in net.items() if key[1] == currency and key not in ways)
        funds = held.get((vm_account, currency), 0)
        if paid > funds:
            code = directory().currencies[currency].code
            raise VariationFundsShort(
                f"The CCP's variation margin account is to pay {paid} minor units of {code} more than it takes in,"
                f" and holds {funds}.",
                currency=code,
                short_minor=paid - funds,
            )
    return VariationSettlement(
        ways=ways,
        shortfalls={key: -net[key] for key, way in ways.items() if way == VariationBy.CALL},
        cash=cash,
        vm_account=vm_account,
    )


def _held(*, accounts: list[int], assets: list[int]) -> dict[Segment, int]:
    """Return (account id, asset id) -> what it may give, locked until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(HELD_SQL, [accounts, assets])
        return {(account, asset): free for account, asset, free in cursor.fetchall()}
