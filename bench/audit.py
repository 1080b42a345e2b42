"""The audit log: what it costs to write, how fast it is sealed and verified."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.utils import timezone

from bench.capture import measure_capture
from bench.databases import fresh_database
from events.core.seals import key_id_of
from events.queries.audit_faults import verify_log
from events.services.audit import record_actions
from events.services.heads import read_heads
from events.services.seal import seal_records
from reference.core.actor import SYSTEM

RECORDS = 200_000
A_CALL = 1_000
ROUNDS = 3


def measure_audited(*, path: Path, reports: int, note: Callable[[str], None]) -> dict[str, float]:
    """Capture a file with its audit record and without, in turn; return the median seconds of each way."""
    found: dict[str, list[float]] = {"audited": [], "unaudited": []}
    for number in range(ROUNDS):
        for way in ("audited", "unaudited") if number % 2 == 0 else ("unaudited", "audited"):
            note(f"capture of {reports:,} reports, {way}, round {number + 1}")
            with fresh_database(name="bench_audit"), recording(on=way == "audited"):
                found[way].append(measure_capture(path=path, reports=reports))
    return {way: statistics.median(seconds) for way, seconds in found.items()}


@contextmanager
def recording(*, on: bool) -> Iterator[None]:
    """Let the capture of files write its audit record, or leave it out."""
    capture: Any = import_module("trades.services.capture_submission")
    record = capture.record_action
    if not on:
        capture.record_action = lambda **_: None
    try:
        yield
    finally:
        capture.record_action = record


def measure_log(*, note: Callable[[str], None]) -> dict[str, float]:
    """Write RECORDS records, seal and verify them in the connected database; return records a second of each."""
    at = datetime(2008, 9, 15, 10, tzinfo=UTC)
    note(f"writing {RECORDS:,} audit records")
    started = time.perf_counter()
    for first in range(0, RECORDS, A_CALL):
        record_actions(
            actor=SYSTEM, action="order.placed", at=at, business_date=date(2008, 9, 15), object_type="order",
            objects=[
                (number, f"Order {number} placed", {"before": None, "after": {"quantity": number, "price": "12.50"}})
                for number in range(first, first + A_CALL)
            ],
        )  # fmt: skip
    written = time.perf_counter() - started
    key = Ed25519PrivateKey.generate()
    keys = {key_id_of(key=key.public_key()): key.public_key()}
    with tempfile.TemporaryDirectory(prefix="bench-heads-") as directory:
        heads = Path(directory) / "heads.jsonl"
        note("sealing them")
        started = time.perf_counter()
        sealed = seal_records(key=key, heads=heads, now=timezone.now())
        sealing = time.perf_counter() - started
        note("verifying them")
        started = time.perf_counter()
        verified = verify_log(keys=keys, read_outside=lambda: read_heads(path=heads))
        verifying = time.perf_counter() - started
    if sealed.fault or verified.fault or verified.records != sealed.records:
        raise RuntimeError(sealed.fault or verified.fault or "not all records were verified")
    return {
        "written": RECORDS / written, "sealed": sealed.records / sealing, "verified": verified.records / verifying,
    }  # fmt: skip
