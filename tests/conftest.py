"""The test run's own PostgreSQL and Valkey, started before Django reads its settings."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import django
import psycopg
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
        _start_servers(config)
    os.environ["SECRET_KEY"] = "tests-" + "x" * 60
    os.environ["ALLOWED_HOSTS"] = "localhost,127.0.0.1,testserver"
    os.environ["HTTPS_ONLY"] = "false"
    os.environ["DEBUG"] = "true"
    heads = Path(tempfile.mkdtemp(prefix="mini-fmi-tests-heads-"))
    _directories.append(heads)
    os.environ["AUDIT_HEADS"] = str(heads / "heads.jsonl")
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
    # Else each test client looks through all static files, collected ones too, before its first request: 0.2 seconds.
    settings.WHITENOISE_AUTOREFRESH = True
    _empty_what_was_filled()


def _start_servers(config: pytest.Config) -> None:
    """Start the servers of this process of the run: several processes run tests side by side."""
    from tests.factories.migrated import DATABASE, copy_migrated

    directory = Path(tempfile.mkdtemp(prefix="mini-fmi-tests-"))
    _directories.append(directory)
    directory.chmod(0o711)
    if not os.environ.get("DATABASE_URL"):
        copy_migrated(directory=directory)
        server = start_postgres(directory=directory / "postgres", throw_away=True)
        _servers.append(server)
        os.environ["DATABASE_URL"] = server.url
        config.option.reuse_db = True
        if worker := getattr(config, "workerinput", {}).get("workerid"):
            # So pytest-django calls the database of one of several processes.
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(f"ALTER DATABASE {DATABASE} RENAME TO {DATABASE}_{worker}")
    if not os.environ.get("REDIS_URL"):
        _servers.append(start_valkey(directory=directory / "valkey", throw_away=True))
        os.environ["REDIS_URL"] = _servers[-1].url


def _empty_what_was_filled() -> None:
    """Have the flush after a transactional test empty the tables that hold something, though they refuse it.

    Django would truncate all of the tables, each with its indexes as new files: ten times what deleting a test's few
    rows takes. Content types and permissions stay: the flush would make the same again.
    """
    from django.db import connections, transaction
    from django.db.backends.postgresql.operations import DatabaseOperations

    def execute_sql_flush(self: Any, sql_list: Iterable[str]) -> None:
        tables = set(re.findall(r'"(\w+)"', " ".join(sql_list))) - {"django_content_type", "auth_permission"}
        alias = self.connection.alias
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            # Neither triggers nor foreign keys are asked.
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("SELECT relname FROM pg_class WHERE oid = ANY(%s::regclass[]) AND pg_relation_size(oid) > 0",
                           [sorted(tables)])  # fmt: skip
            for (table,) in cursor.fetchall():
                cursor.execute(f'DELETE FROM "{table}"')

    DatabaseOperations.execute_sql_flush = execute_sql_flush  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any, django_db_keepdb: bool
) -> Iterator[None]:
    """Make the test database, or migrate the copied one, also where no test that runs is marked django_db.

    pytest-django's own makes none for a test that has only a fixture with a server's own database.
    """
    from django.test.utils import setup_databases, teardown_databases

    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default": True}, serialized_aliases=(),
                               keepdb=django_db_keepdb)  # fmt: skip
    yield
    if not django_db_keepdb:
        with django_db_blocker.unblock():
            teardown_databases(made, verbosity=0)


@pytest.fixture(autouse=True)
def _no_heads_of_another_database() -> None:
    """Each test begins with an empty audit log, and so with no heads outside."""
    Path(os.environ["AUDIT_HEADS"]).unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _an_origin_of_its_own() -> Iterator[None]:
    """What a test says at a door that it never closes is not heard by the next."""
    from reference.origin import Origin, acting_from

    with acting_from(Origin()):
        yield


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright leaves its event loop running in the thread of all tests.

    The slow ones of them come first, so that processes side by side end at about the same time.
    """

    def place(item: pytest.Item) -> int:
        return 0 if item.get_closest_marker("browser") is None else 1 if item.get_closest_marker("slow") else 2

    items.sort(key=place)


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
