"""What is read has an ETag, and a change that rests on it is refused once somebody else has changed the same thing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from reference.models import Participant
from tests.factories.market import Market
from tests.factories.settled import report

BRAVO = "/api/v1/static-data/participants/BRAVO"


def patch(client: Client, path: str, tag: str, **body: Any) -> Any:
    return client.patch(path, body, content_type="application/json", headers={"If-Match": tag})


def post(client: Client, path: str, tag: str, **body: Any) -> Any:
    return client.post(path, body, content_type="application/json", headers={"If-Match": tag})


def test_who_has_the_newest_state_is_told_so_without_it(operator: Client) -> None:
    read = operator.get(BRAVO)
    tag = read["ETag"]
    assert tag.startswith('"')
    assert operator.get(BRAVO)["ETag"] == tag
    for known in (tag, f'"other", W/{tag}', "*"):
        again = operator.get(BRAVO, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    for unknown in ('"other"', "not a tag"):
        assert operator.get(BRAVO, headers={"If-None-Match": unknown}).json() == read.json()
    assert "ETag" not in operator.get("/api/v1/static-data/participants")
    assert "ETag" not in operator.get(BRAVO, headers={"Accept": "text/html"})


def test_the_second_of_two_who_read_the_same_is_refused(operator: Client) -> None:
    tag = operator.get(BRAVO)["ETag"]
    assert patch(operator, BRAVO, tag, name="First").status_code == 200
    refused = patch(operator, BRAVO, tag, name="Second")
    now = operator.get(BRAVO)["ETag"]
    assert (refused.status_code, refused.json()["code"], refused.json()["etag"]) == (412, "precondition-failed", now)
    assert operator.delete(BRAVO, headers={"If-Match": tag}).status_code == 412
    participant = Participant.objects.get(code="BRAVO")
    assert (participant.name, participant.active) == ("First", True)
    assert patch(operator, BRAVO, f'"other", {now}', name="Third").status_code == 200
    # A weak tag never matches, anything that stands matches *, and who sends nothing is not asked (RFC 9110).
    assert patch(operator, BRAVO, f"W/{operator.get(BRAVO)['ETag']}", name="Fourth").status_code == 412
    assert patch(operator, BRAVO, "*", name="Fifth").status_code == 200
    assert operator.patch(BRAVO, {"name": "Sixth"}, content_type="application/json").status_code == 200


@pytest.mark.parametrize(
    ("path", "tag", "code"),
    [
        (BRAVO, "no-quotes", "precondition-malformed"),
        (BRAVO, '"open', "precondition-malformed"),
        ("/api/v1/static-data/participants", '"any"', "precondition-not-taken"),
        ("/api/v1/trades", '"any"', "precondition-not-taken"),
    ],
)
def test_a_precondition_that_cannot_be_asked_is_refused(operator: Client, path: str, tag: str, code: str) -> None:
    answer = patch(operator, path, tag) if path == BRAVO else post(operator, path, tag)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_participant_matches_what_it_sees_itself(market: Market, operator: Client, alpha: Client) -> None:
    path = f"/api/v1/trades/{report(alpha, market)}"
    tag = alpha.get(path)["ETag"]
    key = {"Idempotency-Key": "cancel-once", "If-Match": '"older"'}
    stale = alpha.post(f"{path}/cancel", {}, content_type="application/json", headers=key)
    assert stale.status_code == 412
    # What was refused is not kept: the same key may be used again, and is then answered again without another look.
    for _ in range(2):
        done = alpha.post(f"{path}/cancel", {}, content_type="application/json", headers=key | {"If-Match": tag})
        assert (done.status_code, done.json()["outcome"]) == (200, "CANCELLED")
    assert post(alpha, f"{path}/cancel", tag).status_code == 412


def test_every_change_of_one_thing_takes_if_match(schema: dict[str, Any]) -> None:
    def takes(operation: dict[str, Any]) -> bool:
        return {"$ref": "#/components/parameters/If-Match"} in operation.get("parameters", [])

    for path, operations in schema["paths"].items():
        for method in {"put", "patch", "delete"} & set(operations):
            assert takes(operations[method]), (method, path)
            assert "412" in operations[method]["responses"], path
        if "get" in operations and path.endswith("}") and "Paginated" not in str(operations["get"]["responses"]["200"]):
            assert "ETag" in operations["get"]["responses"]["200"]["headers"], path
            # How a webhook's receiver fares moves by itself and is no part of its ETag: it is always told whole.
            told_whole = path == "/api/v1/webhooks/{public_id}"
            assert ("304" in operations["get"]["responses"]) is not told_whole, path
    for path in ("orders/{public_id}/replace", "orders/{public_id}/cancel", "trades/{public_id}/cancel",
                 "settlement/instructions/{public_id}/hold", "keys/{client_id}/rotate", "compliance/alerts/{id}",
                 "proposals/{public_id}/approve", "allocations/{public_id}/cancel"):  # fmt: skip
        assert takes(schema["paths"][f"/api/v1/{path}"]["post"]), path
