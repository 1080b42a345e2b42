"""What an API key must hold, and what it must sign: by scope, by signature, once, and in time."""

from __future__ import annotations

import json
import re
import subprocess
import time
from io import BytesIO
from pathlib import Path
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from tests.factories.signing import by_basic, make_key, send, signature_of
from tests.factories.trading import make_client

if TYPE_CHECKING:
    from reference.keys.manage_keys import NewSecret
    from tests.factories.market import Market

pytestmark = pytest.mark.django_db

PAUSE, RESUME = "/api/v1/business-day/pause", "/api/v1/business-day/resume"
DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"


@pytest.fixture
def key(operator: Client) -> NewSecret:
    return make_key("day:read", "day:write", "clients:read", "clients:write")


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"] if answer.status_code >= 400 else ""


def nonces() -> int:
    from reference.models import SignedRequest

    return SignedRequest.objects.count()


def is_running() -> bool:
    from reference.models import BusinessClock

    return BusinessClock.objects.get().running


def test_a_key_does_what_its_scopes_hold(market: Market, operator: Client, alpha: Client) -> None:
    reads = make_key("trades:read", name="alpha")
    assert send(reads, "GET", "/api/v1/trades").status_code == 200
    refused = send(reads, "POST", "/api/v1/trades", market.report())
    assert code_of(refused) == (403, "scope-missing")
    assert refused.json()["scope"] == "trades:write"
    assert refused["WWW-Authenticate"].endswith('error="insufficient_scope", scope="trades:write"')
    # Scopes narrow the role, and do not widen it; what has no handler says so; a person holds them all.
    assert code_of(send(reads, "GET", "/api/v1/accounts")) == (403, "scope-missing")
    assert code_of(send(reads, "DELETE", "/api/v1/trades")) == (405, "method-not-allowed")
    assert alpha.get("/api/v1/accounts").status_code == 200


def test_a_key_signs_what_is_sensitive(key: NewSecret, operator: Client) -> None:
    assert code_of(send(key, "POST", PAUSE, signed=False)) == (401, "signature-missing")
    signed = signature_of(key.secret, "POST", PAUSE)
    for name in signed:
        answer = send(key, "POST", PAUSE, **{name: None})
        assert code_of(answer) == (401, "signature-missing")
        assert name in answer.json()["detail"]
    assert answer["WWW-Authenticate"].startswith("HMAC-SHA256")
    # Each part that is signed, changed by one thing; another's key; and a nonce of no shape.
    now = int(time.time())
    wrong: list[dict[str, str]] = [
        signature_of(key.secret, "POST", f"{PAUSE}?x=1"),
        signature_of(key.secret, "PATCH", PAUSE),
        signature_of(key.secret, "POST", PAUSE, "{}"),
        signature_of(key.secret + "x", "POST", PAUSE),
        signed | {"X-Nonce": "b" * 32},
        signed | {"X-Timestamp": str(now + 7)},
        signed | {"X-Signature": "0" * 64},
        signature_of(key.secret, "POST", PAUSE, nonce="short"),
    ]
    for headers in wrong:
        assert code_of(send(key, "POST", PAUSE, **headers)) == (401, "signature-wrong"), headers
    for outside in (now - 303, now + 303, 0):
        headers = signature_of(key.secret, "POST", PAUSE, timestamp=outside)
        assert code_of(send(key, "POST", PAUSE, **headers)) == (401, "timestamp-outside")
    assert code_of(send(key, "POST", PAUSE, X_Timestamp="yesterday")) == (401, "timestamp-outside")
    assert (nonces(), is_running()) == (0, False)
    # Nearly too old is in time; and what is not sensitive takes no signature.
    headers = signature_of(key.secret, "POST", RESUME, timestamp=now - 290)
    assert send(key, "POST", RESUME, **headers).status_code == 200
    assert (nonces(), is_running()) == (1, True)
    assert send(key, "GET", "/api/v1/business-day", signed=False).status_code == 200
    # A session goes through by its CSRF token; a password by Basic does not.
    from django.contrib.auth.models import User

    assert operator.post(PAUSE).status_code == 200
    user = User.objects.get(username="operator")
    user.set_password("correct horse battery")
    user.save()
    answer = Client().post(RESUME, headers=by_basic("operator", "correct horse battery"))
    assert code_of(answer) == (403, "signature-needs-a-key")
    assert not is_running()


