"""Every rule of the tables of backtests, stress and the default fund, attacked with raw SQL."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from clearing.models import BacktestDay, FundContribution, StressLoss
from clearing.services.backtest_margins import backtest_margins
from clearing.services.load_stress_scenarios import load_stress_scenarios
from clearing.services.run_stress import run_stress
from clearing.services.size_fund import size_fund
from tests.factories.chain import MONDAY, Chain
from tests.factories.margins import add_price, join_members, make_run

pytestmark = pytest.mark.django_db

TABLES = (
    "clearing_backtestday", "clearing_stressscenario", "clearing_stressshock", "clearing_stressloss",
    "clearing_fundparameters", "clearing_fundsizing", "clearing_fundcontribution",
)  # fmt: skip
COPY_SIZING = (
    "INSERT INTO clearing_fundsizing (run_id, currency_id, business_date, reason, parameters_id, worst_run_id,"
    " scenario_id, groups, cover_two_minor, largest_minor, second_and_third_minor, own_resources_minor, size_minor, at)"
    " SELECT run_id, (SELECT max(asset_ptr_id) FROM reference_currency), business_date, {reason}, parameters_id,"
    " worst_run_id, {scenario}, groups, {amounts}, at FROM clearing_fundsizing LIMIT 1"
)
COPY_PART = (
    "INSERT INTO clearing_fundcontribution (sizing_id, member_id, margin_minor, contribution_minor, held_minor,"
    " called_minor, returned_minor, call_id) SELECT sizing_id, {member}, margin_minor, {amounts}"
    " FROM clearing_fundcontribution WHERE called_minor > 0 LIMIT 1"
)


@pytest.fixture(scope="module", autouse=True)
def _sized(file_market: Chain) -> None:
    """Backtest, stress and size once, so that every table has rows."""
    join_members(file_market)
    load_stress_scenarios()
    for day, close in ((MONDAY, "100"), (date(2008, 9, 9), "70")):
        add_price(file_market, "STOCK", day, close)
    run = make_run(file_market, MONDAY, {"ALPHA": ({"STOCK": 10_000}, 300), "BRAVO": ({"STOCK": -9_000}, 200)})
    run_stress(run=run)
    size_fund(run=run)
    backtest_margins(run=make_run(file_market, date(2008, 9, 9), {}))
    run_sql("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def run_sql(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def refused(sql: str, because: str) -> None:
    """Expect a refusal, at the latest where the transaction would end."""
    with pytest.raises(DatabaseError, match=because), transaction.atomic():
        run_sql(f"{sql}; SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_facts(table: str) -> None:
    refused(f"UPDATE {table} SET id = id", "append-only")
    refused(f"DELETE FROM {table}", "append-only")
    refused(f"TRUNCATE {table} CASCADE", "never truncated")


def test_there_is_something_to_attack() -> None:
    assert BacktestDay.objects.filter(breach=True).count() == 1
    assert StressLoss.objects.filter(uncovered_minor__gt=0).exists()
    assert FundContribution.objects.filter(called_minor__gt=0).exists()


@pytest.mark.parametrize(
    ("values", "because"),
    [
        ("300, -301, false", "backtestday_breach_is_loss_beyond_margin"),
        ("300, -300, true", "backtestday_breach_is_loss_beyond_margin"),
        ("-1, 5, false", "backtestday_ranges"),
    ],
)
def test_a_breach_is_a_loss_beyond_margin(values: str, because: str) -> None:
    insert = (
        "INSERT INTO clearing_backtestday (run_id, account_id, member_id, currency_id, horizon_days, business_date,"
        " margin_minor, pnl_minor, breach, at) SELECT run_id, account_id, member_id, currency_id, 3, business_date,"
        f" {values}, at FROM clearing_backtestday LIMIT 1"
    )
    refused(insert, because)


def test_a_day_is_tested_once() -> None:
    refused(
        "INSERT INTO clearing_backtestday (run_id, account_id, member_id, currency_id, horizon_days, business_date,"
        " margin_minor, pnl_minor, breach, at) SELECT run_id, account_id, member_id, currency_id, horizon_days,"
        " business_date, margin_minor, pnl_minor, breach, at FROM clearing_backtestday LIMIT 1",
        "backtestday_once",
    )


@pytest.mark.parametrize(
    ("values", "because"),
    [
        ("500, 100, 399", "stressloss_uncovered_beyond_margin"),
        ("0, 100, -1", "stressloss_uncovered_beyond_margin"),
        ("0, -1, 5", "stressloss_uncovered_beyond_margin"),
    ],
)
def test_uncovered_is_at_least_loss_beyond_margin(values: str, because: str, chain: Chain) -> None:
    refused(
        'INSERT INTO clearing_stressloss (run_id, scenario_id, member_id, currency_id, "group", loss_minor,'
        f" margin_minor, uncovered_minor) SELECT run_id, scenario_id, {chain.ids['DELTA']}, currency_id, 'x', {values}"
        " FROM clearing_stressloss LIMIT 1",
        because,
    )


def test_only_history_has_dates_and_a_shock_has_one_target() -> None:
    scenario = "INSERT INTO clearing_stressscenario (code, name, kind, from_date, to_date) VALUES ('X', 'X', "
    refused(scenario + "'HISTORICAL', NULL, NULL)", "stressscenario_only_history_has_dates")
    refused(scenario + "'HISTORICAL', '2008-09-09', '2008-09-09')", "stressscenario_only_history_has_dates")
    refused(scenario + "'HYPOTHETICAL', '2008-09-08', '2008-09-09')", "stressscenario_only_history_has_dates")
    shock = (
        "INSERT INTO clearing_stressshock (scenario_id, factor, security_id, move_bp)"
        " SELECT min(id), {} FROM clearing_stressscenario"
    )
    refused(shock.format("'', NULL, 5"), "stressshock_factor_or_security")
    refused(shock.format("'WEATHER', NULL, 5"), "stressshock_factor_or_security")
    refused(shock.format("'EQUITY', (SELECT min(asset_ptr_id) FROM reference_security), 5"), "stressshock_factor_or")
    refused(shock.format("'EQUITY', NULL, -10001"), "stressshock_range")


@pytest.mark.parametrize(
    ("amounts", "because"),
    [
        ("150, 100, 40, 0, 149", "fundsizing_emir_43_2"),
        ("100, 100, 40, 50, 99", "fundsizing_emir_42_3"),
        ("180, 90, 100, 90, 95", "fundsizing_emir_42_3"),
        ("201, 100, 40, 0, 300", "fundsizing_amounts"),
        ("90, 100, 40, 0, 300", "fundsizing_amounts"),
    ],
)
def test_the_fund_is_as_large_as_the_rules_ask(amounts: str, because: str) -> None:
    refused(COPY_SIZING.format(reason="'MONTHLY'", scenario="scenario_id", amounts=amounts), because)


def test_a_sizing_has_a_reason_and_a_loss_a_scenario() -> None:
    amounts = "100, 100, 40, 0, 200"
    refused(COPY_SIZING.format(reason="'WHIM'", scenario="scenario_id", amounts=amounts), "fundsizing_reason")
    refused(COPY_SIZING.format(reason="'THIN'", scenario="NULL", amounts=amounts), "fundsizing_loss_has_a_scenario")


def test_contributions_sum_to_the_size(chain: Chain) -> None:
    member = chain.ids["ECHO"]
    refused(COPY_PART.format(member=member, amounts="1, 1, 0, 0, NULL"), "do not sum to the size")
    refused(COPY_PART.format(member=member, amounts="2, 1, 0, 0, NULL"), "fundcontribution_held_and_called")
    refused(COPY_PART.format(member=member, amounts="1, 0, 1, 0, NULL"), "fundcontribution_called_or_returned")
    refused(COPY_PART.format(member=member, amounts="0, 0, 0, 0, call_id"), "fundcontribution_called_or_returned")
