"""The product behind granian as it runs in production, on a database of its own: rows there are really committed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from fmi.embedded import free_port

ROOT = Path(__file__).resolve().parents[2]
START_PATIENCE_SECONDS = 60

T = TypeVar("T")


@contextmanager
def serving(*, name: str, prepare: Callable[[], T], blocker: Any, **environment: str) -> Iterator[tuple[int, T]]:
    """Copy the migrated test database to one of this name, prepare it, and serve it; give the port and what it made.

    Inside, this process works on the same database. environment: further variables of the server.
    """
    from django.db import connection

    settings_dict = connection.settings_dict
    template = settings_dict["NAME"]
    assert template.startswith("test_"), "no test of this run is marked django_db, so there is no database of tests"
    server = {"host": settings_dict["HOST"], "port": settings_dict["PORT"], "user": settings_dict["USER"],
              "password": settings_dict["PASSWORD"], "dbname": "postgres"}  # fmt: skip
    with blocker.unblock(), psycopg.connect(**server, autocommit=True) as admin:
        connection.close()
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        settings_dict["NAME"] = name
        url = "postgresql://{user}:{password}@{host}:{port}/".format(**server) + name
        try:
            made = prepare()
            with serving_from(url=url, **environment) as port:
                yield port, made
        finally:
            connection.close()
            settings_dict["NAME"] = template
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def serving_from(*, url: str, **environment: str) -> Iterator[int]:
    """Serve the product from a database; give the port. environment: further variables of the server.

    GRANIAN_WORKERS among them is how many processes serve.
    """
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", "--interface", "asginl", "--port", str(port), "fmi.asgi:application"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url, "WEB_THREADS": "4"} | environment,
    )
    try:
        wait_for(port=port, process=process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(*, port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server listens."""
    deadline = time.monotonic() + START_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")
