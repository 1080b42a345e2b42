"""Partial settlement: only in a window, only where both allow it and it is worth it; the parts add up to the whole."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from fmi.invariants import check_invariants
from ledger.models import JournalEntry, Posting
from reference.core.actor import SYSTEM
from reference.models import Security
from reference.queries import forget_directory
from settlement.models import Attempt, Instruction, LinkKind, PartialSettlement
from settlement.queries.waiting import top_shortages
from tests.factories.chain import WEDNESDAY, Chain
from tests.factories.instructions import instruct, link

RICH = 10**12


def standing(instruction: Instruction) -> tuple[str, str, int, int]:
    instruction.refresh_from_db()
    return instruction.status, instruction.reason, instruction.settled_units, instruction.settled_minor


def violations() -> list[str]:
    return [finding.name for finding in check_invariants() if finding.violations]


def test_a_window_settles_what_there_is_and_the_rest_waits(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 400)
    chain.give("BRAVO", "EUR", RICH)
    instruction = instruct(chain, "ALPHA", "BRAVO", 1_000, 5_000_000, partial=True)
    before = chain.cycle()
    assert before is not None
    assert (before.partly, before.lack, before.partials) == (0, 1, False)
    assert standing(instruction) == ("PENDING", "LACK", 0, 0)
    window = chain.cycle(partials=True)
    assert window is not None
    assert (window.partly, window.settled, window.lack, window.partials) == (1, 0, 0, True)
    assert window.considered_minor == {"EUR": 5_000_000}
    assert window.settled_minor == {"EUR": 2_000_000}
    assert window.value_settled == 2_000_000
    assert window.value_bound is not None
    assert 2_000_000 <= window.value_bound <= 5_000_000
    assert standing(instruction) == ("PENDING", "LACK", 400, 2_000_000)
    assert instruction.shortfall == 600
    part = PartialSettlement.objects.get()
    assert (part.instruction_id, part.cycle_id) == (instruction.pk, window.pk)
    assert (part.settled_units, part.settled_minor) == (400, 2_000_000)
    entry = JournalEntry.objects.get(source="PARTIAL")
    assert entry.source_id == part.pk
    assert sorted(entry.postings.values_list("amount", flat=True)) == [-2_000_000, -400, 400, 2_000_000]
    attempt = Attempt.objects.get(cycle=window)
    assert (attempt.reason, attempt.shortfall) == ("LACK", 600)
    chain.give("ALPHA", "STOCK", 600)
    last = chain.cycle()
    assert last is not None
    assert (last.considered_minor, last.settled_minor) == ({"EUR": 3_000_000}, {"EUR": 3_000_000})
    assert standing(instruction) == ("SETTLED", "", 1_000, 5_000_000)
    rest = JournalEntry.objects.get(source="INSTRUCTION", source_id=instruction.pk)
    assert sorted(rest.postings.values_list("amount", flat=True)) == [-3_000_000, -600, 600, 3_000_000]
    assert violations() == []


@pytest.mark.parametrize(
    ("symbol", "quantity", "cash", "held", "settles"),
    [
        # Quoted in units: a part of 10,000.00 at least.
        ("STOCK", 1_000, 2_000_000, 499, 0),
        ("STOCK", 1_000, 2_000_000, 500, 500),
        # Quoted in nominal: 100,000.00.
        ("BOND", 300_000, 30_000_000, 99_999, 0),
        ("BOND", 300_000, 30_000_000, 100_000, 100_000),
        # Free of payment there is no cash value to ask for.
        ("STOCK", 1_000, 0, 1, 1),
        # The whole is worth less than the least part.
        ("STOCK", 1_000, 999_999, 999, 0),
    ],
)
def test_a_part_is_worth_its_minimum_or_does_not_settle(
    chain: Chain, symbol: str, quantity: int, cash: int, held: int, settles: int
) -> None:
    chain.give("ALPHA", symbol, held)
    chain.give("BRAVO", "EUR", RICH)
    instruction = instruct(chain, "ALPHA", "BRAVO", quantity, cash, symbol=symbol, partial=True)
    cycle = chain.cycle(partials=True)
    assert cycle is not None
    assert standing(instruction) == (
        "PENDING", "LACK" if settles else "MINO", settles, cash * settles // quantity,
    )  # fmt: skip
    assert (cycle.partly, cycle.lack) == ((1, 0) if settles else (0, 1))
    assert violations() == []


def test_the_last_rest_settles_however_small(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 999)
    chain.give("BRAVO", "EUR", RICH)
    instruction = instruct(chain, "ALPHA", "BRAVO", 1_000, 2_000_000, partial=True)
    chain.cycle(partials=True)
    assert standing(instruction)[2:] == (999, 1_998_000)
    chain.give("ALPHA", "STOCK", 1)
    chain.cycle()
    assert standing(instruction) == ("SETTLED", "", 1_000, 2_000_000)


def test_the_parties_own_minimum(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 700)
    chain.give("BRAVO", "EUR", RICH)
    asks = instruct(chain, "ALPHA", "BRAVO", 1_000, 5_000_000, partial=True, minimum=701)
    chain.cycle(partials=True)
    assert standing(asks)[:3] == ("PENDING", "MINO", 0)
    chain.give("ALPHA", "STOCK", 1)
    chain.cycle(partials=True)
    assert standing(asks)[:3] == ("PENDING", "LACK", 701)


def test_a_part_is_whole_lots(chain: Chain) -> None:
    Security.objects.filter(symbol="STOCK").update(lot_size_units=50)
    forget_directory()
    chain.give("ALPHA", "STOCK", 449)
    chain.give("BRAVO", "EUR", RICH)
    whole_lots = instruct(chain, "ALPHA", "BRAVO", 1_000, 5_000_000, partial=True)
    chain.cycle(partials=True)
    assert standing(whole_lots)[2:] == (400, 2_000_000)
    chain.give("ALPHA", "STOCK", 48)
    # 49 + 48 held: a lot of it, worth less than the minimum, so nothing of the 600 that remain.
    chain.cycle(partials=True)
    assert standing(whole_lots) == ("PENDING", "MINO", 400, 2_000_000)


def test_an_odd_quantity_parts_in_whole_lots_too(chain: Chain) -> None:
    Security.objects.filter(symbol="STOCK").update(lot_size_units=50)
    forget_directory()
    chain.give("ALPHA", "STOCK", 999)
    chain.give("BRAVO", "EUR", RICH)
    odd = instruct(chain, "ALPHA", "BRAVO", 1_001, 5_005_000, partial=True)
    chain.cycle(partials=True)
    assert standing(odd)[2:] == (950, 4_750_000)
    chain.give("ALPHA", "STOCK", 2)
    chain.cycle(partials=True)
    assert standing(odd) == ("SETTLED", "", 1_001, 5_005_000)
    assert violations() == []


def test_who_does_not_allow_it_waits_whole(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 400)
    chain.give("BRAVO", "EUR", RICH)
    instruction = instruct(chain, "ALPHA", "BRAVO", 1_000, 5_000_000)
    chain.cycle(partials=True)
    assert standing(instruction) == ("PENDING", "LACK", 0, 0)


def test_a_link_forbids_parts(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 400)
    chain.give("BRAVO", "EUR", RICH)
    first = instruct(chain, "ALPHA", "BRAVO", 1_000, 5_000_000, partial=True)
    second = instruct(chain, "ALPHA", "BRAVO", 1_000, 5_000_000, partial=True)
    linked = link(chain, LinkKind.AFTER, second, first)
    chain.cycle(partials=True)
    assert standing(first) == ("PENDING", "LACK", 0, 0)
    linked.removed_at = chain.at
    linked.save(update_fields=["removed_at"])
    chain.cycle(partials=True)
    assert standing(first)[2] + standing(second)[2] == 400


def test_cash_that_is_short_limits_the_part(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 1_000)
    chain.give("BRAVO", "EUR", 3_333_333)
    instruction = instruct(chain, "ALPHA", "BRAVO", 1_000, 5_000_000, partial=True)
    chain.cycle(partials=True)
    assert standing(instruction) == ("PENDING", "MONY", 666, 3_330_000)
    assert violations() == []


def test_cents_of_many_parts_add_up_to_the_whole(chain: Chain) -> None:
    """7,777,777.77 for 1,000 units, settled in seven parts of odd sizes."""
    whole = 777_777_777
    chain.give("BRAVO", "EUR", whole)
    instruction = instruct(chain, "ALPHA", "BRAVO", 1_000, whole, partial=True)
    remaining_units, remaining_minor = 1_000, whole
    for units in (3, 7, 111, 13, 333, 29):
        chain.give("ALPHA", "STOCK", units)
        chain.cycle(partials=True)
        part = PartialSettlement.objects.latest("id")
        assert part.settled_units == units
        assert part.settled_minor == remaining_minor * units // remaining_units
        remaining_units, remaining_minor = remaining_units - units, remaining_minor - part.settled_minor
    chain.give("ALPHA", "STOCK", remaining_units)
    chain.cycle()
    assert standing(instruction) == ("SETTLED", "", 1_000, whole)
    assert (chain.balance("ALPHA", "EUR"), chain.balance("BRAVO", "EUR")) == (whole, 0)
    assert JournalEntry.objects.filter(source="PARTIAL").count() == 6
    assert violations() == []


def test_a_deliverer_who_also_pays_pays_pro_rata(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 500)
    chain.give("ALPHA", "EUR", RICH)
    instruction = instruct(chain, "ALPHA", "BRAVO", 1_000, -5_000_001, partial=True)
    chain.cycle(partials=True)
    assert standing(instruction)[2:] == (500, -2_500_000)
    chain.give("ALPHA", "STOCK", 500)
    chain.cycle()
    assert standing(instruction)[2:] == (1_000, -5_000_001)
    assert violations() == []


def test_a_part_of_one_lets_another_settle(chain: Chain) -> None:
    """BRAVO gets 600 of 1,000 and delivers the 600 on in the same decision."""
    chain.give("ALPHA", "STOCK", 600)
    for code in ("BRAVO", "CHARLIE"):
        chain.give(code, "EUR", RICH)
    part = instruct(chain, "ALPHA", "BRAVO", 1_000, 5_000_000, partial=True)
    onward = instruct(chain, "BRAVO", "CHARLIE", 600, 3_100_000)
    cycle = chain.cycle(partials=True)
    assert cycle is not None
    assert (cycle.partly, cycle.settled) == (1, 1)
    assert (standing(part)[2], standing(onward)[0]) == (600, "SETTLED")
    assert violations() == []


def test_parts_of_a_day_long_past_are_not_settled_again(chain: Chain) -> None:
    chain.give("ALPHA", "STOCK", 400)
    chain.give("BRAVO", "EUR", RICH)
    instruct(chain, "ALPHA", "BRAVO", 1_000, 5_000_000, partial=True)
    for day in (chain.day, chain.day, WEDNESDAY, WEDNESDAY + timedelta(days=1), date(2008, 9, 12)):
        chain.move_to(day)
        chain.cycle(partials=True)
    assert PartialSettlement.objects.count() == 1
    assert Posting.objects.filter(entry__source="PARTIAL").count() == 4
    assert chain.balance("BRAVO", "STOCK") == 400


def test_an_account_below_its_limit_takes_credits_only_and_is_named(chain: Chain) -> None:
    """No statement of the product leads there; the constraint that forbids it is dropped to see that it is borne."""
    chain.give("ALPHA", "STOCK", 100)
    chain.give("BRAVO", "STOCK", 60)
    with connection.cursor() as cursor:
        # What is still to be checked is checked now, for ALTER TABLE does not wait for it.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("ALTER TABLE ledger_balance DROP CONSTRAINT balance_not_below_floor")
        cursor.execute(
            "UPDATE ledger_balance SET floor = 150 WHERE account_id = %s AND asset_id = %s",
            [chain.account("ALPHA").pk, chain.assets["STOCK"]],
        )
    out = instruct(chain, "ALPHA", "CHARLIE", 10, 0)
    back = instruct(chain, "BRAVO", "ALPHA", 60, 0)
    cycle = chain.cycle()
    assert cycle is not None
    # What comes in would cover it, and still it is not debited in the same decision.
    assert (cycle.settled, cycle.lack) == (1, 1)
    assert standing(back)[0] == "SETTLED"
    assert standing(out)[:2] == ("PENDING", "LACK")
    assert out.shortfall == 50
    assert chain.balance("ALPHA", "STOCK") == 160
    (shortage,) = top_shortages(cycle=cycle, actor=SYSTEM, most=5)
    assert shortage.account == chain.account("ALPHA")


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE settlement_partialsettlement SET settled_units = settled_units", "append_only"),
        ("DELETE FROM settlement_partialsettlement", "append_only"),
        (
            "INSERT INTO settlement_partialsettlement (instruction_id, cycle_id, settled_units, settled_minor)"
            " SELECT instruction_id, cycle_id, 1, 1 FROM settlement_partialsettlement",
            "partialsettlement_once_a_cycle",
        ),
        (
            "INSERT INTO settlement_partialsettlement (instruction_id, cycle_id, settled_units, settled_minor)"
            " SELECT instruction_id, cycle_id - 1, 0, 1 FROM settlement_partialsettlement",
            "partialsettlement_moves_something",
        ),
        ("UPDATE settlement_instruction SET settled_units = 399", "what has settled stays settled"),
        ("UPDATE settlement_instruction SET settled_units = 1001", "instruction_settled_units_within"),
        ("UPDATE settlement_instruction SET settled_minor = -2000000", "instruction_settled_minor_within"),
        ("UPDATE settlement_instruction SET partial_allowed = false", "instruction_parts_were_allowed"),
        (
            "UPDATE settlement_instruction SET settled_units = quantity_units, settled_minor = cash_minor",
            "instruction_settled_is_whole",
        ),
    ],
)
def test_no_statement_makes_a_part_what_it_is_not(chain: Chain, sql: str, constraint: str) -> None:
    chain.give("ALPHA", "STOCK", 400)
    chain.give("BRAVO", "EUR", RICH)
    instruct(chain, "ALPHA", "BRAVO", 1_000, 5_000_000, partial=True)
    chain.cycle(partials=True)
    with pytest.raises(DatabaseError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
