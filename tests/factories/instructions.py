"""Matched instructions put straight into their table, with what parties may agree on: parts, holds, links."""

from __future__ import annotations

from datetime import date
from itertools import count
from typing import TYPE_CHECKING, Any

from reference.public_ids import new_public_ids
from settlement.models import Instruction, InstructionLink, LinkKind

if TYPE_CHECKING:
    from tests.factories.chain import Chain

_numbers = count(1)


def instruct(
    chain: Chain,
    deliverer: str,
    receiver: str,
    quantity: int,
    cash: int,
    *,
    symbol: str = "STOCK",
    intended: date | None = None,
    partial: bool = False,
    minimum: int = 0,
    held: bool = False,
    priority: int = 4,
    currency: str = "EUR",
) -> Instruction:
    """Put one pending instruction into the table. cash: what the receiver pays, in minor units."""
    (public_id,) = new_public_ids(count=1)
    fields: dict[str, Any] = {
        "public_id": public_id,
        "source": "DIRECT",
        "reference": f"I{next(_numbers)}",
        "instructed_by_id": chain.ids[deliverer],
        "deliverer_account": chain.account(deliverer),
        "receiver_account": chain.account(receiver),
        "security_id": chain.assets[symbol] if quantity else None,
        "quantity_units": quantity,
        "currency_id": chain.assets[currency],
        "cash_minor": cash,
        "intended_date": intended or chain.day,
        "priority": priority,
        "held_by_deliverer": held,
        "partial_allowed": partial,
        "partial_minimum_units": minimum,
        "status": "PENDING",
        "created_at": chain.at,
    }
    return Instruction.objects.create(**fields)


def link(chain: Chain, kind: LinkKind, instruction: Instruction, other: Instruction) -> InstructionLink:
    """Link two instructions: WITH each other, or the first AFTER the other."""
    if kind == LinkKind.WITH:
        instruction, other = sorted((instruction, other), key=lambda row: row.pk)
    return InstructionLink.objects.create(kind=kind, instruction=instruction, other=other, created_at=chain.at)
