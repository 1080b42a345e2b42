"""What of accounts takes two persons: who pays."""

from __future__ import annotations

from collections.abc import Collection

from ledger.models import Account
from ledger.refusals import UnknownAccount
from ledger.services import change_linked_cash
from reference.static_changes import StaticKind, proposal_kind_of


def _codes(keys: Collection[int]) -> dict[int, str]:
    return dict(Account.objects.filter(pk__in=keys).values_list("pk", "code"))


ACCOUNT = StaticKind(
    name="account", plural="accounts", model=Account, unknown=UnknownAccount, by_two=("linked_cash_id",),
    write=lambda key, changes, when: change_linked_cash(
        account_id=key, linked_cash_id=changes["linked_cash_id"], **when
    ),
    spoken={"linked_cash_id": "Paid for by"}, named={"linked_cash_id": _codes},
)  # fmt: skip

ACCOUNT_CHANGES = proposal_kind_of(ACCOUNT)
