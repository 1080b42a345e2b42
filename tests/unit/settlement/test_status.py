"""T2S statuses, derived: DOMAIN's list of statuses and reason codes, from each side's view."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from settlement.core.status import SettlementState, T2sStatus, derive_party_status, derive_status

MONDAY, TUESDAY, WEDNESDAY = date(2008, 9, 8), date(2008, 9, 9), date(2008, 9, 10)


def state(**changes: Any) -> SettlementState:
    fields: dict[str, Any] = {
        "status": "PENDING", "reason": "", "settled_units": 0, "settled_minor": 0, "cash_minor": 100,
        "intended_date": TUESDAY, "held_by_deliverer": False, "held_by_receiver": False,
    }  # fmt: skip
    return SettlementState(**fields | changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "SETTLED", "settled_units": 10}, T2sStatus("MACH", "SETT", "", ())),
        ({"status": "CANCELLED"}, T2sStatus("MACH", "CANC", "", ())),
        ({"status": "CANCELLED", "settled_units": 4}, T2sStatus("MACH", "CANC", "", ())),
        ({}, T2sStatus("MACH", "USET", "PEND", ())),
        ({"intended_date": WEDNESDAY}, T2sStatus("MACH", "USET", "PEND", ("FUTU",))),
        ({"intended_date": MONDAY, "reason": "LACK"}, T2sStatus("MACH", "USET", "PENF", ("LACK",))),
        ({"settled_units": 4, "reason": "MINO"}, T2sStatus("MACH", "PSET", "PEND", ("MINO",))),
        ({"settled_minor": 4}, T2sStatus("MACH", "PSET", "PEND", ())),
        ({"reason": "LINK"}, T2sStatus("MACH", "USET", "PEND", ("LINK",))),
        ({"reason": "CYCL"}, T2sStatus("MACH", "USET", "PEND", ("CYCL",))),
        ({"held_by_deliverer": True, "held_by_receiver": True}, T2sStatus("MACH", "USET", "PEND", ("PREA",))),
    ],
)
def test_as_the_csd_sees_it(changes: dict[str, Any], expected: T2sStatus) -> None:
    assert derive_status(state=state(**changes), business_date=TUESDAY) == expected


@pytest.mark.parametrize(
    ("changes", "deliverer", "receiver"),
    [
        ({"held_by_deliverer": True}, ("PREA",), ("PRCY",)),
        ({"held_by_deliverer": True, "held_by_receiver": True}, ("PREA", "PRCY"), ("PRCY", "PREA")),
        ({"reason": "LACK"}, ("LACK",), ("CLAC",)),
        ({"reason": "MONY"}, ("CMON",), ("MONY",)),
        ({"reason": "MONY", "cash_minor": -100}, ("MONY",), ("CMON",)),
        ({"reason": "PREA"}, (), ()),
    ],
)
def test_as_each_side_sees_it(changes: dict[str, Any], deliverer: tuple[str, ...], receiver: tuple[str, ...]) -> None:
    """A hold that was released leaves no reason behind, though the last cycle found it."""
    found = state(**changes)
    assert derive_status(state=found, business_date=TUESDAY, viewpoint="deliverer").reasons == deliverer
    assert derive_status(state=found, business_date=TUESDAY, viewpoint="receiver").reasons == receiver


@pytest.mark.parametrize(
    ("status", "held", "day", "expected"),
    [
        ("UNMATCHED", False, TUESDAY, T2sStatus("NMAT", "USET", "PEND", ())),
        ("UNMATCHED", True, WEDNESDAY, T2sStatus("NMAT", "USET", "PENF", ("PREA",))),
        ("CANCELLED", False, TUESDAY, T2sStatus("NMAT", "CANC", "", ())),
    ],
)
def test_without_a_counterpart(status: str, held: bool, day: date, expected: T2sStatus) -> None:
    assert derive_party_status(status=status, intended_date=TUESDAY, business_date=day, held=held) == expected
