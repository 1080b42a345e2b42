"""Disclosure items 5 and 6: collateral and its haircuts, initial margin and its model, backtests, variation, calls."""

from __future__ import annotations

from collections import defaultdict

from django.db import connection

from clearing.core.pooled_backtest import PooledBacktest
from clearing.queries.backtests import backtests_since
from clearing.queries.collateral import Pool, is_closed, ppm_of, value_collateral
from clearing.queries.disclosure.item import Sheet
from reference.core.actor import SYSTEM
from reference.models import IssuerSector, SecurityType
from reference.queries import directory
from settlement.queries.collateral import haircuts_on

REQUIRED_SQL = """
    SELECT m.currency_id, a.participant_id = m.member_id AND a.name = 'HOUSE' AS house,
           sum(m.requirement_minor)::bigint
    FROM clearing_portfoliomargin m JOIN ledger_account a ON a.id = m.account_id
    WHERE m.run_id = %s GROUP BY 1, 2 ORDER BY 1, 2 DESC
"""

# What members paid to the CCP, evening by evening: those whose portfolios together lost.
VARIATION_SQL = """
    SELECT currency_id, (sum(paid) / count(*))::bigint, max(paid)::bigint FROM (
        SELECT currency_id, business_date, sum(greatest(-variation, 0))::bigint AS paid FROM (
            SELECT m.currency_id, r.business_date, m.member_id, sum(m.variation_minor)::bigint AS variation
            FROM clearing_portfoliomargin m JOIN clearing_marginrun r ON r.id = m.run_id
            WHERE r.business_date BETWEEN %(since)s AND %(until)s GROUP BY 1, 2, 3
        ) by_member GROUP BY 1, 2
    ) by_day GROUP BY 1 ORDER BY 1
"""

CALLS_SQL = """
    SELECT currency_id, max(called)::bigint FROM (
        SELECT currency_id, business_date, sum(amount_minor) AS called FROM clearing_margincall
        WHERE kind IN ('INITIAL', 'INTRADAY') AND business_date BETWEEN %(since)s AND %(until)s GROUP BY 1, 2
    ) by_day GROUP BY 1 ORDER BY 1
"""

HELD_AS = {
    "6.2.1": "cash at the central bank of issue", "6.2.5": "domestic government bonds",
    "6.2.6": "other government bonds", "6.2.9": "corporate bonds", "6.2.10": "shares", "6.2.13": "mutual funds",
}  # fmt: skip


def write_collateral(*, sheet: Sheet) -> None:
    """Write item 5: what is eligible and at what haircut."""
    for category, percent in sorted(haircuts_on(day=sheet.as_of).items()):
        what = f"Eligible for initial margin: {category.value.replace('_', ' ').lower()}, haircut"
        sheet.figure("5.1.1", what, f"{percent.normalize():f}", "%")
    sheet.figure("5.1.1", "Eligible for initial margin: cash of the segment's currency, haircut", 0, "%")
    sheet.figure("5.2.1", "Eligible for the default fund: cash of its currency only, haircut", 0, "%")
    why = "Haircuts are those of 12 CFR 1221, Appendix B, taken as they are; they are not tested against prices here."
    for number, what in (
        ("5.3.1", "Confidence aimed at by haircuts"), ("5.3.2", "Holding period assumed for collateral"),
        ("5.3.3", "Lookback of the test of haircuts"), ("5.3.4", "Days on which a fall exceeded the haircut"),
    ):  # fmt: skip
        sheet.missing(number, what, why)


def write_margin(*, sheet: Sheet) -> None:
    """Write item 6."""
    with connection.cursor() as cursor:
        cursor.execute(REQUIRED_SQL, [sheet.run.pk])
        for currency_id, house, required in cursor.fetchall():
            whose = "house" if house else "client, gross"
            sheet.amount("6.1.1", f"Initial margin required, {whose}", currency_id, required)
    _write_held(sheet)
    sheet.missing("6.3.1", "Initial margin rates on individual contracts", "Margin is that of a portfolio.")
    _write_model(sheet)
    _write_backtest(sheet)
    with connection.cursor() as cursor:
        bounds = {"since": sheet.since, "until": sheet.as_of}
        cursor.execute(VARIATION_SQL, bounds)
        for currency_id, average, largest in cursor.fetchall():
            sheet.amount("6.6.1", "Variation margin paid to the CCP a business day, average", currency_id, average)
            sheet.amount("6.7.1", "Variation margin paid to the CCP on a business day, maximum", currency_id, largest)
        cursor.execute(CALLS_SQL, bounds)
        called = cursor.fetchall()
    for currency_id, largest in called:
        sheet.amount("6.8.1", "Initial margin called on a business day, maximum", currency_id, largest)
    if not called:
        sheet.missing("6.8.1", "Initial margin called on a business day, maximum", "Nothing was called yet.")


