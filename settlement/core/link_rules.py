"""Which links between instructions can stand together. Pure.

Two instructions are linked once: together, or one after the other. What settles together is one; one after
another must never lead back to where it began (T2S link types WITH, AFTE and BEFO; BEFO is AFTE seen from the
other instruction).
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple


class Edge(NamedTuple):
    """One link: `first` settles together with `second`, or only after it. Numbers name the instructions."""

    together: bool
    first: int
    second: int


def read_link(*, kind: str, first: int, second: int) -> Edge:
    """Return the edge of a link as a party words it: WITH, AFTER or BEFORE."""
    if kind == "WITH":
        return Edge(True, min(first, second), max(first, second))
    return Edge(False, first, second) if kind == "AFTER" else Edge(False, second, first)


def find_contradiction(*, edge: Edge, standing: Iterable[Edge]) -> str:
    """Return why a link cannot stand beside those that do: SELF, TWICE, CONTRADICTS, CIRCULAR; "" where it can.

    standing: links that do not contradict each other, at least all that hang together with either end.
    """
    if edge.first == edge.second:
        return "SELF"
    known = list(standing)
    if edge in known:
        return "TWICE"
    if any({row.first, row.second} == {edge.first, edge.second} for row in known):
        return "CONTRADICTS"
    group = _groups(known)
    after = defaultdict(set)
    for row in known:
        if not row.together:
            after[group.get(row.first, row.first)].add(group.get(row.second, row.second))
    first, second = group.get(edge.first, edge.first), group.get(edge.second, edge.second)
    if edge.together:
        ordered = _leads_to(after, first, second) or _leads_to(after, second, first)
        return "CONTRADICTS" if first != second and ordered else ""
    if first == second:
        return "CONTRADICTS"
    return "CIRCULAR" if _leads_to(after, second, first) else ""


def _groups(edges: Iterable[Edge]) -> dict[int, int]:
    """Return instruction -> one of those with which it settles together, the same for all of them."""
    beside = defaultdict(set)
    for edge in edges:
        if edge.together:
            beside[edge.first].add(edge.second)
            beside[edge.second].add(edge.first)
    group: dict[int, int] = {}
    for start in sorted(beside):
        waiting = [start] if start not in group else []
        while waiting:
            node = waiting.pop()
            if node not in group:
                group[node] = start
                waiting += beside[node]
    return group


def _leads_to(after: dict[int, set[int]], start: int, end: int) -> bool:
    """Tell whether `start` waits, over any number of links, for `end`."""
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node == end:
            return True
        if node not in seen:
            seen.add(node)
            waiting += after.get(node, ())
    return False
