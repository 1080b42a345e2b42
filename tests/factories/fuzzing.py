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
from unittest.mock import patch

import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.engine import ConjectureRunner
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
from tests.factories.fuzz_good import Good, good_requests
from tests.factories.fuzz_names import examples, known_values, read_lists, values_by_field

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
REPORTED_FAILURES = 5
# So many of the cases are the request that succeeds, with little changed.
NEARLY_GOOD = 1 / 8
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

    def __init__(self, *, logins: dict[str, dict[str, str]], reader: Client, keys: dict[str, Any]) -> None:
        """Make the schema, and take what there is to be named in addresses and bodies from the API's own lists.

        keys: what the requests name that are known to succeed.
        """
        document = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))
        self.schema: Any = schemathesis.openapi.from_dict(document)
        self.logins = logins
        self.paths: dict[str, Any] = document["paths"]
        self.by_label = {one.label: one for one in self.operations()}
        self.good = good_requests(labels=list(self.by_label), keys=keys)
        lists = read_lists(paths=self.paths, reader=reader)
        self.known = known_values(paths=self.paths, lists=lists)
        self.by_field = values_by_field(lists=lists)
        self.examples = examples(paths=self.paths)
        for label, good in self.good.items():
            if good.path_parameters:
                self.known.setdefault(label.split(" ", 1)[1], []).append(good.path_parameters)
            if isinstance(good.body, dict):
                self.examples[label] = good.body
        self.doors = Doors()
        self.schema.app = self.doors.application
        self.undo = Undo()
        self.last = b""
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
            good = None
            if random.random() < NEARLY_GOOD:
                good = self._make_nearly_good(case, random)
            else:
                self._name_what_there_is(case, random)
            invented = (case.headers, case.cookies)
            for names, outcome in zip(groups, outcomes.values(), strict=True):
                login = random.choice((good.by, good.by, "signed") if good and good.by in names else names)
                case.headers, case.cookies = invented
                if login or random.random() < 1 / 2:
                    # What the schema's ways to log in made schemathesis invent.
                    case.headers = {name: text for name, text in case.headers.items() if name != "Authorization"}
                    case.cookies = {}
                self.try_case(case, self.logins[login], outcome, before=good and self.good.get(good.before))

        # What Hypothesis would make of a case by repeating parts of it takes longer than a new one, and is less new.
        with patch.object(ConjectureRunner, "generate_mutations_from", lambda *_: None):
            answer()
        return outcomes

    def run_good(self, operation: Any) -> Outcome:
        """Answer the request of an operation that is known to succeed, after the one that it needs before it."""
        good, outcome = self.good[operation.label], Outcome()
        case = operation.Case(**good.fields())
        self.try_case(case, self.logins[good.by], outcome, before=self.good.get(good.before))
        return outcome

    def try_case(self, case: Any, headers: dict[str, str], outcome: Outcome, *, before: Good | None = None) -> None:
        """Send a case, check its answer, and undo it. before: what is asked for first, and undone with it."""
        with self.undo:
            if before is not None:
                first = self.by_label[before.label].Case(**before.fields())
                self.doors.send(first, headers=self.logins[before.by], streams=False)
            response = self.doors.send(case, headers=headers, streams=_streams(case.operation))
        self.last = response.content
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

    def _make_nearly_good(self, case: Any, random: Random) -> Good:
        """Make a case the request that succeeds, with one in six of the fields that it made up; return that request."""
        good = self.good[case.operation.label]

        def kept(part: Any) -> dict[str, Any]:
            made_up = part.items() if isinstance(part, dict) else ()
            return {name: value for name, value in made_up if random.random() < 1 / 6}

        made = good.fields()
        for name in ("headers", "path_parameters", "query", "body"):
            if isinstance(made.get(name), dict):
                made[name] |= {} if name == "path_parameters" else kept(getattr(case, name))
        for name, value in made.items():
            setattr(case, name, value)
        return good

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


def report(*, outcomes: dict[str, dict[str, Outcome]], number: int, write: Callable[[str], None]) -> None:
    """Write a line for each operation and login: cases, and how many of them by status."""
    for label, by_login in outcomes.items():
        for login, outcome in by_login.items():
            statuses = " ".join(f"{status}:{count}" for status, count in sorted(outcome.statuses.items()))
            broken = f" BROKEN {sorted(outcome.failures)}" if outcome.failures else ""
            cases = f"{outcome.cases} cases, {len(outcome.requests)} different"
            write(f"fuzz seed={number} {label} {login}: {cases} {statuses}{broken}")
