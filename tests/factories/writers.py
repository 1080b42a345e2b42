"""Processes that write at the same time, each on a connection of its own, and what each attempt came to.

Run as a program it reads a plan as JSON, forks the writers, lets them begin at one moment, and writes the outcomes.
`write_together` does that from a test, on the test's database.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tests.factories.processes import ROOT, environment_of_workers

# Drawn before the locks of an attempt are let go: of two that move the same balance, the lower number came first.
ORDER_SEQUENCE = "chaos_order"
PATIENCE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a writer: what was tried, what came of it, and between which numbers; the last is its place."""

    what: int
    outcome: str
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class Written:
    """All attempts of all writers, the seconds from the first to the last, and the writers' processor seconds."""

    attempts: list[Attempt]
    seconds: float
    deadlocks: int


def write_together(*, kind: str, shares: list[list[Any]], **plan: Any) -> Written:
    """Let one process for each share try everything in it, one transaction each, all at once.

    kind: "transfers" or "orders". A writer that ends by an error that is no refusal fails the call.
    """
    from django.db import connection

    def deadlocks() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            return int(cursor.fetchone()[0])

    with connection.cursor() as cursor:
        cursor.execute(f"DROP SEQUENCE IF EXISTS {ORDER_SEQUENCE}")
        cursor.execute(f"CREATE SEQUENCE {ORDER_SEQUENCE}")
    before = deadlocks()
    environment = environment_of_workers(database_name=str(connection.settings_dict["NAME"]), broker_database=0)
    done = subprocess.run(
        [sys.executable, "-m", "tests.factories.writers"], cwd=ROOT, env=os.environ | environment, check=False,
        input=json.dumps({"kind": kind, "shares": shares} | plan), capture_output=True, text=True,
        timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SEQUENCE {ORDER_SEQUENCE}")
    attempts = [Attempt(*attempt) for attempt in told["attempts"]]
    assert len(attempts) == sum(map(len, shares))
    return Written(attempts=attempts, seconds=told["seconds"], deadlocks=deadlocks() - before)


def draw() -> int:
    """Draw the next number."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT nextval('{ORDER_SEQUENCE}')")
        return int(cursor.fetchone()[0])


def transfer(plan: dict[str, Any]) -> Callable[[Any], tuple[int, str, int]]:
    """Return what posts one entry, [id, [[account, asset, amount], …]], by the ledger's own service."""
    import numpy as np
    from django.db import transaction

    from ledger.services import post_entries
    from reference.refusals import Refusal

    at = datetime.fromisoformat(plan["at"])
    business_date = date.fromisoformat(plan["business_date"])

    def post(item: Any) -> tuple[int, str, int]:
        number, legs = item
        accounts, assets, amounts = np.array(legs, dtype=np.int64).T
        try:
            with transaction.atomic():
                posted = post_entries(
                    source="CHAOS", business_date=business_date, at=at, source_ids=np.full_like(amounts, number),
                    accounts=accounts, assets=assets, amounts=amounts,
                )  # fmt: skip
                return number, "posted" if posted else "repeated", draw()
        except Refusal as refusal:
            return number, refusal.code, draw()

    return post


def order(plan: dict[str, Any]) -> Callable[[Any], tuple[int, str, int]]:
    """Return what places one order, [id, client, security, quantity], by the service of orders."""
    from tests.factories.ordering import make_ticket, place

    def place_one(item: Any) -> tuple[int, str, int]:
        number, client, security, quantity = item
        (outcome,) = place(
            make_ticket(client=client, security=security, quantity=quantity, client_order_id=f"C-{number}")
        )
        return number, str(outcome.problems[0].code if outcome.problems else outcome.outcome), draw()

    return place_one


def write(*, share: list[Any], plan: dict[str, Any], begin: int, answer: int) -> None:
    """Be one writer: wait for the moment to begin, try everything, tell the outcomes, and end."""
    code = 1
    try:
        from django.db import connection

        attempt = {"transfers": transfer, "orders": order}[plan["kind"]](plan)
        connection.ensure_connection()
        os.write(answer, b"\n")
        os.read(begin, 1)
        attempts = []
        for item in share:
            began = draw()
            number, outcome, ended = attempt(item)
            attempts.append((number, outcome, began, ended))
        with os.fdopen(answer, "w") as told:
            told.write(json.dumps(attempts))
        connection.close()
        code = 0
    except BaseException as error:
        print(f"A writer ended by {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(code)


def main() -> None:
    """Fork the writers of the plan, let them begin at once, and tell what came of it."""
    import django

    django.setup()
    plan = json.loads(sys.stdin.read())
    begin, start = os.pipe()
    writers: list[tuple[int, int]] = []
    for share in plan["shares"]:
        told, answer = os.pipe()
        writer = os.fork()
        if writer == 0:
            os.close(start)
            write(share=share, plan=plan, begin=begin, answer=answer)
        os.close(answer)
        writers.append((writer, told))
    for _, told in writers:
        os.read(told, 1)
    began = time.monotonic()
    os.close(start)
    attempts = [attempt for _, told in writers for attempt in json.loads(os.fdopen(told).read() or "[]")]
    seconds = time.monotonic() - began
    codes = [os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]) for writer, _ in writers]
    if any(codes):
        sys.exit(f"writers ended with {codes}")
    print(json.dumps({"attempts": attempts, "seconds": seconds}))


if __name__ == "__main__":
    main()
