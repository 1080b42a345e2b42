"""Parties that instruct on the market of the chain, in short."""

from __future__ import annotations

from datetime import date
from typing import Any

from reference.queries import directory
from settlement.models import PartyInstruction
from settlement.services.enter_party_instruction import EnteredPartyInstruction, enter_party_instructions
from settlement.services.link_instructions import WantedLink
from settlement.services.match_instructions import match_instructions
from tests.factories.chain import WEDNESDAY, Chain


def party_entry(
    chain: Chain,
    reference: str,
    movement: str,
    by: str,
    other: str,
    units: int = 10,
    cash: int = 10_000,
    **changes: Any,
) -> EnteredPartyInstruction:
    """Return a party's instruction over STOCK, against payment where cash moves; units 0: a payment only."""
    links = tuple(WantedLink(*link) for link in changes.pop("links", ()))
    account, currency = changes.pop("account", "HOUSE"), changes.pop("currency", "EUR")
    fields: dict[str, Any] = {
        "movement": movement,
        "participant_id": chain.ids[by],
        "account_id": chain.account(by, "STOCK", account).pk,
        "counterparty_id": chain.ids[other],
        "counterparty_account_id": None,
        "payment": "PFOD" if not units else "APMT" if cash else "FREE",
        "security": directory().securities_by_symbol["STOCK"] if units else None,
        "quantity_units": units,
        "currency_id": chain.assets[currency],
        "cash_minor": cash,
        "intended_date": WEDNESDAY,
        "trade_date": None,
        "reference": reference,
        "common_reference": "",
        "priority": 4,
        "partial": "NPAR",
        "partial_minimum_units": 0,
        "held": False,
    }
    return EnteredPartyInstruction(**fields | changes, links=links)


def instruct(chain: Chain, reference: str, movement: str, by: str, other: str, **changes: Any) -> PartyInstruction:
    """Enter one party's instruction."""
    entered = party_entry(chain, reference, movement, by, other, **changes)
    rows, _ = enter_party_instructions(entered=[entered], actor=chain.actor(by), at=chain.at, business_date=chain.day)
    return rows[0]


def instruct_both(
    chain: Chain, reference: str, deliverer: str = "ALPHA", receiver: str = "BRAVO", **changes: Any
) -> tuple[PartyInstruction, PartyInstruction]:
    """Enter both parties' instructions of one delivery, with the same terms."""
    return (
        instruct(chain, f"{reference}-D", "DELI", deliverer, receiver, **changes),
        instruct(chain, f"{reference}-R", "RECE", receiver, deliverer, **changes),
    )


def match_all(chain: Chain) -> int:
    """Match what waits."""
    return match_instructions(at=chain.at, business_date=chain.day)


def on(chain: Chain, day: date, hour: int = 10) -> dict[str, Any]:
    """Move the clock, and return what every service asks for."""
    chain.move_to(day, hour)
    return {"at": chain.at, "business_date": chain.day}
