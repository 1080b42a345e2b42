"""What T2S calls the state of an instruction: derived, never stored. Pure.

Matching status NMAT or MACH; settlement status USET, PSET, SETT or CANC; while it waits PEND up to the intended
date and PENF after it, with reason codes (ISO 20022 sese.024). Seen from a party, the other side's hold is PRCY
and its lack CLAC or CMON.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from settlement.core.lifecycle import InstructionStatus, Reason
from settlement.core.party_lifecycle import PartyStatus

FUTURE = "FUTU"
COUNTERPARTY_HOLD = "PRCY"
COUNTERPARTY_LACK = {Reason.LACK: "CLAC", Reason.MONY: "CMON"}
Viewpoint = Literal["deliverer", "receiver", ""]


@dataclass(frozen=True)
class SettlementState:
    """The state of a matched instruction."""

    status: str
    reason: str
    settled_units: int
    settled_minor: int
    cash_minor: int
    intended_date: date
    held_by_deliverer: bool
    held_by_receiver: bool


@dataclass(frozen=True)
class T2sStatus:
    """Matching and settlement status, pending status (empty unless it waits) and reason codes."""

    matching: str
    settlement: str
    pending: str
    reasons: tuple[str, ...]


def derive_status(*, state: SettlementState, business_date: date, viewpoint: Viewpoint = "") -> T2sStatus:
    """Return the T2S status of a matched instruction; reasons as the viewpoint's party sees them, "" for the CSD."""
    if state.status == InstructionStatus.SETTLED:
        return T2sStatus("MACH", "SETT", "", ())
    if state.status == InstructionStatus.CANCELLED:
        return T2sStatus("MACH", "CANC", "", ())
    return T2sStatus(
        "MACH",
        "PSET" if state.settled_units or state.settled_minor else "USET",
        "PENF" if state.intended_date < business_date else "PEND",
        _reasons(state=state, business_date=business_date, viewpoint=viewpoint),
    )


def derive_party_status(*, status: str, intended_date: date, business_date: date, held: bool) -> T2sStatus:
    """Return the T2S status of one party's instruction that has no counterpart; matched, it has its pair's."""
    if status == PartyStatus.CANCELLED:
        return T2sStatus("NMAT", "CANC", "", ())
    pending = "PENF" if intended_date < business_date else "PEND"
    return T2sStatus("NMAT", "USET", pending, (str(Reason.HOLD),) if held else ())


def _reasons(*, state: SettlementState, business_date: date, viewpoint: Viewpoint) -> tuple[str, ...]:
    """Return why it waits: a hold, a date to come, or what the last cycle found."""
    found: list[str] = []
    holds = {"deliverer": state.held_by_deliverer, "receiver": state.held_by_receiver}
    for side, held in holds.items():
        if held:
            found.append(COUNTERPARTY_HOLD if viewpoint not in ("", side) else str(Reason.HOLD))
    if state.intended_date > business_date:
        found.append(FUTURE)
    if state.reason and state.reason != Reason.HOLD:
        found.append(_seen_from(reason=state.reason, pays_to_deliver=state.cash_minor < 0, viewpoint=viewpoint))
    return tuple(dict.fromkeys(found))


def _seen_from(*, reason: str, pays_to_deliver: bool, viewpoint: Viewpoint) -> str:
    """Return a lack as a party sees it: its own as it is, the other side's as the counterparty's."""
    if viewpoint and reason == Reason.LACK and viewpoint != "deliverer":
        return COUNTERPARTY_LACK[Reason.LACK]
    payer = "deliverer" if pays_to_deliver else "receiver"
    if viewpoint and reason == Reason.MONY and viewpoint != payer:
        return COUNTERPARTY_LACK[Reason.MONY]
    return reason
