"""Arrays to and from PostgreSQL: a round trip of every type, NULLs, refusals, and a million rows."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, OperationalError, ProgrammingError, connection, transaction
from django.db.backends.utils import CursorWrapper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference.bulk import Scaled, copy_arrays, fetch_arrays, pack_rows

pytestmark = pytest.mark.django_db

INT64 = st.integers(-(2**63) + 1, 2**63 - 1)


@pytest.fixture
def cursor() -> Iterator[CursorWrapper]:
    with connection.cursor() as opened:
        yield opened


def make_columns(rows: int) -> dict[str, Any]:
    random = np.random.default_rng(1)
    return {
        "big": random.integers(-(2**62), 2**62, rows),
        "middle": random.integers(-(2**30), 2**30, rows).astype(np.int32),
        "small": random.integers(-(2**14), 2**14, rows).astype(np.int16),
        "real": random.normal(size=rows),
        "flag": random.random(rows) < 0.5,
        "day": np.datetime64("1999-12-25") + random.integers(0, 5000, rows),
        "moment": np.datetime64("1999-12-31T23:59:59.999999", "us") + random.integers(0, 10**12, rows),
        "key": np.frombuffer(random.bytes(16 * rows), dtype="V16"),
    }


TYPES = (
    "big bigint, middle integer, small smallint, real double precision, flag boolean, day date,"
    " moment timestamptz, key uuid"
)


@pytest.mark.parametrize("rows", [0, 1, 65_536, 100_001])
def test_every_type_comes_back_as_it_went(cursor: CursorWrapper, rows: int) -> None:
    columns = make_columns(rows)
    cursor.execute(f"CREATE TEMPORARY TABLE round_trip ({TYPES}, line bigint GENERATED ALWAYS AS IDENTITY)")
    assert copy_arrays(cursor, table="round_trip", columns=columns) == rows
    names = ", ".join(columns)
    fetched = fetch_arrays(cursor, f"SELECT {names} FROM round_trip WHERE line > %s ORDER BY line", [0])
    assert list(fetched) == list(columns)
    for name, values in columns.items():
        assert np.array_equal(fetched[name], values), name
        assert fetched[name].dtype == values.dtype, name
        assert fetched[name].flags.writeable


def test_a_million_rows_each_way(cursor: CursorWrapper) -> None:
    rows = 1_000_000
    columns = {name: values for name, values in make_columns(rows).items() if name in ("big", "real", "flag", "day")}
    cursor.execute("CREATE TEMPORARY TABLE million (big bigint, real double precision, flag boolean, day date)")
    started = time.perf_counter()
    size = sum(len(piece) for piece in pack_rows(columns=columns))
    packed = time.perf_counter()
    copy_arrays(cursor, table="million", columns=columns)
    copied = time.perf_counter()
    fetched = fetch_arrays(cursor, "SELECT big, real, flag, day FROM million")
    done = time.perf_counter()
    print(
        f"\n1,000,000 rows of 4 columns ({size / 1e6:.0f} MB): pack {packed - started:.2f} s, "
        f"copy in {copied - packed:.2f} s, fetch {done - copied:.2f} s"
    )
    for name, values in columns.items():
        assert np.array_equal(fetched[name], values)
    assert packed - started < 2.0


def test_nulls_texts_and_numbers(cursor: CursorWrapper) -> None:
    cursor.execute("CREATE TEMPORARY TABLE mixed (a bigint, b varchar(10), c numeric(30, 6), d date)")
    copy_arrays(
        cursor,
        table="mixed",
        columns={
            "a": np.ma.array([1, 2, 3, 4], mask=[False, True, False, False]),
            "b": np.array(["NEW", "", "é€", "CANCELLED"]),
            "c": Scaled(np.ma.array([0, -1_234_567, 2**63 - 1, 5], mask=[False, False, False, True]), 6),
            "d": np.ma.array(np.array(["2008-09-15"] * 4, dtype="datetime64[D]"), mask=[True, False, True, False]),
        },
    )
    cursor.execute("SELECT a, b, c::text, d::text FROM mixed")
    assert cursor.fetchall() == [
        (1, "NEW", "0.000000", None),
        (None, "", "-1.234567", "2008-09-15"),
        (3, "é€", "9223372036854.775807", None),
        (4, "CANCELLED", None, "2008-09-15"),
    ]


@given(values=st.lists(INT64, max_size=20), digits=st.integers(0, 8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_scaled_is_exact(values: list[int], digits: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.exact")
        cursor.execute("CREATE TEMPORARY TABLE exact (amount numeric)")
        copy_arrays(cursor, table="exact", columns={"amount": Scaled(np.array(values, dtype=np.int64), digits)})
        cursor.execute("SELECT (amount * (10::numeric ^ %s))::bigint, scale(amount) FROM exact", [digits])
        assert cursor.fetchall() == [(value, digits) for value in values]


def test_what_cannot_be_sent_or_read_is_said(cursor: CursorWrapper) -> None:
    cursor.execute("CREATE TEMPORARY TABLE refused (a bigint CHECK (a > 0), b text)")
    with pytest.raises(TypeError, match="Column a"):
        copy_arrays(cursor, table="refused", columns={"a": np.array([1 + 2j])})
    with pytest.raises(ValueError, match="different lengths"):
        copy_arrays(cursor, table="refused", columns={"a": np.array([1]), "b": np.array(["x", "y"])})
    with pytest.raises(ValueError, match="0 to 8"):
        copy_arrays(cursor, table="refused", columns={"a": Scaled(np.array([1]), 9)})
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_arrays(cursor, table="refused", columns={"a": np.array([-1])})
    with pytest.raises(OperationalError, match="insufficient data"), transaction.atomic():
        copy_arrays(cursor, table="refused", columns={"a": np.array([1], dtype=np.int32)})
    copy_arrays(cursor, table="refused", columns={"b": np.array(["x"])})
    with pytest.raises(ValueError, match="Column a holds NULL"):
        fetch_arrays(cursor, "SELECT a FROM refused")
    with pytest.raises(TypeError, match="Column b"):
        fetch_arrays(cursor, "SELECT b FROM refused")
    with pytest.raises(ProgrammingError), transaction.atomic():
        fetch_arrays(cursor, "SELECT nothing FROM refused")


def test_a_query_may_lock_its_rows_and_hold_a_percent_sign(cursor: CursorWrapper) -> None:
    cursor.execute("CREATE TEMPORARY TABLE locked (id bigint PRIMARY KEY, name text)")
    copy_arrays(cursor, table="locked", columns={"id": np.array([2, 1, 3]), "name": np.array(["a%", "b", "a%"])})
    fetched = fetch_arrays(cursor, "SELECT id FROM locked WHERE name LIKE 'a%' ORDER BY id FOR NO KEY UPDATE")
    assert fetched["id"].tolist() == [2, 3]
    fetched = fetch_arrays(cursor, "SELECT id FROM locked WHERE name = %s ORDER BY id", ["a%"])
    assert fetched["id"].tolist() == [2, 3]
