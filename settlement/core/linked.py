"""Links between the instructions of a cycle: which hang together, and which must wait for another one."""

from typing import NamedTuple

import numpy as np

from settlement.core.compiled import Flags, Ints

NOT_HERE = -1
"""The place of an instruction that is not among those of the cycle: not due yet, or cancelled."""


class Links(NamedTuple):
    """Links between n instructions by their places, NOT_HERE for one that is not among them; int64.

    first[w], second[w]     settle together or not at all (ISO 20022 link type WITH)
    earlier[a], later[a]    later settles only once earlier has, or with it (AFTE; BEFO seen from the other)
    """

    first: Ints
    second: Ints
    earlier: Ints
    later: Ints


def block_linked(*, links: Links, blocked: Flags) -> tuple[Flags, Ints]:
    """Return which instructions wait for a linked one that cannot settle now, and by which link.

    blocked, bool[n], is what cannot settle for a reason of its own. Returns bool[n], without those, and
    int64[n]: the number of the link by which it waits, counted over first for second, second for first and
    later for earlier in this order; NOT_HERE where it does not.
    """
    waits = blocked.copy()
    by_link = np.full(len(blocked), NOT_HERE, np.int64)
    waiter = np.concatenate((links.first, links.second, links.later))
    awaited = np.concatenate((links.second, links.first, links.earlier))
    number = np.flatnonzero(waiter != NOT_HERE)
    while len(number):
        stuck = (awaited[number] == NOT_HERE) | waits[awaited[number]]
        newly = number[stuck & ~waits[waiter[number]]]
        if not len(newly):
            break
        by_link[waiter[newly]] = newly
        waits[waiter[newly]] = True
    return waits & ~blocked, by_link


def group_linked(*, count: int, first: Ints, second: Ints) -> Ints:
    """Return the lowest instruction, int64[count], to which each is linked, directly or over others."""
    group = np.arange(count, dtype=np.int64)
    while len(first):
        lowest = np.minimum(group[first], group[second])
        before = group.copy()
        # The roots move with their members, so that a long row of links takes few turns.
        for member in (group[first], group[second], first, second):
            np.minimum.at(group, member, lowest)
        group = group[group]
        if np.array_equal(before, group):
            break
    return group
