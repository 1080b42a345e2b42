"""What a cycle does not try, and why: links, holds, cut-offs, closed calendars; what each waits for."""

from __future__ import annotations

from datetime import date

import pytest

from reference.models import Currency, Holiday
from reference.queries import forget_directory
from settlement.models import Attempt, Cycle, Instruction, LinkKind
from tests.factories.chain import WEDNESDAY, Chain
from tests.factories.instructions import instruct, link
from tests.factories.reference import CalendarFactory

RICH = 10**12


def standing(instruction: Instruction) -> tuple[str, str]:
    instruction.refresh_from_db()
    return instruction.status, instruction.reason


def run(chain: Chain, **options: str) -> Cycle:
    cycle = chain.cycle(**options)  # type: ignore[arg-type]
    assert cycle is not None
    return cycle


def waits_for(instruction: Instruction) -> Instruction | None:
    return Attempt.objects.filter(instruction=instruction).latest("id").waits_for


def cancel(instruction: Instruction) -> None:
    Instruction.objects.filter(pk=instruction.pk).update(status="CANCELLED", reason="", shortfall=0)


def test_two_linked_with_settle_together_or_not_at_all(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    chain.give("CHARLIE", "SHARE", 9)
    first = instruct(chain, "ALPHA", "BRAVO", 100, 0)
    second = instruct(chain, "CHARLIE", "DELTA", 10, 0, symbol="SHARE")
    link(chain, LinkKind.WITH, first, second)
    cycle = run(chain)
    assert (cycle.settled, cycle.linked, cycle.lack) == (0, 1, 1)
    assert (standing(first), standing(second)) == (("PENDING", "LINK"), ("PENDING", "LACK"))
    assert waits_for(first) == second
    chain.give("CHARLIE", "SHARE", 1)
    assert run(chain).settled == 2


def test_two_linked_with_that_are_short_only_together(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 150)
    pair = [instruct(chain, "ALPHA", code, 100, 0) for code in ("BRAVO", "CHARLIE")]
    link(chain, LinkKind.WITH, *pair)
    cycle = run(chain)
    assert (cycle.lack, cycle.linked) == (2, 0)
    assert {row.shortfall for row in Instruction.objects.all()} == {50}


def test_a_ring_of_links_settles_as_one(chain: Chain) -> None:
    rows = [instruct(chain, "ALPHA", code, 10, 0) for code in ("BRAVO", "CHARLIE", "DELTA")]
    for one, other in ((0, 1), (1, 2), (0, 2)):
        link(chain, LinkKind.WITH, rows[one], rows[other])
    chain.give("ALPHA", "STOCK", 29)
    assert run(chain).settled == 0
    chain.give("ALPHA", "STOCK", 1)
    assert run(chain).settled == 3


def test_after_waits_until_the_other_has_settled_or_settles_with_it(chain: Chain) -> None:
    chain.give("ALPHA", "SHARE", 10)
    first = instruct(chain, "ALPHA", "BRAVO", 100, 0)
    second = instruct(chain, "ALPHA", "BRAVO", 10, 0, symbol="SHARE")
    link(chain, LinkKind.AFTER, second, first)
    cycle = run(chain)
    assert (cycle.settled, cycle.lack, cycle.linked) == (0, 1, 1)
    assert (standing(first), standing(second)) == (("PENDING", "LACK"), ("PENDING", "LINK"))
    assert waits_for(second) == first
    chain.give("ALPHA", "STOCK", 100)
    assert run(chain).settled == 2


def test_after_what_has_settled_before(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    first = instruct(chain, "ALPHA", "BRAVO", 100, 0)
    second = instruct(chain, "ALPHA", "BRAVO", 10, 0, symbol="SHARE")
    link(chain, LinkKind.AFTER, second, first)
    assert run(chain).settled == 1
    assert standing(second) == ("PENDING", "LACK")
    chain.give("ALPHA", "SHARE", 10)
    assert run(chain).settled == 1


def test_the_earlier_one_does_not_wait_for_the_later(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    first = instruct(chain, "ALPHA", "BRAVO", 100, 0)
    later = instruct(chain, "ALPHA", "BRAVO", 10, 0, symbol="SHARE", held=True)
    link(chain, LinkKind.AFTER, later, first)
    assert run(chain).settled == 1
    assert standing(later) == ("PENDING", "PREA")


@pytest.mark.parametrize("kind", list(LinkKind))
def test_what_is_linked_to_a_held_one_or_a_future_one_waits(chain: Chain, kind: LinkKind) -> None:
    chain.give("ALPHA", "STOCK", 300)
    held = instruct(chain, "ALPHA", "BRAVO", 100, 0, held=True)
    future = instruct(chain, "ALPHA", "BRAVO", 100, 0, intended=WEDNESDAY)
    one, two, three = (instruct(chain, "ALPHA", "CHARLIE", 10, 0) for _ in range(3))
    link(chain, kind, one, held)
    link(chain, kind, two, future)
    link(chain, kind, three, two)
    cycle = run(chain)
    assert (cycle.considered, cycle.held, cycle.linked, cycle.settled) == (4, 1, 3, 0)
    assert [standing(row)[1] for row in (held, one, two, three)] == ["PREA", "LINK", "LINK", "LINK"]
    assert (waits_for(one), waits_for(two), waits_for(three)) == (held, future, two)


@pytest.mark.parametrize("kind", list(LinkKind))
def test_a_cancelled_one_still_binds_until_the_link_is_removed(chain: Chain, kind: LinkKind) -> None:
    chain.give("ALPHA", "STOCK", 100)
    cancelled, waiting = (instruct(chain, "ALPHA", "BRAVO", 100, 0) for _ in range(2))
    standing_link = link(chain, kind, waiting, cancelled)
    cancel(cancelled)
    cycle = run(chain)
    assert (cycle.considered, cycle.linked, standing(waiting)) == (1, 1, ("PENDING", "LINK"))
    assert waits_for(waiting) == cancelled
    standing_link.removed_at = chain.at
    standing_link.save(update_fields=["removed_at"])
    assert run(chain).settled == 1


def test_after_the_cut_off_of_payments_only_what_is_free_settles(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 200)
    chain.give("BRAVO", "EUR", RICH)
    paid = instruct(chain, "ALPHA", "BRAVO", 100, 5_000)
    free = instruct(chain, "ALPHA", "BRAVO", 100, 0)
    pays = instruct(chain, "BRAVO", "ALPHA", 0, -5_000)
    cycle = run(chain, movements="FREE")
    assert (cycle.considered, cycle.settled, cycle.deferred) == (3, 1, 2)
    assert [standing(row) for row in (paid, free, pays)] == [
        ("PENDING", "CYCL"), ("SETTLED", ""), ("PENDING", "CYCL"),
    ]  # fmt: skip
    assert run(chain).settled == 2


def test_an_unknown_kind_of_movement_is_refused(chain: Chain) -> None:
    instruct(chain, "ALPHA", "BRAVO", 100, 0)
    with pytest.raises(ValueError, match="SOMETHING"):
        chain.cycle(movements="SOMETHING")


def test_a_currency_whose_calendar_is_closed_waits(chain: Chain) -> None:
    """Thanksgiving 2008: TARGET is open, the dollar's calendar is not."""
    thanksgiving = date(2008, 11, 27)
    calendar = CalendarFactory.create(code="CLOSED")
    Holiday.objects.create(calendar=calendar, date=thanksgiving, name="Thanksgiving")
    Currency.objects.filter(code="USD").update(calendar=calendar)
    forget_directory()
    chain.move_to(thanksgiving)
    chain.give("ALPHA", "DOLLAR", 20)
    chain.give("ALPHA", "STOCK", 10)
    for currency in ("EUR", "USD"):
        chain.give("BRAVO", currency, RICH)
    dollars = instruct(chain, "ALPHA", "BRAVO", 10, 5_000, symbol="DOLLAR", currency="USD")
    free = instruct(chain, "ALPHA", "BRAVO", 10, 0, symbol="DOLLAR", currency="USD")
    euros = instruct(chain, "ALPHA", "BRAVO", 10, 5_000)
    cycle = run(chain)
    assert (cycle.settled, cycle.deferred) == (2, 1)
    assert [standing(row) for row in (dollars, free, euros)] == [
        ("PENDING", "CYCL"), ("SETTLED", ""), ("SETTLED", ""),
    ]  # fmt: skip
    chain.move_to(date(2008, 11, 28))
    assert run(chain).settled == 1


def test_what_a_delivery_waits_for_is_the_largest_delivery_to_who_is_short(chain: Chain) -> None:
    short = instruct(chain, "ALPHA", "BRAVO", 100, 0)
    small = instruct(chain, "CHARLIE", "ALPHA", 20, 0)
    large = instruct(chain, "DELTA", "ALPHA", 80, 0, held=True)
    run(chain)
    assert waits_for(short) == large
    assert waits_for(small) is None
    assert waits_for(large) is None


def test_who_lacks_cash_waits_for_a_payment(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 100)
    buys = instruct(chain, "ALPHA", "BRAVO", 100, 70_000)
    sells = instruct(chain, "BRAVO", "CHARLIE", 10, 70_000, symbol="SHARE")
    run(chain)
    assert (standing(buys)[1], standing(sells)[1]) == ("MONY", "LACK")
    assert waits_for(buys) == sells


def test_a_broken_circle_waits_for_itself(chain: Chain) -> None:
    names = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
    rows = [
        instruct(chain, giver, taker, 500 - (giver == "DELTA"), 0)
        for giver, taker in zip(names, (*names[1:], names[0]), strict=True)
    ]
    run(chain)
    assert [waits_for(row) for row in rows] == [rows[3], rows[0], rows[1], rows[2]]


@pytest.mark.parametrize("parties", [2, 3, 9])
@pytest.mark.parametrize("cash", [0, 70_000])
def test_circles_without_any_stock_settle(chain: Chain, parties: int, cash: int) -> None:
    from ledger.services import open_accounts

    names = [f"PARTY{number}" for number in range(parties)]
    for name in names:
        _join(chain, name)
    open_accounts(participants=[(chain.ids[name], name) for name in names])
    for giver, taker in zip(names, names[1:] + names[:1], strict=True):
        instruct(chain, giver, taker, 500, cash)
    cycle = run(chain)
    assert (cycle.settled, cycle.lack, cycle.mony) == (parties, 0, 0)
    assert all(chain.balance(name, asset) == 0 for name in names for asset in ("STOCK", "EUR"))


def _join(chain: Chain, name: str) -> None:
    from tests.factories.reference import ParticipantFactory

    chain.ids[name] = ParticipantFactory.create(code=name).pk
