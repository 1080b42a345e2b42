"""Which links can stand together."""

from __future__ import annotations

import pytest

from settlement.core.link_rules import Edge, find_contradiction, read_link


def links(*texts: str) -> list[Edge]:
    """Read links such as "1 AFTER 2"."""
    return [
        read_link(kind=kind, first=int(first), second=int(second))
        for first, kind, second in (text.split() for text in texts)
    ]


@pytest.mark.parametrize(
    ("standing", "wanted", "problem"),
    [
        ([], "1 WITH 2", ""),
        ([], "1 WITH 1", "SELF"),
        ([], "1 AFTER 1", "SELF"),
        (["1 WITH 2"], "2 WITH 1", "TWICE"),
        (["1 AFTER 2"], "2 BEFORE 1", "TWICE"),
        (["1 AFTER 2"], "2 AFTER 1", "CONTRADICTS"),
        (["1 AFTER 2"], "1 WITH 2", "CONTRADICTS"),
        (["1 WITH 2"], "2 BEFORE 1", "CONTRADICTS"),
        (["1 AFTER 2", "2 AFTER 3"], "3 AFTER 1", "CIRCULAR"),
        (["1 AFTER 2", "2 AFTER 3"], "1 BEFORE 3", "CIRCULAR"),
        (["1 AFTER 2", "2 AFTER 3"], "1 AFTER 3", ""),
        (["1 AFTER 2", "2 AFTER 3"], "1 WITH 3", "CONTRADICTS"),
        (["1 WITH 2", "2 WITH 3"], "1 WITH 3", ""),
        (["1 WITH 2", "2 WITH 3"], "1 AFTER 3", "CONTRADICTS"),
        (["1 WITH 2", "3 WITH 4", "1 AFTER 3"], "4 AFTER 2", "CIRCULAR"),
        (["1 WITH 2", "3 WITH 4", "1 AFTER 3"], "2 WITH 4", "CONTRADICTS"),
        (["1 WITH 2", "3 WITH 4", "1 AFTER 3"], "2 AFTER 4", ""),
        (["-1 AFTER 2"], "2 AFTER -1", "CONTRADICTS"),
        (["5 AFTER 6"], "1 AFTER 2", ""),
    ],
)
def test_beside_those_that_stand(standing: list[str], wanted: str, problem: str) -> None:
    [edge] = links(wanted)
    assert find_contradiction(edge=edge, standing=links(*standing)) == problem


def test_before_is_after_seen_from_the_other() -> None:
    assert links("1 BEFORE 2") == links("2 AFTER 1") == [Edge(False, 2, 1)]
    assert links("2 WITH 1") == [Edge(True, 1, 2)]
