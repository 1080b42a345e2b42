"""A child of the worker, and the whole worker, killed at random points of a cycle: all of its outcome stands, or none.

The seed is printed, and CHAOS_SEED sets it.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery
from django.db import connection

from fmi.invariants import check_invariants
from ledger.models import JournalEntry
from reference.public_ids import new_public_ids
from settlement.models import Attempt, Cycle, Instruction, InstructionLink, LinkKind, PartialSettlement
from settlement.models.day import DayStep
from settlement.services.business_day import open_business_day
from tests.factories.chain import WEDNESDAY, Chain, make_chain
from tests.factories.processes import Processes, environment_of_workers, wait_until
from tests.factories.seeds import draw_seed

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BROKER = 7
KILLS = 20
INSTRUCTIONS = 600
PATIENCE_SECONDS = 120.0


@pytest.fixture
def broker() -> Iterator[str]:
    """Give the broker's address, emptied before and after."""
    url = environment_of_workers(database_name="", broker_database=BROKER)["REDIS_URL"]
    queue = redis.Redis.from_url(url)
    queue.flushdb()
    yield url
    queue.flushdb()
    queue.close()


@pytest.fixture
def processes(tmp_path: Path, broker: str, db: None) -> Iterator[Processes]:
    """Give a worker, not started; leave nothing of it behind."""
    made = Processes(
        directory=tmp_path,
        environment=environment_of_workers(database_name=str(connection.settings_dict["NAME"]), broker_database=BROKER),
    )
    yield made
    made.stop()


class Market:
    """Batches of instructions, one after another: circles, chains, parts, links, some of them short."""

    def __init__(self, *, chain: Chain, random_numbers: random.Random) -> None:
        self.chain = chain
        self.random = random_numbers
        self.accounts = [chain.account(code) for code in ("ALPHA", "BRAVO", "CHARLIE", "DELTA")]
        self.number = 0

    def instruct(self) -> set[int]:
        """Put a batch of pending instructions into the table; return their ids."""
        rows = []
        for public_id in new_public_ids(count=INSTRUCTIONS):
            self.number += 1
            deliverer, receiver = self.random.sample(self.accounts, 2)
            rows.append(
                Instruction(
                    public_id=public_id,
                    source="DIRECT",
                    reference=f"K{self.number}",
                    instructed_by_id=deliverer.participant_id,
                    deliverer_account=deliverer,
                    receiver_account=receiver,
                    security_id=self.chain.assets[self.random.choice(("STOCK", "SHARE"))],
                    quantity_units=self.random.randint(500, 5_000),
                    currency_id=self.chain.assets["EUR"],
                    cash_minor=self.random.randint(2_000_000, 20_000_000),
                    intended_date=self.chain.day,
                    partial_allowed=self.random.random() < 0.5,
                    status="PENDING",
                    created_at=self.chain.at,
                )
            )
        made = Instruction.objects.bulk_create(rows)
        InstructionLink.objects.bulk_create(
            InstructionLink(kind=kind, instruction=made[place], other=made[place + 1], created_at=self.chain.at)
            for place, kind in ((0, LinkKind.WITH), (10, LinkKind.WITH), (20, LinkKind.AFTER))
        )
        return {row.pk for row in made}


def in_a_cycle() -> bool:
    """Tell whether another process holds an advisory lock of this database: the cycle's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory'"
            " AND l.granted AND pid <> pg_backend_pid() AND a.datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


def books() -> tuple[int, ...]:
    """Count what a cycle writes."""
    return (
        Cycle.objects.count(),
        Attempt.objects.count(),
        PartialSettlement.objects.count(),
        JournalEntry.objects.filter(source__in=("INSTRUCTION", "PARTIAL")).count(),
        Instruction.objects.exclude(status="PENDING", reason="", settled_units=0).count(),
    )


def assert_all_or_nothing(*, before: tuple[int, ...], batch: set[int]) -> bool:
    """Assert that the cycle's outcome is there whole or not at all, and that everything holds; tell which."""
    after = books()
    assert [finding for finding in check_invariants() if finding.violations] == []
    if after[0] == before[0]:
        assert after == before
        return False
    assert after[0] == before[0] + 1
    cycle = Cycle.objects.latest("id")
    waiting = cycle.considered - cycle.settled
    assert Attempt.objects.filter(cycle=cycle).count() == waiting - cycle.deferred
    assert PartialSettlement.objects.filter(cycle=cycle).count() == cycle.partly
    assert Instruction.objects.filter(cycle=cycle).count() == cycle.settled
    assert not Instruction.objects.filter(pk__in=batch, status="PENDING", reason="").exists()
    return True


