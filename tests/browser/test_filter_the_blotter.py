"""The blotter's filters work as one types, stand in the address, and come off as chips."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SignIn

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_filter_the_blotter(sign_in: SignIn, complaints: list[str]) -> None:
    page = sign_in("operator")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/trades/")
    rows = page.get_by_role("region", name="Trades").locator("tbody tr")
    expect(rows).to_have_count(16)
    page.keyboard.press("/")
    page.keyboard.type("S1")
    expect(rows).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/trades/\?q=S1$"))
    page.get_by_text("Settled", exact=True).first.click()
    expect(page).to_have_url(re.compile(r"status=SETTLED"))
    page.reload()
    expect(rows).to_have_count(2)
    expect(page.get_by_role("searchbox", name="Reference")).to_have_value("S1")
    page.get_by_role("link", name="Remove the filter Reference").click()
    expect(rows).to_have_count(5)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 6
    page.get_by_role("link", name="Clear all").click()
    expect(rows).to_have_count(16)
    assert complaints == []
