"""A whole evening of the CCP, from database to database: mark, margin, calls, backtest, stress and fund.

500 portfolios in one currency, each with a position in all of 2,000 instruments, 1,000 filtered scenarios of two days
with a stressed period beside them. Prices are random walks made in SQL; positions stand as carried contracts, which
are read as contracts and obligations are.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
from django.db import connection

from bench.market import TRADE_DATE, participant_codes
from clearing.models import MarginParameters, MarginRun, PortfolioMargin
from clearing.services.load_margin_parameters import load_margin_parameters
from clearing.services.open_membership import open_memberships, own_accounts
from clearing.services.run_evening import run_evening
from ledger.models import Account, AccountKind
from ledger.services import open_accounts, post_entries
from reference.core.calendar import BUSINESS_ZONE
from reference.queries import directory, forget_directory
from reference.services import set_business_clock

PORTFOLIOS, INSTRUMENTS = 500, 2_000
HISTORY_DAYS = 1_150
STRESSED_DAYS = 60
VM_LIQUIDITY_MINOR = 10**15
CURRENCY = "USD"

SECURITIES_SQL = """
    WITH assets AS (
        INSERT INTO reference_asset (code, kind, name, digits)
        SELECT 'XS8' || lpad(n::text, 8, '0') || '0', 'SECURITY', 'Evening share ' || n, 0
        FROM generate_series(1, %(instruments)s) n ORDER BY n RETURNING id, code
    )
    INSERT INTO reference_security (asset_ptr_id, symbol, security_type, quotation, currency_id, settlement_lag_days,
        lot_size_units, price_digits, active, liquid, issuer_name)
    SELECT id, 'E' || code, 'EQUITY', 'UNIT', %(currency)s, 3, 1, 2, true, true, 'Evening issuer ' || id FROM assets
"""

# A walk of a common and an own step of one percent each, from 100; days: weekdays.
PRICES_SQL = """
    INSERT INTO reference_dailyprice (security_id, date, open, high, low, close, volume, adjusted_close)
    SELECT security_id, day, price, price, price, price, 1000000, price
    FROM (
        SELECT s.asset_ptr_id AS security_id, d.day,
               round((100 * exp(sum(d.step + 0.02 * (random() - 0.5)) OVER own))::numeric, 4) AS price
        FROM reference_security s
        CROSS JOIN (SELECT day, 0.02 * (random() - 0.5) AS step FROM unnest(%(days)s::date[]) AS day) d
        WHERE s.symbol LIKE 'EXS8%%'
        WINDOW own AS (PARTITION BY s.asset_ptr_id ORDER BY d.day)
    ) walk
"""

# Every second portfolio is the other side of the one before it, so that what is carried sums to zero.
POSITIONS_SQL = """
    INSERT INTO clearing_carriedcontract (cause, cause_id, account_id, security_id, currency_id, settlement_date,
        quantity_units, cash_minor, created_at)
    SELECT 'TRANSFER', pair.n, side.account_id, s.asset_ptr_id, %(currency)s, %(settles)s,
           side.sign * (1 + (pair.n * 31 + s.asset_ptr_id * 17) %% 500) * CASE WHEN (pair.n + s.asset_ptr_id) %% 3 = 0
                                                                          THEN -1 ELSE 1 END,
           -side.sign * 100 * (1 + (pair.n * 31 + s.asset_ptr_id * 17) %% 500)
               * CASE WHEN (pair.n + s.asset_ptr_id) %% 3 = 0 THEN -100 ELSE 100 END, %(at)s
    FROM unnest(%(ones)s::bigint[], %(others)s::bigint[]) WITH ORDINALITY AS pair (one, other, n)
    CROSS JOIN LATERAL (VALUES (pair.one, 1), (pair.other, -1)) AS side (account_id, sign)
    CROSS JOIN reference_security s WHERE s.symbol LIKE 'EXS8%%'
"""


def measure_evening(
    *, note: Callable[[str], None], portfolios: int = PORTFOLIOS, instruments: int = INSTRUMENTS
) -> dict[str, Any]:
    """Fill the connected database, do one evening so that there is one to backtest, and time the next."""
    note(f"an evening's market: {portfolios} portfolios, {instruments:,} instruments")
    days = np.busday_offset(np.datetime64(TRADE_DATE), np.arange(2 - HISTORY_DAYS, 2), roll="forward").astype(object)
    _load(portfolios=portfolios, instruments=instruments, days=days.tolist())
    first, second = days[-2], days[-1]
    run_evening(at=_evening_of(first), business_date=first)
    note("the evening itself")
    started, used = time.perf_counter(), time.process_time()
    run = run_evening(at=_evening_of(second), business_date=second)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    if run is None:
        raise RuntimeError("the evening was refused")
    rows = PortfolioMargin.objects.filter(run=run)
    return {
        "portfolios": rows.count(),
        "instruments": instruments,
        "scenarios": run.parameters.lookback_days,
        "positions": portfolios * instruments,
        "seconds": round(seconds, 2),
        "process_seconds": round(cpu, 2),
        "margin_ms": MarginRun.objects.get(pk=run.pk).timings,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _load(*, portfolios: int, instruments: int, days: list[date]) -> None:
    """Load securities, prices, parameters, members, accounts and positions."""
    source = directory()
    currency = source.currencies_by_code[CURRENCY].id
    members = [(source.participant_ids[code], code) for code in participant_codes()]
    for name in ("C1", "C2", "C3"):
        open_accounts(participants=members, name=name)
    accounts = Account.objects.filter(
        participant_id__in=[pk for pk, _ in members], kind=AccountKind.SECURITIES
    ).order_by("pk").values_list("pk", flat=True)[:portfolios]  # fmt: skip
    chosen = list(accounts)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(SECURITIES_SQL, {"instruments": instruments, "currency": currency})
        cursor.execute(PRICES_SQL, {"days": days})
        cursor.execute(
            POSITIONS_SQL,
            {
                "currency": currency, "settles": days[-1], "at": _evening_of(days[-2]),
                "ones": chosen[0::2], "others": chosen[1::2],
            },
        )  # fmt: skip
    forget_directory()
    set_business_clock(business_date=days[-2], at=_evening_of(days[-2]), running=False, anew=True)
    load_margin_parameters()
    _follow_parameters(stressed=(days[0], days[STRESSED_DAYS]))
    open_memberships(joined_on=days[0])
    _endow(currency=currency, at=_evening_of(days[-2]))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _follow_parameters(*, stressed: tuple[date, date]) -> None:
    """Let the opening parameters be followed by the same with a stressed period that this market has."""
    row = MarginParameters.objects.order_by("-valid_from")[0]
    row.pk, row.valid_from, row.why = None, date(2000, 1, 2), "The bench's stressed period"
    row.stress_from, row.stress_to = stressed
    row.save(force_insert=True)


def _endow(*, currency: int, at: datetime) -> None:
    """Give the CCP's VM account liquidity, out of the central bank's issuance account."""
    issuance = Account.objects.get(participant__role="CENTRAL_BANK", kind=AccountKind.CASH, name="ISSUANCE")
    post_entries(
        source="BENCH",
        business_date=at.date(),
        at=at,
        source_ids=np.ones(2, dtype=np.int64),
        accounts=np.array([own_accounts()["VM"], issuance.pk], dtype=np.int64),
        assets=np.full(2, currency, dtype=np.int64),
        amounts=np.array([VM_LIQUIDITY_MINOR, -VM_LIQUIDITY_MINOR], dtype=np.int64),
    )


def _evening_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 18, 30, tzinfo=BUSINESS_ZONE)
