"""Accounts, positions, statements and the trial balance in the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db.models import QuerySet, Sum
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.api.serializers import (
    AccountSerializer,
    PositionsSerializer,
    StatementLineSerializer,
    TrialBalanceSerializer,
    amount_or_quantity,
)
from ledger.filters import AccountFilter, StatementFilter
from ledger.models import Account, Balance, Posting
from ledger.queries import positions_as_of, positions_of, trial_balance, visible_accounts
from reference.api.base import ActorListView, ActorView
from reference.api.fields import decimal_text
from reference.api.parameters import AS_OF, read_date
from reference.api.problems import problems
from reference.api.views import find_participant
from reference.core.actor import Actor, Role
from reference.core.scopes import Scope
from reference.models import AssetKind
from reference.queries import directory

POSITIONS_EXAMPLE = OpenApiExample(
    "A member's positions",
    value={
        "participant": "ALPHA",
        "as_of": "2008-09-10",
        "cash": [{"account": "ALPHA-CASH-HOUSE", "currency": "USD", "amount": "12500000.00"}],
        "securities": [{"account": "ALPHA-SEC-HOUSE", "isin": "US0378331005", "quantity": 4200}],
    },
    response_only=True,
)


@extend_schema_view(get=extend_schema(operation_id="accounts_list", summary="List accounts"))
class AccountList(ActorListView[Account]):
    """Accounts, by code. A participant sees its own."""

    queryset = Account.objects.all()
    serializer_class = AccountSerializer
    filterset_class = AccountFilter
    cursor_ordering = "code"
    read_scope = Scope.LEDGER_READ

    def get_queryset(self) -> QuerySet[Account]:
        """Return what the actor sees."""
        return visible_accounts(actor=self.actor)


def find_account(*, actor: Actor, key: str) -> Account:
    """Return the account with this code or id. Raises NotFound where the actor sees none."""
    accounts = visible_accounts(actor=actor)
    found = accounts.filter(code=key.upper()).first() if "\x00" not in key else None
    if found is None and key.isascii() and key.isdigit() and len(key) < 19:
        found = accounts.filter(pk=int(key)).first()
    if found is None:
        raise NotFound("There is no such account.")
    return found


class AccountDetail(ActorView[Account]):
    """One account, by code or id."""

    queryset = Account.objects.all()
    serializer_class = AccountSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.LEDGER_READ

    @extend_schema(
        operation_id="accounts_retrieve",
        summary="Read one account",
        responses={200: AccountSerializer, **problems(404)},
    )
    def get(self, request: Request, key: str) -> Response:
        """Read one account."""
        return Response(self.get_serializer(find_account(actor=self.actor, key=key)).data)


class Statement(ActorListView[Posting]):
    """An account's postings in their order, each with the balance of its asset after it."""

    queryset = Posting.objects.all()
    serializer_class = StatementLineSerializer
    filterset_class = StatementFilter
    cursor_ordering = "id"
    read_scope = Scope.LEDGER_READ

    def get_queryset(self) -> QuerySet[Posting]:
        """Return the postings of an account that the actor sees."""
        account = find_account(actor=self.actor, key=self.kwargs["key"])
        return Posting.objects.filter(account=account).select_related("entry", "asset")

    @extend_schema(operation_id="accounts_statement", summary="Read an account's statement")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Read an account's postings in their order, each with the balance of its asset after it."""
        return super().get(request, *args, **kwargs)

    def paginate_queryset(self, queryset: Any) -> Any:
        """Cut the page, and carry the balances forward to it."""
        page = super().paginate_queryset(queryset)
        self.running = running_balances(postings=page or [])
        return page

    def get_serializer_context(self) -> dict[str, Any]:
        """Hand the balances to the rows."""
        return {**super().get_serializer_context(), "running": getattr(self, "running", {})}


