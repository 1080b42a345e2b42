"""One trade a request against the real web process, beside pgbench on the same server with as many clients."""

import http.cookiejar
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from bench.databases import create_database, drop_database, server_url
from bench.life import BenchFailed
from bench.load import LoadResult, run_load
from bench.market import LOT_UNITS, SETTLEMENT_DATES, TRADE_DATE, participant_codes, security_codes
from fmi.embedded import free_port
from fmi.embedded.postgres import binaries
from fmi.supervisor import children
from reference.services import create_demo_users

CONNECTIONS = 8
SECONDS = 10.0
PGBENCH_SCALE = 10
PGBENCH_DATABASE = "bench_pgbench"
HOST = "127.0.0.1"
PASSWORD = "bench"
START_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Rounds:
    """Requests and pgbench transactions, round by round."""

    requests: list[LoadResult]
    transactions_per_second: list[float]


def measure_single(*, database: str, rounds: int, note: Callable[[str], None]) -> Rounds:
    """Load POST /api/v1/trades, then pgbench, in turn; return the rounds.

    database: the connected copy of the prepared database. Raises BenchFailed when an answer is not 201.
    """
    call_command("collectstatic", interactive=False, verbosity=0)
    create_demo_users(password=PASSWORD, now=timezone.now())
    found = Rounds([], [])
    _prepare_pgbench()
    try:
        with web_process(database=database) as port:
            streams = [trade_reports(port=port, member=member) for member in range(CONNECTIONS)]
            note("warming up")
            run_load(host=HOST, port=port, seconds=2.0, requests=streams)
            for number in range(rounds):
                note(f"POST /api/v1/trades, {CONNECTIONS} connections, round {number + 1}")
                result = run_load(host=HOST, port=port, seconds=SECONDS, requests=streams)
                if set(result.statuses) != {201}:
                    raise BenchFailed(f"answers other than 201: {result.statuses}")
                found.requests.append(result)
                note(f"pgbench TPC-B, {CONNECTIONS} clients, round {number + 1}")
                found.transactions_per_second.append(_run_pgbench())
    finally:
        drop_database(name=PGBENCH_DATABASE)
    return found


@contextmanager
def web_process(*, database: str) -> Iterator[int]:
    """Run the web process as `make run` starts it, on a port of its own, for the block; give the port."""
    port = free_port()
    web = children(port=port)[0]
    environment = os.environ | dict(web.extra)
    environment |= {"DJANGO_SETTINGS_MODULE": "fmi.settings", "DATABASE_URL": server_url(database=database)}
    process = subprocess.Popen(
        [sys.executable, *web.arguments], cwd=settings.BASE_DIR, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        _wait_for(port=port, process=process)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(*, port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the web process answers. Raises BenchFailed when it does not."""
    give_up_at = time.monotonic() + START_PATIENCE_SECONDS
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://{HOST}:{port}/login/", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise BenchFailed("the web process does not answer")


def _log_in(*, port: int, username: str) -> dict[str, str]:
    """Log in through the login page as a browser does; return the cookies."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    address = f"http://{HOST}:{port}/login/"
    page = browser.open(address).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    if token is None:
        raise BenchFailed("the login page has no form")
    form = {"username": username, "password": PASSWORD, "csrfmiddlewaretoken": token[1], "next": "/api/v1/trades"}
    browser.open(address, data=urllib.parse.urlencode(form).encode()).close()
    cookies = {cookie.name: cookie.value or "" for cookie in jar}
    if settings.SESSION_COOKIE_NAME not in cookies:
        raise BenchFailed(f"{username} cannot log in")
    return cookies


def request_head(*, port: int, username: str, path: str) -> str:
    """Log a participant in and return the head of its JSON requests, all but their length."""
    cookies = _log_in(port=port, username=username)
    return (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nCookie: {'; '.join(f'{name}={value}' for name, value in cookies.items())}\r\n"
        f"X-CSRFToken: {cookies[settings.CSRF_COOKIE_NAME]}\r\n"
    )


def trade_reports(*, port: int, member: int) -> Iterator[bytes]:
    """Return the endless stream of one participant's requests: it buys, always a new trade."""
    codes = participant_codes()
    head = request_head(port=port, username=codes[member].lower(), path="/api/v1/trades")

    def stream() -> Iterator[bytes]:
        number = 0
        while True:
            number += 1
            body = report_body(member=member, number=number)
            yield f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()

    return stream()


def report_body(*, member: int, number: int) -> str:
    """Return one participant's report number so and so, as JSON: it buys."""
    codes = participant_codes()
    return json.dumps(
        {
            "trade_id": f"{codes[member]}-{number}",
            "buyer": codes[member],
            "seller": codes[CONNECTIONS + number % (len(codes) - CONNECTIONS)],
            "security": security_codes()[0],
            "quantity": LOT_UNITS * (1 + number % 50),
            "price": f"{100 + number % 700 / 100:.2f}",
            "currency": "USD",
            "trade_date": TRADE_DATE.isoformat(),
            "settlement_date": SETTLEMENT_DATES[0].isoformat(),
        }
    )


def _pgbench(*arguments: str) -> str:
    """Run pgbench on its database and return what it prints."""
    parts = urllib.parse.urlsplit(server_url(database=PGBENCH_DATABASE))
    environment = os.environ | {"PGPASSWORD": urllib.parse.unquote(parts.password or "")}
    where = ("-h", parts.hostname or HOST, "-p", str(parts.port or 5432), "-U", parts.username or "postgres")
    return subprocess.run(
        [str(binaries() / "pgbench"), *where, *arguments, PGBENCH_DATABASE],
        env=environment, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip


def _prepare_pgbench() -> None:
    """Create pgbench's tables, anew."""
    create_database(name=PGBENCH_DATABASE)
    _pgbench("--initialize", "--quiet", f"--scale={PGBENCH_SCALE}")


def _run_pgbench() -> float:
    """Run TPC-B for as long as the requests; return the transactions a second."""
    printed = _pgbench(f"--client={CONNECTIONS}", "--jobs=1", f"--time={SECONDS:.0f}")
    found = re.search(r"^tps = ([0-9.]+)", printed, re.MULTILINE)
    if found is None:
        raise BenchFailed(f"pgbench says no tps: {printed}")
    return float(found[1])
