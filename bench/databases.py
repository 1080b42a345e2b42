"""Databases of the bench's own on the product's server, so that what stands in the product's is not touched."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from bench.market import load_market
from reference.queries import forget_directory
from settlement.core.decide import warm_up

PREPARED = "bench_prepared"


def server_url(*, database: str) -> str:
    """Return the URL of a database on the server that DATABASE_URL names."""
    return urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path=f"/{database}"))


def execute_outside(statement: sql.Composed | sql.SQL) -> None:
    """Run a statement that no transaction may hold, in the server's maintenance database."""
    with psycopg.connect(server_url(database="postgres"), autocommit=True) as maintenance:
        maintenance.execute(statement)


def drop_database(*, name: str) -> None:
    """Drop a database of the bench, if there is one."""
    execute_outside(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def create_database(*, name: str, template: str = "template0") -> None:
    """Create a database of the bench anew."""
    drop_database(name=name)
    execute_outside(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY wal_log").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )


@contextmanager
def connected_to(*, database: str) -> Iterator[None]:
    """Point Django's connection at a database for the block."""
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = database
    forget_directory()
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


def prepare_database() -> None:
    """Create the database that every measurement starts from: tables, market, accounts, opening balances."""
    # As a worker does when it starts: the decision's kernels are compiled, or loaded.
    warm_up()
    create_database(name=PREPARED)
    with connected_to(database=PREPARED):
        migrate_database()
        load_market()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def migrate_database() -> None:
    """Create the product's tables in the connected database."""
    call_command("migrate", verbosity=0)


@contextmanager
def fresh_database(*, name: str) -> Iterator[None]:
    """Give the block a copy of the prepared database, dropped afterwards."""
    create_database(name=name, template=PREPARED)
    execute_outside(sql.SQL("CHECKPOINT"))
    try:
        with connected_to(database=name):
            yield
    finally:
        drop_database(name=name)
