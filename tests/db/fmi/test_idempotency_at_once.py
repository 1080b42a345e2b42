"""Idempotency-Key with real connections: many at once, and a process that is killed between effect and answer."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client

from clearing.models import CollateralMovement
from reference import stored_answers
from reference.api import idempotency
from reference.models import Participant, StoredAnswer
from tests.factories.chain import Chain
from tests.factories.collateral import join
from tests.factories.killed import die, die_after, run_killed
from tests.factories.market import login
from trades.models import Trade

pytestmark = pytest.mark.django_db(transaction=True)

THREADS, KEYS = 40, 25
DEPOSIT = "/api/v1/clearing/collateral/deposit"


@pytest.fixture
def alpha(chain: Chain) -> Client:
    """ALPHA's login; the member has cash to put up."""
    join(chain)
    chain.give("ALPHA", "EUR", 100_000)
    return login(participant=Participant.objects.get(code="ALPHA"), name="alpha")


def deposit(client: Client, key: str) -> Any:
    """Put up one euro under a key."""
    return client.post(
        DEPOSIT, {"currency": "EUR", "amount": "1.00"}, content_type="application/json",
        headers={"Idempotency-Key": key},
    )  # fmt: skip


def test_forty_threads_with_the_same_25_keys_have_25_effects(alpha: Client) -> None:
    barrier = Barrier(THREADS)

    def run(number: int) -> Counter[str]:
        client, seen = Client(), Counter[str]()
        client.cookies = alpha.cookies
        left = [f"key {key}" for key in range(KEYS)]
        random.Random(number).shuffle(left)
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            while left:
                answer = deposit(client, left[0])
                if answer.status_code == 409:
                    assert answer.json()["code"] == "idempotency-key-in-flight"
                    assert answer["Retry-After"] == "1"
                    # It goes on with its other keys meanwhile.
                    left.append(left.pop(0))
                    seen["in flight"] += 1
                    continue
                assert answer.status_code == 201, answer.content
                seen[f"{left.pop(0)}: {answer.json()['id']}"] += 1
                seen["replayed" if "Idempotent-Replayed" in answer else "done"] += 1
        finally:
            connections.close_all()
        return seen

    with ThreadPoolExecutor(THREADS) as pool:
        seen = sum(pool.map(run, range(THREADS)), Counter[str]())
    assert (seen["done"], seen["replayed"]) == (KEYS, THREADS * KEYS - KEYS)
    assert CollateralMovement.objects.count() == StoredAnswer.objects.count() == KEYS
    # Under each key everybody was told of the same movement, and each movement has one key.
    told = {name for name in seen if name.startswith("key ")}
    assert len(told) == len({name.partition(": ")[0] for name in told}) == KEYS
    assert len({name.partition(": ")[2] for name in told}) == KEYS


def test_a_kill_between_effect_and_answer_leaves_both_or_neither(alpha: Client) -> None:
    def before_storing() -> None:
        vars(idempotency)["store_answer"] = die

    def after_storing() -> None:
        vars(idempotency)["store_answer"] = die_after(stored_answers.store_answer)

    def after_committing() -> None:
        used: Any = connections["default"]
        used._commit = die_after(used._commit)

    stands = []
    for patch in (before_storing, after_storing, after_committing):
        run_killed(patch=patch, act=lambda: deposit(alpha, "k"))
        stands.append((CollateralMovement.objects.count(), StoredAnswer.objects.count()))
    assert stands == [(0, 0), (0, 0), (1, 1)]
    again = deposit(alpha, "k")
    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert CollateralMovement.objects.count() == 1


def test_of_two_bulk_captures_at_once_under_one_key_each_line_is_taken_once(alpha: Client, chain: Chain) -> None:
    lines = "\n".join(",".join(map(str, chain.fields(f"T-{number}", "ALPHA", "BRAVO").values())) for number in range(3))
    header = ",".join(chain.fields("T", "ALPHA", "BRAVO"))
    barrier = Barrier(4)

    def run(_: int) -> list[bytes]:
        client = Client()
        client.cookies = alpha.cookies
        try:
            barrier.wait(timeout=30)
            while True:
                answer: Any = client.post(
                    "/api/v1/trades/bulk", f"{header}\n{lines}", content_type="text/csv",
                    headers={"Idempotency-Key": "k"},
                )  # fmt: skip
                if answer.status_code != 409:
                    return sorted(b"".join(answer.streaming_content).splitlines())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(run, range(4))
    assert len(first) == 3
    assert all(b'"ACCEPTED"' in line for line in first)
    assert all(other == first for other in others)
    assert Trade.objects.count() == 3
