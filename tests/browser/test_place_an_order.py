"""A broker places an order and watches it fill, clear and settle by itself; cancels one; is told of a limit."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn

if TYPE_CHECKING:
    from tests.factories.chain import Chain

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SOON = 15_000


@pytest.fixture
def trading(played: Chain) -> Chain:
    """Two venues where BRAVO offers STOCK, and a client of ALPHA's; another with hardly any credit."""
    from tests.factories.executing import make_buyer
    from tests.factories.trading import make_client
    from tests.factories.venues import SELL, ask, make_book, make_venue, request
    from trades.queries.held_books import forget_books

    forget_books()
    rich = make_buyer(played)
    make_client(
        broker=rich.broker, account=rich.settlement_account, code="POOR", credit_limit_minor=99_999,
        default_currency_id=rich.default_currency_id,
    )  # fmt: skip
    for number, (mic, price) in enumerate((("XAAA", "9.98"), ("XBBB", "9.99")), start=1):
        venue = make_venue(mic=mic, market_maker_id=played.ids["BRAVO"])
        book = make_book(venue=venue, security_id=played.assets["STOCK"])
        (stands,) = ask(
            request(book, 10**12 + number, SELL, 60, price, owner=played.ids["BRAVO"]), at=played.at,
            business_date=played.day,
        )  # fmt: skip
        assert stands.status == "RESTING", stands
    return played


def place(page: Page, *, client: str = "BUYER", limit: str = "10.00") -> None:
    page.goto("/orders/new/")
    page.get_by_label("Client").select_option(client)
    page.get_by_label("Security").fill("STOCK")
    page.get_by_label("Quantity").fill("100")
    page.get_by_label("Type").select_option("LIMIT")
    page.get_by_label("Limit").fill(limit)
    expect(page.locator("#market")).to_contain_text(f"Limits of {client}", timeout=SOON)
    page.get_by_role("button", name="Send the order").click()


def play_on() -> None:
    from fmi.business_day import run_flow

    run_flow()


def test_an_order_fills_clears_and_settles_before_ones_eyes(
    sign_in: SignIn, trading: Chain, complaints: list[str]
) -> None:
    page = sign_in("alpha")
    place(page)
    heading = page.locator("h1")
    expect(heading).to_contain_text("Buy 100 STOCK at 10.00 or better")
    expect(heading).to_contain_text("Checked")
    play_on()
    expect(heading).to_contain_text("Cleared", timeout=SOON)
    fills = page.get_by_role("region", name="Fills").locator("tbody tr")
    expect(fills).to_have_count(2)
    expect(page.get_by_role("region", name="At the venues").locator("tbody tr")).to_have_count(2)
    trading.move_to(date(2008, 9, 12))
    trading.net()
    play_on()
    expect(heading).to_contain_text("Settling", timeout=SOON)
    trading.cycle()
    play_on()
    expect(heading).to_contain_text("Settled", timeout=SOON)
    expect(page.locator(".timeline")).to_contain_text("postings to the ledger")
    fills.first.get_by_role("link").click()
    expect(page.locator("h1")).to_contain_text("Settled")
    page.get_by_role("link", name="T-").click()
    expect(heading).to_contain_text("Buy 100 STOCK")
    assert complaints == []


def test_an_order_that_waits_is_cancelled(sign_in: SignIn, trading: Chain, complaints: list[str]) -> None:
    page = sign_in("alpha")
    place(page, limit="9.00")
    play_on()
    expect(page.locator("h1")).to_contain_text("At the venues", timeout=SOON)
    page.get_by_role("button", name="Cancel the order").click()
    page.get_by_label("Reason").fill("no longer wanted")
    page.locator("#cancel").get_by_role("button", name="Cancel the order").click()
    expect(page.get_by_text("The order is cancelled.")).to_be_visible()
    expect(page.locator("h1")).to_contain_text("Cancelled")
    expect(page.locator(".timeline")).to_contain_text("no longer wanted")
    page.goto("/orders/?view=open")
    expect(page.locator("#list")).to_contain_text("No order here")
    assert complaints == []


def test_an_order_above_a_limit_says_so(sign_in: SignIn, trading: Chain, complaints: list[str]) -> None:
    page = sign_in("alpha")
    place(page, client="POOR")
    expect(page.locator("h1")).to_contain_text("Rejected")
    expect(page.get_by_role("alert")).to_contain_text("of the credit limit")
    expect(page.get_by_role("button", name="Cancel the order")).to_have_count(0)
    assert complaints == []
