"""One id for everything that follows from one request or one tick: read at the door, or made there.

It is a UUID, and the same 128 bits are the trace id of OpenTelemetry (W3C Trace Context): whoever has the id of an
answer finds the log lines, the audit records, the facts and the trace.
"""

from __future__ import annotations

import re
from uuid import UUID

# W3C Trace Context, section 3.2: version, trace id, parent id, flags.
TRACE_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
PLAIN_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")


def read_correlation_id(*, request_id: str, trace_parent: str) -> UUID | None:
    """Return the id that a request brings: its X-Request-ID, else the trace of its traceparent; None without either.

    What is no UUID and no trace id is as good as absent; so is the one with all bits zero.
    """
    if request_id and PLAIN_UUID.fullmatch(request_id):
        found = UUID(request_id)
        if found.int:
            return found
    if trace_parent:
        return trace_of(trace_parent=trace_parent)
    return None


def trace_of(*, trace_parent: str) -> UUID | None:
    """Return the trace id of a traceparent header, None where it is none."""
    match = TRACE_PARENT.fullmatch(trace_parent)
    if match is None or match[1] == "ff" or not int(match[3], 16):
        return None
    found = UUID(match[2])
    return found if found.int else None
