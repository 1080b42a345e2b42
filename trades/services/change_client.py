"""Open and change clients, change traders: names, accounts and states at once, limits by a proposal.

Another person than who proposes limits approves them, the first ones too: until then a client may order nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from events.services.audit import record_action
from reference.api.fields import decimal_text
from reference.core.actor import Actor
from reference.core.directory import CurrencyEntry
from reference.four_eyes import Decision, Difference, ProposalKind, propose_change
from reference.models import Proposal
from reference.queries import directory
from trades.core.client_lifecycle import CLIENT_TRANSITIONS, ClientStatus
from trades.core.order_lifecycle import OPEN_STATUSES, OrderStatus
from trades.models import Client, Order, Trader
from trades.models.client import LIMIT_FIELDS
from trades.refusals.clients import ClientHasOpenOrders, ClientStepIllegal, UnknownClient, UnknownTrader
from trades.services.open_client import (
    checked_margin,
    checked_name,
    expect_account,
    expect_limit,
    expect_login,
    expect_own,
    open_client,
)

LIMITS_KIND = "client-limits"
LABELS = {
    "credit_limit_minor": "Credit limit",
    "daily_limit_minor": "Daily limit",
    "margin_percent": "Margin",
    "short_sale_allowed": "Short sales",
}


@dataclass(frozen=True, slots=True)
class ClientChanged:
    """A client after a change, and the proposal that its new limits wait in, if any."""

    client: Client
    proposal: Proposal | None


def change_client(
    *, client_id: int, changes: Mapping[str, Any], actor: Actor, at: datetime, business_date: date
) -> ClientChanged:
    """Change a client, together with what else is asked: all of it or nothing.

    changes: any of name, settlement_account_id and status, done at once; and of the limits (credit_limit_minor,
    daily_limit_minor, margin_percent as Decimal, short_sale_allowed), which become one proposal. Limits that stand
    already propose nothing. Raises UnknownClient, NotYourBroker, NameMissing, SettlementAccountNotTheBrokers,
    ClientStepIllegal, ClientHasOpenOrders, LimitOutOfRange, and what propose_change refuses.
    """
    direct = {name: value for name, value in changes.items() if name not in LIMIT_FIELDS}
    with transaction.atomic():
        client = lock_client(client_id=client_id)
        expect_own(actor=actor, broker_id=client.broker_id)
        wanted = checked_limits(changes=changes)
        standing = read_limits(client_id)
        _change_directly(client=client, changes=direct, actor=actor, at=at, business_date=business_date)
        proposal = _propose(
            client=client, wanted=wanted, standing=standing, actor=actor, at=at, business_date=business_date
        )
    return ClientChanged(client=client, proposal=proposal)


def open_proposed_client(
    *, limits: Mapping[str, Any], actor: Actor, at: datetime, business_date: date, **named: Any
) -> ClientChanged:
    """Open a client that may buy and sell nothing yet, and propose its first limits to another person.

    limits: as in change_client. named: what open_client takes besides. Raises what open_client and propose_change do.
    """
    wanted = checked_limits(changes=limits)
    with transaction.atomic():
        client = open_client(
            **named, credit_limit_minor=0, daily_limit_minor=0, actor=actor, at=at, business_date=business_date
        )
        proposal = _propose(
            client=client, wanted=wanted, standing=read_limits(client.pk), actor=actor, at=at,
            business_date=business_date,
        )  # fmt: skip
    return ClientChanged(client=client, proposal=proposal)


def _propose(
    *, client: Client, wanted: Mapping[str, Any], standing: Mapping[str, Any], actor: Actor, at: datetime,
    business_date: date,
) -> Proposal | None:  # fmt: skip
    """Propose those of the wanted limits that do not stand already; None where all do."""
    after = {name: value for name, value in wanted.items() if standing[name] != value}
    if not after:
        return None
    return propose_change(
        kind=LIMITS_KIND, subject_id=client.pk, subject=client.code, participant_id=client.broker_id, after=after,
        summary=f"Limits of client {client.code}", actor=actor, at=at, business_date=business_date,
    )  # fmt: skip


def close_client(*, client_id: int, actor: Actor, at: datetime, business_date: date) -> Client:
    """Close a client for good. Raises UnknownClient, NotYourBroker, ClientStepIllegal, ClientHasOpenOrders."""
    changes = {"status": ClientStatus.CLOSED.value}
    return change_client(client_id=client_id, changes=changes, actor=actor, at=at, business_date=business_date).client


def change_trader(
    *, trader_id: int, changes: Mapping[str, Any], actor: Actor, at: datetime, business_date: date
) -> Trader:
    """Change any of a trader's name, active and user_id. Raises UnknownTrader, NotYourBroker, NameMissing,
    LoginNotTheBrokers.
    """
    with transaction.atomic():
        trader = Trader.objects.select_for_update().filter(pk=trader_id).first()
        if trader is None:
            raise UnknownTrader
        expect_own(actor=actor, broker_id=trader.broker_id)
        if "user_id" in changes:
            expect_login(user_id=changes["user_id"], broker_id=trader.broker_id, trader_id=trader.pk)
        checked = {**changes, **({"name": checked_name(name=changes["name"])} if "name" in changes else {})}
        changed = _write(row=trader, changes=checked, names=("name", "active", "user_id"))
        if changed:
            record_action(
                actor=actor, action="trader.change", at=at, business_date=business_date, object_type="trader",
                object_id=trader.pk, summary=f"Trader {trader.code} changed: {', '.join(sorted(changed))}",
                detail=changed,
            )  # fmt: skip
    return trader


def lock_client(*, client_id: int) -> Client:
    """Return a client, locked until the transaction ends. Raises UnknownClient."""
    client = Client.objects.select_for_update().filter(pk=client_id).first()
    if client is None:
        raise UnknownClient
    return client


def checked_limits(*, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits among the changes as a proposal holds them. Raises LimitOutOfRange."""
    limits = {name: changes[name] for name in LIMIT_FIELDS if name in changes}
    for name in ("credit_limit_minor", "daily_limit_minor"):
        if name in limits:
            expect_limit(amount_minor=limits[name], pointer=f"/{name.removesuffix('_minor')}")
    if "margin_percent" in limits:
        limits["margin_percent"] = str(checked_margin(percent=limits["margin_percent"]))
    return limits


