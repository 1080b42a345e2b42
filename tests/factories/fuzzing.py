"""schemathesis on the API in this process: cases of every operation of its schema, each undone after its answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import schemathesis
from django.conf import settings as live
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
METHODS = ("get", "post", "put", "patch", "delete")
KEYS = ("id", "public_id", "code", "client_id", "mic", "isin", "trade_id", "name", "key", "account_id")
REPORTED_FAILURES = 5


@dataclass
class Outcome:
    """What came of an operation's cases: how many, by status, and what broke the contract, once each."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)


class Fuzz:
    """The API of this process with its schema. logins: cookies by name; "" has none."""

    def __init__(self, *, logins: dict[str, dict[str, str]], reader: Client) -> None:
        """Make the schema, and take what there is to be named in addresses and bodies from the API's own lists."""
        document = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))
        self.schema: Any = schemathesis.openapi.from_dict(document)
        self.schema.app = WSGIHandler()
        self.logins = logins
        self.paths: dict[str, Any] = document["paths"]
        self.known = _known_values(paths=self.paths, reader=reader)
        self.by_field = _values_by_field(paths=self.paths, reader=reader)

    def operations(self) -> list[Any]:
        """Return every operation, in the order of the schema, but for the streams, which do not end."""
        found = (one.ok() for one in self.schema.get_all_operations())
        return [one for one in found if "text/event-stream" not in str(one.definition.raw["responses"].get("200"))]

    def run(self, operation: Any, *, cases: int, number: int, names: tuple[str, ...]) -> Outcome:
        """Answer this many cases of an operation, valid ones and broken ones; number: the seed; names: of logins."""
        outcome = Outcome()
        modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        valid, broken = (operation.as_strategy(generation_mode=mode, feedback=NO_FEEDBACK) for mode in modes)

        @seed(number)
        @settings(
            max_examples=cases,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=st.sampled_from([valid, valid, broken]).flatmap(lambda one: one), choice=st.integers(0, 2**32))
        def answer(case: Any, choice: int) -> None:
            random = Random(choice)
            self._name_what_there_is(case, random)
            login = random.choice(names)
            if login or random.random() < 1 / 2:
                # What the schema's ways to log in made schemathesis invent.
                case.headers = {name: text for name, text in case.headers.items() if name != "Authorization"}
                case.cookies = {}
            self._try(case, self.logins[login], outcome)

        answer()
        return outcome

    def _try(self, case: Any, cookies: dict[str, str], outcome: Outcome) -> None:
        """Send a case, check its answer, and undo it."""
        headers = {"X-CSRFToken": cookies[live.CSRF_COOKIE_NAME]} if cookies else {}
        with undone():
            response = case.call(headers=headers, cookies=cookies)
        outcome.cases += 1
        outcome.statuses[response.status_code] += 1
        try:
            case.validate_response(response, checks=CHECKS, headers=headers)
        except (Failure, FailureGroup) as error:
            for failure in getattr(error, "exceptions", [error]):
                if len(outcome.failures) < REPORTED_FAILURES:
                    place = f"{failure.title} ({response.status_code})"
                    body = response.content[:300].decode(errors="replace")
                    words = f"{str(failure)[:700]}\n{case.as_curl_command()[:700]}\n{body}"
                    outcome.failures.setdefault(place, words)

    def _name_what_there_is(self, case: Any, random: Random) -> None:
        """Put what exists in place of two in three of the names that a case made up."""
        known = self.known.get(case.operation.path, [])
        if known and case.path_parameters and random.random() < 2 / 3:
            case.path_parameters.update(random.choice(known))
        if isinstance(case.body, dict):
            for name in case.body:
                if name in self.by_field and random.random() < 2 / 3:
                    case.body[name] = random.choice(self.by_field[name])


@contextmanager
def undone() -> Iterator[None]:
    """Undo what is done inside; what must be outermost in the product may run inside it."""
    atomic = transaction.atomic()
    atomic._from_testcase = True  # type: ignore[attr-defined]
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        with atomic:
            yield
            transaction.set_rollback(True)
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


def _lists(*, paths: dict[str, Any], reader: Client) -> dict[str, list[dict[str, Any]]]:
    """Return the first page of every list that needs no parameter, by its path."""
    found = {}
    for path, operations in paths.items():
        if "{" not in path and "get" in operations:
            answer = reader.get(path)
            body = answer.json() if answer.status_code == 200 and "json" in answer["Content-Type"] else {}
            rows = body.get("results") if isinstance(body, dict) else body
            if isinstance(rows, list) and rows and isinstance(rows[0], dict):
                found[path] = rows
    return found


def _known_values(*, paths: dict[str, Any], reader: Client) -> dict[str, list[dict[str, Any]]]:
    """Return path parameters that name what exists, by path: those of the list that the path begins with."""
    lists = _lists(paths=paths, reader=reader)
    found: dict[str, list[dict[str, Any]]] = {}
    for path in paths:
        head, brace, rest = path.partition("/{")
        rows = lists.get(head, lists.get(head + "s", []))
        if not brace or not rows:
            continue
        name = rest.partition("}")[0]
        field_name = next((key for key in (name, *KEYS) if key in rows[0]), None)
        if field_name is not None:
            found[path] = [{name: row[field_name]} for row in rows[:20] if row[field_name] is not None]
    return found


def _values_by_field(*, paths: dict[str, Any], reader: Client) -> dict[str, list[Any]]:
    """Return what stands in the fields of all lists, by the field's name: what bodies are made of."""
    found: dict[str, list[Any]] = {}
    for rows in _lists(paths=paths, reader=reader).values():
        for row in rows[:20]:
            for name, value in row.items():
                if isinstance(value, str | int) and not isinstance(value, bool):
                    values = found.setdefault(name, [])
                    if value not in values and len(values) < 20:
                        values.append(value)
    codes = [row["code"] for row in _lists(paths={k: v for k, v in paths.items() if k.endswith("/participants")},
                                           reader=reader).get("/api/v1/participants", [])]  # fmt: skip
    for name in ("buyer", "seller", "participant", "deliverer", "receiver", "counterparty", "member", "reporter"):
        if codes:
            found[name] = codes
    return found


def report(*, outcomes: dict[str, dict[str, Outcome]], number: int, write: Callable[[str], None]) -> None:
    """Write a line for each operation and login: cases, and how many of them by status."""
    for label, by_login in outcomes.items():
        for login, outcome in by_login.items():
            statuses = " ".join(f"{status}:{count}" for status, count in sorted(outcome.statuses.items()))
            broken = f" BROKEN {sorted(outcome.failures)}" if outcome.failures else ""
            write(f"fuzz seed={number} {label} {login}: {outcome.cases} cases {statuses}{broken}")
