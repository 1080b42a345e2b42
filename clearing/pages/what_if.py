"""The page of what-if: margin before and after positions are added. Stores nothing."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from clearing.core.position_file import LARGEST_FILE, decode_file, read_positions
from clearing.queries.margins import account_to_ask, margined_accounts
from clearing.queries.what_if import WhatIf, WhatIfSegment, margin_what_if, resolve_positions
from reference.access import actor_of
from reference.charts import Chart, Series
from reference.queries import business_clock, directory
from reference.refusals import Refusal

PART_ROWS = (
    ("Base", "base"),
    ("Concentration", "concentration"),
    ("Anti-procyclicality", "procyclicality"),
    ("Requirement", "requirement"),
    ("Expected shortfall, beside", "expected_shortfall"),
    ("Value at risk, beside", "value_at_risk"),
    ("Flat rate, beside", "flat"),
    ("Gross value", "gross"),
)
EXAMPLE = "security,quantity\nAAPL,5000\nIBM,-800\n"


@require_http_methods(["GET", "HEAD", "POST"])
def what_if(request: HttpRequest) -> HttpResponseBase:
    """Ask what positions, typed or uploaded, would cost in margin."""
    actor = actor_of(request)
    text = request.POST.get("csv", "")
    code = request.POST.get("account", request.GET.get("account", ""))
    context: dict[str, Any] = {
        "accounts": margined_accounts(actor=actor),
        "chosen": code,
        "text": text or EXAMPLE,
        "example": EXAMPLE,
        "groups": [],
        "refused": "",
    }
    if request.method == "POST":
        try:
            account = account_to_ask(actor=actor, code=code)
            upload = request.FILES.get("file")
            if upload is not None:
                text = decode_file(data=upload.read(LARGEST_FILE + 1))
            answer = margin_what_if(
                account=account,
                added=resolve_positions(given=read_positions(text=text)),
                business_date=business_clock().business_date,
            )
            context |= {"text": text, "asked": account, **_shown(answer)}
        except Refusal as refusal:
            context["refused"] = refusal.message
    response: HttpResponse = render(
        request, "clearing/risk/what_if.html", context, status=422 if context["refused"] else 200
    )
    return response


def _shown(answer: WhatIf) -> dict[str, Any]:
    """Lay the answer out for the page."""
    return {
        "answer": answer,
        "groups": [
            {
                "segment": segment,
                "chart": _chart(segment),
                "rows": [
                    {
                        "name": name,
                        "field": field,
                        "before": getattr(segment.before, field),
                        "after": getattr(segment.after, field),
                        "increment": getattr(segment.increment, field),
                    }
                    for name, field in PART_ROWS
                ],
            }
            for segment in answer.segments
        ],
    }


def _chart(segment: WhatIfSegment) -> Chart:
    """Draw the requirement before and after, by its parts."""
    scale = 10 ** directory().currencies_by_code[segment.currency].digits
    both = (segment.before, segment.after)
    return Chart(
        key=f"what-if-{segment.currency.lower()}",
        title="Requirement before and after, by its parts",
        labels=["Before", "After"],
        unit=segment.currency,
        label_name="Portfolio",
        horizontal=True,
        height="short",
        series=[
            Series("Base", [parts.base / scale for parts in both], "bar", "accent", stack="margin"),
            Series("Concentration", [parts.concentration / scale for parts in both], "bar", "warn", stack="margin"),
            Series(
                "Anti-procyclicality", [parts.procyclicality / scale for parts in both], "bar", "good", stack="margin"
            ),
        ],
    )
