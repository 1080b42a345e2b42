"""Programs log in: a secret becomes tokens, tokens are refreshed and end, and guessing is slowed down."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import jwt
import pytest
from django.conf import settings as live
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from events.models import AuditRecord
from reference.access import actor_of_user
from reference.api.entry import now
from reference.keys.login_waits import Attempt, refuse_where_waiting
from reference.keys.manage_keys import NewSecret, revoke_key, rotate_key
from reference.keys.tokens import ALGORITHM, TOKEN_TYPE
from reference.models import RefreshToken, TokenFamily
from reference.rate_limits import peek
from reference.valkey import valkey
from tests.factories.market import Market, login
from tests.factories.reference import MembershipFactory, UserFactory
from tests.factories.signing import by_basic, make_key, send


@pytest.fixture(autouse=True)
def _no_waits() -> None:
    """Forget what was counted before and in each test."""
    cache.clear()
    store = valkey()
    for key in store.scan_iter("limit:*"):
        store.delete(key)
    store.delete("logins:waiting")


@pytest.fixture
def key(market: Market) -> NewSecret:
    """A key of the login `router`, ALPHA's."""
    user = User.objects.create(username="router")
    MembershipFactory.create(user=user, participant=market.alpha)
    return make_key("trades:read", "orders:read", name="router")


def post(path: str, status: int = 200, **body: Any) -> dict[str, Any]:
    answer = Client().post(f"/api/v1/auth/{path}", body, content_type="application/json")
    assert answer.status_code == status, answer.content
    assert answer["Cache-Control"] == "no-store"
    return dict(answer.json()) if answer.content else {}


def tokens_of(key: NewSecret, **more: Any) -> dict[str, Any]:
    return post("token", api_key=key.key.client_id, api_secret=key.secret, **more)


def read_with(token: str) -> Any:
    return Client().get("/api/v1/trades", headers={"authorization": f"Bearer {token}"})


def test_a_secret_becomes_a_token_that_says_who_acts_and_what_it_allows(
    key: NewSecret, django_assert_max_num_queries: Any
) -> None:
    given = tokens_of(key, scope="trades:read")
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 900, "trades:read")
    claims = jwt.decode(given["access_token"], options={"verify_signature": False})
    assert claims["iss"] == live.JWT_ISSUER
    assert claims["aud"] == live.JWT_AUDIENCE
    assert claims["client_id"] == key.key.client_id
    assert (claims["sub"], claims["role"], claims["participant"]) == ("router", "PARTICIPANT", "ALPHA")
    assert claims["permissions"] == ["trades:read"]
    assert claims["exp"] - claims["iat"] == 900
    assert claims["nbf"] == claims["iat"]
    assert claims["sid"] == str(TokenFamily.objects.get().sid)
    with django_assert_max_num_queries(3):
        assert read_with(given["access_token"]).status_code == 200
    assert AuditRecord.objects.get(action="token.issue").actor == "router"


def test_oauth_client_credentials_by_form_by_json_and_by_basic(key: NewSecret) -> None:
    named = {"client_id": key.key.client_id, "client_secret": key.secret}
    form = "application/x-www-form-urlencoded"
    for given in (
        Client().post("/api/v1/auth/token", urlencode({"grant_type": "client_credentials"} | named), form),
        Client().post("/api/v1/auth/token", {"grant_type": "client_credentials"} | named, "application/json"),
        Client().post(
            "/api/v1/auth/token", "grant_type=client_credentials", form, headers=by_basic(key.key.client_id, key.secret)
        ),
    ):
        assert given.status_code == 200
        assert "refresh_token" not in given.json()
    assert post("token?api_key=x", 400, **named)["errors"][0]["pointer"] == "/api_key"
    assert post("token", 400, grant_type="password", **named)["error"] == "unsupported_grant_type"
    assert {error["pointer"] for error in post("token", 400)["errors"]} == {"/api_key", "/api_secret"}


