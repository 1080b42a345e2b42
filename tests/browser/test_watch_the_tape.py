"""A participant watches the tape: where nothing streams, the page refreshes by itself and shows the new price."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SignIn

if TYPE_CHECKING:
    from tests.factories.chain import Chain

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_watch_the_tape(sign_in: SignIn, played: Chain, complaints: list[str]) -> None:
    from reference.market_data import SecurityQuote
    from reference.models import Security
    from reference.quote_services import publish_quotes

    share = Security.objects.get(symbol="SHARE")

    def quote(minute: int, last: str) -> None:
        at = played.at + timedelta(minutes=minute)
        prices = Decimal(last) - 1, Decimal(last) + 1, Decimal(last)
        publish_quotes(quotes=[SecurityQuote(share.pk, at, prices[0], prices[1], prices[2], 1, 1, 1, "TEST")])

    quote(0, "10.5")
    page = sign_in("alpha")
    page.goto("/market/")
    row = page.locator(f"#quote-{share.code}")
    expect(row.locator('[data-field="last"]')).to_have_text("10.50")
    quote(1, "11.25")
    expect(row.locator('[data-field="last"]')).to_have_text("11.25", timeout=15_000)
    row.get_by_role("link", name="SHARE").click()
    expect(page.locator("h1")).to_have_text("SHARE")
    expect(page.get_by_text("Today").first).to_be_visible()
    assert complaints == []
