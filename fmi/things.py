"""Where the page of a thing is: one table of the kinds that records and journal entries name, for all links to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django.db.models import QuerySet
from django.urls import reverse

from clearing.models import AuctionLot, DefaultDrill
from clearing.queries.defaults import cases_visible_to
from clearing.queries.derivatives import accounts_visible_to as derivatives_visible_to
from events.queries.webhooks import webhooks_visible_to
from ledger.queries import visible_accounts
from reference.core.actor import Actor
from reference.models import Currency, Participant, Security
from reference.queries import proposals_visible_to
from settlement.models import CorporateAction, InstructionSource
from settlement.queries.party import party_instructions_visible_to
from settlement.queries.visible import instructions_visible_to
from trades.models import ComplianceRule
from trades.queries.blocks import allocations_visible_to
from trades.queries.clients import clients_visible_to, traders_visible_to
from trades.queries.compliance import alerts_visible_to, restricted_entries
from trades.queries.position_limits import alerts_visible_to as position_alerts_visible_to
from trades.queries.position_limits import limits_visible_to
from trades.queries.visible import orders_visible_to, submissions_visible_to, trades_visible_to

Rows = Callable[[Actor], QuerySet[Any]]


@dataclass(frozen=True)
class Place:
    """Where things of a kind are shown.

    rows: those that an actor sees. page: the name of an address. takes: fields of a row that the address takes.
    query: what follows the address, written with the fields in `asks`. key: the field that a record names.
    """

    rows: Rows
    page: str
    takes: tuple[str, ...] = ("public_id",)
    query: str = ""
    asks: tuple[str, ...] = ()
    key: str = "pk"
    first: tuple[str, ...] = ()

    def find(self, *, key: int, actor: Actor) -> str | None:
        """Return the address of a thing, None where there is none that the actor may see."""
        fields = (*self.takes, *self.asks)
        row = self.rows(actor).filter(**{self.key: key}).values(*fields, "pk").first()
        if row is None:
            return None
        asked = [quote(str(row[name])) for name in self.asks]
        return reverse(self.page, args=[*self.first, *(row[name] for name in self.takes)]) + self.query.format(*asked)


def _lots(actor: Actor) -> QuerySet[Any]:
    """Return the lots of the cases that an actor sees."""
    return AuctionLot.objects.filter(case__in=cases_visible_to(actor=actor).order_by().values("pk"))


def _drills(actor: Actor) -> QuerySet[Any]:
    """Return the drills for who sees all, nothing for a participant."""
    return DefaultDrill.objects.all() if actor.sees_all else DefaultDrill.objects.none()


def _rules(actor: Actor) -> QuerySet[Any]:
    """Return the compliance rules for who sees all, nothing for a participant."""
    return ComplianceRule.objects.all() if actor.sees_all else ComplianceRule.objects.none()


def _of_obligations(actor: Actor) -> QuerySet[Any]:
    """Return the instructions that obligations gave."""
    return instructions_visible_to(actor=actor).filter(source=InstructionSource.OBLIGATION)


def _static(rows: Rows, plural: str) -> Place:
    """Return the place of a kind of static data."""
    return Place(rows, "static-detail", ("code",), first=(plural,))


PLACES: Mapping[str, Place] = {
    "account": Place(lambda actor: visible_accounts(actor=actor), "account", ("code",)),
    "allocation": Place(lambda actor: allocations_visible_to(actor=actor), "allocation"),
    "auctionlot": Place(_lots, "default", ("case_id",)),
    "client": Place(lambda actor: clients_visible_to(actor=actor), "client", ("code",)),
    "compliance-alert": Place(
        lambda actor: alerts_visible_to(actor=actor), "compliance", (), "?rule={0}#alert-{1}", ("rule__code", "pk")
    ),
    "compliance-rule": Place(_rules, "compliance-rule", ("code",)),
    "corporateaction": Place(lambda actor: CorporateAction.objects.all(), "corporate-action", ("pk",)),
    "currency": _static(lambda actor: Currency.objects.all(), "currencies"),
    "defaultcase": Place(lambda actor: cases_visible_to(actor=actor), "default", ("pk",)),
    "defaultdrill": Place(_drills, "default-drill", ("pk",)),
    "derivativeaccount": Place(lambda actor: derivatives_visible_to(actor=actor), "derivatives-account", ("pk",)),
    "instruction": Place(lambda actor: instructions_visible_to(actor=actor), "instruction"),
    "instrument": _static(lambda actor: Security.objects.all(), "instruments"),
    "obligation": Place(_of_obligations, "instruction", key="source_id"),
    "order": Place(lambda actor: orders_visible_to(actor=actor), "order"),
    "participant": _static(lambda actor: Participant.objects.all(), "participants"),
    "party-instruction": Place(lambda actor: party_instructions_visible_to(actor=actor), "party-instruction"),
    "positionalert": Place(
        lambda actor: position_alerts_visible_to(actor=actor), "position-limits", (),
        "?security={0}#alert-{1}", ("security__code", "pk"),
    ),
    "positionlimit": Place(
        lambda actor: limits_visible_to(actor=actor), "position-limits", (), "#limit-{0}", ("pk",)
    ),
    "proposal": Place(
        lambda actor: proposals_visible_to(actor=actor), "approvals", (),
        "?view=all&subject={0}#proposal-{1}", ("subject", "public_id"),
    ),
    "restriction": Place(
        lambda actor: restricted_entries(actor=actor), "restricted", (), "#restricted-{0}", ("pk",)
    ),
    "submission": Place(lambda actor: submissions_visible_to(actor=actor), "submission"),
    "trade": Place(lambda actor: trades_visible_to(actor=actor), "trade"),
    "trader": _static(lambda actor: traders_visible_to(actor=actor), "traders"),
    "webhook": Place(lambda actor: webhooks_visible_to(actor=actor), "webhook"),
}  # fmt: skip


def find_page(*, kind: str, key: int, actor: Actor) -> str | None:
    """Return the address of a thing's page; None where it has none, or is not the actor's to see."""
    place = PLACES.get(kind)
    return None if place is None else place.find(key=key, actor=actor)
