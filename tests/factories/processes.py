"""Real processes of the product, on the test run's servers and database: the web server, a Celery worker, beat."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fmi.embedded import free_port

ROOT = Path(__file__).resolve().parents[2]
CELERY = ("celery", "--app", "fmi")
NAMES = ("web", "worker", "beat")


class Processes:
    """Web server, worker and beat: started, killed outright, started again."""

    def __init__(self, *, directory: Path, environment: dict[str, str], web_processes: int = 2) -> None:
        self.directory = directory
        self.environment = os.environ | environment
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        # The web server's, the same after each start.
        self.port = free_port()
        self.commands = {
            "web": ("granian", "--interface", "asginl", "--port", str(self.port), "--workers",
                    str(web_processes), "--no-ws", "fmi.asgi:application"),
            "worker": (*CELERY, "worker", "--loglevel", "INFO", "--concurrency", "2", "--without-mingle",
                       "--without-gossip"),
            "beat": (*CELERY, "beat", "--loglevel", "INFO", "--pidfile=", "--schedule",
                     str(directory / "beat-schedule")),
        }  # fmt: skip

    def start(self, name: str) -> None:
        """Start a process, where it does not run."""
        standing = self.running.get(name)
        if standing is not None and standing.poll() is None:
            return
        command = [sys.executable, "-m", *self.commands[name]]
        with (self.directory / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def children_of(self, name: str) -> list[int]:
        """Return the processes that a process has started: the worker's pool, the web server's workers."""
        return children_of(self.running[name].pid)

    def kill(self, name: str) -> None:
        """Kill the whole process group at once, with no chance to tidy up."""
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def kill_one_child(self, name: str) -> bool:
        """Kill one process of a pool in the midst of whatever it does; tell whether there was one."""
        for child in self.children_of(name)[:1]:
            os.kill(child, signal.SIGKILL)
            return True
        return False

    def stop(self) -> None:
        """Ask all to stop, and kill what does not."""
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

    def ask(self, path: str) -> int:
        """Return the status that the web server answers a GET with, 0 where it does not answer."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            client.request("GET", path)
            return client.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            client.close()


def children_of(pid: int) -> list[int]:
    """Return the processes that the main thread of a process has started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def environment_of_workers(*, database_name: str, broker_database: int, **more: str) -> dict[str, str]:
    """Return the variables that point a process at the test run's database, and at a broker queue of its own."""
    return {
        "DATABASE_URL": os.environ["DATABASE_URL"].rsplit("/", 1)[0] + f"/{database_name}",
        "REDIS_URL": os.environ["REDIS_URL"].rsplit("/", 1)[0] + f"/{broker_database}",
    } | more


def environment_of_production(**more: str) -> dict[str, str]:
    """Return the variables without which nothing starts in production, with this run's own keys: DEBUG is off."""
    from django.conf import settings

    return {
        "DEBUG": "false",
        "STATIC_FROM_SOURCE": "true",
        "JWT_SIGNING_KEYS": "tests:" + "j" * 64,
        "JWT_ISSUER": settings.JWT_ISSUER,
        "JWT_AUDIENCE": settings.JWT_AUDIENCE,
        "ENCRYPTION_KEYS": "eHh4" * 10 + "eHg=",
        "AUDIT_SIGNING_KEY": settings.AUDIT_SIGNING_KEY,
        # Limits have tests of their own; here clients send as fast as they can.
        "RATE_LIMITS": "default=10000000/60,bulk=10000000/60",
    } | more


def wait_until(condition: Callable[[], bool], *, seconds: float, processes: Processes, what: str) -> None:
    """Wait for a condition; fail with the ends of the logs when it does not come."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_at:
            logs = "\n".join(f"--- {name}\n{processes.log(name)[-3000:]}" for name in NAMES)
            raise AssertionError(f"{what} did not come within {seconds:.0f} seconds\n{logs}")
        time.sleep(0.05)
