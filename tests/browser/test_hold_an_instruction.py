"""A participant finds its failing instruction from the home page, holds it and releases it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SignIn

if TYPE_CHECKING:
    from tests.factories.chain import Chain

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_hold_an_instruction(sign_in: SignIn, played: Chain, complaints: list[str]) -> None:
    from tests.factories.chain import WEDNESDAY

    played.move_to(WEDNESDAY.replace(day=11))
    played.settle()
    page = sign_in("delta")
    page.get_by_role("link", name="failing instructions lack securities").click()
    page.get_by_role("region", name="Instructions").locator("tbody a").first.click()
    expect(page.locator("h1")).to_contain_text("Failing")
    page.get_by_role("button", name="Hold").click()
    expect(page.get_by_text("no cycle settles it until it is released")).to_be_visible()
    page.get_by_role("button", name="Release").click()
    expect(page.get_by_text("The instruction is released: the next cycle tries it.")).to_be_visible()
    expect(page.locator(".timeline")).to_contain_text("Held for the deliverer.")
    assert complaints == []
