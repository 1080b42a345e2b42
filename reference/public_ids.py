"""Public identifiers: UUID version 7 (RFC 9562), ordered by time, minted in bulk.

They name rows to the outside; no rule depends on them, so they may read the clock and randomness.
"""

import os
import time
from uuid import UUID


def new_public_ids(*, count: int) -> list[UUID]:
    """Return `count` fresh identifiers, about half a microsecond each."""
    milliseconds = time.time_ns() // 1_000_000
    head = (milliseconds << 80) | (0x7 << 76) | (0b10 << 62)
    keep = ~((0xF << 76) | (0b11 << 62)) & ((1 << 80) - 1)
    noise = os.urandom(10 * count)
    return [
        UUID(int=head | (int.from_bytes(noise[place : place + 10], "big") & keep))
        for place in range(0, 10 * count, 10)
    ]
