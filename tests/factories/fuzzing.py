"""schemathesis on the API in this process: cases of every operation of its schema, each undone after its answer."""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
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

from tests.factories.fuzz_doors import Doors

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
SIGNALS = (request_started, request_finished)


@dataclass
class Outcome:
    """What came of an operation's cases: how many, by status, and what broke the contract, once each."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)
    requests: set[int] = field(default_factory=set)


class Fuzz:
    """The API of this process with its schema. logins: the headers that log in, by name; "" has none."""

    def __init__(self, *, logins: dict[str, dict[str, str]], reader: Client) -> None:
        """Make the schema, and take what there is to be named in addresses and bodies from the API's own lists."""
        document = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))
        self.schema: Any = schemathesis.openapi.from_dict(document)
        self.logins = logins
        self.paths: dict[str, Any] = document["paths"]
        self.known = _known_values(paths=self.paths, reader=reader)
        self.by_field = _values_by_field(paths=self.paths, reader=reader)
        self.examples = _examples(paths=self.paths)
        self.doors = Doors()
        self.schema.app = self.doors.application
        self.undo = Undo()
        # What stands by now stays: the collector need not look through it again and again.
        gc.freeze()

    def operations(self) -> list[Any]:
        """Return every operation, in the order of the schema."""
        return [one.ok() for one in self.schema.get_all_operations()]

    def run(
        self, operation: Any, *, cases: int, number: int, groups: tuple[tuple[str, ...], ...]
    ) -> dict[str, Outcome]:
        """Answer this many cases of an operation, valid ones and broken ones, each by a login of each group.

        number: the seed. Making a case takes longer than answering it, so that each is sent once for every group.
        """
        random = Random(number)
        outcomes = {"/".join(dict.fromkeys(names)) or "nobody": Outcome() for names in groups}
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
        @given(case=st.sampled_from([valid, valid, broken]).flatmap(lambda one: one))
        def answer(case: Any) -> None:
            self._name_what_there_is(case, random)
            invented = (case.headers, case.cookies)
            for names, outcome in zip(groups, outcomes.values(), strict=True):
                login = random.choice(names)
                case.headers, case.cookies = invented
                if login or random.random() < 1 / 2:
                    # What the schema's ways to log in made schemathesis invent.
                    case.headers = {name: text for name, text in case.headers.items() if name != "Authorization"}
                    case.cookies = {}
                self.try_case(case, self.logins[login], outcome)

        answer()
        return outcomes

    def try_case(self, case: Any, headers: dict[str, str], outcome: Outcome) -> None:
        """Send a case, check its answer, and undo it."""
        with self.undo:
            response = self.doors.send(case, headers=headers, streams=_streams(case.operation))
        outcome.cases += 1
        outcome.statuses[response.status_code] += 1
        sent = (case.path_parameters, case.query, case.headers, case.cookies, case.media_type, case.body)
        outcome.requests.add(hash(repr(sent)))
        try:
            case.validate_response(response, checks=CHECKS, headers=headers)
        except (Failure, FailureGroup) as error:
            for failure in getattr(error, "exceptions", [error]):
                if len(outcome.failures) < REPORTED_FAILURES:
                    place = f"{failure.title} ({response.status_code})"
                    body = response.content[:300].decode(errors="replace") + self.doors.fault[-2000:]
                    words = f"{str(failure)[:700]}\n{case.as_curl_command()[:700]}\n{body}"
                    outcome.failures.setdefault(place, words)

    def _name_what_there_is(self, case: Any, random: Random) -> None:
        """Put what exists in place of two in three of the names that a case made up.

        One body in four is the documented example with some of the case's fields in it: a whole body that is made up
        seldom gets past the first rule.
        """
        known = self.known.get(case.operation.path, [])
        if isinstance(case.body, dict) and case.operation.label in self.examples and random.random() < 1 / 4:
            made_up = {name: value for name, value in case.body.items() if random.random() < 1 / 6}
            case.body = self.examples[case.operation.label] | made_up
        for part in (case.path_parameters, case.query, case.body):
            for name in part if isinstance(part, dict) else ():
                if name in self.by_field and random.random() < 2 / 3:
                    part[name] = random.choice(self.by_field[name])
        if known and case.path_parameters and random.random() < 2 / 3:
            case.path_parameters.update(random.choice(known))


class Undo:
    """Undo what is done inside, again and again, to one savepoint: one round trip, and none where nothing was asked."""

    def __init__(self) -> None:
        """Set the savepoint, in what is undone."""
        for signal in SIGNALS:
            # Django's own test client connects it again.
            signal.disconnect(close_old_connections)
        self.savepoint = transaction.savepoint()
        self.asked = False

    def _note(self, execute: Callable[..., Any], *call: Any) -> Any:
        self.asked = True
        return execute(*call)

    def __enter__(self) -> None:
        """Begin."""
        self.hooks = len(connection.run_on_commit)
        self.asked = False
        connection.execute_wrappers.append(self._note)

    def __exit__(self, *_error: object) -> None:
        """Go back to the savepoint, and forget what would have been done after the commit."""
        connection.execute_wrappers.remove(self._note)
        transaction.set_rollback(False)
        if self.asked:
            transaction.savepoint_rollback(self.savepoint)
        del connection.run_on_commit[self.hooks :]


@contextmanager
def undone() -> Iterator[None]:
    """Undo what is done inside; what must be outermost in the product may run inside it."""
    atomic = transaction.atomic()
    atomic._from_testcase = True  # type: ignore[attr-defined]
    for signal in SIGNALS:
        signal.disconnect(close_old_connections)
    try:
        with atomic:
            yield
            transaction.set_rollback(True)
    finally:
        for signal in SIGNALS:
            signal.connect(close_old_connections)


def _streams(operation: Any) -> bool:
    """Tell whether an operation answers with what does not end."""
    return "text/event-stream" in operation.definition.raw["responses"].get("200", {}).get("content", {})


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
    found["isin"] = found["security"]
    codes = [row["code"] for row in _lists(paths={k: v for k, v in paths.items() if k.endswith("/participants")},
                                           reader=reader).get("/api/v1/participants", [])]  # fmt: skip
    for name in ("buyer", "seller", "participant", "deliverer", "receiver", "counterparty", "member", "reporter"):
        if codes:
            found[name] = codes
    return found


def _examples(*, paths: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the first documented example of the body of each operation that has one, by its label."""
    found: dict[str, dict[str, Any]] = {}
    for path, operations in paths.items():
        for method in METHODS:
            body = operations.get(method, {}).get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in body.get("examples", {}).values():
                if isinstance(example["value"], dict):
                    found.setdefault(f"{method.upper()} {path}", example["value"])
    return found


def report(*, outcomes: dict[str, dict[str, Outcome]], number: int, write: Callable[[str], None]) -> None:
    """Write a line for each operation and login: cases, and how many of them by status."""
    for label, by_login in outcomes.items():
        for login, outcome in by_login.items():
            statuses = " ".join(f"{status}:{count}" for status, count in sorted(outcome.statuses.items()))
            broken = f" BROKEN {sorted(outcome.failures)}" if outcome.failures else ""
            cases = f"{outcome.cases} cases, {len(outcome.requests)} different"
            write(f"fuzz seed={number} {label} {login}: {cases} {statuses}{broken}")
