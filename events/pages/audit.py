"""The pages of the audit log: the list, one record with its seal, the seals."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from events.core.seals import key_id_of, write_public_key
from events.filters import AuditFilter
from events.models import AuditRecord
from events.queries.audit import visible_records
from events.queries.seals import (
    latest_verification,
    prove_record,
    seal_of,
    sealed_per_day,
    seals,
    verifications,
    waiting_records,
)
from events.services.verify import signing_key
from reference.access import actor_of
from reference.answering import answer
from reference.charts import Chart, Series
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import business_clock, directory

AUDIT_COLUMNS: tuple[Column, ...] = (
    ("id", lambda row: row.pk),
    ("at", lambda row: row.at),
    ("business_date", lambda row: row.business_date),
    ("recorded_at", lambda row: row.recorded_at),
    ("actor", lambda row: row.actor),
    ("role", lambda row: row.role),
    ("participant", lambda row: row.participant.code if row.participant else ""),
    ("door", lambda row: row.door),
    ("address", lambda row: row.address),
    ("client", lambda row: row.client),
    ("correlation_id", lambda row: row.correlation_id),
    ("action", lambda row: row.action),
    ("object_type", lambda row: row.object_type),
    ("object_id", lambda row: row.object_id),
    ("summary", lambda row: row.summary),
    ("detail", lambda row: json.dumps(row.detail, ensure_ascii=False)),
    ("digest_version", lambda row: row.digest_version),
    ("digest", lambda row: bytes(row.digest).hex()),
)


@require_safe
def audit(request: HttpRequest) -> HttpResponseBase:
    """List who did what, newest first; the CSV holds exactly the filtered list."""
    actor = actor_of(request)
    filtered = AuditFilter(request.GET, queryset=visible_records(actor=actor))
    rows = filtered.qs if filtered.is_valid() else AuditRecord.objects.none()
    if wants_csv(request):
        return stream_query(rows=rows, columns=AUDIT_COLUMNS, name="audit")
    today = business_clock().business_date
    context = {
        "filter": filtered,
        "cut": cut_page(rows=rows, request=request),
        "csv_url": csv_url(request),
        "today": today,
        "participants": sorted(directory().participants.values(), key=lambda entry: entry.code),
    }
    return answer(request, "events/audit.html", context)


@require_safe
def record(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show one record: who, from where, what before and after, and the seal it is under."""
    found = get_object_or_404(visible_records(actor=actor_of(request)), pk=pk)
    place = seal_of(record_id=pk)
    changes = changes_of(detail=found.detail)
    context = {
        "record": found,
        "changes": changes,
        "had_before": any(before for _, before, _ in changes),
        "leaf": place[0] if place else None,
        "batch": place[1] if place else None,
    }
    return answer(request, "events/audit_record.html", context)


@require_safe
def proof(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Give the proof that a record is in the sealed log, as a file."""
    get_object_or_404(visible_records(actor=actor_of(request)), pk=pk)
    found = prove_record(record_id=pk)
    if found is None:
        raise Http404("The record waits for its seal; that takes some seconds.")
    response = JsonResponse(found, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="audit-{pk}-proof.json"'
    return response


def changes_of(*, detail: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what a record's detail says as (what, before, after); before is empty where nothing was before.

    Services write either {name: {before, after}}, or before and after as wholes, beside counts and reasons.
    """
    rows = []
    before, after = detail.get("before"), detail.get("after")
    if isinstance(before, dict) and isinstance(after, dict):
        rows += [(name, _text(before.get(name)), _text(after.get(name))) for name in sorted({*before, *after})]
    for name, value in detail.items():
        if name in ("before", "after") and isinstance(before, dict) and isinstance(after, dict):
            continue
        if isinstance(value, dict) and set(value) == {"before", "after"}:
            rows.append((name, _text(value["before"]), _text(value["after"])))
        else:
            rows.append((name, "", _text(value)))
    return rows


def _text(value: Any) -> str:
    """Write a JSON value for a reader."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


SEAL_COLUMNS: tuple[Column, ...] = (
    ("number", lambda row: row.pk),
    ("first_position", lambda row: row.first_position),
    ("last_position", lambda row: row.last_position),
    ("root", lambda row: bytes(row.root).hex()),
    ("previous_head", lambda row: bytes(row.previous_head).hex()),
    ("head", lambda row: bytes(row.head).hex()),
    ("signature", lambda row: bytes(row.signature).hex()),
    ("key_id", lambda row: row.key_id),
    ("sealed_at", lambda row: row.sealed_at),
)


@require_safe
def audit_seals(request: HttpRequest) -> HttpResponseBase:
    """Show whether the log is as it was sealed, since when that is known, what waits, and the seals themselves."""
    if not actor_of(request).sees_all:
        raise PermissionDenied("Operators and auditors see the seals of the whole log.")
    rows = seals()
    if wants_csv(request):
        return stream_query(rows=rows, columns=SEAL_COLUMNS, name="audit-seals")
    days = sealed_per_day(days=30)
    key = signing_key().public_key()
    cut = cut_page(rows=rows, request=request)
    context = {
        "cut": cut,
        "seals": [
            {"batch": batch, "count": batch.last_position - batch.first_position + 1, "head": bytes(batch.head).hex()}
            for batch in cut.rows
        ],
        "csv_url": csv_url(request),
        "waiting": waiting_records(),
        "latest": latest_verification(),
        "verifications": verifications()[:10],
        "last": rows.first(),
        "heads": settings.AUDIT_HEADS,
        "public_key": write_public_key(key=key),
        "key_id": key_id_of(key=key),
        "chart": Chart(
            key="sealed",
            title="Records sealed by day",
            labels=[day for day, _, _ in days],
            series=[
                Series("Records", [records for _, records, _ in days], "bar"),
                Series("Seals", [batches for _, _, batches in days], "line", "good"),
            ],
            digits=0,
            label_name="Day (UTC)",
            height="short",
        ),
    }
    return answer(request, "events/audit_seals.html", context)
