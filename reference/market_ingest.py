"""Taking in market data line by line: good lines are kept, bad ones refused by name with their line and reason."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import transaction

from reference.audit import record_action
from reference.core.actor import SYSTEM, Actor
from reference.core.calendar import BUSINESS_ZONE
from reference.market_data import SecurityQuote
from reference.market_lines import LINE_KINDS, LineKind, MarketDataDiffers, MarketLineMalformed, read_line
from reference.market_tables import QUOTES, write_rows
from reference.quote_services import publish_on_commit
from reference.refusals import Refusal

MOST_SOURCE_CHARACTERS: Final = 16
ROWS_PER_WRITE: Final = 10_000


class MarketSourceInvalid(Refusal):
    """A source of market data has a name of 1 to 16 letters, digits, dashes or underscores."""

    code = "market-source-invalid"


class RefusedMarketLine(NamedTuple):
    """A line that was not taken: its number, from 1 (in a file the header is line 1), and the refusal."""

    line: int
    refusal: Refusal


@dataclass(slots=True)
class Ingested:
    """What came of lines: new ones, ones that stood already just so, and refused ones by line."""

    accepted: int
    repeated: int
    refused: list[RefusedMarketLine]


def ingest_market_data(
    *, kind: str, lines: Iterable[tuple[int, Any]], source: str, at: datetime, actor: Actor = SYSTEM
) -> Ingested:
    """Take in lines of a kind of LINE_KINDS, each with its number; quotes are published once committed.

    The same line twice is no error. Another content under a key that stands, here or in an earlier line, is
    refused (MarketDataDiffers): facts are never rewritten. at: business time, after which no quote may lie. actor: who
    gives them, for the audit log.
    Written in transactions of ROWS_PER_WRITE lines, so that a file of any length needs bounded memory.
    Raises MarketSourceInvalid.
    """
    if not (0 < len(source) <= MOST_SOURCE_CHARACTERS and source.replace("-", "").replace("_", "").isalnum()):
        raise MarketSourceInvalid(pointer="/source")
    found = LINE_KINDS[kind]
    total = Ingested(0, 0, [])
    for piece in _pieces(lines):
        _ingest_piece(kind=found, piece=piece, source=source, at=at, actor=actor, total=total)
    total.refused.sort(key=lambda refused: refused.line)
    return total


def read_csv(text: str) -> Iterator[tuple[int, Any]]:
    """Yield the lines of a CSV file as mappings, numbered as an editor numbers them. Raises MarketLineMalformed.

    The first line names the fields. A line with more or fewer cells than it is yielded as no mapping, and so refused.
    """
    if "\x00" in text:
        raise MarketLineMalformed("The file holds a NUL character.")
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if not header or len(set(header)) != len(header):
            raise MarketLineMalformed("The first line names each field once.")
        for cells in reader:
            if cells:
                yield reader.line_num, dict(zip(header, cells, strict=True)) if len(cells) == len(header) else None
    except csv.Error as error:
        raise MarketLineMalformed(f"Line {reader.line_num}: {error}.") from error


def _pieces(lines: Iterable[tuple[int, Any]]) -> Iterator[list[tuple[int, Any]]]:
    piece: list[tuple[int, Any]] = []
    for line in lines:
        piece.append(line)
        if len(piece) == ROWS_PER_WRITE:
            yield piece
            piece = []
    if piece:
        yield piece


def _ingest_piece(
    *, kind: LineKind, piece: list[tuple[int, Any]], source: str, at: datetime, actor: Actor, total: Ingested
) -> None:
    """Read, write and publish up to ROWS_PER_WRITE lines in one transaction."""
    places = [list(kind.table.columns).index(name) for name in kind.table.key]
    rows: dict[tuple[Any, ...], tuple[int, tuple[Any, ...]]] = {}
    for number, line in piece:
        try:
            row = read_line(kind=kind, line=line, source=source, at=at)
            key = tuple(row[place] for place in places)
            number_before, before = rows.setdefault(key, (number, row))
            if before != row:
                raise MarketDataDiffers(f"Line {number_before} has the same key and other content.")
            total.repeated += number_before != number
        except Refusal as refusal:
            total.refused.append(RefusedMarketLine(number, refusal))
    numbered = list(rows.values())
    with transaction.atomic():
        written = write_rows(table=kind.table, rows=[row for _, row in numbered])
        differing = set(written.differing)
        if written.new:
            record_action(
                actor=actor, action="market.ingest", at=at, business_date=at.astimezone(BUSINESS_ZONE).date(),
                object_type="market-data", object_id=0, summary=f"{written.new} lines into {kind.table.name}",
                detail={"source": source, "accepted": written.new, "repeated": total.repeated},
            )  # fmt: skip
        if kind.table is QUOTES:
            kept = [
                SecurityQuote._make((*row[:8], source))
                for place, (_, row) in enumerate(numbered)
                if place not in differing
            ]
            publish_on_commit(quotes=kept)
    total.accepted += written.new
    total.repeated += len(numbered) - written.new - len(differing)
    total.refused += [RefusedMarketLine(numbered[place][0], MarketDataDiffers()) for place in written.differing]
