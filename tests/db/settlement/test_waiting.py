"""Who waits for whom: chains and circles as they are told, to the operator and to a participant."""

from __future__ import annotations

from reference.core.actor import SYSTEM, Actor
from settlement.models import Attempt, Instruction
from settlement.queries.cycles import view_cycles
from settlement.queries.waiting import WaitingChain, largest_attempt, top_shortages, waiting_chain
from tests.factories.chain import Chain
from tests.factories.instructions import instruct

RICH = 10**12


def told(instruction: Instruction, actor: Actor = SYSTEM) -> WaitingChain:
    return waiting_chain(attempt=Attempt.objects.filter(instruction=instruction).latest("id"), actor=actor)


def shown(chain: WaitingChain) -> list[int | None]:
    return [step.instruction.pk if step.instruction else None for step in chain.steps]


def test_a_chain_is_followed_to_what_was_not_tried(chain: Chain) -> None:
    last = instruct(chain, "CHARLIE", "BRAVO", 100, 0, held=True)
    middle = instruct(chain, "BRAVO", "ALPHA", 100, 0)
    first = instruct(chain, "ALPHA", "DELTA", 100, 0)
    chain.cycle()
    found = told(first)
    assert shown(found) == [first.pk, middle.pk, last.pk]
    assert [step.state for step in found.steps] == ["LACK", "LACK", "PREA"]
    assert found.steps[0].missing.startswith("ALPHA-SEC-HOUSE lacks 100 ")
    assert f"Instruction {middle.pk} would bring some." in found.steps[0].missing
    assert (found.circle, found.more) == (0, False)


def test_a_circle_is_recognised_and_so_is_what_leads_to_it(chain: Chain) -> None:
    names = ("ALPHA", "BRAVO", "CHARLIE")
    rows = [
        instruct(chain, giver, taker, 500 - (giver == "CHARLIE"), 0)
        for giver, taker in zip(names, (*names[1:], names[0]), strict=True)
    ]
    tail = instruct(chain, "DELTA", "ALPHA", 7, 0)
    buys = instruct(chain, "ALPHA", "DELTA", 300, 0)
    chain.cycle()
    assert (shown(told(rows[0])), told(rows[0]).circle) == ([rows[0].pk, rows[2].pk, rows[1].pk], 3)
    assert told(rows[0]).circle_begins == 1
    led = told(tail)
    assert (shown(led), led.circle) == ([tail.pk, buys.pk, rows[2].pk, rows[1].pk, rows[0].pk], 3)
    assert led.circle_begins == 3


def test_a_participant_learns_of_no_instruction_of_others(chain: Chain) -> None:
    far = instruct(chain, "DELTA", "CHARLIE", 100, 0)
    near = instruct(chain, "CHARLIE", "BRAVO", 100, 0)
    own = instruct(chain, "BRAVO", "ALPHA", 100, 0)
    chain.cycle()
    alpha = told(own, chain.actor("ALPHA"))
    assert shown(alpha) == [own.pk, None]
    assert alpha.more
    assert alpha.steps[0].missing == "The other side lacks securities."
    assert "CHARLIE" not in str(alpha.steps[1])
    assert shown(told(own, chain.actor("BRAVO"))) == [own.pk, near.pk, None]
    assert shown(told(own)) == [own.pk, near.pk, far.pk]


def test_the_shortages_of_a_cycle_by_what_waits_behind_them(chain: Chain) -> None:
    for code in ("ALPHA", "BRAVO", "CHARLIE", "DELTA"):
        chain.give(code, "EUR", RICH)
    chain.give("ALPHA", "STOCK", 30)
    instruct(chain, "ALPHA", "BRAVO", 100, 5_000_000)
    onward = instruct(chain, "BRAVO", "CHARLIE", 100, 9_000_000)
    instruct(chain, "DELTA", "CHARLIE", 10, 100, symbol="SHARE")
    cycle = chain.cycle()
    assert cycle is not None
    assert cycle.settled == 0
    found = top_shortages(cycle=cycle, actor=SYSTEM, most=5)
    assert [(row.account.code, row.missing, row.first, row.behind, row.value_minor) for row in found] == [
        ("ALPHA-SEC-HOUSE", 70, 1, 2, 14_000_000),
        ("BRAVO-SEC-HOUSE", 100, 1, 1, 9_000_000),
        ("DELTA-SEC-HOUSE", 10, 1, 1, 100),
    ]
    assert len(top_shortages(cycle=cycle, actor=SYSTEM, most=2)) == 2
    own = top_shortages(cycle=cycle, actor=chain.actor("BRAVO"), most=5)
    assert [(row.account.code, row.value_minor) for row in own] == [("BRAVO-SEC-HOUSE", 9_000_000)]
    largest = largest_attempt(cycle=cycle)
    assert largest is not None
    assert largest.instruction == onward


def test_a_participant_sees_its_own_share_of_parts(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 400)
    chain.give("BRAVO", "EUR", RICH)
    instruct(chain, "ALPHA", "BRAVO", 1_000, 5_000_000, partial=True)
    window = chain.cycle(partials=True)
    chain.give("ALPHA", "STOCK", 100)
    waiting = chain.cycle()
    chain.give("ALPHA", "STOCK", 500)
    last = chain.cycle()
    assert window is not None
    assert waiting is not None
    assert last is not None
    for actor in (SYSTEM, chain.actor("ALPHA"), chain.actor("BRAVO")):
        views = view_cycles(cycles=[window, waiting, last], actor=actor)
        assert [(view.considered, view.settled, view.partly, view.lack) for view in views] == [
            (1, 0, 1, 0), (1, 0, 0, 1), (1, 1, 0, 0),
        ]  # fmt: skip
        assert [[(share.due_minor, share.settled_minor) for share in view.shares] for view in views] == [
            [(5_000_000, 2_000_000)], [(3_000_000, 0)], [(3_000_000, 3_000_000)],
        ]  # fmt: skip
    assert view_cycles(cycles=[window], actor=chain.actor("CHARLIE"))[0].considered == 0