def _write_held(sheet: Sheet) -> None:
    """Write 6.2: what initial margin is held in, before and after haircuts; issuer limits come off after them."""
    limit = ppm_of(percent=sheet.parameters.collateral_issuer_limit_percent)
    pools = value_collateral(
        business_date=sheet.as_of,
        closed=is_closed(run=sheet.run, business_date=sheet.as_of),
        limit_ppm=limit,
    )
    held: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for pool in pools.values():
        _add_up(pool, held)
    for currency_id in sorted({currency_id for currency_id, _ in held}):
        before = after = 0
        for number, what in HELD_AS.items():
            market, counted = held[currency_id, number]
            before, after = before + market, after + counted
            sheet.amount(number, f"Initial margin held as {what}, before haircut", currency_id, market)
            sheet.amount(number, f"Initial margin held as {what}, after haircut", currency_id, counted)
        sheet.amount("6.2.15", "Initial margin held, total before haircut", currency_id, before)
        sheet.amount("6.2.15", "Initial margin held, total after haircut", currency_id, after)


def _add_up(pool: Pool, held: defaultdict[tuple[int, str], list[int]]) -> None:
    """Add one member's collateral to what is held, by number of the item."""
    cash = held[pool.currency_id, "6.2.1"]
    cash[0], cash[1] = cash[0] + pool.cash_minor, cash[1] + pool.cash_minor
    source = directory()
    home = source.ccp.bic[4:6] if source.ccp is not None else ""
    for holding in pool.holdings:
        entry = source.securities[holding.security_id]
        if entry.security_type == SecurityType.EQUITY:
            number = "6.2.10"
        elif entry.security_type == SecurityType.FUND:
            number = "6.2.13"
        elif entry.issuer_sector == IssuerSector.GOVERNMENT:
            number = "6.2.5" if entry.isin[:2] == home else "6.2.6"
        else:
            number = "6.2.9"
        sums = held[pool.currency_id, number]
        sums[0], sums[1] = sums[0] + holding.market_minor, sums[1] + holding.value_minor


def _write_model(sheet: Sheet) -> None:
    """Write 6.4: the model in words and figures, from the parameters in force."""
    chosen = sheet.parameters
    name = f"{chosen.get_method_display()} simulation, {chosen.get_measure_display().lower()}"
    sheet.figure("6.4.1", "Type of initial margin model", f"Portfolio simulation: {name}", "text")
    sheet.figure("6.4.2", "Model in force since", chosen.valid_from.isoformat(), "date")
    sheet.figure("6.4.3", "Name of the model", name, "text")
    sheet.share("6.4.4", "Single-tailed confidence", float(chosen.confidence))
    sheet.figure("6.4.5", "Lookback", chosen.lookback_days, "returns")
    scaled = f"volatility filter, decay {chosen.decay.normalize():f}" if chosen.method == "FHS" else "none"
    sheet.figure("6.4.6", "Scaling, weights and procyclicality",
                 f"{scaled}; anti-procyclicality: {chosen.get_procyclicality_display().lower()}", "text")  # fmt: skip
    sheet.figure("6.4.7", "Close-out period, all products", chosen.mpor_days, "business days")
    sheet.figure("6.4.8", "Where margin can be computed", "/api/v1/clearing/what-if", "text")
    sheet.missing("6.4.9", "Frequency of parameter reviews", "Parameters change when an operator adds a row.")


def _write_backtest(sheet: Sheet) -> None:
    """Write 6.5: the daily backtest over twelve months, over the close-out period."""
    horizon = sheet.parameters.mpor_days
    tests = backtests_since(actor=SYSTEM, business_date=sheet.as_of, horizon_days=horizon)
    if not tests.all:
        sheet.missing("6.5.1", "Times that margin fell short of the loss", "No evening was backtested yet.")
    for test in tests.all:
        _write_test(sheet, directory().currencies_by_code[test.currency].id, test.currency, test.result)


def _write_test(sheet: Sheet, currency_id: int, segment: str, result: PooledBacktest) -> None:
    sheet.figure("6.5.1", "Times that margin fell short of the loss", result.breaches, "portfolio days", segment)
    sheet.figure("6.5.2", "Observations", result.days, "portfolio days", segment)
    sheet.share("6.5.3", "Coverage achieved", result.coverage, segment)
    sheet.amount("6.5.4", "Loss beyond margin, average of breaches", currency_id, result.average_shortfall_minor)
    sheet.amount("6.5.5", "Loss beyond margin, peak", currency_id, result.worst_minor)
