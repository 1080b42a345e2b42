"""Enrichment and compliance of a file's reports: market, notional in EUR, risk score and every rule, to the database.

The bench's market with sixty days of prices, a quote a security every half hour and an exchange rate; the rules and
weights that come with the product, and one security on the restricted list.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from bench.life import BenchFailed, capture_file
from bench.market import TRADE_DATE, security_codes
from reference.core.calendar import BUSINESS_ZONE
from reference.queries import business_clock, directory
from trades.models import ComplianceAlert, RestrictedEntry, TradeEnrichment
from trades.services.compliance.enrich import enrich_trades
from trades.services.compliance.load_compliance import load_compliance

PRICED_DAYS = 60

# Closes near the price at which the file's reports begin, so that few of them leave the collar.
PRICES_SQL = """
    INSERT INTO reference_dailyprice (security_id, date, open, high, low, close, volume, adjusted_close)
    SELECT t.security_id, %(first)s::date + n, t.price, t.price, t.price, t.price, 100000, t.price
    FROM (SELECT security_id, round(avg(price), 2) AS price FROM trades_trade GROUP BY 1) t
    CROSS JOIN generate_series(0, %(days)s - 1) n
"""

QUOTES_SQL = """
    INSERT INTO reference_quote (security_id, at, business_date, bid, ask, last, bid_units, ask_units, last_units,
        source)
    SELECT p.security_id, %(day)s::timestamp AT TIME ZONE %(zone)s + n * interval '30 minutes', %(day)s::date,
        p.close, p.close + 0.02, p.close, 100, 100, 100, 'BENCH'
    FROM reference_dailyprice p CROSS JOIN generate_series(0, 47) n WHERE p.date = %(day)s::date - 1
"""

RATES_SQL = """
    INSERT INTO reference_exchangerate (currency_id, date, value, source)
    SELECT id, %(day)s::date - 1, 0.7, 'BENCH' FROM reference_asset WHERE kind = 'CASH' AND code <> 'EUR'
"""


def measure_enrichment(*, path: Path, reports: int, note: Callable[[str], None]) -> dict[str, Any]:
    """Capture a file, give its securities a market, and time the drain. Raises BenchFailed where one was left."""
    note(f"a market for {reports:,} reports")
    if capture_file(path=path) != reports:
        raise BenchFailed("not every report was taken")
    _load_market(day=TRADE_DATE)
    clock = business_clock()
    note(f"enrichment and compliance of {reports:,} reports")
    started = time.perf_counter()
    enriched = enrich_trades(at=clock.at, business_date=clock.business_date)
    seconds = time.perf_counter() - started
    if enriched != reports or TradeEnrichment.objects.filter(price_source="QUOTE").count() != reports:
        raise BenchFailed(f"{enriched} of {reports} reports were enriched")
    started = time.perf_counter()
    enrich_trades(at=clock.at, business_date=clock.business_date)
    return {
        "reports": reports,
        "alerts": ComplianceAlert.objects.count(),
        "seconds": round(seconds, 2),
        "per_second": round(reports / seconds),
        "again_ms": round((time.perf_counter() - started) * 1000, 1),
    }


def _load_market(*, day: date) -> None:
    """Give every security that was traded prices and quotes, and every currency a rate."""
    load_compliance()
    restricted = directory().securities_by_isin[security_codes()[99]]
    RestrictedEntry.objects.create(
        security_id=restricted.id, reason="The bench's own", valid_from=day, entered_by="bench"
    )
    given: dict[str, Any] = {
        "day": day,
        "first": day - timedelta(days=PRICED_DAYS),
        "days": PRICED_DAYS,
        "zone": BUSINESS_ZONE.key,
    }
    with connection.cursor() as cursor:
        for statement in (PRICES_SQL, QUOTES_SQL, RATES_SQL):
            cursor.execute(statement, given)
        cursor.execute("ANALYZE")
