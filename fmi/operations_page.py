"""The page Operations: what is wrong first, then modules, workers, refusals and tasks."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from fmi.telemetry.operations import Operations, read_operations
from reference.access import actor_of
from reference.answering import answer
from reference.charts import Chart, Series
from reference.listing import Column, csv_url, stream_csv, wants_csv

MOST_BARS = 12
TASK_COLUMNS: tuple[Column, ...] = (
    ("task", lambda row: row.name),
    ("runs", lambda row: row.runs),
    ("failures", lambda row: row.failures),
    ("mean_seconds", lambda row: round(row.mean_seconds, 6)),
    ("slow_seconds", lambda row: row.slow_seconds),
)


@require_safe
def operations(request: HttpRequest) -> HttpResponseBase:
    """Show how the system runs; the CSV holds the tasks that the filter leaves."""
    if not actor_of(request).sees_all:
        raise PermissionDenied("Only operators and auditors read this page.")
    found = read_operations(now=timezone.now())
    wanted = request.GET.get("task", "").strip().lower()
    only_failed = request.GET.get("failed") == "true"
    tasks = [row for row in found.tasks if wanted in row.name.lower() and (row.failures or not only_failed)]
    if wants_csv(request):
        return stream_csv(chunks=[tasks], columns=TASK_COLUMNS, name="tasks")
    context = {
        "found": found,
        "tasks": tasks,
        "wanted": wanted,
        "only_failed": only_failed,
        "csv_url": csv_url(request),
        "chart": refusals_chart(found),
        "figures": headline(found),
    }
    return answer(request, "operations.html", context)


def refusals_chart(found: Operations) -> Chart:
    """Draw the most frequent refusals; the table has them all."""
    rows = found.refusals[:MOST_BARS]
    return Chart(
        key="refusals",
        title="Refusals by code",
        labels=[code for code, _ in rows],
        series=[Series(name="Refused", values=[count for _, count in rows], kind="bar", tone="warn")],
        digits=0,
        label_name="Code",
        horizontal=True,
        note="Since the counters began." if len(found.refusals) <= MOST_BARS else f"The first {MOST_BARS}.",
        height="normal" if rows else "short",
    )


def headline(found: Operations) -> dict[str, float | int]:
    """Return the figures of the first row."""

    def read(name: str, *labels: str) -> float:
        return found.figures.get((name, labels), 0.0)

    return {
        "outbox": int(read("fmi_outbox_waiting", "tasks") + read("fmi_outbox_waiting", "events")),
        "outbox_seconds": max(read("fmi_outbox_oldest_seconds", "tasks"), read("fmi_outbox_oldest_seconds", "events")),
        "queued": found.readiness.queued or 0,
        "unsealed": int(read("fmi_audit_unsealed_records")),
        "dead": int(read("fmi_dead_letters")),
    }
