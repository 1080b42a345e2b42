"""Matching of settlement instructions: one party's delivery with the other's receipt. Pure.

CSDR RTS (EU) 2018/1229 Article 5(3): the fields that must agree; Article 6: the tolerance on the cash amount.
An optional field that is filled matches a blank one; two filled ones must agree (T2S matching rules).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from reference.core.pairing import Tolerance, pair_nearest


class OpenInstruction(NamedTuple):
    """One party's instruction that waits for the other's. 0 and the empty text: the field is blank.

    delivers: whether the party delivers (for a payment: is paid). amount_minor: what the receiver pays.
    """

    id: int
    delivers: bool
    participant_id: int
    account_id: int
    counterparty_id: int
    counterparty_account_id: int
    security_id: int
    quantity_units: int
    payment: str
    currency_id: int
    amount_minor: int
    intended_date: date
    trade_date: date | None
    common_reference: str


def pair_instructions(
    *, instructions: Iterable[OpenInstruction], tolerances: Mapping[int, Tolerance]
) -> list[tuple[int, int]]:
    """Pair deliveries with receipts one to one; return (delivery's id, receipt's id), the older delivery first.

    What agrees in every field, the optional ones too, is paired first and in the order of entry; then the
    rest by the nearest cash amount, within the tolerance of the deliverer's amount. tolerances: by currency
    id. The order in which the instructions are given does not matter.
    """
    blocks: dict[tuple[object, ...], tuple[list[OpenInstruction], list[OpenInstruction]]]
    blocks = defaultdict(lambda: ([], []))
    for row in sorted(instructions, key=lambda row: row.id):
        deliverer, receiver = row.participant_id, row.counterparty_id
        if not row.delivers:
            deliverer, receiver = receiver, deliverer
        terms = (row.security_id, row.quantity_units, row.payment, row.currency_id, row.intended_date)
        blocks[(deliverer, receiver, *terms)][row.delivers].append(row)
    pairs: list[tuple[int, int]] = []
    for receipts, deliveries in blocks.values():
        if not receipts or not deliveries:
            continue
        same, receipts_left, deliveries_left = _pair_identical(receipts=receipts, deliveries=deliveries)
        pairs += same
        if receipts_left and deliveries_left:
            found = pair_nearest(
                takers=receipts_left,
                deliverers=deliveries_left,
                tolerance=tolerances[receipts_left[0].currency_id],
                differences=optional_differences,
            )
            pairs += [(delivery.id, receipt.id) for receipt, delivery in found]
    return sorted(pairs)


def _pair_identical(
    *, receipts: list[OpenInstruction], deliveries: list[OpenInstruction]
) -> tuple[list[tuple[int, int]], list[OpenInstruction], list[OpenInstruction]]:
    """Pair what agrees to the letter within a block, the oldest with the oldest; return what is left of both."""
    waiting: dict[tuple[object, ...], list[OpenInstruction]] = defaultdict(list)
    for delivery in reversed(deliveries):
        waiting[_letter_of(delivery)].append(delivery)
    pairs: list[tuple[int, int]] = []
    left: list[OpenInstruction] = []
    taken: set[int] = set()
    for receipt in receipts:
        candidates = waiting.get(_letter_of(receipt))
        if candidates and optional_differences(receipt, candidates[-1]) == 0:
            delivery = candidates.pop()
            taken.add(delivery.id)
            pairs.append((delivery.id, receipt.id))
        else:
            left.append(receipt)
    return pairs, left, [delivery for delivery in deliveries if delivery.id not in taken]


def _letter_of(row: OpenInstruction) -> tuple[object, ...]:
    """Return what two instructions of a block must share to agree to the letter; accounts as deliverer, receiver."""
    accounts = (row.account_id, row.counterparty_account_id) if row.counterparty_account_id else (0, 0)
    return (row.amount_minor, row.trade_date, row.common_reference, *(accounts if row.delivers else accounts[::-1]))


def optional_differences(receipt: OpenInstruction, delivery: OpenInstruction) -> int | None:
    """Return how many optional fields are filled on one side only; None where two filled ones disagree.

    A party that names the other's account is right about it or not matched. Nothing moves within one account.
    """
    if receipt.account_id == delivery.account_id:
        return None
    if receipt.counterparty_account_id not in (0, delivery.account_id):
        return None
    if delivery.counterparty_account_id not in (0, receipt.account_id):
        return None
    differing = int(bool(receipt.counterparty_account_id) != bool(delivery.counterparty_account_id))
    for mine, other in (
        (receipt.trade_date, delivery.trade_date),
        (receipt.common_reference, delivery.common_reference),
    ):
        if mine and other and mine != other:
            return None
        differing += bool(mine) != bool(other)
    return differing
