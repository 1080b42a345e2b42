"""Events in the API: in their order, each reader its own share, every one of the shape that was published."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from jsonschema import Draft202012Validator

from clearing.contracts import MemberDefaulted
from events.contracts import Share
from events.queries.schemas import event_schemas
from events.services.outbox import record_fact
from reference.origin import Door, Origin, acting_from
from tests.factories.market import Market
from trades.contracts import TradesCaptured, TradesMatched

pytestmark = pytest.mark.django_db
CORRELATION = UUID(int=77)


@pytest.fixture
def told(market: Market) -> dict[str, int]:
    """Three facts: of ALPHA and BRAVO, of operators alone, of everybody. Returns participants' ids."""
    ids = {"ALPHA": market.alpha.pk, "BRAVO": market.bravo.pk}
    with acting_from(Origin(door=Door.API, correlation_id=CORRELATION)):
        record_fact(
            fact=TradesMatched(count=3),
            shares={ids["ALPHA"]: Share(count=3, ids=("a", "b", "c")), ids["BRAVO"]: Share(count=1, ids=("b",))},
        )
    record_fact(fact=TradesCaptured(count=9))
    record_fact(fact=MemberDefaulted(case=4, member="BRAVO"), key="default/4", shares="*")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_outboxfact f SET position = p.place"
            " FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM events_outboxfact) p WHERE f.id = p.id"
        )
    return ids


def read(client: Client, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/events{query}")
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    for event in found:
        check(event)
    return found


def check(event: dict[str, Any]) -> None:
    """Hold an event against CloudEvents' required attributes and the schema that it names."""
    assert {"id", "source", "specversion", "type"} <= event.keys()
    assert all(name.isalnum() and name.islower() for name in event)
    published = {entry.schema["$id"]: entry.schema for entry in event_schemas()}
    Draft202012Validator(published[event["dataschema"]]).validate(event["data"])


def test_an_operator_and_an_auditor_read_everything_in_order(
    told: dict[str, int], operator: Client, auditor: Client
) -> None:
    for client in (operator, auditor):
        events = read(client)
        assert [event["position"] for event in events] == [1, 2, 3]
        assert [event["type"] for event in events] == ["fmi.TradesMatched", "fmi.TradesCaptured", "fmi.MemberDefaulted"]
        assert events[0]["data"] == {"count": 3}
        assert events[0]["correlationid"] == str(CORRELATION)
        assert "correlationid" not in events[1]
        assert [event["subject"] for event in events] == ["trades", "trades", "default/4"]
    assert [event["position"] for event in read(operator, "?after=1")] == [2, 3]
    assert [event["position"] for event in read(operator, f"?correlation_id={CORRELATION}")] == [1]
    assert [event["position"] for event in read(operator, "?name=TradesCaptured&key=trades")] == [2]
    assert operator.get("/api/v1/events?after=x").status_code == 400
    page = operator.get("/api/v1/events?limit=2").json()
    assert [event["position"] for event in page["results"]] == [1, 2]
    assert [event["position"] for event in operator.get(page["next"]).json()["results"]] == [3]


def test_a_participant_reads_its_own_share_and_nothing_else(told: dict[str, int], alpha: Client, bravo: Client) -> None:
    assert [(event["position"], event["data"], event["dataschema"]) for event in read(alpha)] == [
        (1, {"count": 3, "ids": ["a", "b", "c"]}, "urn:mini-fmi:Share:1"),
        (3, {"case": 4, "member": "BRAVO"}, "urn:mini-fmi:MemberDefaulted:1"),
    ]
    assert [event["data"] for event in read(bravo)] == [{"count": 1, "ids": ["b"]}, {"case": 4, "member": "BRAVO"}]
    assert "TradesCaptured" not in alpha.get("/api/v1/events").content.decode()


def test_the_registry_answers_what_an_event_names(alpha: Client) -> None:
    every = alpha.get("/api/v1/events/schemas").json()
    assert {entry["name"] for entry in every} >= {"TradesCaptured", "CycleSettled", "Share"}
    one = alpha.get("/api/v1/events/schemas/TradesMatched/1").json()
    assert one in every
    assert one["schema"]["properties"] == {"count": {"type": "integer"}}
    missing = alpha.get("/api/v1/events/schemas/TradesMatched/99")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown-schema")
