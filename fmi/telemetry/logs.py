"""Log lines that name where they come from: key=value for a reader, JSON for a machine (LOG_FORMAT=json)."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from reference.origin import current_origin

# What needs no quotes in key=value.
PLAIN = re.compile(r"[\w./:@+-]+")
# Control characters of ASCII and Latin-1, and Unicode's ends of line and paragraph.
BREAKING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a line says besides its message: where it comes from, and the `fields` given with it."""
    origin = current_origin()
    found: dict[str, Any] = dict(getattr(record, "fields", {}))
    if origin.correlation_id is not None:
        found["correlation_id"] = str(origin.correlation_id)
        found["door"] = origin.door.value
    if origin.client:
        found["client"] = origin.client
    if origin.address:
        found["address"] = origin.address
    return found


class LineFormatter(logging.Formatter):
    """Time (UTC), level, logger, message, then key=value; a value with spaces or quotes is a JSON string.

    What would break the line, or the terminal that shows it, is escaped in the message as well: it may be of outside.
    """

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 (logging's name)
        """Return when it was, in UTC."""
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Add the fields to the line, before a traceback."""
        line = super().formatMessage(record)
        pairs = " ".join(f"{name}={_shown(value)}" for name, value in fields_of(record).items() if value != "")
        return BREAKING.sub(_escaped, f"{line} {pairs}" if pairs else line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        document: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(document, enc_hook=str).decode()


def _shown(value: Any) -> str:
    text = str(value)
    return text if PLAIN.fullmatch(text) else msgspec.json.encode(text).decode()


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
