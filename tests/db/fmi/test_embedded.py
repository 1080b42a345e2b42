"""The embedded servers start, are shared, survive what a laptop does to them, and leave nothing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from fmi.embedded import EmbeddedServerError, free_port, port_is_free, start_postgres, start_valkey
from fmi.embedded.pair import leased_pair, local_settings, pin_pair, running_pair, stop_pair
from fmi.embedded.postgres import run_psql

ROOT = Path(__file__).resolve().parents[3]


def count_rows(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
        connection.execute("INSERT INTO kept VALUES (1)")
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the data directory and the passwords of a PostgreSQL that has been started once."""
    directory = tmp_path_factory.mktemp("initialised")
    start_postgres(directory=directory / "postgres", throw_away=True).stop()
    (directory / "postgres.log").unlink()
    return directory


@pytest.fixture
def known(initialised: Path, tmp_path: Path) -> Path:
    """The same in a directory of the test's own: initialising one takes longer than most of what is told here."""
    shutil.copytree(initialised, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_postgres_keeps_its_data_and_its_password_to_itself(tmp_path: Path) -> None:
    server = start_postgres(directory=tmp_path / "postgres", throw_away=True)
    try:
        assert count_rows(server.url) == 1
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.url.replace("postgres:", "postgres:wrong", 1))
        assert run_psql(url=server.url, command="SELECT 1").returncode == 0
    finally:
        server.stop()
    assert not server.lives()
    assert stat.S_IMODE((tmp_path / "postgres.password").stat().st_mode) == 0o600
    again = start_postgres(directory=tmp_path / "postgres", throw_away=True)
    try:
        assert count_rows(again.url) == 2
    finally:
        again.stop()


def test_postgres_recovers_from_a_kill_and_takes_over_from_a_leftover(known: Path) -> None:
    killed = start_postgres(directory=known / "postgres", throw_away=True)
    count_rows(killed.url)
    killed.stop()
    leftover = start_postgres(directory=known / "postgres")
    assert count_rows(leftover.url) == 2
    os.kill(leftover.process_id, signal.SIGKILL)
    assert leftover.process is not None
    leftover.process.wait()
    running = start_postgres(directory=known / "postgres")
    assert count_rows(running.url) == 3
    taker = start_postgres(directory=known / "postgres")
    try:
        assert not running.lives()
        assert count_rows(taker.url) == 4
    finally:
        taker.stop()


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "thesis.txt").write_text("years of work")
    with pytest.raises(EmbeddedServerError, match="neither empty nor"):
        start_postgres(directory=tmp_path / "postgres")
    assert (tmp_path / "postgres" / "thesis.txt").read_text() == "years of work"


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not port_is_free(port=port)
        with pytest.raises(EmbeddedServerError, match=r"(?s)ended with code.*ddress already in use"):
            start_valkey(directory=tmp_path / "valkey", port=port)


def test_valkey_keeps_the_queue(tmp_path: Path) -> None:
    port = free_port()
    for length in (1, 2):
        server = start_valkey(directory=tmp_path / "valkey", port=port)
        with redis.Redis(port=port) as client:
            assert client.rpush("queue", "message") == length
        server.stop()


def test_the_last_of_two_users_stops_the_pair(tmp_path: Path) -> None:
    with leased_pair(directory=tmp_path) as first:
        with leased_pair(directory=tmp_path) as second:
            assert second.environment() == first.environment()
        assert first.lives()
        assert not stop_pair(directory=tmp_path)
        assert first.lives()
    assert not first.lives()
    assert running_pair(directory=tmp_path).environment() == {}


def test_a_pinned_pair_outlives_its_users(known: Path) -> None:
    pair = pin_pair(directory=known)
    with leased_pair(directory=known):
        pass
    assert pair.lives()
    assert stop_pair(directory=known)
    assert not pair.lives()


def test_a_killed_user_leaves_a_pair_that_the_next_takes_over(known: Path) -> None:
    code = (
        "import pathlib, sys, time\nfrom fmi.embedded.pair import leased_pair\n"
        "with leased_pair(directory=pathlib.Path(sys.argv[1])):\n    print('up', flush=True); time.sleep(60)"
    )
    user = subprocess.Popen([sys.executable, "-c", code, str(known)], cwd=ROOT, stdout=subprocess.PIPE)
    assert user.stdout is not None
    assert user.stdout.readline() == b"up\n"
    left = running_pair(directory=known)
    user.kill()
    user.wait()
    assert left.lives()
    with leased_pair(directory=known) as pair:
        assert pair.environment() == left.environment()
    time.sleep(0.1)
    assert not left.lives()


def test_the_key_of_a_machine_is_made_once(tmp_path: Path) -> None:
    first = local_settings(directory=tmp_path)
    assert local_settings(directory=tmp_path) == first
    assert len(first["SECRET_KEY"]) >= 50
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_a_command_gets_servers_and_its_exit_code_comes_back(tmp_path: Path) -> None:
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "fmi.embedded", "with", "--directory", str(tmp_path), "--"),
            *("sh", "-c", "echo $DATABASE_URL $REDIS_URL; exit 7"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 7
    assert answer.stdout.startswith("postgresql://postgres:")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a right to give up")
def test_started_by_root_it_keeps_no_right_but_to_pass_directories(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = start_postgres(directory=tmp_path / "postgres", throw_away=True)
    try:
        status = dict(
            line.split(":\t", 1)
            for line in Path(f"/proc/{server.process_id}/status").read_text().splitlines()
            if ":\t" in line
        )
        assert "0" not in status["Uid"].split()
        assert {status[name] for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {f"{1 << 1:016x}"}
    finally:
        server.stop()
