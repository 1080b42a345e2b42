"""A participant uploads a file with a bad line, reads why, and finds its trades."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SignIn

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CONTENT = b"""trade_id,buyer,seller,security,quantity,price,currency,trade_date
F1,ALPHA,BRAVO,STOCK,10,10,EUR,2008-09-10
F2,ALPHA,BRAVO,STOCK,-10,10,EUR,2008-09-10
"""


def test_upload_a_file(sign_in: SignIn, complaints: list[str]) -> None:
    page = sign_in("alpha")
    page.get_by_role("link", name="Upload trades").click()
    page.get_by_label("Choose a CSV").set_input_files(
        files={"name": "reports.csv", "mimeType": "text/csv", "buffer": CONTENT}
    )
    page.get_by_role("button", name="Capture the file").click()
    refused = page.get_by_role("region", name="Refused lines").locator("tbody tr")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text("/quantity")
    page.get_by_role("link", name="Its trades").click()
    expect(page.get_by_role("link", name="F1")).to_be_visible()
    assert complaints == []
