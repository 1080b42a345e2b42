"""A data directory whose test database is migrated: made once for each state of the migrations, copied by every run."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import psycopg

from fmi.embedded import start_postgres

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "var" / "tests"
# What a migration is made of: itself, what it reads from the rules of the floors, what makes and runs it.
SOURCES = ("*/migrations/*.py", "*/core/**/*.py", "fmi/embedded/*.py", "fmi/migrating.py", "requirements.txt",
           "tests/factories/migrated.py")  # fmt: skip
DATABASE = "test_fmi"


def copy_migrated(*, directory: Path) -> None:
    """Put a stopped server's data directory with the migrated database, and its password, into the directory.

    Django migrates once more what it finds: a model's new permission comes so, and so does what the key overlooks.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = KEPT / key_of_migrations()
        if not kept.exists():
            for older in KEPT.glob("[0-9a-f]*"):
                shutil.rmtree(older)
            make_migrated(kept=kept)
        shutil.copytree(kept, directory, dirs_exist_ok=True)


def key_of_migrations() -> str:
    """Return the hash of all that decides what the migrated database looks like."""
    digest = sha256(sys.version.encode())
    for path in sorted(path for pattern in SOURCES for path in ROOT.glob(pattern)):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def make_migrated(*, kept: Path) -> None:
    """Migrate a new database on a server of its own, stop that, and keep its data directory."""
    directory = Path(tempfile.mkdtemp(prefix="mini-fmi-migrated-"))
    directory.chmod(0o711)
    try:
        server = start_postgres(directory=directory / "postgres", throw_away=True)
        try:
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {DATABASE}")
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True,
                env=os.environ | {"DATABASE_URL": server.url.rpartition("/")[0] + f"/{DATABASE}", "DEBUG": "true"},
            )  # fmt: skip
        finally:
            server.stop()
        (directory / "postgres.log").unlink()
        unfinished = KEPT / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.move(directory, unfinished)
        unfinished.rename(kept)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
