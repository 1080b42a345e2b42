"""Rate limits over HTTP: a key's requests at two processes of the server are counted together."""

from __future__ import annotations

import http.client
import os
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.factories.processes import children_of
from tests.factories.serving import serving
from tests.factories.signing import by_basic, make_key

pytestmark = pytest.mark.slow

LIMIT, WINDOW_SECONDS = 50, 600
THREADS, EACH = 40, 5
PATH = "/api/v1/participants"


class Answer(NamedTuple):
    """What is told of one request."""

    status: int
    headers: dict[str, str]


@pytest.fixture(scope="module")
def served(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[int, list[dict[str, str]]]]:
    """Serve by two processes; give the port, and the headers of two keys of one login."""
    variables = {"RATE_LIMITS": f"default={LIMIT}/{WINDOW_SECONDS}", "GRANIAN_WORKERS": "2"}
    with serving(name="test_rate_limits", prepare=prepare, blocker=django_db_blocker, **variables) as running:
        yield running


def prepare() -> list[dict[str, str]]:
    from reference.queries import forget_directory
    from tests.factories.market import login, make_market

    forget_directory()
    login(participant=make_market().alpha, name="alpha")
    made = [make_key("reference:read", name="alpha") for _ in range(2)]
    forget_directory()
    return [by_basic(one.key.client_id, one.secret) for one in made]


def serving_processes() -> int:
    """Return how many processes serve: those that the server's first one has started, but Python's own tracker."""

    def called(pid: int) -> bytes:
        return Path(f"/proc/{pid}/cmdline").read_bytes()

    (server,) = [pid for pid in children_of(os.getpid()) if b"granian" in called(pid)]
    return len([pid for pid in children_of(server) if b"resource_tracker" not in called(pid)])


def test_of_200_requests_at_once_exactly_50_pass(served: tuple[int, list[dict[str, str]]]) -> None:
    port, (headers, others) = served
    gate = threading.Barrier(THREADS)

    def ask(given: dict[str, str]) -> Answer:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            client.request("GET", PATH, headers=given)
            found = client.getresponse()
            found.read()
            return Answer(found.status, dict(found.getheaders()))
        finally:
            client.close()

    def run(_: int) -> list[Answer]:
        gate.wait(timeout=60)
        return [ask(headers) for _ in range(EACH)]

    assert serving_processes() == 2
    with ThreadPoolExecutor(THREADS) as pool:
        answers = [answer for many in pool.map(run, range(THREADS)) for answer in many]
    passed = [answer.headers for answer in answers if answer.status == 200]
    refused = [answer.headers for answer in answers if answer.status == 429]
    assert (len(passed), len(refused)) == (LIMIT, THREADS * EACH - LIMIT)
    policy = f'"default";q={LIMIT};w={WINDOW_SECONDS}'
    assert {found["ratelimit-policy"] for found in (*passed, *refused)} == {policy}
    left = [re.fullmatch(r'"default";r=(\d+);t=(\d+)', found["ratelimit"]) for found in (*passed, *refused)]
    assert sorted(int(found[1]) for found in left[:LIMIT] if found) == list(range(LIMIT))
    assert {found[1] for found in left[LIMIT:] if found} == {"0"}
    assert all(found and 0 < int(found[2]) <= WINDOW_SECONDS for found in left)
    assert all(0 < int(found["retry-after"]) <= WINDOW_SECONDS for found in refused)
    assert {found["content-type"] for found in refused} == {"application/problem+json"}
    # Another key of the same login has its own.
    assert ask(others).status == 200