def test_an_unknown_key_a_wrong_secret_and_an_ended_key_are_one_answer(key: NewSecret) -> None:
    """And a right secret is never made to wait, however many wrong ones came before it."""
    wrong = [
        (key.key.client_id, "fms_wrong"),
        ("fmi_aaaaaaaaaaaaaaaa", key.secret),
        ("nobody", ""),
        (key.key.client_id, ""),
    ]
    answers = []
    for name, secret in wrong[:2]:
        answer = post("token", 401, api_key=name, api_secret=secret)
        answers.append({name: value for name, value in answer.items() if name != "correlation_id"})
    assert answers[0] == answers[1]
    assert answers[0]["error"] == "invalid_client"
    for _ in range(4):
        post("token", 401, api_key=key.key.client_id, api_secret="fms_wrong")
    waiting = post("token", 429, api_key=key.key.client_id, api_secret="fms_wrong")
    assert waiting["code"] == "login-waits"
    assert 0 < waiting["retry_after_seconds"] <= 60
    assert read_with(tokens_of(key)["access_token"]).status_code == 200
    user = User.objects.get(username="router")
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert post("token", 429, api_key=key.key.client_id, api_secret=key.secret)["code"] == "login-waits"


def forge(token: str, secret: str | None = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return a token of the product's with changes, signed anew; a claim changed to None is left out."""
    claims = jwt.decode(token, options={"verify_signature": False}) | changes
    kid, good = next(iter(live.JWT_SIGNING_KEYS.items()))
    head = {"kid": kid, "typ": TOKEN_TYPE} | (header or {})
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, secret or good, algorithm=ALGORITHM, headers=head)


def unsigned(token: str) -> str:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "own-machine", "typ": TOKEN_TYPE}).encode())
    return head.decode().rstrip("=") + "." + token.split(".")[1] + "."


def test_tokens_that_are_not_ours_are_refused(key: NewSecret) -> None:
    good = tokens_of(key)["access_token"]
    assert read_with(forge(good)).status_code == 200
    over = int(timezone.now().timestamp()) - 60
    bad = {
        "over": forge(good, exp=over),
        "not yet": forge(good, nbf=over + 600),
        "another issuer": forge(good, iss="https://elsewhere.example"),
        "another audience": forge(good, aud="https://elsewhere.example"),
        "another secret": forge(good, secret="y" * 40),
        "an unknown key id": forge(good, header={"kid": "2001-01"}),
        "another kind of token": forge(good, header={"typ": "JWT"}),
        "no family": forge(good, sid=None),
        "an unknown family": forge(good, sid=str(uuid4())),
        "another key's": forge(good, client_id="fmi_aaaaaaaaaaaaaaaa"),
        "unsigned": unsigned(good),
        "no token": "x.y.z",
        "nothing": "",
    }
    for name, token in bad.items():
        answer = read_with(token)
        assert answer.status_code == 401, name
        assert 'Bearer realm="Mini FMI", error="invalid_token"' in answer["WWW-Authenticate"], name
        assert answer.json()["code"] == "token-not-accepted", name
    nobody = Client().get("/api/v1/trades")
    assert nobody.status_code == 401
    assert "error" not in nobody["WWW-Authenticate"]


def test_the_signing_keys_rotate(key: NewSecret, settings: Any) -> None:
    old = tokens_of(key)["access_token"]
    settings.JWT_SIGNING_KEYS = {"next": "z" * 40} | live.JWT_SIGNING_KEYS
    new = tokens_of(key)["access_token"]
    assert jwt.get_unverified_header(new)["kid"] == "next"
    assert [read_with(token).status_code for token in (old, new)] == [200, 200]
    settings.JWT_SIGNING_KEYS = {"next": "z" * 40}
    assert [read_with(token).status_code for token in (old, new)] == [401, 200]