def start_worker(*, processes: Processes, queue: redis.Redis) -> None:
    """Start the worker, with nothing to do, and wait until it takes tasks."""
    starts = processes.log("worker").count("ready.")
    queue.delete("fmi")
    processes.start("worker")
    wait_until(
        lambda: processes.log("worker").count("ready.") > starts, seconds=120, processes=processes, what="the worker"
    )


def run_undisturbed(*, processes: Processes, sender: Celery) -> None:
    """Let a cycle run to its end, asked for as often as it takes."""
    before, asked_at = books()[0], 0.0

    def done() -> bool:
        nonlocal asked_at
        if books()[0] > before and not in_a_cycle():
            return True
        if time.monotonic() > asked_at + 3 and not in_a_cycle():
            sender.send_task("settlement.settle_now", queue="fmi")
            asked_at = time.monotonic()
        return False

    wait_until(done, seconds=PATIENCE_SECONDS, processes=processes, what="a cycle")


@pytest.mark.parametrize("victim", ["child", "worker"])
def test_killed_at_any_point_of_a_cycle_all_of_it_stands_or_none(
    processes: Processes, broker: str, victim: str
) -> None:
    chain = make_chain()
    open_business_day(business_date=WEDNESDAY, at=chain.at)
    chain.move_to(WEDNESDAY, 8, 5)
    # Within the first partial-settlement window, while real-time settlement runs.
    DayStep.objects.filter(planned_at__lte=chain.at, done_at=None).update(done_at=chain.at)
    for code in ("ALPHA", "BRAVO", "CHARLIE", "DELTA"):
        chain.give(code, "STOCK", 20_000)
        chain.give(code, "EUR", 3_000_000_000)
    market = Market(chain=chain, random_numbers=random.Random(draw_seed()))
    sender = Celery(broker=broker, set_as_current=False)
    queue = redis.Redis.from_url(broker)
    start_worker(processes=processes, queue=queue)
    market.instruct()
    run_undisturbed(processes=processes, sender=sender)
    stood = []
    for _ in range(KILLS):
        batch, before = market.instruct(), books()
        sender.send_task("settlement.settle_now", queue="fmi")
        wait_until(in_a_cycle, seconds=PATIENCE_SECONDS, processes=processes, what="the cycle's lock")
        # A little beyond the time that the last one took: a kill right after the commit is a point too.
        time.sleep(market.random.uniform(0, 1.3 * Cycle.objects.latest("id").took_ms / 1000))
        if victim == "worker":
            processes.kill("worker")
        else:
            for child in processes.children_of("worker"):
                os.kill(child, signal.SIGKILL)
        wait_until(lambda: not in_a_cycle(), seconds=PATIENCE_SECONDS, processes=processes, what="the end of it")
        stood.append(assert_all_or_nothing(before=before, batch=batch))
        if victim == "worker":
            start_worker(processes=processes, queue=queue)
        if not stood[-1]:
            run_undisturbed(processes=processes, sender=sender)
            assert assert_all_or_nothing(before=before, batch=batch)
    print(f"{victim} killed {len(stood)} times: {stood.count(False)} took a cycle back, {stood.count(True)} came after")
    assert len(stood) == KILLS
    assert stood.count(False) >= KILLS // 4
    settled = Instruction.objects.filter(status="SETTLED").count()
    assert JournalEntry.objects.filter(source="INSTRUCTION").count() == settled > 0
    assert JournalEntry.objects.filter(source="PARTIAL").count() == PartialSettlement.objects.count() > 0
