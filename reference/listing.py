"""How every list on a page is cut and written as CSV. It is cut by key, so that no page is slower than the first."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict, StreamingHttpResponse

PAGE_ROWS = 50
CSV_CHUNK_ROWS = 2_000
# A spreadsheet would run a text that begins like this as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

M = TypeVar("M", bound=Model)
Column = tuple[str, Callable[[Any], object]]


@dataclass(frozen=True)
class Cut(Generic[M]):
    """One page of a list, and the addresses of its neighbours, None where there is none."""

    rows: list[M]
    previous_url: str | None
    next_url: str | None

    def __bool__(self) -> bool:
        """Tell whether the page holds anything."""
        return bool(self.rows)


def cut_page(*, rows: QuerySet[M], request: HttpRequest, size: int = PAGE_ROWS, newest_first: bool = True) -> Cut[M]:
    """Cut one page out of a query, ordered by primary key; `?after=<key>` and `?before=<key>` turn pages."""
    after, before = _key(request, "after"), _key(request, "before")
    forward = "-pk" if newest_first else "pk"
    backward = "pk" if newest_first else "-pk"
    beyond, within = ("lt", "gt") if newest_first else ("gt", "lt")
    if before is not None:
        found = list(rows.filter(**{f"pk__{within}": before}).order_by(backward)[: size + 1])
        more, page = len(found) > size, found[:size][::-1]
        has_previous, has_next = more, True
    else:
        wanted = rows if after is None else rows.filter(**{f"pk__{beyond}": after})
        found = list(wanted.order_by(forward)[: size + 1])
        page = found[:size]
        has_previous, has_next = after is not None, len(found) > size
    return Cut(
        rows=page,
        previous_url=_turned(request.GET, before=page[0].pk) if has_previous and page else None,
        next_url=_turned(request.GET, after=page[-1].pk) if has_next and page else None,
    )


def _key(request: HttpRequest, name: str) -> int | None:
    """Return a key from the address; None where it is absent or no key."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _turned(query: QueryDict, **keys: object) -> str:
    """Return the address's parameters with one page key in place of the other."""
    turned = query.copy()
    for name in ("after", "before"):
        turned.pop(name, None)
    for name, value in keys.items():
        turned[name] = str(value)
    return "?" + turned.urlencode()


def csv_url(request: HttpRequest) -> str:
    """Return the address of the CSV of exactly what the page lists, all its pages."""
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    query["format"] = "csv"
    return "?" + query.urlencode()


def wants_csv(request: HttpRequest) -> bool:
    """Tell whether the address asks for the list as CSV."""
    return request.GET.get("format") == "csv"


def stream_query(
    *, rows: QuerySet[M], columns: Sequence[Column], name: str, newest_first: bool = True
) -> StreamingHttpResponse:
    """Answer with a whole query as CSV, read chunk by chunk in the order of the page."""
    return stream_csv(
        chunks=_read_chunks(rows=rows, newest_first=newest_first),
        columns=columns,
        name=name,
    )


def _read_chunks(*, rows: QuerySet[M], newest_first: bool) -> Iterator[list[M]]:
    """Read a query in chunks by primary key, so that no cursor stays open while the reader is slow."""
    ordered = rows.order_by("-pk" if newest_first else "pk")
    chunk = list(ordered[:CSV_CHUNK_ROWS])
    while chunk:
        yield chunk
        beyond = {"pk__lt" if newest_first else "pk__gt": chunk[-1].pk}
        chunk = list(ordered.filter(**beyond)[:CSV_CHUNK_ROWS]) if len(chunk) == CSV_CHUNK_ROWS else []


def stream_csv(*, chunks: Iterable[Iterable[Any]], columns: Sequence[Column], name: str) -> StreamingHttpResponse:
    """Answer with chunks of rows as one CSV file. columns: (heading, row -> value)."""
    texts = _write_chunks(chunks=chunks, columns=columns)
    response = StreamingHttpResponse(texts, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _write_chunks(*, chunks: Iterable[Iterable[Any]], columns: Sequence[Column]) -> Iterator[str]:
    """Write the heading, then each chunk's rows."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([heading for heading, _ in columns])
    for chunk in chunks:
        for row in chunk:
            writer.writerow([csv_value(value_of(row)) for _, value_of in columns])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    if buffer.tell():
        yield buffer.getvalue()


def _unformula(text: str) -> str:
    """Return a text that no spreadsheet runs."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


# By exact type, because a million rows have twenty million values.
_WRITERS: dict[type, Callable[[Any], object]] = {
    type(None): lambda _: "",
    bool: lambda value: "yes" if value else "no",
    str: _unformula,
    date: date.isoformat,
    datetime: datetime.isoformat,
    Decimal: lambda value: f"{value:f}",
}


def csv_value(value: object) -> object:
    """Return a value as a CSV holds it: raw figures, ISO dates and times, no formulas."""
    write = _WRITERS.get(type(value))
    return value if write is None else write(value)
