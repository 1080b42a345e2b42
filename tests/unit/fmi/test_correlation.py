"""Which id a request brings, whose address it comes from, and what a log line says of both."""

from __future__ import annotations

import json
import logging
import re
import sys
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from celery.signals import before_task_publish, task_postrun, task_prerun

from fmi.telemetry.carry import HEADER, MOST_CAUSES, carrying_on, causes
from fmi.telemetry.correlation import read_correlation_id
from fmi.telemetry.doors import client_address
from fmi.telemetry.logs import JsonFormatter, LineFormatter
from reference.origin import Door, Origin, acting_from, current_origin, note_client
from reference.public_ids import new_public_id

GIVEN = UUID("01988a4e-0000-7000-8000-00000000abcd")
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("request_id", "trace_parent", "read"),
    [
        (str(GIVEN), "", GIVEN),
        (GIVEN.hex, "", GIVEN),
        (str(GIVEN).upper(), f"00-{TRACE}-b7ad6b7169203331-01", GIVEN),
        ("", f"00-{TRACE}-b7ad6b7169203331-01", UUID(TRACE)),
        ("my request", f"00-{TRACE}-b7ad6b7169203331-01", UUID(TRACE)),
        (str(UUID(int=0)), "", None),
        (f"{GIVEN}\n", "", None),
        (f"{{{GIVEN}}}", "", None),
        ("", f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        ("", f"00-{TRACE}-{'0' * 16}-01", None),
        ("", f"ff-{TRACE}-b7ad6b7169203331-01", None),
        ("", TRACE, None),
        ("", "", None),
    ],
)
def test_the_id_that_a_request_brings(request_id: str, trace_parent: str, read: UUID | None) -> None:
    assert read_correlation_id(request_id=request_id, trace_parent=trace_parent) == read


def test_a_new_id_is_of_version_7_and_later_than_the_one_before() -> None:
    ids = [new_public_id() for _ in range(1000)]
    assert {(made.version, made.variant) for made in ids} == {(7, GIVEN.variant)}
    assert len(set(ids)) == 1000
    assert [made.int >> 80 for made in ids] == sorted(made.int >> 80 for made in ids)


def test_the_address_is_the_one_that_our_proxy_adds_and_only_behind_one(settings: Any) -> None:
    meta = {"REMOTE_ADDR": "10.0.0.7", "HTTP_X_FORWARDED_FOR": "203.0.113.9, 198.51.100.4"}
    settings.BEHIND_PROXY = False
    assert client_address(meta) == "10.0.0.7"
    settings.BEHIND_PROXY = True
    assert client_address(meta) == "198.51.100.4"
    assert client_address({"REMOTE_ADDR": "10.0.0.7"}) == "10.0.0.7"
    assert client_address({"REMOTE_ADDR": "10.0.0.7", "HTTP_X_FORWARDED_FOR": "x, <script>"}) == ""
    assert client_address({}) == ""


def record(message: str, **extra: Any) -> logging.LogRecord:
    return logging.getLogger("fmi.test").makeRecord(
        "fmi.test", logging.INFO, __file__, 1, message, (), extra.pop("exc_info", None), extra=extra
    )


def test_a_line_names_its_origin_and_cannot_be_broken_into_two() -> None:
    origin = Origin(door=Door.API, address="10.0.0.7", client="key-1", correlation_id=GIVEN)
    fields = {"path": "/x\n2026 ERROR forged", "status": 201, "actor": ""}
    with acting_from(origin):
        line = LineFormatter("%(levelname)s %(name)s: %(message)s").format(record("answered", fields=fields))
        document = json.loads(JsonFormatter().format(record("answered", fields=fields)))
    assert line == (
        'INFO fmi.test: answered path="/x\\n2026 ERROR forged" status=201 '
        f"correlation_id={GIVEN} door=API client=key-1 address=10.0.0.7"
    )
    assert document.pop("at").endswith("+00:00")
    assert document == {
        "level": "INFO", "logger": "fmi.test", "message": "answered", **fields, "correlation_id": str(GIVEN),
        "door": "API", "client": "key-1", "address": "10.0.0.7",
    }  # fmt: skip


def test_a_message_of_outside_makes_no_second_line() -> None:
    fields = {"path": "a\x9b31m\u2028b c"}
    forged = record("refused: x\n2026-01-01 ERROR fmi: forged\r\x1b[2J", fields=fields)
    (line,) = LineFormatter("%(asctime)s %(message)s").format(forged).splitlines()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z refused", line)
    assert line.partition("Z ")[2] == (r'refused: x\n2026-01-01 ERROR fmi: forged\r\x1b[2J path="a\x9b31m\u2028b c"')


def test_a_traceback_stays_with_its_line() -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        failed = record("failed", exc_info=sys.exc_info())
    assert "RuntimeError: broken" in json.loads(JsonFormatter().format(failed))["exception"]
    assert LineFormatter("%(message)s").format(failed).splitlines()[0] == "failed"


def sent_under(origin: Origin, ids: list[UUID]) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    with acting_from(origin), carrying_on(ids):
        before_task_publish.send(sender="trades.match", headers=headers)
    return headers


def test_a_task_goes_on_with_the_id_of_what_caused_it() -> None:
    tick = Origin(door=Door.TASK, client="fmi.deliver", correlation_id=new_public_id())
    several = [new_public_id() for _ in range(MOST_CAUSES + 3)]
    for ids, own, following in (
        ([GIVEN, GIVEN], GIVEN, ()),
        ([], tick.correlation_id, ()),
        (several, tick.correlation_id, tuple(sorted(several)[:MOST_CAUSES])),
    ):
        message = json.loads(json.dumps(sent_under(tick, ids)))
        task = SimpleNamespace(name="trades.match", request=SimpleNamespace(**message))
        task_prerun.send(sender=task.name, task_id="1", task=task)
        assert current_origin() == Origin(door=Door.TASK, client="trades.match", correlation_id=own)
        assert causes() == following
        task_postrun.send(sender=task.name, task_id="1", task=task, state="SUCCESS")
        assert (current_origin(), causes()) == (Origin(), ())
    assert HEADER not in sent_under(Origin(), [])


def test_the_key_that_acts_is_known_until_the_door_closes() -> None:
    with acting_from(Origin(door=Door.API, correlation_id=GIVEN)):
        note_client(client="key-1")
        assert current_origin() == Origin(door=Door.API, client="key-1", correlation_id=GIVEN)
    assert current_origin() == Origin()