def test_a_nonce_is_used_once_whatever_came_of_it(key: NewSecret, market: Market) -> None:
    make_client(broker=market.alpha, code="NORTHSEA")
    path = "/api/v1/static-data/clients/NORTHSEA"
    change = {"daily_limit": "123456.00"}
    headers = signature_of(key.secret, "PATCH", path, json.dumps(change))
    done = send(key, "PATCH", path, change, **headers)
    assert (done.status_code, nonces()) == (202, 1)
    assert code_of(send(key, "PATCH", path, change, **headers)) == (401, "nonce-used")
    # A refusal has used its nonce up, and left nothing else.
    headers = signature_of(key.secret, "PATCH", path, json.dumps(change))
    assert code_of(send(key, "PATCH", path, change, **headers)) == (409, "proposal-already-open")
    assert code_of(send(key, "PATCH", path, change, **headers)) == (401, "nonce-used")
    assert nonces() == 2
    # A stored answer is told again to a fresh nonce only.
    first = send(key, "POST", PAUSE, Idempotency_Key="once")
    again = send(key, "POST", PAUSE, Idempotency_Key="once")
    assert (first.status_code, again["Idempotent-Replayed"], again.content) == (200, "true", first.content)
    headers = signature_of(key.secret, "POST", PAUSE)
    assert send(key, "POST", PAUSE, Idempotency_Key="once", **headers).status_code == 200
    assert code_of(send(key, "POST", PAUSE, Idempotency_Key="once", **headers)) == (401, "nonce-used")


def test_nobody_approves_its_own_proposal_with_its_own_key(market: Market, alpha: Client) -> None:
    """A key acts in its owner's name: whoever proposes, on the page or by a key, is one person with all its keys."""
    from tests.factories.market import login

    client = make_client(broker=market.alpha, code="NORTHSEA")
    login(participant=market.alpha, name="colleague")
    scopes = ("clients:write", "proposals:read", "proposals:write")
    first, second, other = (make_key(*scopes, name=name) for name in ("alpha", "alpha", "colleague"))
    path, before = "/api/v1/static-data/clients/NORTHSEA", client.daily_limit_minor
    for number, by_page in enumerate((True, False)):
        change = {"daily_limit": f"{3456 + number}.00"}
        made = alpha.patch(path, change, "application/json") if by_page else send(first, "PATCH", path, change)
        assert made.status_code == 202, made.content
        (proposal,) = send(first, "GET", "/api/v1/proposals?status=PROPOSED").json()["results"]
        approve = f"/api/v1/proposals/{proposal['id']}/approve"
        for own in (first, second):
            assert code_of(send(own, "POST", approve, {})) == (409, "own-proposal-not-approvable")
        client.refresh_from_db()
        assert client.daily_limit_minor == before
        assert send(other, "POST", approve, {}).status_code == 200
        client.refresh_from_db()
        assert client.daily_limit_minor == 345_600 + number * 100
        before = client.daily_limit_minor


def test_value_leaves_by_a_signature_alone(market: Market, alpha: Client) -> None:
    key = make_key("collateral:write", "derivatives:write", name="alpha")
    for path in ("clearing/collateral/withdraw", "clearing/collateral/release", "derivatives/withdraw"):
        assert code_of(send(key, "POST", f"/api/v1/{path}", {}, signed=False)) == (401, "signature-missing")
        # Signed it is looked at: this one asks for nothing.
        assert code_of(send(key, "POST", f"/api/v1/{path}", {})) == (400, "invalid-input")


def test_after_a_rotation_both_secrets_sign_in_the_grace(key: NewSecret) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from reference.access import actor_of_user
    from reference.api.entry import now
    from reference.keys.manage_keys import rotate_key

    actor = actor_of_user(key.key.owner)
    assert actor is not None
    newer = rotate_key(
        client_id=key.key.client_id, grace=timedelta(hours=1), now=timezone.now(), actor=actor, **now()
    )  # fmt: skip
    assert send(key, "POST", PAUSE).status_code == 200
    assert send(newer, "POST", RESUME).status_code == 200


