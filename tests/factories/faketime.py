"""A wall clock that can be set back under real processes: libfaketime stands between them and the system's clock."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

NEEDED = "libfaketime is not installed (Debian: apt-get install faketime)"
# How long a process may go on by the time that it read last, as with a clock that is disciplined over the network.
NOTICED_SECONDS = 1
# libfaketime 0.9 spoils a sleep until a moment of the clock that only goes on, which is how Python 3.11 sleeps:
# "Invalid argument" after the clock was set back. A wait of the same length is left alone.
SLEEPING = """
import select, time
time.sleep = lambda seconds: select.select((), (), (), seconds)
"""


def find_library() -> Path | None:
    """Return libfaketime for programs with threads, where this machine has it."""
    places = ("/usr/lib/*/faketime", "/usr/lib64/faketime", "/usr/lib/faketime", "/usr/local/lib/faketime")
    found = [path for place in places for path in Path("/").glob(f"{place[1:]}/libfaketimeMT.so.1")]
    return found[0] if found else None


class Wall:
    """The wall clock of every process that was started in its environment. Time that only goes on is left alone."""

    def __init__(self, *, directory: Path, library: Path) -> None:
        self.directory = directory
        self.behind = timedelta(0)
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(directory / "clock"),
            "FAKETIME_CACHE_DURATION": str(NOTICED_SECONDS),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Files keep their times: by them compiled code knows its source.
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": str(directory),
        }
        (directory / "sitecustomize.py").write_text(SLEEPING)
        self.set_back(by=timedelta(0))

    def set_back(self, *, by: timedelta) -> None:
        """Set the clock back by so much more; every process has noticed after NOTICED_SECONDS."""
        self.behind += by
        written = self.directory / "clock.new"
        written.write_text(f"-{self.behind.total_seconds():.0f}")
        written.chmod(0o644)
        written.replace(self.directory / "clock")

    @contextmanager
    def around(self) -> Iterator[None]:
        """Start processes in the block under this clock."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield


@contextmanager
def wall_clock() -> Iterator[Wall]:
    """Give a clock that can be set back; skip the test where libfaketime is missing."""
    library = find_library()
    if library is None:
        pytest.skip(NEEDED)
    directory = Path(tempfile.mkdtemp(prefix="mini-fmi-clock-", dir=os.environ.get("TMPDIR")))
    # The database server, where it runs as another user, reads it too.
    directory.chmod(0o711)
    try:
        yield Wall(directory=directory, library=library)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
