"""An operator follows a number on the home page to the list, to one trade, to the journal's lines."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SignIn

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_from_home_to_postings(sign_in: SignIn, complaints: list[str]) -> None:
    page = sign_in("operator")
    expect(page.get_by_role("heading", name="Wednesday 10 September 2008")).to_be_visible()
    page.get_by_role("link", name="20 business days").click()
    page.locator(".funnel").get_by_role("link", name="Settled").click()
    expect(page.get_by_role("region", name="Trades").locator("tbody tr")).to_have_count(5)
    page.get_by_role("link", name="S1-A").click()
    timeline = page.locator(".timeline")
    expect(timeline).to_contain_text("Reported by ALPHA, the buyer")
    expect(timeline).to_contain_text("Novated to the CCP")
    timeline.get_by_role("link", name="ALPHA: 4 postings to the ledger").click()
    expect(page.get_by_role("heading", name="Statement of account")).to_be_visible()
    assert complaints == []
