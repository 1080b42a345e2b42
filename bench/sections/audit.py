"""The section about the audit log."""

from __future__ import annotations

from pathlib import Path

from bench.report import Bench, judge

WITH_AUDIT = 0.9
VERIFIED_PER_SECOND = 50_000


def bench_audit(bench: Bench, files: dict[int, Path]) -> None:
    """Capture a file audited and unaudited; write, seal and verify a log."""
    from bench.audit import measure_audited, measure_log
    from bench.databases import fresh_database

    reports, path = min(files.items())
    seconds = measure_audited(path=path, reports=reports, note=bench.note)
    ratio = seconds["unaudited"] / seconds["audited"]
    bench.report(
        section="audit",
        reports=reports,
        beside="the same without its audit record",
        per_second=round(reports / seconds["audited"]),
        beside_per_second=round(reports / seconds["unaudited"]),
        ratio=round(ratio, 3),
        target=WITH_AUDIT,
        verdict=judge(ratio=ratio, target=WITH_AUDIT),
    )
    with fresh_database(name="bench_audit"):
        rates = measure_log(note=bench.note)
    bench.report(
        section="audit log",
        beside="records verified a second",
        written_per_second=round(rates["written"]),
        sealed_per_second=round(rates["sealed"]),
        figure=round(rates["verified"]),
        target=VERIFIED_PER_SECOND,
        verdict=judge(ratio=rates["verified"] / VERIFIED_PER_SECOND, target=1.0),
    )
