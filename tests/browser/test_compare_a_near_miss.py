"""What one has opened to read stays open, and what one marks stays marked, while the page refreshes by itself."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SignIn

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TICK = "document.body.dispatchEvent(new CustomEvent('live'))"


def test_compare_a_near_miss(sign_in: SignIn, complaints: list[str]) -> None:
    from reference.core.actor import SYSTEM
    from trades.models import Trade
    from trades.services.cancel_trades import cancel_trade

    page = sign_in("operator")
    page.goto("/unmatched/?view=near")
    page.get_by_text("Near miss: differs in price: 10.00 against 11.00").click()
    expect(page.locator(".compared .differs")).to_have_count(8)
    with page.expect_response("**/unmatched/?view=near"):
        page.evaluate(TICK)
    expect(page.locator(".compared .differs").first).to_be_visible()
    trade = Trade.objects.get(trade_id="U2")
    cancel_trade(trade_pk=trade.pk, reason="", actor=SYSTEM, at=trade.received_at, business_date=trade.business_date)
    page.evaluate(TICK)
    expect(page.get_by_role("heading", name="Nothing waits here")).to_be_visible()
    assert complaints == []
