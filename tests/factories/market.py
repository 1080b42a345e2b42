"""A small market for the API's tests: two members, a client, the infrastructures, three securities, logins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.test import Client
from factory.django import mute_signals

from ledger.models import Account
from ledger.services import open_accounts
from reference.core.calendar import BUSINESS_ZONE
from reference.models import BusinessClock, Holiday, Participant, Security
from reference.queries import forget_directory
from tests.factories.reference import (
    CalendarFactory,
    CurrencyFactory,
    MembershipFactory,
    ParticipantFactory,
    SecurityFactory,
)

TODAY = date(2008, 9, 8)
NOW = datetime(2008, 9, 8, 10, 0, tzinfo=BUSINESS_ZONE)


@dataclass
class Market:
    """What the tests name."""

    alpha: Participant
    bravo: Participant
    client_of_alpha: Participant
    ccp: Participant
    csd: Participant
    venue: Participant
    equity: Security
    bond: Security
    dollar_equity: Security

    def report(self, **changes: Any) -> dict[str, Any]:
        """Return a good report of ALPHA's purchase, with changes; a field changed to None is left out."""
        fields: dict[str, Any] = {
            "trade_id": "T-1",
            "buyer": "ALPHA",
            "seller": "BRAVO",
            "security": self.equity.code,
            "quantity": 100,
            "price": "101.20",
            "currency": "EUR",
            "trade_date": "2008-09-08",
        } | changes
        return {name: value for name, value in fields.items() if value is not None}

    def account(self, participant: Participant, kind: str = "SECURITIES") -> Account:
        """Return a participant's own account."""
        return Account.objects.get(participant=participant, kind=kind, name="HOUSE")


def make_market() -> Market:
    """Make the market's rows."""
    target = CalendarFactory.create()
    Holiday.objects.get_or_create(calendar=target, date=date(2008, 12, 25), defaults={"name": "Christmas Day"})
    euro = CurrencyFactory.create()
    dollar = CurrencyFactory.create(code="USD", name="US dollar")
    alpha = ParticipantFactory.create(code="ALPHA")
    market = Market(
        alpha=alpha,
        bravo=ParticipantFactory.create(code="BRAVO"),
        client_of_alpha=ParticipantFactory.create(code="CHARLIE", role="BANK", clearing_member=alpha),
        ccp=ParticipantFactory.create(code="CCP", ccp=True),
        csd=ParticipantFactory.create(code="CSD", csd=True),
        venue=ParticipantFactory.create(code="VENUE", role="VENUE"),
        equity=SecurityFactory.create(symbol="EQUITY", currency=euro),
        bond=SecurityFactory.create(symbol="BOND", currency=euro, bond=True),
        dollar_equity=SecurityFactory.create(symbol="DOLLAR", currency=dollar),
    )
    owners = [market.alpha, market.bravo, market.client_of_alpha, market.ccp, market.csd]
    open_accounts(participants=[(owner.pk, owner.code) for owner in owners])
    open_accounts(participants=[(alpha.pk, alpha.code)], name="FUND1")
    BusinessClock.objects.update_or_create(pk=1, defaults={"business_date": TODAY, "at": NOW})
    forget_directory()
    return market


class KeyedClient(Client):
    """A client that does as the API's clients are told to: a POST has an Idempotency-Key, a new one unless it is given.

    headers={"Idempotency-Key": None} sends none.
    """

    def generic(self, method: str, path: str, *args: Any, headers: Any = None, **extra: Any) -> Any:  # type: ignore[override]
        """Send a request."""
        given = dict(headers or {})
        if method == "POST" and str(path).startswith("/api/"):
            given.setdefault("Idempotency-Key", str(uuid4()))
        given = {name: value for name, value in given.items() if value is not None}
        return super().generic(method, path, *args, headers=given, **extra)


def login(*, participant: Participant | None = None, role: str = "OPERATOR", name: str) -> Client:
    """Return a client that is logged in as a new user."""
    # Without a password: hashing one takes longer than most tests.
    user = User.objects.create(username=name)
    MembershipFactory.create(user=user, participant=participant, role="PARTICIPANT" if participant else role)
    client = KeyedClient()
    # No door was passed, so the audit log has no login: what a test finds there is what it did.
    with mute_signals(user_logged_in):
        client.force_login(user)
    return client
