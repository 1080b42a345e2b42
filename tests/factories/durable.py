"""A PostgreSQL of one test's own that writes to the disk as in production, crashes and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from fmi.embedded import Server, start_postgres
from fmi.embedded.postgres import binaries
from tests.factories.processes import children_of


class Durable:
    """The server: where it lies, and its process."""

    def __init__(self, *, directory: Path) -> None:
        self.directory = directory
        self.server: Server = start_postgres(directory=directory)
        self.url = self.server.url

    def crash(self) -> int:
        """Kill all of its processes at once, so that none can tidy up; return how many they were."""
        main = self.server.process_id
        # Stopped first: the main process would start others in place of those that are killed.
        os.kill(main, signal.SIGSTOP)
        processes = [*children_of(main), main]
        for process in processes:
            os.kill(process, signal.SIGKILL)
        assert self.server.process is not None
        self.server.process.wait()
        return len(processes)

    def restart(self) -> None:
        """Start it again on its files, at the same port."""
        self.server = start_postgres(directory=self.directory, port=self.server.port)

    def settings(self) -> dict[str, str]:
        """Return what the server is asked for that must not be lost: whether it waits for the disk."""
        import psycopg

        with psycopg.connect(self.url) as found:
            return {
                name: str(found.execute(f"SHOW {name}").fetchone()[0])  # type: ignore[index]
                for name in ("fsync", "synchronous_commit", "full_page_writes")
            }


@contextmanager
def durable_database(*, directory: Path) -> Iterator[Durable]:
    """Copy the migrated test database, empty, to a durable server; inside, this process works on it."""
    from django.db import connection

    durable = Durable(directory=directory)
    try:
        settings_dict = connection.settings_dict
        before = {name: settings_dict[name] for name in ("HOST", "PORT", "USER", "PASSWORD", "NAME")}
        template = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**before)
        _copy(source=template, target=durable.url)
        place = urlsplit(durable.url)
        connection.close()
        settings_dict |= {
            "HOST": place.hostname, "PORT": place.port, "USER": place.username, "PASSWORD": place.password,
            "NAME": place.path.lstrip("/"),
        }  # fmt: skip
        try:
            yield durable
        finally:
            connection.close()
            settings_dict |= before
    finally:
        durable.server.stop()


def _copy(*, source: str, target: str) -> None:
    """Dump one database into another."""
    dump = subprocess.Popen([str(binaries() / "pg_dump"), "--no-owner", source], stdout=subprocess.PIPE)
    command = [str(binaries() / "psql"), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", target]
    done = subprocess.run(command, stdin=dump.stdout, capture_output=True, text=True, check=False)
    assert (dump.wait(), done.returncode) == (0, 0), done.stderr[-2000:]
