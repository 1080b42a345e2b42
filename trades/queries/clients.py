"""Reads of clients and traders: which an actor may see, and how much of its limits a client uses."""

from __future__ import annotations

from datetime import date

from django.db.models import BigIntegerField, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from reference.core.actor import Actor
from trades.models import Client, DailyUse, Trader
from trades.refusals.clients import UnknownClient, UnknownTrader


def clients_visible_to(*, actor: Actor) -> QuerySet[Client]:
    """Return the clients an actor sees: its own broker's, all of them for who sees all."""
    if actor.participant_id is None:
        return Client.objects.all()
    return Client.objects.filter(broker_id=actor.participant_id)


def traders_visible_to(*, actor: Actor) -> QuerySet[Trader]:
    """Return the traders an actor sees: its own broker's, all of them for who sees all."""
    if actor.participant_id is None:
        return Trader.objects.all()
    return Trader.objects.filter(broker_id=actor.participant_id)


def clients_with_use(*, actor: Actor, business_date: date) -> QuerySet[Client]:
    """Return the clients an actor sees, each with what is used of its limits, in its own currency.

    credit_used_minor: what open orders and unsettled purchases hold. ordered_today_minor: what it has ordered on the
    business date, replacements included.
    """
    today = DailyUse.objects.filter(client=OuterRef("pk"), business_date=business_date)
    ordered = today.values_list(F("ordered_minor") + F("replaced_minor"))[:1]
    return clients_visible_to(actor=actor).annotate(
        credit_used_minor=Coalesce(F("credit__used_minor"), 0, output_field=BigIntegerField()),
        ordered_today_minor=Coalesce(Subquery(ordered), 0, output_field=BigIntegerField()),
    )


def get_client(*, actor: Actor, code: str, business_date: date) -> Client:
    """Return one client with what is used of its limits. Raises UnknownClient where the actor sees none."""
    rows = clients_with_use(actor=actor, business_date=business_date)
    found = rows.select_related("broker", "settlement_account", "default_currency").filter(code=_code_of(code)).first()
    if found is None:
        raise UnknownClient
    return found


def get_trader(*, actor: Actor, code: str) -> Trader:
    """Return one trader. Raises UnknownTrader where the actor sees none."""
    found = traders_visible_to(actor=actor).select_related("user").filter(code=_code_of(code)).first()
    if found is None:
        raise UnknownTrader
    return found


def _code_of(text: str) -> str:
    """Return a code as it is kept; a text that PostgreSQL cannot hold is nobody's."""
    return text.replace("\x00", " ").upper()
