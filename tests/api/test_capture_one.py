"""POST /api/v1/trades: one report."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from events.core.canonical import canonical_sql
from events.models import AuditRecord, OutboxFact
from tests.factories.market import Market, login
from trades.models import Match, Trade

URL = "/api/v1/trades"


def post(client: Client, fields: Any) -> Any:
    return client.post(URL, fields, content_type="application/json")


def test_one_side_is_taken(alpha: Client, market: Market) -> None:
    response = post(alpha, market.report())
    assert response.status_code == 201, response.content
    answer = response.json()
    trade = Trade.objects.get()
    assert answer == {
        "id": str(trade.public_id),
        "trade_id": "T-1",
        "status": "NEW",
        "outcome": "ACCEPTED",
        "links": {
            "self": f"/api/v1/trades/{trade.public_id}",
            "cancel": f"/api/v1/trades/{trade.public_id}/cancel",
        },
    }
    assert response["Location"] == answer["links"]["self"]
    assert (trade.side, trade.amount_minor, str(trade.settlement_date)) == ("BUY", 1_012_000, "2008-09-10")
    assert AuditRecord.objects.filter(action="trade.captured").count() == 1
    assert OutboxFact.objects.get().name == "TradesCaptured"


def test_the_audit_record_digests_itself_with_the_id_it_got(alpha: Client, market: Market) -> None:
    public_id = post(alpha, market.report()).json()["id"]
    record = AuditRecord.objects.get(action="trade.captured")
    assert record.object_id == Trade.objects.get().pk
    assert record.detail == {"public_id": public_id}
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {canonical_sql(row='r')} FROM events_auditrecord r WHERE r.id = %s", [record.pk])
        (told,) = cursor.fetchone()
    assert (json.loads(told)[0], json.loads(told)[13]) == (record.pk, record.object_id)
    assert bytes(record.digest) == hashlib.sha256(b"\0" + told.encode()).digest()


def test_repeated_is_the_same_trade(alpha: Client, market: Market) -> None:
    first = post(alpha, market.report())
    second = post(alpha, market.report())
    assert second.status_code == 200
    assert second.json() == first.json() | {"outcome": "REPEATED"}
    assert Trade.objects.count() == OutboxFact.objects.count() == 1
    assert AuditRecord.objects.filter(object_type="trade").count() == 1


def test_other_content_under_the_same_trade_id_is_refused(alpha: Client, market: Market) -> None:
    post(alpha, market.report())
    response = post(alpha, market.report(quantity=101))
    assert response.status_code == 409
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "/problems/trade-id-reused"
    assert problem["errors"][0]["pointer"] == "/trade_id"
    assert Trade.objects.get().quantity_units == 100


def test_same_trade_id_of_two_reporters_is_two_trades(alpha: Client, bravo: Client, market: Market) -> None:
    assert post(alpha, market.report()).status_code == 201
    assert post(bravo, market.report()).status_code == 201
    assert sorted(Trade.objects.values_list("side", flat=True)) == ["BUY", "SELL"]


def test_operator_locks_in_both_sides(operator: Client, market: Market) -> None:
    answer = post(operator, market.report()).json()
    assert answer["status"] == "MATCHED"
    assert Match.objects.get().rule == "LOCKED_IN"


def test_venue_locks_in_both_sides(market: Market) -> None:
    venue = login(participant=market.venue, name="venue")
    assert post(venue, market.report()).json()["status"] == "MATCHED"
    assert Trade.objects.get().reporter == market.venue


def test_operator_reports_on_behalf(operator: Client, market: Market) -> None:
    answer = post(operator, market.report(reporter="BRAVO")).json()
    assert answer["status"] == "NEW"
    trade = Trade.objects.get()
    assert (trade.side, trade.reporter_id) == ("SELL", market.bravo.pk)


def test_auditor_may_not_report(auditor: Client, market: Market) -> None:
    response = post(auditor, market.report())
    assert response.status_code == 403
    assert response.json()["type"] == "/problems/not-permitted"


def test_nobody_may_not_report(market: Market) -> None:
    response = post(Client(), market.report())
    assert response.status_code == 401
    assert response.json()["type"] == "/problems/login-required"
    assert not Trade.objects.exists()


def test_login_without_a_role_may_not_report(market: Market) -> None:
    from tests.factories.reference import UserFactory

    client = Client()
    client.force_login(UserFactory.create(username="nobody"))
    assert post(client, market.report()).json()["type"] == "/problems/not-permitted"


def test_form_is_read_like_json(alpha: Client, market: Market) -> None:
    response = alpha.post(URL, market.report(settlement_date="", cleared="false"))
    assert response.status_code == 201, response.content
    assert not Trade.objects.get().cleared


def test_client_account(alpha: Client, market: Market) -> None:
    assert post(alpha, market.report(account="FUND1")).status_code == 201
    trade = Trade.objects.select_related("buyer_account").get()
    assert trade.buyer_account is not None
    assert trade.buyer_account.code == "ALPHA-SEC-FUND1"


def test_few_queries(alpha: Client, market: Market, django_assert_max_num_queries: Any) -> None:
    post(alpha, market.report())
    with django_assert_max_num_queries(8):
        # Under an Idempotency-Key: BEGIN, the claim, the stored answer and COMMIT besides (tests: savepoints).
        assert post(alpha, market.report(trade_id="T-2")).status_code == 201


@pytest.mark.parametrize("security", ["EQUITY", "ISIN"])
def test_security_by_isin_or_symbol(alpha: Client, market: Market, security: str) -> None:
    code = market.equity.code if security == "ISIN" else market.equity.symbol
    assert post(alpha, market.report(security=code)).status_code == 201
