"""Placing orders: what is accepted, rejected, refused, and what each takes of its client's limits."""

from __future__ import annotations

from typing import Any

import pytest

from events.models import AuditRecord, OutboxFact
from tests.factories.market import Market, make_market
from tests.factories.ordering import place_order
from tests.factories.trading import make_client
from trades.models import CreditUse, DailyUse, OrderStep

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> Market:
    return make_market()


def used(client: Any) -> tuple[int, int]:
    """Return what a client uses of its credit and of today's limit."""
    credit = CreditUse.objects.filter(client=client).first()
    day = DailyUse.objects.filter(client=client).first()
    return (credit.used_minor if credit else 0, day.ordered_minor if day else 0)


def test_an_order_is_validated_and_takes_its_limits(market: Market) -> None:
    client = make_client(broker=market.alpha)
    order = place_order(client=client, security=market.equity)
    assert order.status == "VALIDATED"
    assert (order.reserved_minor, order.ordered_minor, order.broker_id) == (100_000, 100_000, market.alpha.pk)
    steps = list(OrderStep.objects.filter(order=order).order_by("id").values_list("status", "actor"))
    assert steps == [("RECEIVED", "system"), ("VALIDATED", "")]
    assert used(client) == (100_000, 100_000)
    assert OutboxFact.objects.filter(name="OrdersPlaced", payload={"count": 1}).count() == 1
    record = AuditRecord.objects.get(action="order.placed")
    assert record.object_id == order.pk
