"""From what is entered of a client or trader to what the services take: ids for codes, minor units for amounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model

from ledger.models import Account
from reference.api.entry import minor_of
from reference.core.actor import Actor
from reference.core.directory import CurrencyEntry
from reference.queries import directory
from trades.refusals.clients import (
    BrokerServesNoClients,
    LoginNotTheBrokers,
    NotYourBroker,
    SettlementAccountNotTheBrokers,
)


def resolve_client(*, fields: Mapping[str, Any], currency: CurrencyEntry) -> dict[str, Any]:
    """Return a client's fields with its account as an id and its limits in minor units of its currency.

    Raises SettlementAccountNotTheBrokers, AmountNotExact.
    """
    named = dict(fields)
    if "settlement_account" in named:
        code = named.pop("settlement_account").upper()
        found = Account.objects.filter(code=code).values_list("pk", flat=True).first() if "\x00" not in code else None
        if found is None:
            raise SettlementAccountNotTheBrokers(pointer="/settlement_account")
        named["settlement_account_id"] = found
    for name in ("credit_limit", "daily_limit"):
        if name in named:
            named[f"{name}_minor"] = minor_of(amount=named.pop(name), currency=currency, pointer=f"/{name}")
    return named


def resolve_broker(*, code: str | None, actor: Actor) -> int:
    """Return the id of the broker that is named, the actor's own where none is.

    Raises UnknownParticipant, NotYourBroker, and BrokerServesNoClients where nobody says for whom.
    """
    if code is None:
        if actor.participant_id is None:
            raise BrokerServesNoClients("Say of which broker.", pointer="/broker")
        return actor.participant_id
    broker = directory().participant(code=code, pointer="/broker")
    if actor.participant_id is not None and broker.id != actor.participant_id:
        raise NotYourBroker(pointer="/broker")
    return broker.id


def resolve_user(*, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trader's fields with its login as an id. Raises LoginNotTheBrokers for one that does not exist."""
    named = dict(fields)
    if "user" in named:
        username = named.pop("user")
        named["user_id"] = None
        if username:
            found = get_user_model().objects.filter(username=username).values_list("pk", flat=True).first()
            if found is None:
                raise LoginNotTheBrokers(pointer="/user")
            named["user_id"] = found
    return named
