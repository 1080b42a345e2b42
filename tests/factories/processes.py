"""A real Celery worker and a real beat as processes of their own, on the test run's servers and database."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "worker": ("worker", "--loglevel", "INFO", "--concurrency", "2", "--without-mingle", "--without-gossip"),
    "beat": ("beat", "--loglevel", "INFO", "--pidfile="),
}


class Processes:
    """Worker and beat: started, killed outright, started again."""

    def __init__(self, *, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self.environment = os.environ | environment
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start the worker or beat, where it does not run."""
        standing = self.running.get(name)
        if standing is not None and standing.poll() is None:
            return
        command = [sys.executable, "-m", "celery", "--app", "fmi", *COMMANDS[name]]
        if name == "beat":
            command += ["--schedule", str(self.directory / "beat-schedule")]
        with (self.directory / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def children_of(self, name: str) -> list[int]:
        """Return the processes that a process has started: the worker's pool."""
        pid = self.running[name].pid
        try:
            return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        except OSError:
            return []

    def kill(self, name: str) -> None:
        """Kill the whole process group at once, with no chance to tidy up."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_one_child(self, name: str) -> None:
        """Kill one process of the worker's pool in the midst of whatever it does."""
        for child in self.children_of(name)[:1]:
            os.kill(child, signal.SIGKILL)

    def stop(self) -> None:
        """Ask both to stop, and kill what does not."""
        for process in self.running.values():
            process.terminate()
        for name, process in list(self.running.items()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
            with contextlib.suppress(ProcessLookupError):
                self.kill(name)

    def log(self, name: str) -> str:
        """Return what a process has written."""
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


def environment_of_workers(*, database_name: str, broker_database: int, **more: str) -> dict[str, str]:
    """Return the variables that point a process at the test run's database, and at a broker queue of its own."""
    return {
        "DATABASE_URL": os.environ["DATABASE_URL"].rsplit("/", 1)[0] + f"/{database_name}",
        "REDIS_URL": os.environ["REDIS_URL"].rsplit("/", 1)[0] + f"/{broker_database}",
    } | more


def wait_until(condition: Callable[[], bool], *, seconds: float, processes: Processes, what: str) -> None:
    """Wait for a condition; fail with the ends of the logs when it does not come."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_at:
            logs = "\n".join(f"--- {name}\n{processes.log(name)[-3000:]}" for name in COMMANDS)
            raise AssertionError(f"{what} did not come within {seconds:.0f} seconds\n{logs}")
        time.sleep(0.05)
