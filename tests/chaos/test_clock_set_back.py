"""The wall clock of every process set back, again and again, while business days run: nothing stops, doubles or ends.

PostgreSQL, Valkey, the web server, the worker and beat all run under libfaketime. The seed is printed, and CHAOS_SEED
sets it. What each part does on its own is in test_time_goes_back.py.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fmi.embedded import Server, start_postgres, start_valkey
from tests.factories.faketime import NOTICED_SECONDS, Wall, wall_clock
from tests.factories.migrated import DATABASE, copy_migrated
from tests.factories.played import MARKET
from tests.factories.processes import ROOT, Processes, wait_until
from tests.factories.seeds import draw_seed

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

STEPS_BACK = (timedelta(seconds=20), timedelta(hours=1), timedelta(days=1), timedelta(hours=1))
SECONDS_PER_DAY = 30
DAYS = 4
PATIENCE_SECONDS = 400.0
# Requests for a token, in a window of seconds: used up before each step back.
LIMIT, WINDOW_SECONDS = 10, 5
PREPARE_BOOKS = """
from datetime import date
from fmi.demo.play import prepare_books
prepare_books(first_date=date(2008, 9, 8))
"""
MAKE_KEY = """
from tests.factories.signing import make_key
made = make_key("trades:read", "trades:write")
print(made.key.client_id, made.secret)
"""


class Product:
    """Every process of the product under one wall clock, seen from outside it."""

    def __init__(self, *, directory: Path, wall: Wall) -> None:
        self.directory, self.wall = directory, wall
        self.servers: list[Server] = []
        copy_migrated(directory=directory)
        with wall.around():
            self.servers.append(start_postgres(directory=directory / "postgres", throw_away=True))
            self.servers.append(start_valkey(directory=directory / "valkey", throw_away=True))
        self.url = f"{self.servers[0].url.rpartition('/')[0]}/{DATABASE}"
        self.environment = wall.environment | {
            "DATABASE_URL": self.url, "REDIS_URL": self.servers[1].url,
            "AUDIT_HEADS": str(directory / "heads.jsonl"), "RATE_LIMITS": f"tokens={LIMIT}/{WINDOW_SECONDS}",
            "LOG_LEVEL": "WARNING",
        } | MARKET  # fmt: skip
        self.processes = Processes(directory=directory, environment=self.environment, web_processes=1)
        self.database: Any = None

    def manage(self, *command: str) -> str:
        """Run a management command."""
        done = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=os.environ | self.environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def start(self) -> None:
        """Start web, worker and beat; business time runs."""
        self.database = psycopg.connect(self.url, autocommit=True)
        self.manage("start_clock", "--day-seconds", str(SECONDS_PER_DAY))
        for name in ("web", "worker", "beat"):
            self.processes.start(name)
        wait_until(
            lambda: self.processes.ask("/health") == 200, seconds=120, processes=self.processes, what="the web server"
        )

    def stop(self) -> None:
        """End everything; nothing is left behind."""
        self.processes.stop()
        if self.database is not None:
            self.database.close()
        for server in reversed(self.servers):
            server.stop()

    def one(self, sql: str) -> Any:
        """Return the only row of a query."""
        return self.database.execute(sql).fetchone()

    def ask(self, method: str, path: str, fields: Any = None, **headers: str) -> tuple[int, Any]:
        """Send a request; return status and body."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        body = None if fields is None else json.dumps(fields).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.processes.port}{path}",
            body,
            {"Content-Type": "application/json"} | named,
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    with wall_clock() as wall:
        made = Product(directory=tmp_path, wall=wall)
        try:
            yield made
        finally:
            made.stop()


class Watcher:
    """Sees that business time never goes back, and that it goes on."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.last: Any = None

    def look(self) -> Any:
        """Return business date and time, which are not behind those of the last look."""
        seen = self.product.one("SELECT business_date, at FROM reference_businessclock")
        assert self.last is None or (seen[0] >= self.last[0] and seen[1] >= self.last[1])
        self.last = seen
        return seen

    def wait_for_days(self, days: int) -> None:
        """Wait until so many days are closed."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while self.product.one("SELECT count(*) FROM settlement_businessday WHERE closed_at IS NOT NULL")[0] < days:
            assert time.monotonic() < give_up_at, (self.last, self.product.processes.log("beat")[-3000:])
            self.look()
            time.sleep(0.2)

    def wait_for_progress(self) -> float:
        """Wait until business time moves on; return the real seconds that took."""
        began, before = time.monotonic(), self.look()
        while self.look() == before:
            assert time.monotonic() < began + PATIENCE_SECONDS, self.product.processes.log("beat")[-3000:]
            time.sleep(0.1)
        return time.monotonic() - began


