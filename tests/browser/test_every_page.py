"""Every page in real Chromium, wide, narrow and dark: no complaint of the browser, nothing wider than the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import SignIn

if TYPE_CHECKING:
    from tests.factories.chain import Chain

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PAGES = (
    "/",
    "/orders/",
    "/orders/new/?client=BUYER&security=STOCK",
    "/best-execution/",
    "/trades/",
    "/unmatched/",
    "/unmatched/?view=near",
    "/positions/",
    "/positions/limits/",
    "/allocations/",
    "/netting/",
    "/netting/exposures/",
    "/netting/efficiency/",
    "/risk/backtest/",
    "/risk/stress/",
    "/risk/fund/",
    "/risk/disclosure/",
    "/risk/",
    "/risk/calls/",
    "/risk/collateral/",
    "/buy-ins/",
    "/cycles/",
    "/instructions/",
    "/instructions/new/",
    "/party-instructions/",
    "/ledger/",
    "/ledger/accounts/ALPHA-CASH-HOUSE/",
    "/ledger/trial-balance/",
    "/clients/",
    "/static-data/",
    "/static-data/instruments/",
    "/static-data/clients/new/",
    "/approvals/",
    "/keys/",
    "/keys/new/",
    "/webhooks/",
    "/webhooks/new/",
    "/audit/",
    "/audit/seals/",
    "/events/",
    "/events/dead-letters/",
    "/events/schemas/",
    "/events/schemas/FundThin/1/",
    "/operations/",
    "/upload/",
    "/venues/",
    "/compliance/",
    "/compliance/rules/",
    "/compliance/rules/new/",
    "/compliance/restricted/",
    "/market/",
)
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


# The first is what a page is loaded in; the other browser tests load theirs wide and light.
SHOWN: tuple[tuple[int, Literal["dark", "light"]], ...] = (
    (390, "dark"), (390, "light"), (1440, "light"), (1440, "dark"),
)  # fmt: skip


def show(page: Page, width: int, scheme: Literal["dark", "light"]) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)


def test_every_page(sign_in: SignIn, played: Chain, complaints: list[str]) -> None:
    """Each page is loaded narrow and dark, and then shown light and wide too."""
    from events.models import AuditRecord
    from settlement.models import Cycle, Instruction
    from tests.factories.executing import make_buyer, make_executed
    from trades.models import Trade

    order = make_executed(played, make_buyer(played), reference="O-1", parts=2)
    page = sign_in("operator")
    details = (
        f"/trades/{Trade.objects.get(trade_id='S1-A').public_id}/",
        f"/instructions/{Instruction.objects.earliest('id').public_id}/",
        f"/orders/{order.public_id}/",
        f"/cycles/{Cycle.objects.earliest('id').pk}/",
        f"/audit/{AuditRecord.objects.latest('id').pk}/",
    )
    for address in (*PAGES, *details):
        show(page, *SHOWN[0])
        page.goto(address)
        for width, scheme in SHOWN:
            show(page, width, scheme)
            assert page.evaluate(OVERFLOW) <= 0, (address, width, scheme)
            assert page.locator("h1").count() == 1, (address, width, scheme)
    assert complaints == []
