"""The page of buy-ins: what may be bought in today, at which price, and what has been."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from reference.access import actor_of
from reference.answering import act_and_return, acting_operator_of, answer
from reference.listing import Column, csv_url, cut_page, stream_query, wants_csv
from reference.queries import business_clock, directory
from settlement.models import BuyIn
from settlement.services.run_buy_ins import find_buy_ins, run_buy_ins

COLUMNS: tuple[Column, ...] = (
    ("business_date", lambda row: row.business_date),
    ("instruction", lambda row: row.instruction.public_id),
    ("failing", lambda row: row.failing.code),
    ("suffering", lambda row: row.suffering.code),
    ("isin", lambda row: row.instruction.security.code),
    ("quantity", lambda row: row.quantity_units),
    ("price", lambda row: row.price),
    ("market_value_minor", lambda row: row.market_value_minor),
    ("agreed_minor", lambda row: row.agreed_minor),
    ("compensation_minor", lambda row: row.compensation_minor),
    ("currency", lambda row: row.currency.code),
)


@require_safe
def buy_ins(request: HttpRequest) -> HttpResponseBase:
    """Show the fails that may be bought in today, and the buy-ins there were."""
    actor, today = actor_of(request), business_clock().business_date
    rows = BuyIn.objects.select_related("instruction__security", "failing", "suffering", "currency")
    if not actor.sees_all:
        rows = rows.filter(Q(failing_id=actor.participant_id) | Q(suffering_id=actor.participant_id))
    if wants_csv(request):
        return stream_query(rows=rows, columns=COLUMNS, name="buy-ins")
    source = directory()
    due = [
        {
            "row": row,
            "security": source.securities[row.instruction.security_id or 0],
            "failing": source.participants[row.instruction.deliverer_account.participant_id],
            "suffering": source.participants[row.instruction.receiver_account.participant_id],
            "currency": source.currencies[row.instruction.currency_id or 0].code,
            "units": row.instruction.quantity_units - row.instruction.settled_units,
        }
        for row in find_buy_ins(business_date=today)
        if actor.sees_all
        or actor.participant_id
        in (row.instruction.deliverer_account.participant_id, row.instruction.receiver_account.participant_id)
    ]
    context = {
        "today": today,
        "due": due,
        "cut": cut_page(rows=rows, request=request),
        "csv_url": csv_url(request),
        "may_run": actor.is_operator,
    }
    return answer(request, "settlement/buy_ins.html", context)


@require_POST
def run(request: HttpRequest) -> HttpResponse:
    """Buy in everything that may be bought in today."""
    actor, reading = acting_operator_of(request), business_clock()

    def act() -> str:
        made = run_buy_ins(business_date=reading.business_date, at=reading.at, actor=actor)
        return f"{len(made)} bought in." if made else "Nothing can be bought in today."

    return act_and_return(request, act=act, back=reverse("buy-ins"))