def test_the_database_keeps_nonces_as_long_as_they_matter(key: NewSecret) -> None:
    from reference.keys.nonces import forget_old_nonces, take_nonce
    from reference.models import SignedRequest

    assert take_nonce(key_id=key.key.pk, nonce="a" * 32)
    assert not take_nonce(key_id=key.key.pk, nonce="a" * 32)
    attacks = (
        "UPDATE reference_signedrequest SET nonce = repeat('c', 32)",
        "DELETE FROM reference_signedrequest",
        "TRUNCATE reference_signedrequest",
        f"INSERT INTO reference_signedrequest (key_id, nonce) VALUES ({key.key.pk}, repeat('a', 32))",
        f"INSERT INTO reference_signedrequest (key_id, nonce) VALUES ({key.key.pk}, 'short')",
    )
    for attack in attacks:
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(attack)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reference_signedrequest (key_id, nonce, created_at)"
            " VALUES (%s, repeat('d', 32), now() - interval '661 seconds')", [key.key.pk],
        )  # fmt: skip
    assert forget_old_nonces() == 1
    assert list(SignedRequest.objects.values_list("nonce", flat=True)) == ["a" * 32]


@pytest.mark.chaos
@pytest.mark.django_db(transaction=True)
def test_sent_twenty_times_at_once_it_is_done_once(market: Market) -> None:
    from tests.factories.market import login

    login(name="operator")
    make_client(broker=market.alpha, code="NORTHSEA")
    key, path, body = make_key("clients:write"), "/api/v1/static-data/clients/NORTHSEA", '{"name": "Another name"}'
    headers = by_basic(key.key.client_id, key.secret) | signature_of(key.secret, "PATCH", path, body)
    answers: list[tuple[int, str]] = []
    start = Barrier(20)

    def ask() -> None:
        start.wait()
        answers.append(code_of(Client().generic("PATCH", path, body, content_type="application/json", headers=headers)))
        connection.close()

    threads = [Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(200, "")] + [(401, "nonce-used")] * 19
    assert nonces() == 1


def test_the_document_lists_every_change_as_signed_or_not() -> None:
    from reference.api.base import ActorView
    from tests.api.test_every_endpoint import ARGUMENT, addresses

    found: dict[bool, set[str]] = {True: set(), False: set()}
    for address in addresses():
        if address.view and issubclass(address.view, ActorView):
            path = ARGUMENT.sub("…", f"/{address.route}".removeprefix("/api/v1"))
            for method in (name.upper() for name in address.methods):
                found[method in address.view.signed_methods].add(f"{method} {path}")
    section = DOCUMENT.read_text().split("\n## Signed requests")[1]
    signed, unsigned = (
        section.split("| Not signed |")[0],
        section.split("| Not signed |")[1].split("A test compares")[0],
    )
    for is_signed, table in ((True, signed), (False, unsigned)):
        told = [
            f"{method} {path}"
            for methods, path in re.findall(r"`((?:POST|PUT|PATCH|DELETE)(?: [A-Z]+)*) (/[^` ]*)`", table)
            for method in methods.split()
        ]
        assert len(told) == len(set(told))
        assert set(told) == found[is_signed]
    assert len(found[True]) > 30


def test_the_address_is_signed_as_it_was_sent() -> None:
    from django.core.handlers.asgi import ASGIRequest
    from rest_framework.request import Request

    from reference.api.signing import address_as_sent

    scope = {"type": "http", "method": "GET", "path": "/api/v1/x:y", "query_string": b"a=%41&b", "headers": []}
    sent = ASGIRequest(scope | {"raw_path": b"/api/v1/x%3Ay"}, BytesIO())
    assert address_as_sent(request=Request(sent)) == "/api/v1/x%3Ay?a=%41&b"
    assert address_as_sent(request=ASGIRequest(scope, BytesIO())) == "/api/v1/x:y?a=%41&b"


def test_the_documented_shell_signs_as_it_is_checked(key: NewSecret) -> None:
    """docs/security.md's function, run by bash and openssl, makes headers that are accepted."""
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.S)
    function = next(block for block in blocks if block.startswith("sign() {"))
    body = '{"name": "Nordsee & Söhne"}'
    path = "/api/v1/static-data/clients/NORTHSEA?x=1"
    script = f"{function}\nSECRET='{key.secret}'; sign PATCH '{path}' '{body}'"
    printed = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout
    headers = dict(line.split(": ") for line in printed.strip().splitlines())
    made = signature_of(
        key.secret, "PATCH", path, body, timestamp=int(headers["X-Timestamp"]), nonce=headers["X-Nonce"]
    )
    assert headers == made
    printed = subprocess.run(
        ["bash", "-euc", f"{function}\nSECRET='{key.secret}'; sign POST {PAUSE} ''"], capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    headers = dict(line.split(": ") for line in printed.strip().splitlines())
    assert send(key, "POST", PAUSE, **headers).status_code == 200
