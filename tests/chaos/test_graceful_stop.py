"""Asked to stop under load, the web server answers every request that it has taken, and the worker loses no task.

The seed is printed, and CHAOS_SEED sets it.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from django.conf import settings
from django.db import connection

from fmi.embedded import free_port
from fmi.telemetry.counters import HASH
from reference.queries import forget_directory
from tests.factories.market import Market, login, make_market
from tests.factories.processes import ROOT, Processes, environment_of_workers, wait_until
from trades.models import Trade

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

BROKER = 7
ROUNDS = 5
CLIENTS = 8
TASKS = 20
STOPS = 2
TOKEN = "t" * 32


@pytest.fixture
def random_numbers() -> random.Random:
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"\nCHAOS_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def environment() -> dict[str, str]:
    forget_directory()
    return environment_of_workers(
        database_name=str(connection.settings_dict["NAME"]), broker_database=BROKER, WEB_THREADS="4"
    )


class Load:
    """Clients that report trades, each request on a connection of its own, until the server takes no more."""

    def __init__(self, *, port: int, headers: dict[str, str], market: Market, name: str) -> None:
        self.port, self.headers, self.market, self.name = port, headers, market, name
        self.answers: Counter[str] = Counter()
        self.threads = [threading.Thread(target=self.report, args=(number,)) for number in range(CLIENTS)]

    def report(self, number: int) -> None:
        """Report until the connection is refused."""
        for place in range(10_000):
            fields = self.market.report(trade_id=f"{self.name}-{number}-{place}")
            client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                client.connect()
            except ConnectionRefusedError:
                return
            try:
                client.request("POST", "/api/v1/trades", json.dumps(fields), self.headers)
            except BrokenPipeError:
                # The system had queued the connection; the server closed its door before it took it.
                client.close()
                return
            try:
                answer = client.getresponse()
                answer.read()
                self.answers[str(answer.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.answers[type(error).__name__] += 1
            finally:
                client.close()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            client.request("GET", "/health")
            if client.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            client.close()
    raise AssertionError("the server did not start")


def test_a_web_server_that_stops_answers_what_it_has_taken(
    random_numbers: random.Random, environment: dict[str, str]
) -> None:
    market = make_market()
    session = login(participant=market.alpha, name="alpha").cookies[settings.SESSION_COOKIE_NAME].value
    # Sessions are read from the database where the cache, another one of Valkey's here, does not have them.
    cookie = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={TOKEN}"
    headers = {"Cookie": cookie, "X-CSRFToken": TOKEN, "Content-Type": "application/json"}
    forget_directory()
    taken: Counter[str] = Counter()
    for round_number in range(ROUNDS):
        port = free_port()
        command = ["granian", "--interface", "asginl", "--port", str(port), "--workers", "2", "--no-ws"]
        process = subprocess.Popen(
            [sys.executable, "-m", *command, "fmi.asgi:application"],
            cwd=ROOT,
            env=os.environ | environment | {"LOG_LEVEL": "WARNING"},
        )
        try:
            wait_for(port, process)
            load = Load(port=port, headers=headers, market=market, name=f"R{round_number}")
            for thread in load.threads:
                thread.start()
            time.sleep(random_numbers.uniform(0.5, 3))
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
            for thread in load.threads:
                thread.join(timeout=60)
            taken += load.answers
        finally:
            process.kill()
            process.wait()
    print(f"answers over {ROUNDS} stops: {dict(taken)}")
    assert set(taken) == {"201"}
    assert Trade.objects.count() == taken["201"] > ROUNDS * CLIENTS


@pytest.fixture
def processes(tmp_path: Path, environment: dict[str, str]) -> Iterator[Processes]:
    made = Processes(directory=tmp_path, environment=environment)
    yield made
    made.stop()


def test_a_worker_that_stops_loses_no_task(
    random_numbers: random.Random, processes: Processes, environment: dict[str, str]
) -> None:
    make_market()
    valkey: Any = redis.Redis.from_url(environment["REDIS_URL"])
    valkey.flushdb()
    sender = Celery(broker=environment["REDIS_URL"], set_as_current=False)

    def done() -> int:
        counted = valkey.hgetall(HASH)
        return int(float(counted.get(b'["fmi_tasks","fmi.sweep","SUCCESS"]', 0)))

    def more_than(count: int) -> bool:
        return done() > count

    for _ in range(TASKS):
        sender.send_task("fmi.sweep", queue="fmi")
    stops = 0
    while done() < TASKS:
        before = done()
        processes.start("worker")
        if stops == STOPS:
            wait_until(lambda: done() == TASKS, seconds=120, processes=processes, what="all tasks")
            break
        wait_until(partial(more_than, before), seconds=120, processes=processes, what="a task")
        time.sleep(random_numbers.uniform(0, 0.5))
        worker = processes.running.pop("worker")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=60) == 0
        stops += 1
        assert (done() + valkey.llen("fmi"), valkey.hlen("unacked")) == (TASKS, 0)
    print(f"{TASKS} tasks over {stops} stops")
    assert not valkey.llen("fmi")
