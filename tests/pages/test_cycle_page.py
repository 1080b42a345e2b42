"""One cycle for who runs settlement: value against its bound, what is missing most, parts, who waits for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages.reading import get_csv, get_text

if TYPE_CHECKING:
    from django.test import Client

    from settlement.models import Cycle
    from tests.factories.chain import Chain

RICH = 10**12


@pytest.fixture
def charlie(chain: Chain) -> Client:
    from tests.pages.conftest import participant

    return participant(chain, "CHARLIE")


def run(chain: Chain, *, partials: bool = False) -> Cycle:
    cycle = chain.cycle(partials=partials)
    assert cycle is not None
    return cycle


def test_the_value_stands_beside_what_is_proved_at_most(operator: Client, alpha: Client, chain: Chain) -> None:
    from settlement.models import Cycle

    cycle = Cycle.objects.get()
    assert cycle.value_bound
    assert cycle.value_settled is not None
    text = get_text(operator, f"/cycles/{cycle.pk}/")
    assert f"Of what could settle {100 * cycle.value_settled / cycle.value_bound:.2f} %" in text
    assert "proved" in text
    # What others could settle is not a participant's to know.
    assert "Of what could settle" not in get_text(alpha, f"/cycles/{cycle.pk}/")


def test_parts_have_a_list_of_their_own(operator: Client, chain: Chain) -> None:
    from tests.factories.instructions import instruct

    chain.give("DELTA", "BOND", 100_000)
    chain.give("ALPHA", "EUR", RICH)
    row = instruct(chain, "DELTA", "ALPHA", 300_001, 40_000_001, symbol="BOND", partial=True)
    cycle = run(chain, partials=True)
    page = get_text(operator, f"/cycles/{cycle.pk}/?show=parts")
    assert "Settled in part 1" in page
    assert f"{row.pk} DELTA ALPHA BOND 100,000 300,001 133,332.89 EUR" in page
    (line,) = get_csv(operator, f"/cycles/{cycle.pk}/?show=parts&format=csv")
    assert (line["settled_quantity"], line["settled_minor"]) == ("100000", "13333289")
    life = get_text(operator, f"/instructions/{row.public_id}/")
    assert "Settled in part in Cycle" in life
    assert "100,000 of 300,001 for 133,332.89 EUR; the rest waits." in life
    assert "100,000 settled; allowed" in life


def test_what_is_missing_most_and_the_circle_behind_it(operator: Client, charlie: Client, chain: Chain) -> None:
    from tests.factories.instructions import instruct

    for code in ("CHARLIE", "DELTA", "BRAVO"):
        chain.give(code, "EUR", RICH)
    first = instruct(chain, "CHARLIE", "DELTA", 500, 50_000_000, symbol="DOLLAR")
    second = instruct(chain, "DELTA", "BRAVO", 500, 50_000_001, symbol="DOLLAR")
    third = instruct(chain, "BRAVO", "CHARLIE", 499, 50_000_000, symbol="DOLLAR")
    cycle = run(chain)
    text = get_text(operator, f"/cycles/{cycle.pk}/")
    assert "What is missing most" in text
    assert "CHARLIE-SEC-HOUSE 500 " in text
    assert "The largest that waits for another" in text
    assert f"waits for {second.pk} again: a circle of 3" in text
    page = get_text(operator, f"/instructions/{first.public_id}/")
    assert f"{first.pk} CHARLIE delivers 500 DOLLAR to DELTA" in page
    assert f"waits for {first.pk} again: a circle of 3" in page
    own = get_text(charlie, f"/instructions/{first.public_id}/")
    assert f"{third.pk} BRAVO delivers 499 DOLLAR to CHARLIE" in own
    assert "an instruction of other participants" in own
    assert str(second.public_id) not in own
    assert "DELTA-SEC" not in get_text(charlie, f"/cycles/{cycle.pk}/")


def test_a_linked_one_is_told_from_one_that_lacks(operator: Client, chain: Chain) -> None:
    from settlement.models import LinkKind
    from tests.factories.instructions import instruct, link

    lacks = instruct(chain, "DELTA", "ALPHA", 5, 0, symbol="DOLLAR")
    waits = instruct(chain, "CHARLIE", "ALPHA", 1, 0)
    link(chain, LinkKind.AFTER, waits, lacks)
    cycle = run(chain)
    text = get_text(operator, f"/cycles/{cycle.pk}/?show=LINK")
    assert "Linked 1" in text
    assert f"{waits.pk} Waits for a linked one CHARLIE ALPHA" in text
    (line,) = get_csv(operator, f"/cycles/{cycle.pk}/?show=LINK&format=csv")
    assert line["missing"] == "Waits for the instruction it is linked with."
