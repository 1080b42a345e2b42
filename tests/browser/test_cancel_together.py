"""Two participants cancel a matched trade: one asks, the other agrees."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def ask_to_cancel(page: Page, trade_id: str, reason: str) -> None:
    page.goto("/trades/")
    page.get_by_role("link", name=trade_id).click()
    page.get_by_role("button", name="Ask to cancel").click()
    page.get_by_label("Reason").fill(reason)
    page.locator("#cancel").get_by_role("button", name="Ask to cancel").click()


def test_cancel_together(sign_in: SignIn, complaints: list[str]) -> None:
    from trades.models import Trade

    charlie = sign_in("charlie")
    ask_to_cancel(charlie, "N-C", "agreed by telephone")
    expect(charlie.get_by_text("The trade is cancelled.")).to_be_visible()
    expect(charlie.locator("h1")).to_contain_text("Cancelled")
    alpha = sign_in("alpha")
    alpha.goto(f"/trades/{Trade.objects.get(trade_id='N-A').public_id}/")
    expect(alpha.locator(".timeline")).to_contain_text("CHARLIE asked to cancel")
    expect(alpha.get_by_role("button", name="Ask to cancel")).to_have_count(0)
    assert complaints == []
