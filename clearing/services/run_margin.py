"""Mark every portfolio to market, settle its variation margin, and compute what margin it needs."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta

import numpy as np
from django.db import connection, transaction

from clearing.contracts import MarginCalculated
from clearing.models import MarginRun, MarginRunKind
from clearing.queries.margin_parameters import margin_parameters_on
from clearing.queries.membership import RISK_LOCK
from clearing.queries.portfolios import AMOUNTS, Portfolios, build_portfolios, price_positions
from clearing.queries.positions import open_positions
from clearing.services.settle_variation import settle_variation
from events.services.outbox import record_fact
from reference.bulk import copy_arrays
from reference.locks import take_lock

STAGE_SQL = f"""
    DROP TABLE IF EXISTS staged_portfolio, staged_position;
    CREATE TEMP TABLE staged_portfolio (
        place bigint, account_id bigint, member_id bigint, currency_id bigint, cash_minor bigint, worth_minor bigint,
        worth_before_minor bigint, {", ".join(f"{name} bigint" for name in AMOUNTS)}) ON COMMIT DROP;
    CREATE TEMP TABLE staged_position (place bigint, security_id bigint, quantity_units bigint, mark_minor bigint)
        ON COMMIT DROP;
"""

PORTFOLIOS_SQL = f"""
    INSERT INTO clearing_portfoliomargin (
        run_id, account_id, member_id, currency_id, cash_minor, worth_minor, worth_before_minor, variation_minor,
        variation_by, {", ".join(AMOUNTS)}, requirement_minor, security_ids, quantity_units, mark_minor)
    SELECT %(run)s, p.account_id, p.member_id, p.currency_id, p.cash_minor, p.worth_minor, p.worth_before_minor,
           p.worth_minor - p.worth_before_minor, coalesce(settled.by, 'JOURNAL'),
           {", ".join(f"p.{name}" for name in AMOUNTS)}, p.base_minor + p.concentration_minor + p.procyclicality_minor,
           coalesce(held.securities, '{{}}'), coalesce(held.quantities, '{{}}'), coalesce(held.marks, '{{}}')
    FROM staged_portfolio p
    LEFT JOIN (
        SELECT place, array_agg(security_id ORDER BY security_id) AS securities,
               array_agg(quantity_units ORDER BY security_id) AS quantities,
               array_agg(mark_minor ORDER BY security_id) AS marks
        FROM staged_position GROUP BY place
    ) held USING (place)
    LEFT JOIN unnest(%(members)s::bigint[], %(currencies)s::bigint[], %(ways)s::text[])
        AS settled (member_id, currency_id, by) USING (member_id, currency_id)
    ORDER BY p.place
"""


def run_margin(*, kind: MarginRunKind, at: datetime, business_date: date) -> MarginRun:
    """Mark, settle variation margin and compute margins, once an evening; return the run, the one there was if any.

    An evening run is at the closing prices of the business date; an intraday run at its opening prices where there
    are some, with the history up to the day before. What a portfolio is worth now less what it was worth in the
    last run is paid to or by its member: from its house cash, or where that does not reach, by a margin call.
    Raises RiskRefused, NoMarginParameters, VariationFundsShort; then nothing has changed.
    """
    with transaction.atomic():
        take_lock(name=RISK_LOCK)
        there = MarginRun.objects.filter(kind=kind, business_date=business_date)
        found = (there if kind == MarginRunKind.EVENING else there.filter(at=at)).first()
        if found is not None:
            return found
        parameters = margin_parameters_on(day=business_date)
        timings: dict[str, int] = {}
        started = time.monotonic()
        positions = open_positions(business_date=business_date)
        started = _note(timings, "positions", started)
        closed = business_date if kind == MarginRunKind.EVENING else business_date - timedelta(days=1)
        priced = price_positions(
            positions=positions, day=business_date, parameters=parameters, at_open=kind == MarginRunKind.INTRADAY
        )
        started = _note(timings, "marks", started)
        portfolios = build_portfolios(positions=positions, priced=priced, parameters=parameters, day=closed)
        started = _note(timings, "margin", started)
        settlement = settle_variation(
            members=portfolios.member,
            currencies=portfolios.currency,
            variation_minor=portfolios.worth_minor - portfolios.before_minor,
        )
        run = MarginRun.objects.create(
            kind=kind,
            business_date=business_date,
            at=at,
            parameters=parameters,
            priced_on=priced.priced_on,
            portfolios=len(portfolios.account),
            timings=timings,
        )
        _write(run=run, portfolios=portfolios, ways=settlement.ways)
        settlement.book(run=run)
        record_fact(fact=MarginCalculated(kind=kind.value, portfolios=run.portfolios))
        return run


def _write(*, run: MarginRun, portfolios: Portfolios, ways: dict[tuple[int, int], str]) -> None:
    """Write the rows of a run, their positions as arrays: two COPYs and one statement."""
    with connection.cursor() as cursor:
        cursor.execute(STAGE_SQL)
        copy_arrays(
            cursor,
            table="staged_portfolio",
            columns={
                "place": np.arange(len(portfolios.account), dtype=np.int64),
                "account_id": portfolios.account,
                "member_id": portfolios.member,
                "currency_id": portfolios.currency,
                "cash_minor": portfolios.cash_minor,
                "worth_minor": portfolios.worth_minor,
                "worth_before_minor": portfolios.before_minor,
                **portfolios.amounts,
            },
        )
        copy_arrays(
            cursor,
            table="staged_position",
            columns={
                "place": portfolios.position_place.astype(np.int64),
                "security_id": portfolios.position_security,
                "quantity_units": portfolios.position_quantity,
                "mark_minor": portfolios.position_mark,
            },
        )
        cursor.execute(
            PORTFOLIOS_SQL,
            {
                "run": run.pk,
                "members": [member for member, _ in ways],
                "currencies": [currency for _, currency in ways],
                "ways": list(ways.values()),
            },
        )


def _note(timings: dict[str, int], step: str, started: float) -> float:
    """Note how many milliseconds a step took; return when the next one starts."""
    now = time.monotonic()
    timings[step] = round(1000 * (now - started))
    return now
