"""The evening's backtest: what earlier evenings' static portfolios made or lost since, against their margins."""

from django.db import connection, transaction

from clearing.models import MarginRun, MarginRunKind
from settlement.services.business_day import next_business_date

ONE_DAY = 1

# Adjusted closes, so that neither a split nor a dividend looks like a loss. Each portfolio's result is rounded
# down, against the member; a thousandth of a cent of float noise is not a cent.
BACKTEST_SQL = """
    WITH margin AS MATERIALIZED (
        SELECT id, account_id, member_id, currency_id, requirement_minor, security_ids, mark_minor
        FROM clearing_portfoliomargin WHERE run_id = %(tested)s
    ), move AS MATERIALIZED (
        SELECT s.id, (now.adjusted_close / before.adjusted_close - 1)::float8 AS move
        FROM (SELECT DISTINCT unnest(security_ids) AS id FROM margin) s
        CROSS JOIN LATERAL (
            SELECT adjusted_close FROM reference_dailyprice
            WHERE security_id = s.id AND date <= %(from)s ORDER BY date DESC LIMIT 1) before
        CROSS JOIN LATERAL (
            SELECT adjusted_close FROM reference_dailyprice
            WHERE security_id = s.id AND date <= %(to)s ORDER BY date DESC LIMIT 1) now
    ), result AS (
        SELECT m.id, floor(coalesce(sum(u.mark * v.move), 0) + 1e-3)::bigint AS pnl_minor
        FROM margin m
        LEFT JOIN LATERAL unnest(m.security_ids, m.mark_minor) AS u (security, mark) ON true
        LEFT JOIN move v ON v.id = u.security
        GROUP BY m.id
    )
    INSERT INTO clearing_backtestday (
        run_id, account_id, member_id, currency_id, horizon_days, business_date, margin_minor, pnl_minor, breach, at)
    SELECT %(tested)s, m.account_id, m.member_id, m.currency_id, %(horizon)s, %(to)s, m.requirement_minor,
           r.pnl_minor, -r.pnl_minor > m.requirement_minor, %(at)s
    FROM margin m JOIN result r USING (id)
    ORDER BY m.id
    ON CONFLICT (account_id, currency_id, horizon_days, business_date) DO NOTHING
"""


def backtest_margins(*, run: MarginRun) -> int:
    """Hold the margins of earlier evenings against what their static portfolios have made or lost by this one.

    Two outcomes a portfolio: over one business day, and over the margin period of risk that its margin was
    computed for. A portfolio's profit and loss is each position's market value at the earlier evening times the
    security's return in adjusted closes since. Only evening runs are tested. Returns how many portfolio days
    were written; called twice for a run, nothing the second time.
    Source: EMIR RTS (EU) 153/2013, Article 49; CPMI-IOSCO disclosure item 6.5.
    """
    if run.kind != MarginRunKind.EVENING:
        return 0
    written = 0
    with transaction.atomic(), connection.cursor() as cursor:
        for tested, horizon in _tested_runs(run=run):
            cursor.execute(
                BACKTEST_SQL,
                {
                    "tested": tested.pk,
                    "horizon": horizon,
                    "from": tested.business_date,
                    "to": run.business_date,
                    "at": run.at,
                },
            )
            written += max(cursor.rowcount, 0)
    return written


def _tested_runs(*, run: MarginRun) -> list[tuple[MarginRun, int]]:
    """Return the evening runs whose outcome this evening is, and the business days in between."""
    horizons = {ONE_DAY, run.parameters.mpor_days}
    days = {horizon: next_business_date(after=run.business_date, count=-horizon) for horizon in horizons}
    runs = {
        found.business_date: found
        for found in MarginRun.objects.filter(kind=MarginRunKind.EVENING, business_date__in=days.values())
    }
    return [(runs[day], horizon) for horizon, day in sorted(days.items()) if day in runs]
