"""Matching of parties' instructions over random ones: nobody twice, no rule broken, whatever the order given."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from reference.core.pairing import Tolerance
from settlement.core.party_matching import OpenInstruction, optional_differences, pair_instructions

EUR = 21
DAYS = (date(2008, 9, 8), date(2008, 9, 9))
# CSDR RTS (EU) 2018/1229 Art 6: EUR 2 up to EUR 100,000, EUR 25 above.
TOLERANCES = {EUR: Tolerance(10_000_000, 200, 2_500)}
AMOUNTS = (10_000, 10_150, 10_200, 10_201, 10_351, 9_999_900, 10_000_000, 10_000_001, 10_002_501)


@st.composite
def open_instructions(draw: st.DrawFn) -> list[OpenInstruction]:
    """Draw few parties, accounts, quantities and amounts, so that much nearly agrees."""
    count = draw(st.integers(min_value=0, max_value=24))
    rows = []
    for number in range(count):
        party, other = draw(st.sampled_from([(1, 2), (2, 1), (1, 1)]))
        rows.append(
            OpenInstruction(
                id=number + 1,
                delivers=draw(st.booleans()),
                participant_id=party,
                account_id=10 * party + draw(st.integers(min_value=0, max_value=1)),
                counterparty_id=other,
                counterparty_account_id=draw(st.sampled_from([0, 0, 10 * other, 10 * other + 1])),
                security_id=5,
                quantity_units=draw(st.sampled_from([100, 100, 200])),
                payment="APMT",
                currency_id=EUR,
                amount_minor=draw(st.sampled_from(AMOUNTS)),
                intended_date=draw(st.sampled_from(DAYS)),
                trade_date=draw(st.sampled_from([None, *DAYS])),
                common_reference=draw(st.sampled_from(["", "", "A", "B"])),
            )
        )
    return rows


def may_pair(delivery: OpenInstruction, receipt: OpenInstruction) -> bool:
    """Say the rules once more, as plainly as possible."""
    mandatory = ("security_id", "quantity_units", "payment", "currency_id", "intended_date")
    limit = 200 if delivery.amount_minor <= 10_000_000 else 2_500
    return (
        delivery.delivers
        and not receipt.delivers
        and (delivery.participant_id, delivery.counterparty_id) == (receipt.counterparty_id, receipt.participant_id)
        and all(getattr(delivery, name) == getattr(receipt, name) for name in mandatory)
        and abs(delivery.amount_minor - receipt.amount_minor) <= limit
        and delivery.account_id != receipt.account_id
        and delivery.counterparty_account_id in (0, receipt.account_id)
        and receipt.counterparty_account_id in (0, delivery.account_id)
        and (None in (delivery.trade_date, receipt.trade_date) or delivery.trade_date == receipt.trade_date)
        and ("" in (delivery.common_reference, receipt.common_reference)
             or delivery.common_reference == receipt.common_reference)
    )  # fmt: skip


@given(rows=open_instructions(), seed=st.randoms(use_true_random=False))
@settings(max_examples=400, deadline=None)
def test_pairs_keep_the_rules_whatever_the_order(rows: list[OpenInstruction], seed: object) -> None:
    pairs = pair_instructions(instructions=rows, tolerances=TOLERANCES)
    shuffled = list(rows)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pair_instructions(instructions=shuffled, tolerances=TOLERANCES) == pairs
    by_id = {row.id: row for row in rows}
    matched = [number for pair in pairs for number in pair]
    assert len(matched) == len(set(matched)), "nobody is matched twice"
    assert all(may_pair(by_id[delivery], by_id[receipt]) for delivery, receipt in pairs)
    left = [row for row in rows if row.id not in set(matched)]
    assert not any(may_pair(one, two) for one in left for two in left), "what could be matched is"


@given(rows=open_instructions())
@settings(max_examples=200, deadline=None)
def test_what_agrees_to_the_letter_goes_first(rows: list[OpenInstruction]) -> None:
    """No instruction is left alone, or given to a less agreeing one, while its twin takes another's."""
    by_id = {row.id: row for row in rows}
    for delivery, receipt in pair_instructions(instructions=rows, tolerances=TOLERANCES):
        one, two = by_id[delivery], by_id[receipt]
        if one.amount_minor == two.amount_minor and optional_differences(two, one) == 0:
            continue
        twins = [
            row for row in rows
            if may_pair(one, row) and row.amount_minor == one.amount_minor and optional_differences(row, one) == 0
        ]  # fmt: skip
        pairs = {b: a for a, b in pair_instructions(instructions=rows, tolerances=TOLERANCES)}
        assert all(
            row.id in pairs
            and by_id[pairs[row.id]].amount_minor == row.amount_minor
            and optional_differences(row, by_id[pairs[row.id]]) == 0
            for row in twins
        )
