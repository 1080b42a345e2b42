"""Whether traces are on, for what is asked on every request: a look at a variable, and nothing imported while off."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fmi.telemetry.traces import Traces

# Set by fmi/telemetry/traces.py.
traces: Traces | None = None
