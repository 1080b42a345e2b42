"""`make run` starts everything, stops everything, and says so when a part of it dies."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from fmi.embedded import free_port
from fmi.embedded.pair import running_pair

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.chaos, pytest.mark.slow]


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that stands for var/, kept from one start to the next."""
    return tmp_path_factory.mktemp("var")


def environment(*, var: Path, port: int) -> dict[str, str]:
    """Return the environment of a newcomer: nothing of the test run's own configuration."""
    configured = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS", "DEBUG", "HTTPS_ONLY")
    kept = {name: value for name, value in os.environ.items() if name not in configured}
    return kept | {"VAR_DIRECTORY": str(var), "PORT": str(port), "DAYS": "0"}


def start(*, var: Path, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "fmi.supervisor"],
        cwd=ROOT,
        env=environment(var=var, port=port),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def readiness(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return str(json.load(answer)["status"])
    except urllib.error.HTTPError as error:
        return str(json.load(error)["status"])
    except OSError:
        return "no answer"


def processes_of(var: Path) -> set[int]:
    """Return the processes that carry this directory in their environment, the servers included."""
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            mentions = str(var).encode() in (place / "environ").read_bytes() + (place / "cmdline").read_bytes()
            state = (place / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mentions and state != "Z" and int(place.name) != os.getpid():
            found.add(int(place.name))
    return found


def wait_until_gone(var: Path) -> set[int]:
    give_up_at = time.monotonic() + 30
    while processes_of(var) and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return processes_of(var)


def welcome(process: subprocess.Popen[str]) -> str:
    """Return what it says until it lives, or ends; asked to stop before, it would not say where the pages are."""
    assert process.stdout is not None
    said = ""
    while "Stop it with" not in said and (line := process.stdout.readline()):
        said += line
    return said


@contextmanager
def running(*, var: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run the product for the block, live, and leave nothing behind whatever the block does."""
    process = start(var=var, port=port)
    try:
        said = welcome(process)
        assert f"http://127.0.0.1:{port}/" in said, said
        assert readiness(port) == "ok"
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def test_it_lives_refuses_a_second_start_and_stops_without_a_trace(var: Path) -> None:
    port = free_port()
    with running(var=var, port=port) as process:
        second = start(var=var, port=free_port())
        assert "already runs" in second.communicate(timeout=30)[0]
        assert second.returncode == 1
        url = running_pair(directory=var).environment()["DATABASE_URL"]
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO django_session VALUES ('left-by-the-first-start', '', now() + '1 day')")
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert output.rstrip().endswith("Stopped. The data are kept for the next start.")
    assert wait_until_gone(var) == set()


def test_a_later_start_has_the_data_and_a_dead_worker_ends_it(var: Path) -> None:
    port = free_port()
    with running(var=var, port=port) as process:
        url = running_pair(directory=var).environment()["DATABASE_URL"]
        with psycopg.connect(url) as connection:
            left = connection.execute("SELECT 1 FROM django_session WHERE session_key = 'left-by-the-first-start'")
            assert left.fetchall() == [(1,)]
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        worker = next(
            int(child)
            for child in children
            if b"celery\0--app\0fmi\0worker" in Path(f"/proc/{child}/cmdline").read_bytes()
        )
        os.kill(worker, signal.SIGKILL)
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "The worker process ended with code -9" in output
    assert wait_until_gone(var) == set()


def test_killed_outright_it_leaves_no_process_but_the_servers_which_the_next_start_uses(var: Path) -> None:
    port = free_port()
    with running(var=var, port=port) as process:
        pair = running_pair(directory=var)
        process.kill()
        process.wait()
    give_up_at = time.monotonic() + 30
    while readiness(port) != "no answer" and time.monotonic() < give_up_at:
        time.sleep(0.1)
    assert pair.lives()
    with running(var=var, port=port):
        assert running_pair(directory=var).environment() == pair.environment()
    assert wait_until_gone(var) == set()


def test_a_taken_port_is_one_line_and_starts_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(var=tmp_path, port=port)
        output = process.communicate(timeout=30)[0]
    assert process.returncode == 1
    assert output.splitlines() == [f"Port {port} is taken. Choose another one: make run PORT={port + 1}"]
    assert not (tmp_path / "postgres").exists()


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "fmi.supervisor"],
        cwd=ROOT,
        env=environment(var=tmp_path, port=1) | {"PORT": port},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.strip() == f"PORT is {port!r}; it must be a number from 1 to 65535."
