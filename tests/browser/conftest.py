"""A played market behind a live server, and people who sign in to it in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page
from pytest_django.live_server_helper import LiveServer

if TYPE_CHECKING:
    from tests.factories.chain import Chain

SignIn = Callable[[str], Page]


@pytest.fixture
def played(transactional_db: None) -> Chain:
    """Four members, an open Wednesday: trades in every state, two of them lacking securities, two unmatched."""
    from django.core.cache import cache

    from tests.factories.chain import make_chain, play_small
    from trades.services.allege_trades import allege_trades

    cache.clear()
    chain = make_chain()
    play_small(chain)
    allege_trades(at=chain.at, business_date=chain.day)
    return chain


@pytest.fixture
def complaints() -> list[str]:
    """What the browsers report as errors, a broken content policy among them."""
    return []


@pytest.fixture
def sign_in(played: Chain, live_server: LiveServer, browser: Browser, complaints: list[str]) -> SignIn:
    """Sign a user in, in a window of its own: "operator", "auditor", or a participant's code in lower case."""
    from reference.models import Participant
    from tests.factories.reference import MembershipFactory, UserFactory

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def sign_in_as(name: str) -> Page:
        participant = Participant.objects.filter(code=name.upper()).first()
        role = "PARTICIPANT" if participant else name.upper()
        MembershipFactory.create(user=UserFactory.create(username=name), participant=participant, role=role)
        page = browser.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900}).new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/login/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill("demo")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{live_server.url}/")
        return page

    return sign_in_as
