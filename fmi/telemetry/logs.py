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
    """Time, level, logger, message, then key=value; a value with spaces, quotes or line breaks is a JSON string."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Add the fields to the line, before a traceback."""
        line = super().formatMessage(record)
        pairs = " ".join(f"{name}={_shown(value)}" for name, value in fields_of(record).items() if value != "")
        return f"{line} {pairs}" if pairs else line


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
