"""Accounts as static data in the API: opened and changed by operators, never closed."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from ledger.api.serializers import AccountSerializer
from ledger.api.views import find_account
from ledger.filters import AccountFilter
from ledger.models import Account, AccountKind
from ledger.queries import visible_accounts
from ledger.refusals import AccountStays, LinkedCashRefused
from ledger.services import open_account
from ledger.static_kinds import ACCOUNT
from reference.api.crud import StaticNoun
from reference.core.actor import Actor
from reference.core.scopes import Scope
from reference.models import Proposal
from reference.queries import directory
from reference.static_changes import change_or_propose


class AccountChangeSerializer(serializers.Serializer[Any]):
    """What may change of an account."""

    linked_cash = serializers.CharField(
        max_length=40, help_text="Code of the participant's cash account that pays for this securities account."
    )


class NewAccountSerializer(serializers.Serializer[Any]):
    """An account to be opened."""

    participant = serializers.CharField(max_length=12)
    kind = serializers.ChoiceField(choices=AccountKind.choices)
    name = serializers.CharField(max_length=20, help_text="HOUSE, or one client's.")
    linked_cash = serializers.CharField(
        max_length=40,
        required=False,
        allow_blank=True,
        help_text="Who pays; the cash account of the same name, where left out.",
    )


def _cash_id(code: str | None) -> int | None:
    """Return the id of the cash account with this code."""
    if not code:
        return None
    found = Account.objects.filter(code=code, kind=AccountKind.CASH).values_list("pk", flat=True).first()
    if found is None:
        raise LinkedCashRefused(pointer="/linked_cash")
    return found


class Accounts(StaticNoun[Account]):
    """Where cash and securities are held."""

    name, plural = "account", "accounts"
    words = "Cash and securities accounts. A participant sees its own."
    model = Account
    shape, entry, changes = AccountSerializer, NewAccountSerializer, AccountChangeSerializer
    filterset = AccountFilter
    stays = True
    proposes, subject_type = frozenset({"PATCH"}), ACCOUNT.name
    read_scope = Scope.LEDGER_READ

    def rows(self, *, actor: Actor) -> QuerySet[Account]:
        """Return the actor's own, or all."""
        return visible_accounts(actor=actor)

    def find(self, *, actor: Actor, key: str) -> Account:
        """Return the account of this code or id."""
        return find_account(actor=actor, key=key)

    def open(self, *, actor: Actor, fields: dict[str, Any], when: dict[str, Any]) -> Account:
        """Open it."""
        return open_account(
            participant=directory().participant(code=fields["participant"], pointer="/participant"),
            kind=fields["kind"], name=fields["name"], linked_cash_id=_cash_id(fields.get("linked_cash")),
            actor=actor, **when,
        )  # fmt: skip

    def change(self, *, actor: Actor, row: Account, fields: dict[str, Any], when: dict[str, Any]) -> Account | Proposal:
        """Propose that another cash account pay for it."""
        cash_id = _cash_id(fields.get("linked_cash"))
        if cash_id is None:
            return row
        changes = {"linked_cash_id": cash_id}
        return change_or_propose(kind=ACCOUNT, subject_id=row.pk, changes=changes, actor=actor, **when) or row

    def leave(self, *, actor: Actor, row: Account, when: dict[str, Any]) -> Account:
        """Refuse: an account stays."""
        raise AccountStays


ACCOUNTS = Accounts()
