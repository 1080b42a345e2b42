"""How long a decision may take: the one clock in the core, which only ever ends a search early."""

import time


class Budget:
    """Seconds of wall clock from now on."""

    def __init__(self, *, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self, share: float = 1.0) -> float:
        """Return the seconds left, or that share of them; never below zero."""
        return max(self._end - time.monotonic(), 0.0) * share
