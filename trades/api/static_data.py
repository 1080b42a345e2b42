"""Clients and traders as static data. Changes of a client's limits become proposals."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from reference.api.crud import StaticNoun
from reference.core.actor import Actor, Role
from reference.core.scopes import Scope
from reference.models import Proposal
from reference.queries import business_clock, directory
from trades.api.client_entry import resolve_broker, resolve_client, resolve_user
from trades.api.client_serializers import (
    ClientChangeSerializer,
    ClientEntrySerializer,
    ClientSerializer,
    TraderChangeSerializer,
    TraderEntrySerializer,
    TraderSerializer,
)
from trades.filters_clients import ClientFilter, TraderFilter
from trades.models import Client, Trader
from trades.models.client import LIMIT_FIELDS
from trades.queries.clients import clients_with_use, get_client, get_trader, traders_visible_to
from trades.services.change_client import change_client, change_trader, close_client, open_proposed_client
from trades.services.open_client import open_trader

WRITERS = (Role.OPERATOR, Role.PARTICIPANT)


class Clients(StaticNoun[Client]):
    """Whose orders are sent."""

    name, plural = "client", "clients"
    words = "Clients whose orders brokers send. A participant sees and opens its own; two persons set their limits."
    model = Client
    shape, entry, changes = ClientSerializer, ClientEntrySerializer, ClientChangeSerializer
    filterset = ClientFilter
    read_scope = Scope.CLIENTS_READ
    write_scope = Scope.CLIENTS_WRITE
    writers = WRITERS
    proposes, subject_type = frozenset({"PATCH"}), "client"
    has_limits = True

    def rows(self, *, actor: Actor) -> QuerySet[Client]:
        """Return the broker's own or all, with what is used of their limits."""
        rows = clients_with_use(actor=actor, business_date=business_clock().business_date)
        return rows.select_related("settlement_account")

    def find(self, *, actor: Actor, key: str) -> Client:
        """Return the client of this code."""
        return get_client(actor=actor, code=key, business_date=business_clock().business_date)

    def open(self, *, actor: Actor, fields: dict[str, Any], when: dict[str, Any]) -> Client:
        """Open it; its limits become a proposal."""
        named = dict(fields)
        broker_id = resolve_broker(code=named.pop("broker", None), actor=actor)
        currency = directory().currency(code=named.pop("default_currency"), pointer="/default_currency")
        resolved = resolve_client(fields=named, currency=currency)
        limits = {name: resolved.pop(name) for name in LIMIT_FIELDS if name in resolved}
        opened = open_proposed_client(
            **resolved, limits=limits, broker_id=broker_id, default_currency_id=currency.id, actor=actor, **when
        )
        return self.find(actor=actor, key=opened.client.code)

    def change(self, *, actor: Actor, row: Client, fields: dict[str, Any], when: dict[str, Any]) -> Client | Proposal:
        """Change it; where limits are to change, return the proposal that waits for a second person."""
        currency = directory().currencies[row.default_currency_id]
        changes = resolve_client(fields=fields, currency=currency)
        changed = change_client(client_id=row.pk, changes=changes, actor=actor, **when)
        return changed.proposal or self.find(actor=actor, key=row.code)

    def leave(self, *, actor: Actor, row: Client, when: dict[str, Any]) -> Client:
        """Close it for good; one with open orders refuses."""
        close_client(client_id=row.pk, actor=actor, **when)
        return self.find(actor=actor, key=row.code)


class Traders(StaticNoun[Trader]):
    """Who enters orders."""

    name, plural = "trader", "traders"
    words = "Traders who enter orders for brokers. A participant sees and registers its own."
    model = Trader
    shape, entry, changes = TraderSerializer, TraderEntrySerializer, TraderChangeSerializer
    filterset = TraderFilter
    read_scope = Scope.CLIENTS_READ
    write_scope = Scope.CLIENTS_WRITE
    writers = WRITERS

    def rows(self, *, actor: Actor) -> QuerySet[Trader]:
        """Return the broker's own, or all."""
        return traders_visible_to(actor=actor).select_related("user")

    def find(self, *, actor: Actor, key: str) -> Trader:
        """Return the trader of this code."""
        return get_trader(actor=actor, code=key)

    def open(self, *, actor: Actor, fields: dict[str, Any], when: dict[str, Any]) -> Trader:
        """Register it."""
        named = dict(fields)
        broker_id = resolve_broker(code=named.pop("broker", None), actor=actor)
        return open_trader(**resolve_user(fields=named), broker_id=broker_id, actor=actor, **when)

    def change(self, *, actor: Actor, row: Trader, fields: dict[str, Any], when: dict[str, Any]) -> Trader:
        """Change it."""
        change_trader(trader_id=row.pk, changes=resolve_user(fields=fields), actor=actor, **when)
        return self.find(actor=actor, key=row.code)

    def leave(self, *, actor: Actor, row: Trader, when: dict[str, Any]) -> Trader:
        """Deactivate it: it enters no more orders."""
        change_trader(trader_id=row.pk, changes={"active": False}, actor=actor, **when)
        return self.find(actor=actor, key=row.code)


CLIENTS = Clients()
TRADERS = Traders()
