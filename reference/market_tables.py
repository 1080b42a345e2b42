"""Rows of market data into their tables: new ones written, standing ones compared, each in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection


@dataclass(frozen=True, slots=True)
class MarketTable:
    """A table of facts: its columns with their types, its key among them, and what does not count as content."""

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def given(self) -> str:
        """Return the rows of the parameters as a table `given`, numbered by `place` from 1."""
        arrays = ", ".join(f"%s::{kind}[]" for kind in self.columns.values())
        return f"unnest({arrays}) WITH ORDINALITY AS given({', '.join(self.columns)}, place)"


QUOTES = MarketTable(
    name="reference_quote",
    columns={
        "security_id": "bigint", "at": "timestamptz", "bid": "numeric", "ask": "numeric", "last": "numeric",
        "bid_units": "bigint", "ask_units": "bigint", "last_units": "bigint", "business_date": "date",
        "source": "text",
    },
    key=("security_id", "at", "source"),
)  # fmt: skip
DAILY_PRICES = MarketTable(
    name="reference_dailyprice",
    columns={
        "security_id": "bigint", "date": "date", "open": "numeric", "high": "numeric", "low": "numeric",
        "close": "numeric", "volume": "bigint", "adjusted_close": "numeric",
    },
    key=("security_id", "date"),
)  # fmt: skip
EXCHANGE_RATES = MarketTable(
    name="reference_exchangerate",
    columns={"currency_id": "bigint", "date": "date", "value": "numeric", "source": "text"},
    key=("currency_id", "date"),
    remarks=("source",),
)


@dataclass(frozen=True, slots=True)
class Written:
    """What came of rows: how many are new, and the places (from 0) of those whose key stands with other content."""

    new: int
    differing: list[int]


def write_rows(*, table: MarketTable, rows: Sequence[Sequence[Any]], compare: bool = True) -> Written:
    """Insert the rows whose key does not stand yet; no key comes twice among them.

    rows: values in the order of the table's columns. compare: look at what stands under the keys that are not new;
    without it `differing` is empty. Call it in a transaction. Raises the database's IntegrityError.
    """
    if not rows:
        return Written(0, [])
    arrays = [list(column) for column in zip(*rows, strict=True)]
    names = ", ".join(table.columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {table.given}"
            f" ON CONFLICT ({', '.join(table.key)}) DO NOTHING",
            arrays,
        )
        new = int(cursor.rowcount)
        if new == len(rows) or not compare:
            return Written(new, [])
        content = [name for name in table.columns if name not in table.key and name not in table.remarks]
        same_key = " AND ".join(f"stands.{name} = given.{name}" for name in table.key)
        cursor.execute(
            f"SELECT given.place - 1 FROM {table.given} JOIN {table.name} stands ON {same_key}"
            f" WHERE ({', '.join(f'stands.{name}' for name in content)})"
            f" IS DISTINCT FROM ({', '.join(f'given.{name}' for name in content)}) ORDER BY 1",
            arrays,
        )
        return Written(new, [place for (place,) in cursor.fetchall()])
