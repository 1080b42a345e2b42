"""The test run's own PostgreSQL and Valkey, started before Django reads its settings."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import django
import pytest

from fmi.embedded import Server, start_postgres, start_valkey

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_servers: list[Server] = []
_directories: list[Path] = []


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start throw-away servers, unless the environment names others, and point the settings at them."""
    if config.option.help or config.option.version:
        return
    runs_tests = hasattr(config, "workerinput") or not config.getoption("numprocesses", None)
    if runs_tests:
        _start_servers()
    os.environ["SECRET_KEY"] = "tests-" + "x" * 60
    os.environ["ALLOWED_HOSTS"] = "localhost,127.0.0.1,testserver"
    os.environ["HTTPS_ONLY"] = "false"
    os.environ["DEBUG"] = "true"
    # Playwright's synchronous API keeps an event loop in the thread that runs the tests.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    os.environ["DJANGO_SETTINGS_MODULE"] = "fmi.settings"
    django.setup()
    if not runs_tests:
        # What runs the tests inherits this environment, and must not read the settings before its servers stand.
        del os.environ["DJANGO_SETTINGS_MODULE"]
    # A slow hash says nothing in a test that a fast one does not.
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    _let_teardown_truncate()


def _start_servers() -> None:
    """Start the servers of this process of the run: several processes run tests side by side."""
    directory = Path(tempfile.mkdtemp(prefix="mini-fmi-tests-"))
    _directories.append(directory)
    directory.chmod(0o711)
    if not os.environ.get("DATABASE_URL"):
        _servers.append(start_postgres(directory=directory / "postgres", throw_away=True))
        os.environ["DATABASE_URL"] = _servers[-1].url
    if not os.environ.get("REDIS_URL"):
        _servers.append(start_valkey(directory=directory / "valkey", throw_away=True))
        os.environ["REDIS_URL"] = _servers[-1].url


def _let_teardown_truncate() -> None:
    """Let the flush after a transactional test empty the tables that refuse it to everybody else."""
    from django.db import connections, transaction
    from django.db.backends.postgresql.operations import DatabaseOperations

    def execute_sql_flush(self: Any, sql_list: Iterable[str]) -> None:
        alias = self.connection.alias
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute("SET LOCAL fmi.allow_truncate = 'on'")
            for sql in sql_list:
                cursor.execute(sql)

    DatabaseOperations.execute_sql_flush = execute_sql_flush  # type: ignore[method-assign]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright leaves its event loop running in the thread of all tests."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers and take their files away, whatever the outcome."""
    while _servers:
        _servers.pop().stop()
    while _directories:
        shutil.rmtree(_directories.pop(), ignore_errors=True)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Launch the system's Chromium, which also runs as root and without a display."""
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": CHROMIUM_ARGUMENTS}
