"""The modules of the product: whether each works, what waits in it, and when it last did something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from fmi.telemetry.figures import Sample, read_figures


class ModuleState(StrEnum):
    """Whether a module works."""

    OK = "OK"
    # Its work waits: no worker takes it.
    WAITING = "WAITING"
    # The database or the broker is out of reach.
    FAILED = "FAILED"


@dataclass(frozen=True)
class Described:
    """A module: what it is for, what of the figures waits in it, whose newest row tells of its last activity."""

    title: str
    waits: tuple[str, ...]
    last_row: str
    page: str
    links: Mapping[str, str]


MODULES: dict[str, Described] = {
    "trades": Described(
        "Orders, reports, matching, positions", ("trades to match", "orders to route", "submissions"),
        "SELECT recorded_at FROM trades_trade ORDER BY id DESC LIMIT 1", "trades",
        {"trades": "/api/v1/trades", "orders": "/api/v1/orders"},
    ),
    "clearing": Described(
        "Novation, netting, margin, defaults", ("obligations to discharge", "margin calls overdue"),
        "SELECT recorded_at FROM clearing_nettingrun ORDER BY id DESC LIMIT 1", "netting",
        {"obligations": "/api/v1/clearing/obligations", "netting": "/api/v1/clearing/netting-runs"},
    ),
    "settlement": Described(
        "Instructions, cycles, the business day",
        ("instructions pending", "instructions failing", "party instructions to match"),
        "SELECT recorded_at FROM settlement_cycle ORDER BY id DESC LIMIT 1", "cycles",
        {"instructions": "/api/v1/settlement/instructions", "cycles": "/api/v1/settlement/cycles"},
    ),
    "ledger": Described(
        "Accounts, postings, balances", (), "SELECT recorded_at FROM ledger_journalentry ORDER BY id DESC LIMIT 1",
        "ledger", {"accounts": "/api/v1/accounts"},
    ),
    "events": Described(
        "Outbox, events, webhooks, audit", ("outbox tasks", "outbox events"),
        "SELECT recorded_at FROM events_outboxfact ORDER BY id DESC LIMIT 1", "events",
        {"events": "/api/v1/events", "audit": "/api/v1/audit"},
    ),
    "reference": Described(
        "Static data, prices, keys, proposals", ("proposals to approve",),
        "SELECT recorded_at FROM reference_proposal ORDER BY id DESC LIMIT 1", "static-data",
        {"participants": "/api/v1/participants", "proposals": "/api/v1/proposals"},
    ),
}  # fmt: skip


# What these do is done by whoever calls them.
WITHOUT_WORKER = frozenset({"ledger", "reference"})


@dataclass(frozen=True)
class Module:
    """One module now. queue_depth: how many wait, by what; last_activity_at: wall-clock time, None where never."""

    name: str
    version: str
    title: str
    state: ModuleState
    queue_depth: int
    waiting: dict[str, int]
    last_activity_at: datetime | None
    page: str
    links: Mapping[str, str]


def read_modules(*, samples: list[Sample] | None = None) -> list[Module]:
    """Return every module. samples: the figures, where they have been read already."""
    figures = {(name, labels): value for name, labels, value in (read_figures() if samples is None else samples)}
    depths = {labels[0]: int(value) for (name, labels), value in figures.items() if name == "fmi_waiting"}
    for sink in ("tasks", "events"):
        depths[f"outbox {sink}"] = int(figures.get(("fmi_outbox_waiting", (sink,)), 0))
    last = _last_activities()
    state = _state(figures)
    return [
        Module(
            name=name,
            version=settings.VERSION,
            title=module.title,
            state=ModuleState.OK if state is ModuleState.WAITING and name in WITHOUT_WORKER else state,
            queue_depth=sum(depths.get(what, 0) for what in module.waits),
            waiting={what: depths.get(what, 0) for what in module.waits},
            last_activity_at=last.get(name),
            page=module.page,
            links=module.links,
        )
        for name, module in MODULES.items()
    ]


def _state(figures: Mapping[tuple[str, tuple[str, ...]], float]) -> ModuleState:
    """Return the state of whatever needs a worker."""
    parts = {part: figures.get(("fmi_ready", (part,)), 0.0) for part in ("database", "migrations", "broker", "worker")}
    if not (parts["database"] and parts["migrations"] and parts["broker"]):
        return ModuleState.FAILED
    return ModuleState.OK if parts["worker"] else ModuleState.WAITING


def _last_activities() -> dict[str, datetime]:
    """Return when each module wrote last: the newest row of a table that its work ends in."""
    columns = ", ".join(f"({module.last_row})" for module in MODULES.values())
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {columns}")
            found = cursor.fetchone()
    except DatabaseError:
        return {}
    return {name: at for name, at in zip(MODULES, found, strict=True) if at is not None}
