"""The tables of margin attacked with raw SQL, and each invariant of margin broken on purpose."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from clearing.models import PortfolioMargin, RefusedMarginRun
from clearing.queries.risk_invariants import RISK_INVARIANTS
from clearing.services.open_membership import open_memberships
from tests.factories.chain import MONDAY, Chain
from tests.factories.risk import SHORT, evening, price_market, set_parameters, violations

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _members(chain: Chain) -> None:
    """Members with cash."""
    open_memberships(joined_on=MONDAY)
    for code in ("ALPHA", "BRAVO"):
        chain.give(code, "EUR", 1_000_000)
    set_parameters(**SHORT)


ATTACKS = {
    "a run changed": ("UPDATE clearing_marginrun SET at = at", "append-only"),
    "a run deleted": ("DELETE FROM clearing_marginrun", "append-only"),
    "runs truncated": ("TRUNCATE clearing_marginrun CASCADE", "never truncated"),
    "margin changed": ("UPDATE clearing_portfoliomargin SET requirement_minor = 0", "append-only"),
    "margin truncated": ("TRUNCATE clearing_portfoliomargin CASCADE", "never truncated"),
    "parameters changed": ("UPDATE clearing_marginparameters SET lookback_days = 1", "append-only"),
    "a refusal deleted": ("DELETE FROM clearing_refusedmarginrun", "append-only"),
    "a second evening": (
        "INSERT INTO clearing_marginrun (kind, business_date, at, parameters_id, portfolios, timings)"
        " SELECT kind, business_date, at + '1 hour', parameters_id, 0, '{}' FROM clearing_marginrun",
        "marginrun_one_evening_a_day",
    ),
    "parts that do not add up": ("requirement_minor = requirement_minor + 1", "portfoliomargin_parts_add_up"),
    "variation out of nothing": ("variation_minor = variation_minor + 1", "portfoliomargin_variation"),
    "a negative margin": ("flat_minor = -1", "portfoliomargin_not_negative"),
    "arrays of two lengths": ("mark_minor = '{}'", "portfoliomargin_arrays_agree"),
    "twice in a run": ("cash_minor = cash_minor", "portfoliomargin_once_a_run"),
    "a way that is none": ("variation_by = 'LUCK'", "portfoliomargin_variation_by"),
    "another member's": (
        "member_id = (SELECT id FROM reference_participant WHERE code = 'DELTA'), run_id = run_id",
        "portfoliomargin_member_clears|portfoliomargin_once",
    ),
    "a cash account": (
        "account_id = (SELECT id FROM ledger_account WHERE code = 'ALPHA-CASH-HOUSE')",
        "portfoliomargin_member_clears",
    ),
    "a proxy of itself": (
        "INSERT INTO clearing_priceproxy (security_id, proxy_id, scale_percent, reason)"
        " SELECT asset_ptr_id, asset_ptr_id, 100, 'x' FROM reference_security LIMIT 1",
        "priceproxy_another_security",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_database_refuses_what_no_run_does(chain: Chain, attack: str) -> None:
    chain.trade("T", "ALPHA", "BRAVO", quantity=100)
    chain.clear()
    price_market(chain, {"STOCK": "12"}, last=MONDAY)
    RefusedMarginRun.objects.create(kind="EVENING", business_date=MONDAY, at=chain.at, code="x", message="x")
    evening(chain)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    sql, because = ATTACKS[attack]
    if sql.split()[0].isupper():
        statement = sql
    else:
        fields = [str(field.column) for field in PortfolioMargin._meta.concrete_fields if field.column != "id"]
        changes = dict([sql.split(" = ", 1)] if sql.count(" = ") == 1 else [sql.partition(" = ")[::2]])
        values = [changes.get(column, column).removesuffix(", run_id = run_id") for column in fields]
        statement = (
            f"INSERT INTO clearing_portfoliomargin ({', '.join(fields)}) SELECT {', '.join(values)}"
            " FROM clearing_portfoliomargin ORDER BY id LIMIT 1"
        )
    with pytest.raises(DatabaseError, match=because), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


BREAKS = {
    "variation margin is paid as the portfolios changed, by the member and through the VM account":
        "DELETE FROM ledger_journalentry WHERE source = 'VARIATION'",
    "variation margin that was not paid is called, to the cent":
        "UPDATE clearing_portfoliomargin SET variation_by = 'CALL' WHERE variation_minor < 0",
    "a portfolio was margined before for what it was worth in the run before":
        "UPDATE clearing_portfoliomargin SET worth_before_minor = worth_before_minor - 1,"
        " variation_minor = variation_minor + 1",
    "what a portfolio is worth is its positions at their marks and its cash":
        "UPDATE clearing_portfoliomargin SET cash_minor = cash_minor + 10",
    "a margin run has the portfolios that it says": "UPDATE clearing_marginrun SET portfolios = 7",
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_each_invariant_is_broken_on_purpose_and_seen(chain: Chain, name: str) -> None:
    chain.trade("T", "ALPHA", "BRAVO", quantity=100)
    chain.clear()
    price_market(chain, {"STOCK": "12"}, last=MONDAY)
    evening(chain)
    assert violations() == {}
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(BREAKS[name])
        cursor.execute("SET LOCAL session_replication_role = origin")
    assert name in violations()


def test_every_invariant_of_margin_is_broken_by_a_test() -> None:
    own = {name for name in RISK_INVARIANTS if "variation margin" in name or "portfolio" in name}
    assert {name for name in own if "backtest" not in name} <= set(BREAKS)
