"""What every answer takes from the browser: powers that no page needs, code that is not ours, plain HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
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


SELF, NONE, INLINE, EVAL = "'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'"
OURS = {
    "default-src": {NONE}, "script-src": {SELF}, "style-src": {SELF}, "img-src": {SELF, "data:"}, "font-src": {SELF},
    "connect-src": {SELF}, "manifest-src": {SELF}, "form-action": {SELF}, "base-uri": {NONE},
    "frame-ancestors": {NONE},
}  # fmt: skip
# Other people's pages, served from here: fmi/policy.py says why.
API = OURS | {"style-src": {SELF, INLINE}}
ADMIN = API | {"script-src": {SELF, INLINE, EVAL}}


def csp_of(answer: Any) -> dict[str, set[str]]:
    """Return the directives of an answer's policy; a report-only one, which stops nothing, is none."""
    assert "Content-Security-Policy-Report-Only" not in answer
    parts = [part.split() for part in answer["Content-Security-Policy"].split(";")]
    assert len({part[0] for part in parts}) == len(parts), "of a directive given twice the second is ignored"
    return {name: set(sources) for name, *sources in parts}


@pytest.mark.parametrize(
    ("path", "status", "policy"),
    [
        ("/", 200, OURS),
        ("/trades/", 200, OURS),
        ("/problems/", 200, OURS),
        ("/nothing-here", 404, OURS),
        ("/trades/0190d6a0-0000-7000-8000-000000000000/", 404, OURS),
        ("/operations/", 403, OURS),
        ("/ready", 503, OURS),
        ("/static/nothing-here.js", 404, OURS),
        ("/administer", 404, OURS),
        ("/apis", 404, OURS),
        ("/api/v1/trades", 200, API),
        ("/api/v1/nothing-here", 404, API),
        ("/api/docs", 200, API),
        ("/admin/login/", 200, ADMIN),
        ("/admin/", 302, ADMIN),
    ],
)
def test_a_page_runs_and_shows_what_is_ours_alone(
    chain: Chain, path: str, status: int, policy: dict[str, set[str]]
) -> None:
    alpha = login(participant=Participant.objects.get(code="ALPHA"), name="alpha")
    answer = alpha.get(path, headers={"accept": "text/html"})
    assert answer.status_code == status
    assert csp_of(answer) == policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"


def test_whoever_administers_and_whoever_is_refused_get_the_same(chain: Chain, client: Client) -> None:
    administrator = Client()
    administrator.force_login(User.objects.create_superuser("root"))
    assert administrator.get("/admin/").status_code == 200
    assert csp_of(administrator.get("/admin/")) == ADMIN
    stranger = client.get("/", headers={"accept": "text/html"})
    assert (stranger.status_code, csp_of(stranger)) == (302, OURS)
    assert client.get("/login/").status_code == 200
    assert csp_of(client.get("/login/")) == OURS
    refused = Client(enforce_csrf_checks=True).post("/login/", {"username": "a", "password": "b"})
    assert (refused.status_code, csp_of(refused)) == (403, OURS)


def test_over_tls_a_browser_is_told_to_stay_there(settings: Any) -> None:
    """What HTTPS_ONLY sets: tests/unit/fmi/test_settings.py."""
    assert "Strict-Transport-Security" not in Client().get("/health", secure=True), "a laptop has no TLS to insist on"
    settings.SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds())
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = settings.SECURE_SSL_REDIRECT = True
    for path in ("/login/", "/api/v1/trades", "/nothing-here", "/health"):
        answer = Client().get(path, secure=True)
        assert answer["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload", path
    for path in ("/", "/login/", "/api/v1/trades", "/admin/"):
        plain = Client().get(path)
        assert (plain.status_code, plain["Location"]) == (301, f"https://testserver{path}")
        assert "Strict-Transport-Security" not in plain, "RFC 6797, section 7.2"