def test_a_refresh_token_works_once_and_one_that_comes_again_ends_them_all(key: NewSecret) -> None:
    first = tokens_of(key)
    second = post("refresh", refresh_token=first["refresh_token"], scope="orders:read")
    assert second["scope"] == "orders:read"
    assert post("refresh", 400, refresh_token=second["refresh_token"], scope="day:write")["error"] == "invalid_scope"
    third = post("token", grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert third["scope"] == "orders:read trades:read"
    assert read_with(third["access_token"]).status_code == 200
    assert post("refresh", 400, refresh_token=first["refresh_token"])["error"] == "invalid_grant"
    assert read_with(third["access_token"]).status_code == 401
    assert post("refresh", 400, refresh_token=third["refresh_token"])["error"] == "invalid_grant"
    assert TokenFamily.objects.get().revoked_because == "REUSED"
    assert AuditRecord.objects.filter(action="token.revoke").count() == 1
    assert not RefreshToken.objects.filter(token_hash=first["refresh_token"].encode()).exists()


def test_revoking_ends_a_family_a_secret_or_a_key_at_once(key: NewSecret) -> None:
    by_access, by_refresh, by_secret, by_key = (tokens_of(key) for _ in range(4))
    post("revoke", token=by_access["access_token"])
    post("revoke", token=by_refresh["refresh_token"], token_type_hint="refresh_token")
    post("revoke", token="never-was-one")
    alive = [by_access, by_refresh, by_secret, by_key]
    assert [read_with(each["access_token"]).status_code for each in alive] == [401, 401, 200, 200]
    actor = actor_of_user(User.objects.get(username="router"))
    assert actor is not None
    when: dict[str, Any] = {"now": timezone.now(), "actor": actor, "client_id": key.key.client_id} | now()
    renewed = rotate_key(grace=timedelta(), **when)
    assert read_with(by_secret["access_token"]).status_code == 401
    last = tokens_of(renewed)
    assert Client().get("/api/v1/orders", headers=by_basic(key.key.client_id, renewed.secret)).status_code == 200
    revoke_key(**when)
    assert read_with(last["access_token"]).status_code == 401
    post("refresh", 400, refresh_token=last["refresh_token"])
    assert Client().get("/api/v1/orders", headers=by_basic(key.key.client_id, renewed.secret)).status_code == 401


def test_keys_by_the_api(market: Market, operator: Client, alpha: Client, bravo: Client) -> None:
    body = {"name": "Order router", "scopes": ["orders:read"]}
    made = alpha.post("/api/v1/keys", body, content_type="application/json")
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    name = made.json()["client_id"]
    assert "api_secret" not in alpha.get(f"/api/v1/keys/{name}").json()
    assert bravo.get(f"/api/v1/keys/{name}").status_code == 404
    assert bravo.post(f"/api/v1/keys/{name}/revoke").status_code == 404
    assert operator.post(f"/api/v1/keys/{name}/rotate", {}, content_type="application/json").status_code == 403
    rotated = alpha.post(f"/api/v1/keys/{name}/rotate", {"grace_hours": 0}, content_type="application/json").json()
    assert rotated["api_secret"] != made.json()["api_secret"]
    listed = operator.get("/api/v1/keys?state=ACTIVE&scope=orders:read").json()["results"]
    assert [row["client_id"] for row in listed] == [name]
    assert operator.post(f"/api/v1/keys/{name}/revoke").json()["state"] == "REVOKED"
    beyond = alpha.post("/api/v1/keys", body | {"scopes": ["day:write"]}, content_type="application/json")
    assert (beyond.status_code, beyond.json()["code"]) == (403, "scope-beyond-role")


def test_the_page_shows_a_secret_once(market: Market, alpha: Client, operator: Client) -> None:
    shown = alpha.post("/keys/new/", {"name": "Router", "days": "30", "scopes": ["orders:read"]})
    text = shown.content.decode()
    secret = text.split('id="secret">')[1].split("<")[0]
    assert secret.startswith("fms_")
    assert shown["Cache-Control"] == "no-store"
    page = alpha.get("/keys/").content.decode()
    assert "Router" in page
    assert secret not in page
    name = page.split('<tr id="')[1].split('"')[0]
    assert post("token", api_key=name, api_secret=secret)["expires_in"] == 900
    listed: Any = operator.get("/keys/?format=csv&view=all")
    assert name.encode() in b"".join(listed.streaming_content)
    assert operator.post(f"/keys/{name}/revoke/", follow=True).status_code == 200
    post("token", 401, api_key=name, api_secret=secret)
    refused = alpha.post("/keys/new/", {"name": "Router", "days": "30", "scopes": ["day:write"]})
    assert refused.status_code == 422
    assert "at most what its owner" in refused.content.decode()


def sign_in(name: str, password: str, address: str = "10.0.0.1") -> int:
    answer = Client(REMOTE_ADDR=address).post("/login/", {"username": name, "password": password})
    return answer.status_code


def test_a_login_that_fails_five_times_waits_in_words_and_is_audited(market: Market) -> None:
    UserFactory.create(username="carol")
    assert [sign_in("carol", "wrong") for _ in range(5)] == [200] * 5
    answer = Client(REMOTE_ADDR="10.0.0.1").post("/login/", {"username": " Carol", "password": "demo"})
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 60
    assert "Too many attempts have failed. Try again in" in answer.content.decode()
    # Elsewhere the name is free: who guesses does not lock its owner out.
    assert sign_in("carol", "demo", "10.0.0.2") == 302
    # The admin's own form and HTTP Basic are other doors of the same room.
    admin = Client(REMOTE_ADDR="10.0.0.1").post("/admin/login/", {"username": "carol", "password": "demo"})
    assert admin.status_code == 429
    answer = Client(REMOTE_ADDR="10.0.0.1").get("/api/v1/trades", headers=by_basic("carol", "demo"))
    assert (answer.status_code, answer.json()["code"]) == (429, "login-waits")
    assert answer["Retry-After"]
    record = AuditRecord.objects.get(action="login.wait")
    assert record.detail["name"] == "carol"
    assert record.detail["failures"] == 5


@pytest.mark.django_db(transaction=True)
def test_of_twenty_guesses_at_once_five_are_looked_at_and_a_right_password_forgets_its_attempt(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    UserFactory.create(username="erin")
    looked: list[bool] = []
    look = ModelBackend.authenticate

    def looking(*args: Any, **kwargs: Any) -> Any:
        found = look(*args, **kwargs)
        looked.append(found is not None)
        return found

    monkeypatch.setattr(ModelBackend, "authenticate", looking)
    start, answers = Barrier(20), []

    def guess() -> None:
        start.wait()
        answers.append(sign_in("erin", "wrong", "10.0.0.3"))
        connection.close()

    threads = [Thread(target=guess) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] * 5 + [429] * 15
    assert looked == [False] * 5
    # A right password from an address that is not known yet leaves nothing in the counts of that address.
    assert peek(name="login:address:10.0.0.4", limit=30, window_seconds=900).remaining == 30
    assert sign_in("erin", "demo", "10.0.0.4") == 302
    assert peek(name="login:address:10.0.0.4", limit=30, window_seconds=900).remaining == 30


def test_an_operator_ends_a_wait_and_a_known_address_is_never_locked_out_from_elsewhere(
    market: Market, operator: Client, alpha: Client
) -> None:
    UserFactory.create(username="dave")
    assert sign_in("dave", "demo", "10.0.0.9") == 302
    # Tried from many addresses, the name itself waits, but not at the address from which it has logged in.
    for number in range(30):
        refuse_where_waiting(attempt=Attempt(name="dave", address=f"10.1.0.{number}"), now=timezone.now())
    assert sign_in("dave", "demo", "10.0.0.8") == 429
    assert sign_in("dave", "demo", "10.0.0.9") == 302
    assert "dave" in operator.get("/keys/").content.decode()
    assert [row["name"] for row in operator.get("/api/v1/login-waits").json()] == ["dave"]
    assert alpha.get("/api/v1/login-waits").status_code == 403
    ended = operator.post("/api/v1/login-waits/end", {"name": "dave"}, content_type="application/json")
    assert ended.json() == {"ended": 1}
    assert sign_in("dave", "demo", "10.0.0.8") == 302
    assert AuditRecord.objects.filter(action="login.unlock", actor="operator").count() == 1


def test_a_key_that_holds_keys_write_makes_no_key_beyond_its_own(market: Market) -> None:
    login(name="root")
    key = make_key("keys:write", "orders:read", name="root")

    def made(scope: str, hours: int) -> tuple[int, str]:
        ends = (timezone.now() + timedelta(hours=hours)).isoformat()
        answer = send(key, "POST", "/api/v1/keys", {"name": "child", "scopes": [scope], "expires_at": ends})
        return answer.status_code, answer.json().get("code", "")

    assert made("day:write", 1) == (403, "scope-beyond-role")
    assert made("orders:read", 48) == (422, "key-life-too-long")
    assert made("orders:read", 1) == (201, "")
    unsigned = {"name": "child", "scopes": ["orders:read"]}
    assert send(key, "POST", "/api/v1/keys", unsigned, signed=False).json()["code"] == "signature-missing"
