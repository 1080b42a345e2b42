"""The product's own database role, backup, restore and point-in-time recovery, on servers of their own.

A business day is played under the role that may not change the audit log. Then the database is dumped and restored
into a fresh server, and another one is recovered from a base backup and the archived log to a moment before damage.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from fmi.embedded import Server, start_postgres
from fmi.embedded.postgres import binaries
from fmi.embedded.unprivileged import give_to, unprivileged_user
from tests.factories.role_attacks import ROLE_ATTACKS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.chaos


class Place:
    """The servers of the test, and the commands run against them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.servers: list[Server] = []
        self.archive = directory / "archive"
        self.archive.mkdir()
        user = unprivileged_user()
        if user is not None:
            give_to(user=user, directory=self.archive)

    def start(self, name: str, **more: str) -> Server:
        """Start a server on a directory of this name."""
        server = start_postgres(directory=self.directory / name, throw_away=True, more=more)
        self.servers.append(server)
        return server

    def manage(self, server: Server, *command: str) -> str:
        """Run a management command as the product's role, or as the owner where manage.py says so."""
        environment = os.environ | {
            "DATABASE_URL": server.app_url,
            "OWNER_DATABASE_URL": server.url,
            "AUDIT_HEADS": str(self.directory / "heads.jsonl"),
        }
        done = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def tool(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own programs."""
        done = subprocess.run([binaries() / name, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    for server in reversed(made.servers):
        server.stop()


def test_a_day_under_its_own_role_is_restored_from_a_dump_and_to_a_moment(place: Place) -> None:
    first = place.start(
        "first", archive_mode="on", archive_command=f"cp %p {place.archive}/%f", wal_level="replica",
    )  # fmt: skip
    place.manage(first, "prepare", "--demo-users")
    place.tool("pg_basebackup", "-d", first.url, "-D", str(place.directory / "third"), "-X", "none", "-c", "fast")

    # Under the product's role the day runs through, and no attack on what is only added gets as far as a trigger.
    place.manage(first, "play_days", "--days", "1", "--json")
    with psycopg.connect(first.app_url, autocommit=True) as attacker:
        assert attacker.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("30min",)
        for attack in ROLE_ATTACKS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                attacker.execute(attack)
    assert "is as it was sealed" in place.manage(first, "verify_audit")
    hashes = place.manage(first, "table_hashes")
    with psycopg.connect(first.url, autocommit=True) as owner:
        moment = str(owner.execute("SELECT clock_timestamp()").fetchone()[0])  # type: ignore[index]
        time.sleep(0.2)
        # The damage: an owner who knows what he does.
        owner.execute("SET session_replication_role = replica")
        owner.execute("DELETE FROM ledger_posting")
        owner.execute("UPDATE trades_trade SET quantity_units = quantity_units + 1")

    # To the moment before it, from the base backup and the archived log.
    with psycopg.connect(first.url, autocommit=True) as owner:
        name = owner.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()[0]  # type: ignore[index]
        give_up_at = time.monotonic() + 30
        while not (place.archive / name).exists() and time.monotonic() < give_up_at:
            time.sleep(0.1)
    first.stop()
    for kind in (".password", ".app.password"):
        shutil.copy(place.directory / f"first{kind}", place.directory / f"third{kind}")
    (place.directory / "third" / "recovery.signal").touch()
    third = place.start(
        "third", restore_command=f"cp {place.archive}/%f %p", recovery_target_time=moment,
        recovery_target_action="promote",
    )  # fmt: skip
    assert place.manage(third, "table_hashes") == hashes
    place.manage(third, "check_invariants")
    assert "is as it was sealed" in place.manage(third, "verify_audit")

    # A dump of it, into a fresh server.
    dump = str(place.directory / "fmi.dump")
    place.tool("pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file", dump, third.url)
    second = place.start("second")
    hashes = place.manage(third, "table_hashes")
    place.tool("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--dbname", second.url, dump)
    assert place.manage(second, "table_hashes") == hashes
    place.manage(second, "prepare")
    place.manage(second, "check_invariants")
    assert "is as it was sealed" in place.manage(second, "verify_audit")
    # What is restored goes on: the next day is played and sealed on top of it.
    place.manage(second, "play_days", "--days", "1", "--json")
    assert "is as it was sealed" in place.manage(second, "verify_audit")