class Client:
    """A program with an API key, which does as it is told: a token that is refused is exchanged for a new one."""

    def __init__(self, product: Product) -> None:
        self.product = product
        client_id, secret = product.manage("shell", "--verbosity", "0", "-c", MAKE_KEY).split()[-2:]
        self.fields = {"api_key": client_id, "api_secret": secret}
        self.sent: dict[int, dict[str, Any]] = {}
        seller, buyer = product.database.execute(
            "SELECT code FROM reference_participant WHERE role = 'CLEARING_MEMBER' ORDER BY code LIMIT 2"
        ).fetchall()
        security, currency, lot = product.one(
            "SELECT a.code, c.code, s.lot_size_units FROM reference_security s JOIN reference_asset a"
            " ON a.id = s.asset_ptr_id JOIN reference_asset c ON c.id = s.currency_id"
            " WHERE s.security_type = 'EQUITY' ORDER BY a.id LIMIT 1"
        )
        self.report = {"buyer": buyer[0], "seller": seller[0], "security": security, "quantity": lot, "price": "10",
                       "currency": currency}  # fmt: skip

    def use_up_the_limit(self) -> str:
        """Ask for tokens until one is refused; return the last that was had."""
        token = ""
        for _ in range(2 * LIMIT + 1):
            status, body = self.product.ask("POST", "/api/v1/auth/token", self.fields)
            if status == 429:
                return token
            assert status == 200, body
            token = body["access_token"]
        raise AssertionError("the limit let everything through")

    def new_token(self) -> tuple[str, float]:
        """Return a token, and the real seconds until it was had."""
        began = time.monotonic()
        while time.monotonic() < began + PATIENCE_SECONDS:
            status, body = self.product.ask("POST", "/api/v1/auth/token", self.fields)
            if status == 200:
                return str(body["access_token"]), time.monotonic() - began
            assert status == 429, body
            time.sleep(0.2)
        raise AssertionError("locked out")

    def send(self, number: int, token: str) -> tuple[int, Any]:
        """Report a trade under a key of its own, the same each time."""
        today = self.product.one("SELECT business_date::text FROM reference_businessclock")[0]
        fields = self.sent.setdefault(number, self.report | {"trade_id": f"CLOCK-{number}", "trade_date": today})
        key = f"clock-{number:032d}"
        return self.product.ask("POST", "/api/v1/trades", fields, Authorization=f"Bearer {token}", Idempotency_Key=key)

    def trades(self, token: str) -> list[str]:
        """Return the public ids of all trades, page by page."""
        found: list[str] = []
        path = "/api/v1/trades?limit=100"
        while path:
            status, body = self.product.ask("GET", path, Authorization=f"Bearer {token}")
            assert status == 200, body
            found += [row["id"] for row in body["results"]]
            path = (body["next"] or "").partition(str(self.product.processes.port))[2]
        return found


def test_the_clock_of_every_process_set_back_while_days_run(product: Product) -> None:
    numbers = random.Random(draw_seed())
    product.manage("prepare", "--demo-users")
    product.manage("shell", "--verbosity", "0", "-c", PREPARE_BOOKS)
    product.start()
    watcher, client = Watcher(product), Client(product)
    token, _ = client.new_token()
    before = client.send(0, token)
    assert before[0] == 201, before
    for number, by in enumerate(STEPS_BACK, 1):
        time.sleep(numbers.uniform(1, 8))
        old = client.use_up_the_limit()
        product.wall.set_back(by=by)
        time.sleep(2 * NOTICED_SECONDS)
        if by > timedelta(minutes=1):
            # A token of the future is none.
            assert product.ask("GET", "/api/v1/trades?limit=1", Authorization=f"Bearer {old}")[0] == 401
        token, waited = client.new_token()
        moved = watcher.wait_for_progress()
        print(f"back by {by}: a token after {waited:.1f} s, business time went on after {moved:.1f} s")
        assert waited < 3 * WINDOW_SECONDS
        # What was done stays done, and is not done again.
        assert client.send(0, token) == before
        assert client.send(number, token)[0] == 201
        watcher.look()
    watcher.wait_for_days(DAYS)
    for name in ("beat", "worker"):
        product.processes.kill(name)
    token, _ = client.new_token()
    listed = client.trades(token)
    assert len(listed) == len(set(listed)) == product.one("SELECT count(*) FROM trades_trade")[0]
    assert product.one("SELECT count(*) FROM trades_trade WHERE trade_id LIKE 'CLOCK-%'")[0] == len(STEPS_BACK) + 1
    cycles, once = product.one(
        "SELECT count(*), count(DISTINCT (business_date, name)) FROM settlement_cycle"
        " WHERE name IN (SELECT name FROM settlement_scheduledstep)"
    )
    settled, entries = product.one(
        "SELECT (SELECT count(*) FROM settlement_instruction WHERE status = 'SETTLED'),"
        " (SELECT count(*) FROM ledger_journalentry WHERE source = 'INSTRUCTION')"
    )
    print(f"{cycles} scheduled cycles, {settled} instructions settled; {len(listed)} trades listed, each once")
    assert cycles == once > 0
    assert entries == settled > 0
    product.manage("seal_audit")
    assert "is as it was sealed" in product.manage("verify_audit")
    product.manage("check_invariants")
