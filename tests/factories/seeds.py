"""The seed of a run: drawn and printed, or repeated as CHAOS_SEED says."""

from __future__ import annotations

import os
import random


def draw_seed() -> int:
    """Return CHAOS_SEED, or a fresh seed; print it, so that whoever reads a failure can repeat it."""
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"\nCHAOS_SEED={seed}")
    return seed
