"""Idempotency-Key: asked again under the same key, the same answer and nothing done again; and who must send one."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from tests.factories.trading import make_client

if TYPE_CHECKING:
    from tests.factories.market import Market

pytestmark = pytest.mark.django_db

TRADES = "/api/v1/trades"


def post(client: Client, body: Any, key: str | None, url: str = TRADES, **headers: str) -> Any:
    """Post under a key; None: without one."""
    sent: Any = {"Idempotency-Key": key, **headers}
    return client.post(url, body, content_type="application/json", headers=sent)


def stored() -> int:
    from reference.models import StoredAnswer

    return StoredAnswer.objects.count()


def test_the_same_again_is_the_same_answer(alpha: Client, bravo: Client, market: Market) -> None:
    from trades.models import Trade

    first = post(alpha, market.report(), "k 1")
    # The draft writes a structured string, others the bare text: it is the same key.
    again = post(alpha, market.report(), '"k 1"')
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Location"] == first["Location"]
    assert again["Content-Type"] == first["Content-Type"]
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
    # The view itself would have said REPEATED and 200: it was not asked.
    assert (Trade.objects.count(), stored()) == (1, 1)
    # Another body, address or query under the key is refused; so is a key of no shape.
    others = [
        post(alpha, market.report(quantity=200), "k 1"),
        post(alpha, market.report(), "k 1", url=f"{TRADES}?format=json"),
        post(alpha, {"reason": "x"}, "k 1", url=f"{first['Location']}/cancel"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in others] == [(422, "idempotency-key-reused")] * 3
    for wrong in ("", "é", "x" * 256, '""'):
        answer = post(alpha, market.report(trade_id="T-2"), wrong)
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency-key-malformed")
    # A key is its client's own; without one, nothing is kept.
    assert post(bravo, market.report(), "k 1").status_code == 201
    assert post(alpha, market.report(trade_id="T-3"), None).status_code == 201
    assert (Trade.objects.count(), stored()) == (3, 2)


def test_a_login_that_acts_for_another_is_not_told_the_answer_of_before(alpha: Client, market: Market) -> None:
    from reference.models import Membership

    first = post(alpha, market.report(), "same")
    Membership.objects.filter(user__username="alpha").update(participant=market.bravo)
    moved = post(alpha, market.report(), "same")
    assert (first.status_code, moved.status_code) == (201, 201)
    assert ("Idempotent-Replayed" in moved, moved.json()["id"] == first.json()["id"]) == (False, False)


def test_what_is_refused_is_not_kept_and_what_stands_is(alpha: Client, market: Market) -> None:
    from trades.models import Order

    refused = post(alpha, market.report(quantity=-1), "k")
    assert (refused.status_code, stored()) == (422, 0)
    assert post(alpha, market.report(), "k").status_code == 201
    # A rejected order stands, so its refusal is the answer: the same again under the key.
    make_client(broker=market.alpha, code="NORTHSEA")
    ticket = {
        "client_order_id": "O-1", "client": "NORTHSEA", "security": market.equity.code, "side": "SELL",
        "quantity": 100, "order_type": "LIMIT", "limit_price": "10.00",
    }  # fmt: skip
    first, again = (post(alpha, ticket, "o", url="/api/v1/orders") for _ in range(2))
    assert (first.status_code, first.json()["outcome"]) == (422, "REJECTED")
    assert (again.content, again["Content-Type"]) == (first.content, "application/problem+json")
    assert again["Idempotent-Replayed"] == "true"
    assert [order.status for order in Order.objects.all()] == ["REJECTED"]


def test_a_key_that_is_held_elsewhere_is_in_flight(alpha: Client, market: Market) -> None:
    from django.contrib.auth.models import User

    from reference.stored_answers import Asked
    from trades.models import Trade

    asked = Asked(f"{User.objects.get(username='alpha').pk}::PARTICIPANT:{market.alpha.pk}", "k", b"")
    named = connection.settings_dict
    with psycopg.connect(os.environ["DATABASE_URL"], dbname=named["NAME"]) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [asked.lock])
        waiting = post(alpha, market.report(), "k")
        assert (waiting.status_code, waiting.json()["code"]) == (409, "idempotency-key-in-flight")
        assert waiting["Retry-After"] == "1"
        assert not Trade.objects.exists()
    assert post(alpha, market.report(), "k").status_code == 201


def test_an_answer_with_a_secret_is_not_kept(alpha: Client, market: Market) -> None:
    """Keys and webhooks are made and rotated once; whoever lost the answer has to rotate."""
    from events.models import WebhookEndpoint, WebhookSecret
    from reference.models import ApiKey, ApiSecret, StoredAnswer

    entries: list[tuple[str, Any]] = [
        ("keys", {"name": "Reads", "scopes": ["trades:read"]}),
        ("keys/{}/rotate", {"grace_hours": 1}),
        ("webhooks", {"url": "https://hooks.example.com/in"}),
        ("webhooks/{}/rotate-secret", {"grace_hours": 1}),
    ]
    made, secrets = "", []
    for number, (path, body) in enumerate(entries):
        url = f"/api/v1/{path.format(made)}"
        answer = post(alpha, body, f"k {number}", url=url)
        assert answer.status_code in (200, 201), answer.content
        assert answer["Cache-Control"] == "no-store"
        fields = answer.json()
        made = fields.get("client_id") or fields.get("api_key") or fields["id"]
        secrets.append(fields.get("api_secret") or fields["secret"])
        again = post(alpha, body, f"k {number}", url=url)
        assert (again.status_code, again.json()["code"]) == (409, "answer-not-kept")
        # Another body under the key is told so, as ever.
        assert post(alpha, {**body, "x": 1}, f"k {number}", url=url).json()["code"] == "idempotency-key-reused"
    assert len({secret for secret in secrets if len(secret) > 20}) == 4
    counts = [model.objects.count() for model in (ApiKey, ApiSecret, WebhookEndpoint, WebhookSecret)]
    assert counts == [1, 2, 1, 2]
    assert list(StoredAnswer.objects.values_list("body", flat=True)) == [None] * 4
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM reference_storedanswer t")
        kept = " ".join(row[0] for row in cursor.fetchall())
    assert "k 3" in kept
    assert not [secret for secret in secrets if secret in kept or secret.encode().hex() in kept]


def test_where_money_moves_a_key_is_needed(operator: Client) -> None:
    addresses = [
        "clearing/collateral/deposit", "clearing/collateral/withdraw", "clearing/collateral/substitute",
        "clearing/collateral/release", "clearing/calls/1/pay", "clearing/defaults/1/hedges",
        "clearing/defaults/1/collateral-sales", "derivatives/trade", "derivatives/deposit", "derivatives/withdraw",
    ]  # fmt: skip
    for address in addresses:
        answer = post(operator, {}, None, url=f"/api/v1/{address}")
        assert (address, answer.status_code, answer.json().get("code")) == (address, 400, "idempotency-key-missing")


def test_a_form_of_the_browsable_api_is_its_own_key(market: Market) -> None:
    from reference.models import StoredAnswer
    from tests.factories.market import login
    from trades.models import Trade

    alpha = login(participant=market.alpha, name="alpha")
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = alpha.cookies
    pages = [browser.get(TRADES, headers={"Accept": "text/html"}).content.decode() for _ in range(2)]
    tokens = [re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[0] for page in pages]

    def send(token: str, **changes: Any) -> Any:
        form = market.report(**changes) | {"csrfmiddlewaretoken": token}
        return browser.post(TRADES, form, headers={"Accept": "text/html"})

    first, again = send(tokens[0]), send(tokens[0])
    assert (first.status_code, again.status_code) == (201, 201)
    assert again["Idempotent-Replayed"] == "true"
    assert b"ACCEPTED" in again.content
    assert json.loads(bytes(StoredAnswer.objects.get().body or b""))["outcome"] == "ACCEPTED"
    # Another page, or the same with something else filled in, is another request.
    assert send(tokens[1]).status_code == 200
    assert send(tokens[0], trade_id="T-2").status_code == 201
    assert (Trade.objects.count(), stored()) == (2, 3)


def test_the_table_of_answers_defends_itself(alpha: Client, market: Market) -> None:
    from reference.models import StoredAnswer
    from reference.stored_answers import delete_expired

    post(alpha, market.report(), "k")
    assert delete_expired() == 0
    attacks = {
        "append-only": "UPDATE reference_storedanswer SET status = 200",
        "kept for 24 hours": "DELETE FROM reference_storedanswer",
        "never truncated": "TRUNCATE reference_storedanswer",
        "storedanswer_once": "INSERT INTO reference_storedanswer (client, key, fingerprint, status, headers)"
        " SELECT client, key, fingerprint, status, headers FROM reference_storedanswer",
        "storedanswer_fingerprint": "INSERT INTO reference_storedanswer (client, key, fingerprint, status, headers)"
        " VALUES ('a', 'b', '', 200, '{}')",
        "storedanswer_key_printable": "INSERT INTO reference_storedanswer (client, key, fingerprint, status, headers)"
        " VALUES ('a', chr(9), decode(repeat('00', 32), 'hex'), 200, '{}')",
        "storedanswer_status": "INSERT INTO reference_storedanswer (client, key, fingerprint, status, headers)"
        " VALUES ('a', 'b', decode(repeat('00', 32), 'hex'), 500, '{}')",
    }
    for told, statement in attacks.items():
        with pytest.raises(DatabaseError, match=told), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    old = StoredAnswer.objects.get()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reference_storedanswer (client, key, fingerprint, status, headers, created_at)"
            " SELECT client, 'old ' || n, fingerprint, status, headers, now() - interval '24 hours 1 second'"
            " FROM reference_storedanswer, generate_series(1, 3) n"
        )
    assert delete_expired() == 3
    assert list(StoredAnswer.objects.all()) == [old]


def test_a_bulk_capture_goes_on_where_it_was_cut_off(
    alpha: Client, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    from events.models import AuditRecord
    from reference.models import Security
    from reference.queries import forget_directory
    from trades.core import parsing
    from trades.models import RefusedLine, Submission, Trade

    monkeypatch.setattr(parsing, "CHUNK_LINES", 3)
    lines = [
        market.report(trade_id="A"), market.report(trade_id="B", quantity=-1), market.report(trade_id="A"),
        market.report(trade_id="C"), market.report(trade_id="A", quantity=7), market.report(trade_id="A"),
        market.report(trade_id="D"), market.report(trade_id="E", seller="NOBODY"),
    ]  # fmt: skip
    body = "\n".join(map(json.dumps, lines)).encode()

    def send(key: str | None, content: bytes = body) -> Any:
        sent: Any = {"Idempotency-Key": key}
        return alpha.post(f"{TRADES}/bulk", content, content_type="application/x-ndjson", headers=sent)

    def read(answer: Any) -> list[dict[str, Any]]:
        return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]

    # The client leaves after the first part, which is captured; the second is never made.
    cut = send("k")
    first = [json.loads(line) for line in next(iter(cut.streaming_content)).splitlines()]
    cut._iterator.close()
    assert [line["outcome"] for line in first] == ["ACCEPTED", "REFUSED", "REPEATED"]
    assert (Trade.objects.count(), Submission.objects.get().problem) == (1, "The input ended early.")
    # Another body under the key is refused, whole.
    other = send("k", body + b"\n")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    # A security that leaves the market in between does not change what was answered.
    Security.objects.filter(pk=market.equity.pk).update(active=False)
    forget_directory()
    again = send("k")
    assert (again["Location"], again["Idempotent-Replayed"]) == (cut["Location"], "true")
    assert read(again)[:3] == first
    Security.objects.filter(pk=market.equity.pk).update(active=True)
    forget_directory()
    assert (Trade.objects.count(), RefusedLine.objects.count()) == (1, 6)
    whole, once_more = read(send("k2")), read(send("k2"))
    assert once_more == whole
    assert (Submission.objects.count(), stored()) == (2, 2)
    outcomes = [line["outcome"] for line in whole]
    assert outcomes == ["REPEATED", "REFUSED", "REPEATED", "ACCEPTED", "REFUSED", "REPEATED", "ACCEPTED", "REFUSED"]
    second = Submission.objects.latest("pk")
    assert (second.lines, second.accepted, second.repeated, second.refused) == (8, 2, 3, 3)
    assert second.problem == ""
    # What was captured whole is not written again: no second record of its end.
    assert AuditRecord.objects.filter(object_type="submission", object_id=second.pk).count() == 1
