"""Facts are delivered until acknowledged, in order, once each where nothing fails; the audit log keeps its digest."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from datetime import UTC
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from events.models import AuditRecord, OutboxFact, UnsealedRecord
from events.queries.audit import actions_on, visible_records
from events.queries.outbox import waiting_facts
from events.services.audit import record_action, record_actions
from events.services.outbox import deliver_facts, record_fact
from reference.core.actor import SYSTEM
from reference.origin import Door, Origin, acting_from
from tests.factories.chain import MONDAY, Chain, at_time
from trades.contracts import TradesCaptured, TradesMatched

pytestmark = pytest.mark.django_db
AT = at_time(MONDAY, 10)


def test_a_fact_that_was_rolled_back_was_never_recorded() -> None:
    with transaction.atomic():
        record_fact(fact=TradesCaptured(count=1))
        transaction.set_rollback(True)
    assert waiting_facts() == 0


def test_facts_are_delivered_in_order_and_once() -> None:
    for number in (1, 2, 3):
        record_fact(fact=TradesCaptured(count=number))
    seen: list[tuple[str, Mapping[str, Any]]] = []
    assert deliver_facts(dispatch=lambda name, payload, _: seen.append((name, payload)), limit=2) == 2
    assert deliver_facts(dispatch=lambda name, payload, _: seen.append((name, payload))) == 1
    assert deliver_facts(dispatch=lambda name, payload, _: seen.append((name, payload))) == 0
    assert seen == [("TradesCaptured", {"count": number}) for number in (1, 2, 3)]
    assert OutboxFact.objects.filter(delivered_at=None).count() == waiting_facts() == 0
    assert set(OutboxFact.objects.values_list("version", flat=True)) == {1}


def test_a_delivery_that_fails_is_tried_again() -> None:
    record_fact(fact=TradesCaptured(count=1))
    record_fact(fact=TradesMatched(count=2))

    def refuse(name: str, payload: Mapping[str, Any], _: object) -> None:
        if name == "TradesMatched":
            raise ConnectionError("no broker")

    with pytest.raises(ConnectionError):
        deliver_facts(dispatch=refuse)
    assert waiting_facts() == 2
    assert deliver_facts(dispatch=lambda *_: None) == 2


def test_a_broker_that_refuses_leaves_the_facts_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    from fmi import business_day

    def refuse(name: str) -> None:
        raise ConnectionError(name)

    record_fact(fact=TradesCaptured(count=1))
    monkeypatch.setattr(business_day, "send_task", refuse)
    with pytest.raises(ConnectionError, match=r"trades\.match"):
        business_day.deliver_and_wake()
    assert waiting_facts() == 1
    woken: list[str] = []
    monkeypatch.setattr(business_day, "send_task", woken.append)
    record_fact(fact=TradesCaptured(count=2))
    record_fact(fact=TradesMatched(count=2))
    business_day.deliver_and_wake()
    assert woken == ["trades.match", "trades.enrich", "clearing.novate"]
    assert waiting_facts() == 0


@pytest.mark.django_db(transaction=True)
def test_two_deliverers_share_the_work_and_neither_waits() -> None:
    for number in range(4):
        record_fact(fact=TradesCaptured(count=number))
    first, second = threading.Event(), threading.Event()
    seen: dict[str, list[int]] = {"one": [], "two": []}

    def one() -> None:
        def hold(name: str, payload: Mapping[str, Any], _: object) -> None:
            seen["one"].append(payload["count"])
            first.set()
            second.wait(timeout=20)

        try:
            deliver_facts(dispatch=hold, limit=2)
        finally:
            connection.close()

    thread = threading.Thread(target=one)
    thread.start()
    assert first.wait(timeout=20)
    assert deliver_facts(dispatch=lambda name, payload, _: seen["two"].append(payload["count"])) == 2
    second.set()
    thread.join(timeout=20)
    assert seen == {"one": [0, 1], "two": [2, 3]}
    assert waiting_facts() == 0


def test_an_audit_record_says_from_where_and_carries_the_digest_of_its_content() -> None:
    origin = Origin(door=Door.API, address="192.0.2.7", client="key-1", correlation_id=UUID(int=5))
    with acting_from(origin):
        record_action(
            actor=SYSTEM, action="thing.changed", at=AT, business_date=MONDAY, summary="A to B", object_type="thing",
            object_id=7, detail={"before": "A", "after": "B"},
        )  # fmt: skip
    record = AuditRecord.objects.get()
    written, at = (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for moment in (record.recorded_at, record.at)
    )
    canonical = (
        f'[{record.pk}, "{written}", "{at}", "2008-09-08", "system", "OPERATOR", null, "API", "192.0.2.7", "key-1",'
        f' "00000000-0000-0000-0000-000000000005", "thing.changed", "thing", 7, "A to B",'
        ' {"after": "B", "before": "A"}, 2, null]'
    )
    assert bytes(record.digest) == hashlib.sha256(b"\0" + canonical.encode()).digest()
    assert list(UnsealedRecord.objects.values_list("pk", flat=True)) == [record.pk]


def test_the_same_action_on_several_is_a_record_each() -> None:
    record_actions(
        actor=SYSTEM, action="thing.changed", at=AT, business_date=MONDAY, object_type="thing",
        objects=[(1, "one", {}), (2, "two", {})],
    )  # fmt: skip
    assert [record.summary for record in actions_on(object_type="thing", object_ids=[1, 2])] == ["one", "two"]


def test_a_participant_sees_its_own_actions_only(chain: Chain) -> None:
    for code in ("ALPHA", "BRAVO"):
        record_action(actor=chain.actor(code), action="thing.done", at=AT, business_date=MONDAY, summary=code)
    assert [record.summary for record in visible_records(actor=chain.actor("ALPHA"))] == ["ALPHA"]
    assert visible_records(actor=SYSTEM).count() == 2
