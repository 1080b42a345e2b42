"""The pair of servers that a clone keeps under var/, shared by the commands that use it at once.

Every user holds a lease, a shared file lock that the system drops when the process ends, however it
ends. Who gives back the last lease stops the servers, unless `python -m fmi.embedded up` pinned them.
"""

from __future__ import annotations

import base64
import fcntl
import hmac
import json
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fmi.embedded.postgres import start_postgres
from fmi.embedded.server import Server
from fmi.embedded.valkey import start_valkey

ROOT = Path(__file__).resolve().parent.parent.parent
VAR = Path(os.environ.get("VAR_DIRECTORY") or ROOT / "var").resolve()

# With none of these set, the product runs on this machine alone and brings its own servers.
CONFIGURED_BY = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL")


@dataclass(frozen=True, slots=True)
class Pair:
    """The two servers, each None when its URL was given and it therefore was not started."""

    postgres: Server | None
    valkey: Server | None

    def lives(self) -> bool:
        """Say whether every server of the pair still runs."""
        return all(server.lives() for server in (self.postgres, self.valkey) if server)

    def stop(self) -> None:
        """Stop Valkey, then PostgreSQL."""
        for server in (self.valkey, self.postgres):
            if server is not None:
                server.stop()

    def environment(self) -> dict[str, str]:
        """Return the variables by which the settings find the pair."""
        found = {}
        if self.postgres is not None:
            found["DATABASE_URL"] = self.postgres.app_url
            found["OWNER_DATABASE_URL"] = self.postgres.url
        if self.valkey is not None:
            found["REDIS_URL"] = self.valkey.url
        return found


def is_local() -> bool:
    """Say whether nothing is configured, so that this machine's own servers and key are meant."""
    return not any(os.environ.get(name) for name in CONFIGURED_BY)


def local_settings(*, directory: Path = VAR) -> dict[str, str]:
    """Return the settings of a machine of one's own: a key made once, plain HTTP, loopback only."""
    path = directory / "secret_key"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        draft = directory / f"secret_key.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(64))
        draft.replace(path)
    secret = path.read_text().strip()

    def derived(label: bytes) -> bytes:
        return hmac.digest(secret.encode(), label, "sha256")

    return {
        "SECRET_KEY": secret,
        "JWT_SIGNING_KEYS": f"own-machine:{derived(b'access tokens').hex()}",
        "JWT_ISSUER": "mini-fmi",
        "JWT_AUDIENCE": "mini-fmi-api",
        "ENCRYPTION_KEYS": base64.urlsafe_b64encode(derived(b"encryption")).decode(),
        "AUDIT_SIGNING_KEY": base64.b64encode(derived(b"audit heads")).decode(),
        "AUDIT_HEADS": str(directory.resolve() / "audit" / "heads.jsonl"),
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "HTTPS_ONLY": "false",
        "STATIC_FROM_SOURCE": "true",
    }


@contextmanager
def leased_pair(*, directory: Path = VAR, want_postgres: bool = True, want_valkey: bool = True) -> Iterator[Pair]:
    """Lease the pair for the block, started first when it does not run.

    Raises EmbeddedServerError when a server does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "servers.lease").open("a") as lease:
        with _starting_or_stopping(directory):
            fcntl.flock(lease, fcntl.LOCK_SH)
            pair = _started_pair(directory=directory, want_postgres=want_postgres, want_valkey=want_valkey)
        try:
            yield pair
        finally:
            with _starting_or_stopping(directory):
                if _is_last(lease) and not _state(directory).get("pinned"):
                    _running_pair(directory=directory).stop()
                    _state_path(directory).unlink(missing_ok=True)


def pin_pair(*, directory: Path = VAR) -> Pair:
    """Start the pair and leave it running after this process ends, until `stop_pair`."""
    with leased_pair(directory=directory) as pair, _starting_or_stopping(directory):
        _write_state(directory, _state(directory) | {"pinned": True})
    return pair


def stop_pair(*, directory: Path = VAR) -> bool:
    """Stop the pair. Return False, with the servers left running, while a command still uses them."""
    if not directory.exists():
        return True
    with _starting_or_stopping(directory), (directory / "servers.lease").open("a") as lease:
        if not _is_last(lease):
            _write_state(directory, _state(directory) | {"pinned": False})
            return False
        _running_pair(directory=directory).stop()
        _state_path(directory).unlink(missing_ok=True)
    return True


def running_pair(*, directory: Path = VAR) -> Pair:
    """Return the servers of the pair that run now."""
    return _running_pair(directory=directory)


def _started_pair(*, directory: Path, want_postgres: bool, want_valkey: bool) -> Pair:
    """Return the wanted servers: those that run already, and the others started."""
    running = _running_pair(directory=directory)
    postgres, valkey = running.postgres, running.valkey
    try:
        if postgres is None and want_postgres:
            postgres = start_postgres(directory=directory / "postgres")
        if valkey is None and want_valkey:
            valkey = start_valkey(directory=directory / "valkey")
    except BaseException:
        for started, before in ((valkey, running.valkey), (postgres, running.postgres)):
            if started is not None and before is None:
                started.stop()
        raise
    servers = {
        server.program: {
            "process_id": server.process_id,
            "port": server.port,
            "url": server.url,
            "app_url": server.app_url,
        }
        for server in (postgres, valkey)
        if server is not None
    }
    _write_state(directory, {"pinned": bool(_state(directory).get("pinned")), "servers": servers})
    return Pair(postgres if want_postgres else None, valkey if want_valkey else None)


def _running_pair(*, directory: Path) -> Pair:
    servers = _state(directory).get("servers")
    found = servers if isinstance(servers, dict) else {}
    return Pair(
        _running_server(found.get("postgres"), "postgres", signal.SIGINT),
        _running_server(found.get("valkey-server"), "valkey-server", signal.SIGTERM),
    )


def _running_server(record: dict[str, object] | None, program: str, stop_signal: int) -> Server | None:
    if record is None:
        return None
    server = Server(
        program=program,
        process_id=int(str(record["process_id"])),
        port=int(str(record["port"])),
        url=str(record["url"]),
        stop_signal=stop_signal,
        app_url=str(record.get("app_url") or record["url"]),
    )
    return server if server.lives() else None


def _state_path(directory: Path) -> Path:
    return directory / "servers.json"


def _state(directory: Path) -> dict[str, object]:
    try:
        found = json.loads(_state_path(directory).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_state(directory: Path, state: dict[str, object]) -> None:
    """Replace the file at once; it names a password, so only its owner may read it."""
    draft = directory / f"servers.{os.getpid()}.json"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(state, file)
    draft.replace(_state_path(directory))


@contextmanager
def _starting_or_stopping(directory: Path) -> Iterator[None]:
    """Let one process at a time start or stop the servers of a directory."""
    with (directory / "servers.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_last(lease: IO[str]) -> bool:
    """Say whether nobody else holds a lease."""
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
