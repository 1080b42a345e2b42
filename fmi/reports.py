"""The day and the whole run in figures. Money in minor units by currency; shares between 0 and 1."""

from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Count, Sum

from clearing.models import NettingRun
from fmi.invariants import Finding, check_invariants
from settlement.models import BusinessDay, Cycle
from trades.core.lifecycle import TradeStatus
from trades.models import Match, MatchRule, Trade, UnmatchedTrade

# An instruction counts once a day: due on the date, and settled by its end or not.
SETTLEMENT_SQL = """
    SELECT a.code, sum(abs(i.cash_minor))::bigint, count(*),
           sum(abs(i.settled_minor))::bigint,
           count(*) FILTER (WHERE i.status = 'SETTLED')
    FROM settlement_instruction i
    LEFT JOIN settlement_cycle c ON c.id = i.cycle_id
    JOIN reference_asset a ON a.id = i.currency_id
    WHERE i.intended_date <= %(until)s AND i.status <> 'CANCELLED'
      AND (c.id IS NULL OR c.business_date BETWEEN %(since)s AND %(until)s)
    GROUP BY a.code ORDER BY a.code
"""


def settlement_efficiency(*, since: date, until: date) -> dict[str, dict[str, float]]:
    """Return, per currency, what was due in a span of business dates and how much of it settled."""
    with connection.cursor() as cursor:
        cursor.execute(SETTLEMENT_SQL, {"since": since, "until": until})
        return {
            code: {
                "due_minor": due,
                "due": count,
                "settled_minor": settled,
                "settled": settled_count,
                "by_value": round(settled / due, 6) if due else 1.0,
                "by_number": round(settled_count / count, 6) if count else 1.0,
            }
            for code, due, count, settled, settled_count in cursor.fetchall()
        }


def netting_efficiency(*, since: date, until: date) -> dict[str, dict[str, float]]:
    """Return, per currency, the value to settle before and after netting, and the share that netting took away."""
    totals: dict[str, dict[str, float]] = {}
    runs = NettingRun.objects.filter(business_date__gte=since, business_date__lte=until).order_by("id")
    for run in runs:
        for code, gross in run.gross_minor.items():
            total = totals.setdefault(code, {"gross_minor": 0, "net_minor": 0})
            total["gross_minor"] += gross
            total["net_minor"] += run.net_minor[code]
    for total in totals.values():
        gross = total["gross_minor"]
        total["efficiency"] = round(1 - total["net_minor"] / gross, 6) if gross else 0.0
    return dict(sorted(totals.items()))


def day_report(*, business_date: date) -> dict[str, Any]:
    """Return one business day in figures, with every invariant checked."""
    trades = Trade.objects.filter(business_date=business_date)
    return {
        "trades": dict(trades.values_list("status").annotate(n=Count("id")).order_by("status")),
        "matches": dict(
            Match.objects.filter(business_date=business_date)
            .values_list("rule")
            .annotate(n=Count("id"))
            .order_by("rule")
        ),
        "unmatched": UnmatchedTrade.objects.count(),
        "netting": netting_efficiency(since=business_date, until=business_date),
        "settlement": settlement_efficiency(since=business_date, until=business_date),
        "cycles": Cycle.objects.filter(business_date=business_date).count(),
        "violations": {finding.name: finding.violations for finding in check_invariants() if finding.violations},
    }


def run_report(*, findings: list[Finding]) -> dict[str, Any]:
    """Return all that was played in figures; the same seed gives the same figures."""
    days = list(BusinessDay.objects.exclude(closed_at=None).order_by("business_date"))
    since = days[0].business_date if days else date.min
    until = days[-1].business_date if days else date.min
    states = dict(Trade.objects.values_list("status").annotate(n=Count("id")))
    rules = dict(Match.objects.values_list("rule").annotate(n=Count("id")))
    cycles = Cycle.objects.aggregate(n=Count("id"), considered=Sum("considered"), settled=Sum("settled"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reason, count(*) FROM settlement_instruction WHERE status = 'PENDING' AND intended_date <= %s"
            " GROUP BY reason ORDER BY reason",
            [until],
        )
        failing = {reason or "NOT TRIED": count for reason, count in cursor.fetchall()}
    return {
        "from": since.isoformat() if days else None,
        "to": until.isoformat() if days else None,
        "days": len(days),
        "trades": {str(status): states.get(status, 0) for status in TradeStatus},
        "matches": {rule: rules.get(rule, 0) for rule in MatchRule.values},
        "unmatched": UnmatchedTrade.objects.count(),
        "near_misses": UnmatchedTrade.objects.exclude(difference="").count(),
        "netting": netting_efficiency(since=since, until=until),
        "settlement": settlement_efficiency(since=since, until=until),
        "cycles": {
            "run": cycles["n"],
            "considered": cycles["considered"] or 0,
            "settled": cycles["settled"] or 0,
        },
        "failing": failing,
        "invariants": {finding.name: finding.violations for finding in findings},
    }
