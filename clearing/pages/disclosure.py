"""The page of the public quantitative disclosure, as a page, as CSV and as JSON."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from clearing.queries.disclosure.build import build_disclosure, disclosure_document
from reference.access import actor_of
from reference.listing import Column, csv_url, stream_csv, wants_csv
from reference.queries import business_clock

COLUMNS: tuple[Column, ...] = (
    ("number", lambda item: item.number),
    ("description", lambda item: item.description),
    ("segment", lambda item: item.segment),
    ("value", lambda item: item.value),
    ("unit", lambda item: item.unit),
    ("as_of", lambda item: item.as_of),
    ("note", lambda item: item.note),
)


@require_safe
def disclosure(request: HttpRequest) -> HttpResponseBase:
    """Show every item as of the last evening; the same for everybody, for it is public."""
    actor_of(request)
    found = build_disclosure(business_date=business_clock().business_date)
    if wants_csv(request):
        return stream_csv(chunks=[list(found.items)], columns=COLUMNS, name="disclosure")
    if request.GET.get("format") == "json":
        return JsonResponse(disclosure_document(found=found))
    query = request.GET.copy()
    query["format"] = "json"
    context = {"found": found, "csv_url": csv_url(request), "json_url": f"?{query.urlencode()}"}
    return render(request, "clearing/risk/disclosure.html", context)
