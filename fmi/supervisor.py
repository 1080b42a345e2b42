"""`make run`: the servers, the web process, a worker and beat, started in order and stopped in order.

This process knows no Django and no database: it starts the processes that do, watches them, and
stops them when it is told to (Ctrl-C, SIGTERM, SIGHUP) or when one of them ends by itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from fmi.embedded import EmbeddedServerError, port_is_free
from fmi.embedded.pair import ROOT, VAR, leased_pair, local_settings
from fmi.embedded.server import LOOPBACK
from fmi.processes import (
    LOGS,
    STOP_PATIENCE_SECONDS,
    Child,
    RunError,
    Stop,
    raise_for_ended,
    stop_children,
)

DEFAULT_PORT = 8000

# Before the processes start: tables, reference data, logins. Safe to repeat.
PREPARE: tuple[tuple[str, ...], ...] = (("prepare", "--demo-users"),)

# Once the pages answer: the first business days, so that there is something to see. Safe to repeat:
# a later start goes on where the last one stopped. DAYS=0 plays none.
FIRST_DAYS = ("play_days", "--resume", "--days")
DEFAULT_DAYS = 5

# And then business time runs on, with the demo's market in it, from wherever it stands.
DEMO_SEED = "7"
# It listens on the loopback address only.
DEMO_PASSWORD = "demo"  # noqa: S105
DEFAULT_DAY_SECONDS = 300

WELCOME = """
  Mini FMI runs at   {address}
  Log in as          operator, auditor or a participant such as alderbk; the password is {password}
  Approve as         supervisor: a second operator, for what takes two persons
  Logs lie in        {logs}
  Stop it with       Ctrl-C
"""

READY_PATIENCE_SECONDS = 90.0


def children(*, port: int) -> list[Child]:
    """Return the processes of the product in the order in which they start."""
    granian = ("-m", "granian", "--interface", "asginl", "--host", LOOPBACK, "--port", str(port))
    celery = ("-m", "celery", "--app", "fmi")
    return [
        Child("web", (*granian, "--workers", "2", "--no-ws", "fmi.asgi:application")),
        Child("worker", (*celery, "worker", "--loglevel", "INFO", "--concurrency", "2")),
        Child(
            "beat",
            (*celery, "beat", "--loglevel", "INFO", "--pidfile=", "--schedule", str(VAR / "beat-schedule")),
        ),
    ]


def read_number(*, name: str, default: int, lowest: int, highest: int) -> int:
    """Return the whole number of a variable. Raises RunError when it is none, or out of bounds."""
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and lowest <= int(text) <= highest):
        raise RunError(f"{name} is {text!r}; it must be a number from {lowest} to {highest}.")
    return int(text)


def read_port() -> int:
    """Return the port of the variable PORT. Raises RunError when it is no port, or taken."""
    port = read_number(name="PORT", default=DEFAULT_PORT, lowest=1, highest=65535)
    if not port_is_free(port=port):
        raise RunError(f"Port {port} is taken. Choose another one: make run PORT={min(port + 1, 65535)}")
    return port


@contextlib.contextmanager
def only_run() -> Iterator[None]:
    """Hold the directory for the block. Raises RunError when another `make run` holds it."""
    VAR.mkdir(parents=True, exist_ok=True)
    with (VAR / "run.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunError("Another `make run` already runs from this directory.") from None
        yield


def run_command(*, arguments: tuple[str, ...], environment: dict[str, str], stop: Stop) -> None:
    """Run one management command to its end, its output on the terminal.

    Raises RunError when it fails; ends it when a stop is asked for.
    """
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and not stop.is_asked():
        time.sleep(0.05)
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=STOP_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.returncode != 0 and not stop.is_asked():
        raise RunError(f"manage.py {' '.join(arguments)} failed with code {process.returncode}.")


def wait_until_ready(*, port: int, started: list[Child], stop: Stop) -> None:
    """Wait until /ready says ok. Raises RunError when it does not in time, or a process ends."""
    give_up_at = time.monotonic() + READY_PATIENCE_SECONDS
    said = "no answer"
    while not stop.is_asked():
        raise_for_ended(started)
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/ready", timeout=5) as answer:
                said = answer.read().decode()
            if json.loads(said).get("status") == "ok":
                return
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
        except (OSError, ValueError):
            pass
        if time.monotonic() > give_up_at:
            raise RunError(f"/ready did not say ok within {READY_PATIENCE_SECONDS:.0f} s: {said}")
        time.sleep(0.2)


def run(*, stop: Stop) -> None:
    """Run the product until a stop is asked for. Raises RunError when something fails."""
    with only_run():
        port = read_port()
        days = read_number(name="DAYS", default=DEFAULT_DAYS, lowest=0, highest=1000)
        day_seconds = read_number(name="DAY_SECONDS", default=DEFAULT_DAY_SECONDS, lowest=10, highest=86_400)
        environment = dict(os.environ)
        for name, value in local_settings().items():
            environment[name] = os.environ.get(name) or value
        environment["PYTHONUNBUFFERED"] = "1"
        environment.setdefault("DEMO_SEED", DEMO_SEED)
        environment.setdefault("DEMO_PASSWORD", DEMO_PASSWORD)
        want_postgres = not os.environ.get("DATABASE_URL")
        want_valkey = not os.environ.get("REDIS_URL")
        say("Starting PostgreSQL and Valkey" if want_postgres or want_valkey else "Using the servers given")
        with leased_pair(want_postgres=want_postgres, want_valkey=want_valkey) as pair:
            environment |= pair.environment()
            run_product(port=port, days=days, day_seconds=day_seconds, environment=environment, stop=stop)
            say("Stopping the servers")
    say("Stopped. The data are kept for the next start.")


def run_product(*, port: int, days: int, day_seconds: int, environment: dict[str, str], stop: Stop) -> None:
    """Prepare, start the processes, play the first days, and watch until a stop is asked for."""
    started: list[Child] = []
    address = f"http://{LOOPBACK}:{port}/"
    try:
        for arguments in PREPARE:
            if not stop.is_asked():
                run_command(arguments=arguments, environment=environment, stop=stop)
        if stop.is_asked():
            return
        say("Starting web, worker and beat")
        for child in children(port=port):
            child.start(environment)
            started.append(child)
        wait_until_ready(port=port, started=started, stop=stop)
        if not stop.is_asked():
            say(f"The pages are live at {address}")
        if days > 0 and not stop.is_asked():
            run_command(arguments=(*FIRST_DAYS, str(days)), environment=environment, stop=stop)
            run_command(
                arguments=("start_clock", "--day-seconds", str(day_seconds)), environment=environment, stop=stop
            )
        if not stop.is_asked():
            say(WELCOME.format(address=address, logs=LOGS, password=environment["DEMO_PASSWORD"]))
        while not stop.is_asked():
            raise_for_ended(started)
            time.sleep(0.2)
    finally:
        if started:
            say("Stopping beat, worker and web")
        stop_children(started=started, stop=stop)


def say(line: str) -> None:
    """Tell the person in front of the terminal."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


def main() -> int:
    """Run until told to stop; return 0 then, 1 when something failed."""
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop.receive)
    try:
        run(stop=stop)
    except (RunError, EmbeddedServerError) as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
