"""Derivatives accounts in the API: opened, and money in and out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from clearing.api.derivatives_documents import (
    money_text,
)
from clearing.api.derivatives_serializers import (
    AccountEntrySerializer,
    AccountOpenedSerializer,
    MoneyMovedSerializer,
    MoneySerializer,
)
from clearing.api.views.derivatives import KEPT_FIELDS, read_body
from clearing.core.derivatives.terms import LARGEST_BALANCE_MINOR
from clearing.core.derivatives.units import whole_units
from clearing.live.refusals import NumberOutOfRange
from clearing.models import (
    BalanceMovement,
    DerivativeAccount,
)
from clearing.queries.derivatives import get_derivatives_account
from clearing.services.move_derivatives_money import deposit_margin, withdraw_margin
from clearing.services.open_derivatives import open_derivatives_account
from reference.api.base import ActorView
from reference.api.idempotency import Once
from reference.api.problems import problems
from reference.core.actor import Role
from reference.core.scopes import Scope
from reference.queries import business_clock, directory


class DerivativesAccounts(ActorView[DerivativeAccount]):
    """Accounts."""

    queryset = DerivativeAccount.objects.all()
    serializer_class = AccountEntrySerializer
    filter_backends = KEPT_FIELDS
    write_scope = Scope.DERIVATIVES_WRITE

    @extend_schema(
        operation_id="derivatives_open_account",
        summary="Open a derivatives account",
        request=AccountEntrySerializer,
        responses={201: AccountOpenedSerializer, **problems(400, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        """Open a participant's margin account in a currency; one that stands is answered as it is. Operators only."""
        actor = self.require_role(Role.OPERATOR)
        wanted, clock = read_body(request=request, serializer=self.get_serializer(data=request.data)), business_clock()
        participant = directory().participant(code=wanted["participant"], pointer="/participant")
        account = open_derivatives_account(
            participant_id=participant.id,
            currency=wanted["currency"],
            at=clock.at,
            actor=actor,
            business_date=clock.business_date,
        )
        answer = {
            "account_id": account.pk,
            "participant": participant.code,
            "currency": wanted["currency"],
            "ledger_account": account.cash_account.code,
        }
        return Response(answer, status=201)


class _MoneyView(ActorView[BalanceMovement]):
    """Move money."""

    queryset = BalanceMovement.objects.all()
    serializer_class = MoneySerializer
    filter_backends = KEPT_FIELDS
    # The live store decides before the database commits; under a client id money moves once in both.
    answered_once = Once.APART
    idempotency_key_required = True
    write_scope = Scope.DERIVATIVES_WRITE

    def move(self, *, request: Request, service: Any) -> Response:
        """Move the money and answer what moved."""
        actor = self.require_role(Role.OPERATOR, Role.PARTICIPANT)
        wanted, clock = read_body(request=request, serializer=self.get_serializer(data=request.data)), business_clock()
        account = get_derivatives_account(actor=actor, account_id=wanted["account_id"], pointer="/account_id")
        digits, amount = account.currency.digits, Decimal(wanted["amount"])
        minor = whole_units(value=amount, digits=digits, largest=LARGEST_BALANCE_MINOR)
        if minor is None:
            raise NumberOutOfRange(
                f"The amount is above zero, at most ten trillion, with {digits} digits.", pointer="/amount"
            )
        moved = service(
            account=account,
            amount_minor=minor,
            actor=actor,
            at=clock.at,
            business_date=clock.business_date,
            client_id=wanted.get("client_id") or self.own_reference,
        )
        answer = {
            "sequence": moved.event_id,
            "account_id": account.pk,
            "kind": moved.kind,
            "amount": money_text(minor=moved.amount_minor, digits=digits),
            "currency": account.currency.code,
        }
        return Response(answer, status=201)


MOVED: dict[Any, Any] = {201: MoneyMovedSerializer, **problems(400, 403, 409, 422, 503)}


class DerivativesDeposit(_MoneyView):
    """Deposit."""

    @extend_schema(operation_id="derivatives_deposit", summary="Deposit", request=MoneySerializer, responses=MOVED)
    def post(self, request: Request) -> Response:
        """Bring money from the participant's own cash account onto its derivatives account."""
        return self.move(request=request, service=deposit_margin)


class DerivativesWithdrawal(_MoneyView):
    """Withdraw."""

    signed_methods = frozenset({"POST"})

    @extend_schema(operation_id="derivatives_withdraw", summary="Withdraw", request=MoneySerializer, responses=MOVED)
    def post(self, request: Request) -> Response:
        """Take money off a derivatives account: no more than its balance, nor than its equity beyond margin."""
        return self.move(request=request, service=withdraw_margin)
