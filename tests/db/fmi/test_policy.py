"""Every answer takes from the browser the powers that no page needs."""

from __future__ import annotations

import pytest
from django.test import Client

from fmi.policy import NEVER_ALLOWED
from reference.models import Participant
from tests.factories.chain import Chain
from tests.factories.market import login

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/trades/", 200),
        ("/api/v1/trades", 200),
        ("/api/v1/nothing-here", 404),
        ("/nothing-here", 404),
        ("/admin/login/", 200),
        ("/health", 200),
    ],
)
def test_no_page_may_use_a_camera_or_ask_for_payment(chain: Chain, path: str, status: int) -> None:
    alpha = login(participant=Participant.objects.get(code="ALPHA"), name="alpha")
    answer = alpha.get(path)
    assert answer.status_code == status
    directives = dict(part.split("=") for part in answer["Permissions-Policy"].split(", "))
    assert directives == dict.fromkeys(NEVER_ALLOWED, "()")
    assert {"camera", "microphone", "geolocation", "payment", "usb"} <= set(directives)


def test_a_stranger_is_told_the_same(client: Client) -> None:
    assert "camera=()" in client.get("/login/")["Permissions-Policy"]
