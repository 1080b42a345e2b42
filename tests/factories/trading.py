"""Clients and traders of brokers, opened by the services, with limits that most tests never meet."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

from ledger.models import Account
from ledger.services import open_accounts
from reference.core.actor import SYSTEM
from reference.models import Participant
from tests.factories.market import NOW, TODAY
from tests.factories.reference import CurrencyFactory, ParticipantFactory
from trades.models import Client, Trader
from trades.services.open_client import open_client, open_trader

_numbers = itertools.count(1)


def make_broker(*, code: str | None = None) -> Participant:
    """Return the participant with this code, or a new clearing member; with accounts in either case."""
    found = Participant.objects.filter(code=code).first() if code else None
    broker = found or ParticipantFactory.create(**({"code": code} if code else {}))
    open_accounts(participants=[(broker.pk, broker.code)])
    return broker


def make_client(*, broker: Participant | None = None, account: Account | None = None, **overrides: Any) -> Client:
    """Open a client: credit 1,000,000.00 and 5,000,000.00 a day in EUR, no margin, no short sales.

    broker: a new clearing member unless given. account: the broker's own securities account unless given.
    overrides: what open_client takes, also actor, at and business_date.
    """
    broker = broker or make_broker()
    account = account or Account.objects.get(participant=broker, kind="SECURITIES", name="HOUSE")
    number = next(_numbers)
    fields: dict[str, Any] = {
        "code": f"CLIENT-{number}",
        "name": f"Client {number}",
        "broker_id": broker.pk,
        "settlement_account_id": account.pk,
        "default_currency_id": CurrencyFactory.create().pk,
        "credit_limit_minor": 100_000_000,
        "daily_limit_minor": 500_000_000,
        "margin_percent": Decimal(0),
        "short_sale_allowed": False,
        "actor": SYSTEM,
        "at": NOW,
        "business_date": TODAY,
    }
    return open_client(**fields | overrides)


def make_trader(*, broker: Participant | None = None, **overrides: Any) -> Trader:
    """Register a trader without a login. broker: a new clearing member unless given."""
    broker = broker or make_broker()
    number = next(_numbers)
    fields: dict[str, Any] = {
        "code": f"TRADER-{number}",
        "name": f"Trader {number}",
        "broker_id": broker.pk,
        "actor": SYSTEM,
        "at": NOW,
        "business_date": TODAY,
    }
    return open_trader(**fields | overrides)
