"""Other people's pages, the admin and the API's, work under the content policy that we send."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import ConsoleMessage, Page, expect
from pytest_django.live_server_helper import LiveServer

from reference.services import create_demo_users

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """Collect what the browser reports as errors, a broken policy among them."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            found.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture
def operator(page: Page, live_server: LiveServer) -> Page:
    """A page whose visitor has logged in as the operator."""
    call_command("load_reference", verbosity=0)
    create_demo_users(password="demo", now=timezone.now())
    page.goto(f"{live_server.url}/login/?next=/admin/")
    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{live_server.url}/admin/")
    return page


def test_admin_runs_its_scripts(operator: Page, live_server: LiveServer, complaints: list[str]) -> None:
    operator.goto(f"{live_server.url}/admin/auth/user/")
    expect(operator.get_by_role("link", name="auditor")).to_be_visible()
    assert complaints == []


def test_api_documentation_is_drawn(page: Page, live_server: LiveServer, complaints: list[str]) -> None:
    page.goto(f"{live_server.url}/api/docs")
    # The first to ask for the description waits until it is written.
    expect(page.locator(".opblock").first).to_be_visible(timeout=30_000)
    assert complaints == []


def test_api_can_be_browsed_in_the_same_login(operator: Page, live_server: LiveServer, complaints: list[str]) -> None:
    operator.goto(f"{live_server.url}/api/v1/participants?format=api")
    expect(operator.get_by_text("ALDERBK").first).to_be_visible()
    assert complaints == []
