"""Small batches through the database: floors hold, both legs or none, links whole, parts add up, whatever is drawn."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from settlement.models import Instruction
    from tests.factories.chain import Chain

MEMBERS = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
DRAWN = st.tuples(
    st.permutations(MEMBERS),
    st.sampled_from(["STOCK", "SHARE"]),
    st.integers(0, 40),  # quantity, tens
    st.integers(-6, 6),  # cash, thousands of euro
    st.booleans(),  # in parts
    st.booleans(),  # priority 2 rather than 4
    st.integers(0, 9),  # 0: held
)
HOLDINGS = st.dictionaries(
    st.tuples(st.sampled_from(MEMBERS), st.sampled_from(["STOCK", "SHARE", "EUR"])), st.integers(1, 30), max_size=8
)
LINKS = st.lists(st.sampled_from(["WITH", "AFTER", None]), max_size=6)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.lists(DRAWN, min_size=1, max_size=9),
    holdings=HOLDINGS,
    links=LINKS,
    windows=st.lists(st.booleans(), min_size=1, max_size=3),
)
def test_whatever_a_cycle_decides_the_books_hold(
    chain: Chain,
    drawn: list[tuple[list[str], str, int, int, bool, bool, int]],
    holdings: dict[tuple[str, str], int],
    links: list[str | None],
    windows: list[bool],
) -> None:
    from fmi.invariants import check_invariants
    from settlement.models import Cycle, LinkKind
    from tests.factories.instructions import instruct, link

    with transaction.atomic():
        for (member, asset), amount in holdings.items():
            chain.give(member, asset, amount * (100_000 if asset == "EUR" else 10))
        rows = []
        for parties, symbol, tens, thousands, partial, urgent, held in drawn:
            if not tens and not thousands:
                continue
            rows.append(
                instruct(
                    chain,
                    parties[0],
                    parties[1],
                    tens * 10,
                    thousands * 100_000 + (7 if thousands > 0 else 0),
                    symbol=symbol,
                    partial=partial and tens > 0,
                    priority=2 if urgent else 4,
                    held=held == 0,
                )
            )
        pairs = [
            (LinkKind(kind), one, other) for kind, (one, other) in zip(links, pairwise(rows), strict=False) if kind
        ]
        for kind, one, other in pairs:
            link(chain, kind, one, other)
        for partials in windows:
            chain.cycle(partials=partials)
            # Floors, sums to zero, both legs on their accounts and as much as has settled, parts that add up.
            assert [finding for finding in check_invariants() if finding.violations] == []
            for row in rows:
                row.refresh_from_db()
            for kind, one, other in pairs:
                check_link(kind=kind, one=one, other=other)
        for cycle in Cycle.objects.all():
            assert cycle.value_settled is not None
            assert cycle.value_bound is not None
            assert 0 <= cycle.value_settled <= cycle.value_bound
        transaction.set_rollback(True)


def check_link(*, kind: str, one: Instruction, other: Instruction) -> None:
    """Linked WITH: both or neither; AFTER: the one only where the other has; neither in parts."""
    done, other_done = one.status == "SETTLED", other.status == "SETTLED"
    if kind == "WITH":
        assert done == other_done
    else:
        assert not done or other_done
    assert done or one.settled_units == 0
    assert other_done or other.settled_units == 0
