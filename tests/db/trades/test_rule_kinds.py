"""What is left out before an order is judged breaks no rule: each order alone fares as it does in a set."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from reference.models import DailyPrice
from tests.factories.market import TODAY, Market, make_market
from tests.factories.ordering import make_ticket, place, quote
from tests.factories.trading import make_client
from trades.core.order_ticket import OrderTicket
from trades.models import Client, ComplianceAlert, ComplianceRule
from trades.services.compliance.load_compliance import load_compliance

pytestmark = pytest.mark.django_db

PRICES = ["8.99", "9.00", "9.49", "9.50", "10.00", "10.50", "10.51", "11.00", "11.01", None]
QUANTITIES = [240, 250, 260, 1_000, 1_010]


@pytest.fixture
def market() -> Market:
    made = make_market()
    load_compliance()
    for back in (1, 2):
        DailyPrice.objects.create(security=made.equity, date=TODAY - timedelta(days=back), open=10, high=10, low=10,
                                  close=10, volume=1_000, adjusted_close=10)  # fmt: skip
    for action, ceiling in (("PASS", 262_500), ("WARN", 1_050_000)):
        ComplianceRule.objects.create(code=f"CEILING-{action}", name="Ceiling", kind="FAT_FINGER", action=action,
                                      valid_from=TODAY, ceiling_minor=ceiling)  # fmt: skip
    ComplianceRule.objects.create(code="SHARE", name="Share", kind="CONCENTRATION", action="WARN", valid_from=TODAY,
                                  share_percent=25, least_minor=250_000)  # fmt: skip
    return made


def judge(*, ticket: OrderTicket, beside: OrderTicket | None) -> tuple[str, Any, Any, list[str]]:
    """Place an order, alone or in a set, and take it back; return what became of it, with the rules of its alerts."""
    with transaction.atomic():
        found = place(ticket, *([beside] if beside else []))[0]
        assert found.public_id is not None
        alerts = ComplianceAlert.objects.filter(order__public_id=found.public_id).order_by("rule__code")
        codes = list(alerts.values_list("rule__code", flat=True))
        transaction.set_rollback(True)
    return found.outcome, found.problems, found.warnings, codes


@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_an_order_alone_fares_as_in_a_set(market: Market, side: str, quoted: bool) -> None:
    if quoted:
        quote(security=market.equity)
    own: Client = make_client(broker=market.alpha, short_sale_allowed=True)
    other = make_ticket(client=make_client(broker=market.bravo, short_sale_allowed=True), security=market.equity)
    seen: set[str] = set()
    for price in PRICES:
        terms = {"order_type": "MARKET", "limit_price": None} if price is None else {"limit_price": Decimal(price)}
        for quantity in QUANTITIES:
            ticket = make_ticket(client=own, security=market.equity, side=side, quantity=quantity, **terms)
            alone = judge(ticket=ticket, beside=None)
            assert alone == judge(ticket=ticket, beside=other), (price, quantity)
            seen |= {alone[0], *alone[3]}
    rules = {"FAT-FINGER", "LARGE-ORDER", "CEILING-PASS", "CEILING-WARN"} | (
        {"COLLAR", "COLLAR-WATCH"} if quoted else set()
    )
    assert {"ACCEPTED", "REJECTED"} | rules | ({"SHARE"} if side == "BUY" else set()) <= seen
