"""What the CCP says to an order before it is sent."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tests.factories.market import NOW, Market, make_market
from tests.factories.ordering import make_ticket, place
from tests.factories.trading import make_client

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> Market:
    return make_market()


def outcome_of(market: Market, broker: Any) -> str:
    (outcome,) = place(make_ticket(client=make_client(broker=broker), security=market.equity))
    return str(outcome.problems[0].code) if outcome.problems else str(outcome.outcome)


def insert(table: str, **values: Any) -> None:
    """Insert a row past the triggers and foreign keys of its own floor, which are not what is tested here."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = 'replica'")
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))})",
            list(values.values()),
        )
        cursor.execute("SET LOCAL session_replication_role = 'origin'")


@pytest.mark.parametrize("status", ["SUSPENDED", "DEFAULTED", "TERMINATED"])
def test_nobody_clears_for_a_member_that_is_not_active(market: Market, status: str) -> None:
    insert(
        "clearing_membership", member_id=market.alpha.pk, status=status, group_name="", joined_on="2008-01-01",
        im_cash_id=1, im_securities_id=2, fund_cash_id=3,
    )  # fmt: skip
    assert outcome_of(market, market.alpha) == "clearing-member-not-active"
    assert outcome_of(market, market.client_of_alpha) == "clearing-member-not-active"
    assert outcome_of(market, market.bravo) == "ACCEPTED"


def test_a_margin_call_that_is_overdue_stops_orders_and_one_that_is_open_does_not(market: Market) -> None:
    call = {
        "member_id": market.alpha.pk, "currency_id": market.equity.currency_id, "kind": "INTRADAY", "amount_minor": 5,
        "business_date": "2008-09-08", "called_at": NOW, "deadline": NOW, "paid_minor": 0,
    }  # fmt: skip
    insert("clearing_margincall", **call, status="ISSUED")
    assert outcome_of(market, market.alpha) == "ACCEPTED"
    insert("clearing_margincall", **call, status="OVERDUE", overdue_at=NOW)
    assert outcome_of(market, market.alpha) == "margin-call-overdue"
    assert outcome_of(market, market.bravo) == "ACCEPTED"
