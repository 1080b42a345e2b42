"""One trace from POST to the journal entry; links where a set carries several; nothing at all while off."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from celery.signals import before_task_publish, task_postrun, task_prerun
from django.test import Client
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from clearing.services.net_obligations import net_obligations
from fmi import business_day
from fmi.telemetry.carry import carrying_on
from fmi.telemetry.traces import span_id_of, start_traces, stop_traces
from ledger.models import JournalEntry
from reference.origin import Door, Origin, acting_from
from reference.public_ids import new_public_id
from settlement.models import DayStep
from settlement.services.business_day import open_business_day
from tests.factories.chain import Chain
from tests.factories.market import login
from trades.models import Trade

pytestmark = pytest.mark.django_db
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    start_traces(processor=SimpleSpanProcessor(exporter), version="test")
    yield exporter
    stop_traces()


def post(client: Client, chain: Chain, trade_id: str, *, cleared: bool = False) -> UUID:
    """Report both sides of a trade that settles today; return the request's id."""
    fields = chain.fields(trade_id, "ALPHA", "BRAVO", cleared=cleared, settlement_date=chain.day.isoformat())
    answer = client.post("/api/v1/trades", fields, content_type="application/json")
    assert answer.status_code == 201, answer.content
    return UUID(answer["X-Request-ID"])


def trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.trace_id)


def named(spans: Sequence[ReadableSpan], name: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name == name]


def linked(span: ReadableSpan) -> set[int]:
    return {link.context.trace_id for link in span.links}


def settles_at_once(chain: Chain) -> Client:
    """Open the day, let real-time settlement run, give both sides what they need; return the operator."""
    open_business_day(business_date=chain.day, at=chain.at)
    DayStep.objects.filter(planned_at__lte=chain.at, done_at=None).update(done_at=chain.at)
    chain.give("ALPHA", "EUR", 1_000_000)
    chain.give("BRAVO", "STOCK", 1_000)
    return login(name="operator")


def test_one_report_is_one_trace_down_to_its_journal_entry(chain: Chain, spans: InMemorySpanExporter) -> None:
    operator = settles_at_once(chain)
    own_id = post(operator, chain, "T-1")
    with acting_from(Origin(door=Door.COMMAND, client="step", correlation_id=new_public_id())):
        business_day.run_flow()
    assert Trade.objects.get().status == "SETTLED"
    entry = JournalEntry.objects.latest("id")
    ours = [span for span in spans.get_finished_spans() if trace_of(span) == own_id.int]
    by_id = {span.context.span_id: span for span in ours if span.context is not None}
    (posting,) = named(ours, "ledger.post")
    assert entry.source in str((posting.attributes or {})["sources"]).split()
    path = [posting]
    while (above := path[-1].parent) is not None:
        path.append(by_id[above.span_id])
    assert [span.name for span in path] == [
        "ledger.post", "settlement.cycle", "settlement.settle_now", "POST api/v1/trades",
    ]  # fmt: skip
    assert path[-1].context is not None
    assert path[-1].context.span_id == span_id_of(own_id)
    assert {"trades.enrich", "clearing.novate", "clearing.instruct", "clearing.discharge"} <= {
        span.name for span in ours
    }


def test_a_set_of_several_is_linked_to_each(chain: Chain, spans: InMemorySpanExporter) -> None:
    operator = settles_at_once(chain)
    ids = {post(operator, chain, f"T-{number}").int for number in range(3)}
    tick = new_public_id()
    with acting_from(Origin(door=Door.COMMAND, client="step", correlation_id=tick)):
        business_day.run_flow()
    assert set(Trade.objects.values_list("status", flat=True)) == {"SETTLED"}
    found = spans.get_finished_spans()
    assert any(linked(span) == ids for span in named(found, "trades.enrich"))
    # From the set on, all that follows is in the trace of what took the set up.
    assert trace_of(named(found, "settlement.cycle")[0]) == tick.int


def test_netting_is_linked_to_the_reports_that_it_nets(chain: Chain, spans: InMemorySpanExporter) -> None:
    operator = login(name="operator")
    ids = {post(operator, chain, f"T-{number}", cleared=True).int for number in range(2)}
    with acting_from(Origin(door=Door.COMMAND, client="step", correlation_id=new_public_id())):
        business_day.run_flow()
        net_obligations(at=chain.at, business_date=chain.day)
    (netting,) = named(spans.get_finished_spans(), "clearing.net")
    assert linked(netting) == ids


def test_a_message_takes_the_trace_to_the_worker(spans: InMemorySpanExporter) -> None:
    tick, cause, several = new_public_id(), new_public_id(), [new_public_id() for _ in range(3)]
    for ids in ([cause], several):
        headers: dict[str, Any] = {}
        with (
            acting_from(Origin(door=Door.TASK, client="fmi.deliver", correlation_id=tick)),
            carrying_on(ids),
        ):
            before_task_publish.send(sender="trades.match", headers=headers)
        task = SimpleNamespace(name="trades.match", request=SimpleNamespace(**json.loads(json.dumps(headers))))
        task_prerun.send(sender=task.name, task_id="1", task=task)
        task_postrun.send(sender=task.name, task_id="1", task=task, state="SUCCESS")
    one, set_of_three = spans.get_finished_spans()
    assert (trace_of(one), linked(one)) == (cause.int, set())
    assert one.parent is not None
    assert one.parent.span_id == span_id_of(cause)
    assert (trace_of(set_of_three), linked(set_of_three)) == (tick.int, {each.int for each in several})


def test_a_callers_trace_goes_on(client: Client, spans: InMemorySpanExporter) -> None:
    other = new_public_id()
    client.get("/health", headers={"traceparent": CALLER})
    client.get("/health", headers={"traceparent": CALLER, "x-request-id": str(other)})
    inside, beside = spans.get_finished_spans()
    assert inside.parent is not None
    assert (trace_of(inside), inside.parent.span_id) == (int(CALLER[3:35], 16), int(CALLER[36:52], 16))
    assert (trace_of(beside), linked(beside)) == (other.int, {int(CALLER[3:35], 16)})


def test_off_it_opens_no_span(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = settles_at_once(chain)
    monkeypatch.setitem(sys.modules, "fmi.telemetry.traces", None)
    post(operator, chain, "T-1")
    business_day.run_flow()
    assert Trade.objects.get().status == "SETTLED"
