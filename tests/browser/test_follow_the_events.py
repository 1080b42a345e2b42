"""An operator follows the tape of events behind the real server: what is new, a pause, and a server that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, expect

from tests.factories.serving import serving_from

if TYPE_CHECKING:
    from tests.factories.chain import Chain

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def tell(count: int) -> int:
    """Record a fact and publish it; return its position."""
    from events.queries.outbox import last_position
    from events.services.outbox import record_fact
    from events.services.publish import publish_facts
    from trades.contracts import TradesMatched

    record_fact(fact=TradesMatched(count=count))
    publish_facts()
    return last_position()


# A row is marked until the list is read again, which may be at once.
NOTE_ARRIVALS = """() => {
    const note = (changes) => { window.arrived ||= changes.some(({ target }) => target.matches("tr.arrived")); };
    new MutationObserver(note).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["class"] });
}"""


def test_follow_the_events(played: Chain, browser: Browser) -> None:
    from django.db import connection

    from tests.factories.market import login

    url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    cookies = login(name="operator").cookies
    with serving_from(url=url) as port:
        context = browser.new_context(base_url=f"http://127.0.0.1:{port}")
        context.add_cookies(
            [
                {"name": name, "value": morsel.value, "domain": "127.0.0.1", "path": "/"}
                for name, morsel in cookies.items()
            ]
        )
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto("/events/")
        state, newest = page.locator("[data-stream-state]"), page.locator("[data-stream] tbody tr").first
        expect(state).to_have_text("Live")
        # While the stream is open the page is read again every half minute only: what comes sooner came by the stream.
        page.evaluate(NOTE_ARRIVALS)
        tell(41)
        expect(newest).to_contain_text('{"count": 41}', timeout=5_000)
        assert page.evaluate("window.arrived") is True
        state.click()
        expect(state).to_have_text("Paused")
        # What was asked for before has come.
        page.wait_for_timeout(500)
        tell(42)
        # Longer than the page waits between two readings of what has come.
        page.wait_for_timeout(1_200)
        expect(newest).to_contain_text('{"count": 41}')
        state.click()
        expect(newest).to_contain_text('{"count": 42}', timeout=5_000)
        expect(state).to_have_text("Live")
        assert complaints == []
    expect(state).to_have_text("Reconnecting", timeout=5_000)
