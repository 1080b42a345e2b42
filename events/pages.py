"""The page of the audit log."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from events.filters import AuditFilter
from events.models import AuditRecord
from events.queries import visible_records
from reference.access import actor_of
from reference.answering import answer
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
    ("action", lambda row: row.action),
    ("object_type", lambda row: row.object_type),
    ("object_id", lambda row: row.object_id),
    ("summary", lambda row: row.summary),
    ("digest", lambda row: bytes(row.digest).hex()),
)

# The kinds of object that have a page of their own.
LINKED_TYPES = ("trade", "submission", "instruction")


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
        "linked": LINKED_TYPES,
        "participants": sorted(directory().participants.values(), key=lambda entry: entry.code),
    }
    return answer(request, "events/audit.html", context)