def _change_directly(
    *, client: Client, changes: Mapping[str, Any], actor: Actor, at: datetime, business_date: date
) -> None:
    """Change what one person may change."""
    if client.status == ClientStatus.CLOSED:
        raise ClientStepIllegal
    checked = dict(changes)
    if "name" in checked:
        checked["name"] = checked_name(name=checked["name"])
    if "settlement_account_id" in checked:
        expect_account(account_id=checked["settlement_account_id"], broker_id=client.broker_id)
    status = checked.get("status", client.status)
    if status != client.status and status not in CLIENT_TRANSITIONS[client.status]:
        raise ClientStepIllegal(pointer="/status")
    if status == ClientStatus.CLOSED and _has_open_orders(client=client):
        raise ClientHasOpenOrders
    changed = _write(row=client, changes=checked, names=("name", "settlement_account_id", "status"))
    if changed:
        record_action(
            actor=actor, action="client.change", at=at, business_date=business_date, object_type="client",
            object_id=client.pk, summary=f"Client {client.code} changed: {', '.join(sorted(changed))}",
            detail=changed,
        )  # fmt: skip


def _has_open_orders(*, client: Client) -> bool:
    """Say whether any of the client's orders may still be filled."""
    return Order.objects.filter(client=client, status__in=[OrderStatus.RECEIVED, *OPEN_STATUSES]).exists()


def _write(*, row: Any, changes: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Write those of the named changes that change something; return them with what stood before."""
    changed = {
        name: {"before": getattr(row, name), "after": changes[name]}
        for name in names
        if name in changes and getattr(row, name) != changes[name]
    }
    for name, values in changed.items():
        setattr(row, name, values["after"])
    if changed:
        row.save(update_fields=list(changed))
    return changed


def read_limits(subject_id: int) -> dict[str, Any]:
    """Return a client's limits as a proposal holds them, the client locked. Raises UnknownClient, ClientStepIllegal."""
    client = lock_client(client_id=subject_id)
    if client.status == ClientStatus.CLOSED:
        raise ClientStepIllegal
    limits = {name: getattr(client, name) for name in LIMIT_FIELDS}
    return limits | {"margin_percent": str(client.margin_percent)}


def _carry_out(proposal: Proposal, decision: Decision) -> None:
    """Write the approved limits, and by which proposal: the database compares the two."""
    limits = dict(proposal.after)
    if "margin_percent" in limits:
        limits["margin_percent"] = Decimal(limits["margin_percent"])
    Client.objects.filter(pk=proposal.subject_id).update(**limits, limits_proposal=proposal)


def _describe(proposals: Sequence[Proposal]) -> list[list[Difference]]:
    """Say what each would change, amounts in the client's currency."""
    ids = [proposal.subject_id for proposal in proposals]
    currency_ids = dict(Client.objects.filter(pk__in=ids).values_list("pk", "default_currency_id"))
    currencies = directory().currencies
    return [
        [
            Difference(
                label=LABELS[name],
                before=_in_words(name, proposal.before[name], currencies[currency_ids[proposal.subject_id]]),
                after=_in_words(name, proposal.after[name], currencies[currency_ids[proposal.subject_id]]),
            )
            for name in LIMIT_FIELDS
            if name in proposal.after
        ]
        for proposal in proposals
    ]


def _in_words(name: str, value: Any, currency: CurrencyEntry) -> str:
    """Write one limit as people read it."""
    if name == "short_sale_allowed":
        return "allowed" if value else "not allowed"
    if name == "margin_percent":
        return f"{value} %"
    return f"{Decimal(decimal_text(minor=value, digits=currency.digits)):,} {currency.code}"


CLIENT_LIMITS = ProposalKind(
    subject_type="client", title="Limits of a client", page="client", read=read_limits, carry_out=_carry_out,
    describe=_describe,
)  # fmt: skip
