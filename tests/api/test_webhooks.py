"""Webhooks in the API and on their pages: made, changed and sent again by whoever holds them, and audited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from events.models import AuditRecord, WebhookDelivery, WebhookEndpoint, WebhookSecret
from events.services.outbox import record_fact
from events.services.send_webhooks import send_due
from reference.keys.housekeeping import reencrypt_secrets
from tests.factories.market import Market
from tests.factories.receiver import Receiver, start_receiver
from tests.factories.signing import make_key, send
from tests.pages.reading import get_csv, get_text
from trades.contracts import TradesCaptured

pytestmark = pytest.mark.django_db
ADDRESS = "https://hooks.example.com/in"
WEBHOOKS = "/api/v1/webhooks"


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    found = start_receiver()
    yield found
    found.stop()


def make(client: Client, status: int = 201, **fields: Any) -> dict[str, Any]:
    answer = client.post(WEBHOOKS, {"url": ADDRESS} | fields, "application/json")
    assert answer.status_code == status, answer.content
    return dict(answer.json())


def test_webhooks_are_made_changed_and_removed_by_their_own(
    market: Market, operator: Client, auditor: Client, alpha: Client, bravo: Client
) -> None:
    own = make(alpha, events=["TradesMatched"], description="matches")
    assert own["secret"].startswith("whsec_")
    assert (own["participant"], own["owner"], own["health"], own["events"]) == (
        "ALPHA",
        "alpha",
        "OK",
        ["TradesMatched"],
    )
    make(operator)
    theirs = make(auditor)
    listed = {name: client.get(WEBHOOKS).json()["results"] for name, client in
              {"alpha": alpha, "bravo": bravo, "operator": operator, "auditor": auditor}.items()}  # fmt: skip
    assert {name: len(rows) for name, rows in listed.items()} == {"alpha": 1, "bravo": 0, "operator": 3, "auditor": 3}
    assert "secret" not in listed["alpha"][0]
    path = f"{WEBHOOKS}/{own['id']}"
    assert [client.get(path).status_code for client in (alpha, bravo, operator)] == [200, 404, 200]
    for step in ("rotate-secret", "test"):
        assert bravo.post(f"{path}/{step}", {}, "application/json").status_code == 404
    changed = alpha.patch(path, {"events": []}, "application/json").json()
    assert changed["events"] == []
    # An operator switches it, and no more than that; an auditor nothing but its own.
    refused = operator.patch(path, {"url": "https://elsewhere.example/"}, "application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "webhook-not-yours")
    assert auditor.patch(path, {"enabled": False}, "application/json").status_code == 403
    off = operator.patch(path, {"enabled": False}, "application/json").json()
    assert (off["enabled"], off["disabled_because"], off["health"]) == (False, "ASKED", "OFF")
    assert alpha.post(f"{path}/test", {}, "application/json").json()["code"] == "webhook-switched-off"
    assert alpha.patch(path, {"enabled": True}, "application/json").json()["health"] == "OK"
    assert auditor.delete(f"{WEBHOOKS}/{theirs['id']}").status_code == 204
    assert auditor.get(f"{WEBHOOKS}/{theirs['id']}").status_code == 404
    done = AuditRecord.objects.filter(action__startswith="webhook.").order_by("pk")
    assert [row.action for row in done] == [
        "webhook.create", "webhook.create", "webhook.create", "webhook.change", "webhook.disable", "webhook.enable",
        "webhook.disable",
    ]  # fmt: skip
    assert done[3].detail["before"] == {"events": ["TradesMatched"]}
    assert own["secret"] not in json.dumps(list(done.values_list("detail", flat=True)))
    kept = bytes(WebhookSecret.objects.earliest("pk").secret)
    reencrypt_secrets(now=timezone.now())
    assert bytes(WebhookSecret.objects.earliest("pk").secret) != kept


def test_what_is_refused(market: Market, operator: Client, alpha: Client) -> None:
    for url in (
        "http://hooks.example.com/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest",
        "https://localhost/",
    ):
        problem = make(alpha, 422, url=url)
        assert (problem["code"], problem["errors"][0]["pointer"]) == ("webhook-address-refused", "/url")
    assert make(alpha, 422, events=["Nothing"])["code"] == "unknown-event"
    assert make(alpha, 400, colour="red")["code"] == "invalid-input"
    for _ in range(20):
        make(alpha)
    assert make(alpha, 409)["code"] == "too-many-webhooks"
    # A key signs what makes or shows a secret, and needs the scope.
    key = make_key("webhooks:read", "webhooks:write", name="operator")
    assert send(key, "POST", WEBHOOKS, {"url": ADDRESS}, signed=False).status_code in {401, 403}
    made = send(key, "POST", WEBHOOKS, {"url": ADDRESS})
    assert made.status_code == 201
    rotate = f"{WEBHOOKS}/{made.json()['id']}/rotate-secret"
    assert send(key, "POST", rotate, {}, signed=False).status_code in {401, 403}
    assert send(key, "POST", rotate, {}).json()["secret"] != made.json()["secret"]
    assert send(make_key("webhooks:read", name="operator"), "POST", rotate, {}).status_code == 403


def test_a_delivery_is_read_and_sent_again(market: Market, operator: Client, bravo: Client, receiver: Receiver) -> None:
    made = make(operator, url=receiver.url)
    path, page = f"{WEBHOOKS}/{made['id']}", f"/webhooks/{made['id']}/"
    receiver.answers.append(500)
    pinged = operator.post(f"{path}/test", {}, "application/json")
    assert (pinged.status_code, pinged.json()["event"], pinged.json()["state"]) == (202, "Ping", "PENDING")
    assert operator.post(
        f"{path}/deliveries/{pinged.json()['id']}/redeliver", {}, "application/json"
    ).json()["code"] == "delivery-under-way"  # fmt: skip
    send_due(now=timezone.now())
    one = f"{path}/deliveries/{pinged.json()['id']}"
    read = operator.get(one).json()
    assert [(attempt["status"], attempt["error"]) for attempt in read["log"]] == [(500, "")]
    assert read["body"]["type"] == "fmi.Ping"
    assert json.loads(receiver.received[0].body) == read["body"]
    WebhookDelivery.objects.update(state="FAILED", ended_at=timezone.now())
    record_fact(fact=TradesCaptured(count=1))
    again = operator.post(f"{path}/redeliver", {"since": "2008-01-01T00:00:00Z"}, "application/json")
    assert (again.status_code, again.json()) == (202, {"count": 1})
    send_due(now=timezone.now())
    assert operator.get(f"{path}/deliveries?state=DELIVERED").json()["results"][0]["id"] == pinged.json()["id"]
    assert operator.get(f"{path}/deliveries?state=FAILED").json()["results"] == []
    assert operator.post(f"{one}/redeliver", {}, "application/json").status_code == 202
    for address in (path, f"{path}/deliveries", one, page, f"{page}deliveries/{pinged.json()['id']}/"):
        assert bravo.get(address).status_code == 404
    check_pages(operator, bravo, made=made, delivery_id=pinged.json()["id"], receiver=receiver)


def check_pages(operator: Client, bravo: Client, *, made: dict[str, Any], delivery_id: str, receiver: Receiver) -> None:
    """Look at the pages of what the API did, and do it from there."""
    page = f"/webhooks/{made['id']}/"
    text = get_text(operator, "/webhooks/")
    assert receiver.url in text
    assert "In order" in text
    assert "50.0 % of 2" in text
    assert [row["url"] for row in get_csv(operator, "/webhooks/?format=csv")] == [receiver.url]
    assert receiver.url not in get_text(bravo, "/webhooks/")
    assert "Waits" in get_text(operator, page)
    assert [row["state"] for row in get_csv(operator, f"{page}?format=csv")] == ["PENDING"]
    text = get_text(operator, f"{page}deliveries/{delivery_id}/")
    assert "500" in text
    assert "204" in text
    assert "fmi.Ping" in text
    send_due(now=timezone.now())
    assert operator.post(f"{page}redeliver/", {"delivery": delivery_id}).status_code == 302
    assert WebhookDelivery.objects.get().state == "PENDING"
    shown = operator.post(f"{page}rotate/", {"grace_hours": "24"})
    assert b"whsec_" in shown.content
    assert shown["Cache-Control"] == "no-store"
    operator.post(f"{page}disable/")
    assert "Switched off" in get_text(operator, "/webhooks/?view=failing")
    assert "Nothing is sent to it" in get_text(operator, page)
    operator.post(f"{page}enable/")
    assert bravo.post(f"{page}remove/").status_code in {302, 404}
    assert WebhookEndpoint.objects.get().enabled
    operator.post(f"{page}remove/")
    assert "No webhook here" in get_text(operator, "/webhooks/")
    assert "whsec_" in operator.post("/webhooks/new/", {"url": ADDRESS, "events": ["TradesMatched"]}).content.decode()
    refused = operator.post("/webhooks/new/", {"url": "gopher://x"})
    assert refused.status_code == 422
    assert b"begins with https" in refused.content


def test_an_edit_rests_on_what_was_edited_and_not_on_how_the_receiver_fares(market: Market, alpha: Client) -> None:
    made = make(alpha)
    path = f"{WEBHOOKS}/{made['id']}"

    def patch(tag: str, **fields: Any) -> int:
        return alpha.patch(path, fields, content_type="application/json", headers={"If-Match": tag}).status_code

    tag = alpha.get(path)["ETag"]
    moment = timezone.now()
    WebhookEndpoint.objects.update(failures=7, failing_since=moment, opened_until=moment)
    read = alpha.get(path, headers={"If-None-Match": tag})
    assert (read.status_code, read["ETag"], read.json()["health"]) == (200, tag, "OPEN"), "told whole, under its tag"
    assert patch(tag, description="mine") == 200
    assert patch(tag, description="not seen") == 412
    tag = alpha.get(path)["ETag"]
    WebhookEndpoint.objects.update(enabled=False, disabled_at=moment, disabled_because="GONE")
    assert patch(tag, url="https://elsewhere.example.com/") == 412, "it was switched off, which an edit changes too"
