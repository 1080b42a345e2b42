"""The figures that come from the database: read at a scrape, by a few cheap queries, and kept for some seconds.

What was slow to read is kept longer, so that reading takes at most a twentieth of the time however much there is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from datetime import time as time_of_day

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from clearing.queries.netting import runs_since, sum_netted
from clearing.queries.risk_overview import read_overview
from events.queries.seals import audit_is_in_doubt, verified_since, waiting_records
from fmi.telemetry.delivery import delivery_figures
from fmi.telemetry.readiness import read_readiness
from fmi.telemetry.state_sql import STATE_SQL
from reference.core.actor import Actor, Role
from reference.queries import ClockReading, business_clock, directory
from settlement.queries.cycles import cycles_of, day_shares
from settlement.queries.day import read_day

# Name, values of the labels, value.
Sample = tuple[str, tuple[str, ...], float]
Reader = Callable[[ClockReading], Iterable[Sample]]

KEEP_SECONDS = 5.0
COST_FACTOR = 20
EVERYTHING = Actor(name="metrics", role=Role.AUDITOR)
log = logging.getLogger(__name__)


def read_figures() -> list[Sample]:
    """Return every figure. A group that cannot be read is told as failed, and the others stand."""
    samples: list[Sample] = [("fmi_build_info", (settings.VERSION,), 1.0)]
    try:
        clock = business_clock()
    except Exception as error:  # No clock, no database: what is left is told.
        log.warning("figures without a clock: %s", error)
        samples += [("fmi_figures_failed", (group,), 1.0) for group in GROUPS]
        return samples + list(_machinery())
    for group, read in GROUPS.items():
        samples += _kept(group=group, read=read, clock=clock)
    return samples + list(_machinery())


def read_machinery() -> list[Sample]:
    """Return what tells whether the product itself runs: deliveries, seals, what /ready says; without business."""
    try:
        clock = business_clock()
    except Exception:  # No clock, no database: readiness says so.
        return list(_machinery())
    groups = {group: GROUPS[group] for group in ("audit", "delivery")}
    kept = [sample for group, read in groups.items() for sample in _kept(group=group, read=read, clock=clock)]
    return kept + list(_machinery())


def _kept(*, group: str, read: Reader, clock: ClockReading) -> list[Sample]:
    """Return a group as it was read some seconds ago, or read it."""
    key = f"figures:{group}"
    found: list[Sample] | None = cache.get(key)
    if found is not None:
        return found
    started = time.perf_counter()
    try:
        found = [*read(clock), ("fmi_figures_failed", (group,), 0.0)]
    except Exception:
        log.exception("the figures of %s cannot be read", group)
        found = [("fmi_figures_failed", (group,), 1.0)]
    took = time.perf_counter() - started
    found.append(("fmi_figures_seconds", (group,), took))
    cache.set(key, found, timeout=max(KEEP_SECONDS, COST_FACTOR * took))
    return found


def _states(clock: ClockReading) -> Iterator[Sample]:
    """Count per state, and what waits."""
    with connection.cursor() as cursor:
        cursor.execute(STATE_SQL, {"today": clock.business_date, "at": clock.at})
        rows = cursor.fetchall()
    for name, label, count, oldest in rows:
        if label is None:
            continue
        yield name, (label,), float(count or 0)
        if name == "fmi_waiting":
            yield "fmi_waiting_oldest_seconds", (label,), max(float(oldest or 0), 0.0)


def _day(clock: ClockReading) -> Iterator[Sample]:
    """Tell where the business day stands, and what its cycles came to."""
    midnight = datetime.combine(clock.business_date, time_of_day(), tzinfo=UTC)
    yield "fmi_business_date_timestamp_seconds", (), midnight.timestamp()
    yield "fmi_business_clock_running", (), float(clock.running)
    day = read_day(business_date=clock.business_date, at=clock.at)
    yield "fmi_business_phase", (day.phase,), 1.0
    states = [step.state for step in day.steps]
    for state in ("DONE", "RUNNING", "LATE", "DUE"):
        yield "fmi_business_steps", (state,), float(states.count(state))
    cycles = cycles_of(actor=EVERYTHING, business_date=clock.business_date)
    yield "fmi_cycles", (), float(len(cycles))
    if cycles:
        yield "fmi_cycle_last_seconds", ("whole",), cycles[-1].took_ms / 1000
        yield "fmi_cycle_last_seconds", ("decision",), cycles[-1].decided_in_ms / 1000
        yield "fmi_cycle_longest_seconds", (), max(cycle.took_ms for cycle in cycles) / 1000
    for share in day_shares(views=cycles):
        if share.ratio is not None:
            yield "fmi_settlement_efficiency_ratio", (share.currency,), share.ratio
    for netted in sum_netted(views=runs_since(actor=EVERYTHING, since=clock.business_date)):
        if netted.efficiency is not None:
            yield "fmi_netting_efficiency_ratio", (netted.currency,), netted.efficiency


def _risk(clock: ClockReading) -> Iterator[Sample]:
    """Sum what members lack, and what is called."""
    overview = read_overview(actor=EVERYTHING, business_date=clock.business_date)
    short: dict[str, int] = {}
    members: set[str] = set()
    for segment in overview.segments:
        short.setdefault(segment.currency.code, 0)
        if segment.balance_minor < 0:
            short[segment.currency.code] -= segment.balance_minor
            members.add(segment.member.code)
    for currency, amount in short.items():
        yield "fmi_margin_shortfall_minor", (currency,), float(amount)
    yield "fmi_margin_short_members", (), float(len(members))
    open_minor: dict[tuple[str, str], int] = {}
    counts = {"ISSUED": 0, "OVERDUE": 0}
    currencies = directory().currencies
    for call in overview.calls:
        key = currencies[call.currency_id].code, str(call.status)
        open_minor[key] = open_minor.get(key, 0) + call.open_minor
        counts[key[1]] = counts.get(key[1], 0) + 1
    for labels, amount in open_minor.items():
        yield "fmi_margin_calls_open_minor", labels, float(amount)
    for status, count in counts.items():
        yield "fmi_margin_calls", (status,), float(count)


def _audit(clock: ClockReading) -> Iterator[Sample]:
    """Count the audit records that wait for their seal."""
    waiting = waiting_records()
    age = (timezone.now() - waiting.since).total_seconds() if waiting.since else 0.0
    yield "fmi_audit_unsealed_records", (), float(waiting.count)
    yield "fmi_audit_unsealed_oldest_seconds", (), max(age, 0.0)
    yield "fmi_audit_in_doubt", (), float(audit_is_in_doubt())
    verified = verified_since()
    yield "fmi_audit_unverified_seconds", (), (timezone.now() - verified).total_seconds() if verified else 0.0


def _delivery(clock: ClockReading) -> Iterable[Sample]:
    return delivery_figures(now=timezone.now())


def _machinery() -> Iterator[Sample]:
    """Tell what /ready says, and how many messages wait."""
    found = read_readiness()
    for part, state in found.parts.items():
        yield "fmi_ready", (part,), float(state == "ok")
    if found.queued is not None:
        yield "fmi_queue_messages", (), float(found.queued)


GROUPS: dict[str, Reader] = {
    "states": _states, "day": _day, "risk": _risk, "audit": _audit, "delivery": _delivery,
}  # fmt: skip