def running_balances(*, postings: Sequence[Posting]) -> dict[int, int]:
    """Return the balance after each posting of a page: one account's postings, in the order of their ids.

    Where a filter leaves postings out between them, the sums would be wrong; so each asset's postings
    from the first of the page to the last are read, whether shown or not.
    """
    if not postings:
        return {}
    account_id = postings[0].account_id
    assets = {posting.asset_id for posting in postings}
    every = Posting.objects.filter(account_id=account_id, asset_id__in=assets).order_by("id")
    earlier = every.filter(pk__lt=postings[0].pk).order_by().values_list("asset_id").annotate(Sum("amount"))
    balances: dict[int, int] = {asset_id: int(total) for asset_id, total in earlier}
    running = {}
    between = every.filter(pk__range=(postings[0].pk, postings[-1].pk))
    for pk, asset_id, amount in between.values_list("pk", "asset_id", "amount"):
        balances[asset_id] = running[pk] = balances.get(asset_id, 0) + amount
    return running


class Positions(ActorView[Balance]):
    """What a participant holds."""

    queryset = Balance.objects.all()
    serializer_class = PositionsSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.LEDGER_READ

    @extend_schema(
        operation_id="positions_retrieve",
        summary="Read a participant's positions",
        parameters=[AS_OF],
        responses={200: PositionsSerializer, **problems(400, 404)},
        examples=[POSITIONS_EXAMPLE],
    )
    def get(self, request: Request, key: str) -> Response:
        """Read what a participant holds, now or at the end of a business date; zero balances are left out."""
        as_of = read_date(request=request, name="as_of")
        participant = find_participant(key=key)
        actor = self.actor
        if not actor.sees_all and participant.id != actor.participant_id:
            raise NotFound("There is no such participant.")
        rows = _positions(participant_id=participant.id, as_of=as_of)
        answer = {
            "participant": participant.code,
            "as_of": as_of,
            "cash": [
                {"account": account, "currency": asset, "amount": decimal_text(minor=balance, digits=digits)}
                for account, asset, kind, digits, balance in rows
                if kind == AssetKind.CASH
            ],
            "securities": [
                {"account": account, "isin": asset, "quantity": balance}
                for account, asset, kind, _, balance in rows
                if kind != AssetKind.CASH
            ],
        }
        return Response(answer)


def _positions(*, participant_id: int, as_of: date | None) -> list[tuple[str, str, str, int, int]]:
    """Return (account, asset, kind, digits, balance), now or as of a date."""
    if as_of is None:
        return [
            (row.account.code, row.asset.code, row.asset.kind, row.asset.digits, row.balance)
            for row in positions_of(participant_id=participant_id)
        ]
    digits = {entry.code: entry.digits for entry in directory().currencies.values()}
    return [
        (
            row["account_code"],
            row["asset_code"],
            row["kind"],
            digits.get(row["asset_code"], 0),
            int(row["balance"]),
        )
        for row in positions_as_of(participant_id=participant_id, business_date=as_of)
    ]


class TrialBalance(ActorView[Balance]):
    """The trial balance."""

    queryset = Balance.objects.all()
    serializer_class = TrialBalanceSerializer
    filter_backends: list[Any] = []
    read_scope = Scope.LEDGER_READ

    @extend_schema(
        operation_id="trial_balance_retrieve",
        summary="Read the trial balance",
        parameters=[AS_OF],
        responses={200: TrialBalanceSerializer, **problems(400, 403)},
    )
    def get(self, request: Request) -> Response:
        """Read, asset by asset, what is held and what was issued. For operators and auditors."""
        self.require_role(Role.OPERATOR, Role.AUDITOR)
        as_of = read_date(request=request, name="as_of")
        assets = [
            {
                "asset": row["code"],
                "name": row["name"],
                "kind": row["kind"],
                "held": amount_or_quantity(amount=row["held"], kind=row["kind"], digits=row["digits"]),
                "issued": amount_or_quantity(amount=row["issued"], kind=row["kind"], digits=row["digits"]),
                "balanced": row["held"] == row["issued"],
                "accounts": row["accounts"],
            }
            for row in trial_balance(business_date=as_of)
        ]
        return Response({"as_of": as_of, "assets": assets})
