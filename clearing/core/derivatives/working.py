"""A book while a liquidation is worked out on it: what changes, and what is to be written down of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

from clearing.core.derivatives.book import Assessment, Book, assess
from clearing.core.derivatives.terms import NOTHING, Position, change_position, value_of


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of a liquidation. value_minor: what the buyer pays the seller."""

    cause: str
    contract_id: int
    buyer_id: int
    seller_id: int
    steps: int
    ticks: int
    value_minor: int


@dataclass(slots=True)
class Working:
    """Balances and positions as they stand now, and what was done to them since the book."""

    book: Book
    balances: dict[int, int]
    held: dict[int, dict[int, Position]]
    fills: list[Fill] = field(default_factory=list)
    movements: dict[tuple[int, str], int] = field(default_factory=lambda: defaultdict(int))
    touched: set[tuple[int, int]] = field(default_factory=set)

    def position(self, *, account_id: int, contract_id: int) -> Position:
        """Return what an account holds of a contract."""
        return self.held.get(account_id, {}).get(contract_id, NOTHING)

    def positions_of(self, *, account_id: int) -> dict[int, Position]:
        """Return what an account holds, by contract."""
        return {key: position for key, position in self.held.get(account_id, {}).items() if position.steps}

    def holders_of(self, *, contract_id: int) -> dict[int, Position]:
        """Return who holds a contract."""
        return {
            account_id: positions[contract_id]
            for account_id, positions in self.held.items()
            if positions.get(contract_id, NOTHING).steps
        }

    def assess(self, *, account_id: int) -> Assessment:
        """Assess an account as it stands now."""
        held = self.positions_of(account_id=account_id)
        return assess(
            balance_minor=self.balances[account_id],
            positions=[(self.book.terms[key], position, self.book.marks[key]) for key, position in held.items()],
        )

    def move(self, *, account_id: int, kind: str, amount_minor: int) -> None:
        """Move a balance."""
        self.balances[account_id] += amount_minor
        self.movements[account_id, kind] += amount_minor

    def pay(self, *, payer_id: int, payee_id: int, kind: str, amount_minor: int) -> None:
        """Move money from one account to another."""
        self.move(account_id=payer_id, kind=kind, amount_minor=-amount_minor)
        self.move(account_id=payee_id, kind=kind, amount_minor=amount_minor)

    def close(self, *, account_id: int, other_id: int, contract_id: int, steps: int, cause: str, extra: int) -> None:
        """Close steps ≥ 1 of an account's position against another account, at the mark price.

        The value is what the position is worth less by it, so that the account's own equity stays as it was to the
        cent; extra: what the other account pays on top, in minor units.
        """
        terms, mark = self.book.terms[contract_id], self.book.marks[contract_id]
        before = self.position(account_id=account_id, contract_id=contract_id)
        signed = -steps if before.steps > 0 else steps
        worth = value_of(terms=terms, steps=before.steps, ticks=mark)
        worth -= value_of(terms=terms, steps=before.steps + signed, ticks=mark)
        value = abs(worth) + (extra if before.steps > 0 else -extra)
        for owner_id, change in ((account_id, signed), (other_id, -signed)):
            position = self.position(account_id=owner_id, contract_id=contract_id)
            # A bankruptcy price below zero turns the payment round: a short one is paid for being closed.
            after, profit = change_position(position=position, steps=change, value_minor=value)
            self.held.setdefault(owner_id, {})[contract_id] = after
            self.touched.add((owner_id, contract_id))
            if profit:
                self.move(account_id=owner_id, kind="REALISED", amount_minor=profit)
        buyer_id, seller_id = (account_id, other_id) if signed > 0 else (other_id, account_id)
        size = steps * terms.multiplier
        ticks = mark if not extra else (2 * value * terms.divisor + size) // (2 * size)
        self.fills.append(Fill(cause, contract_id, buyer_id, seller_id, steps, ticks, value))

    def start_over(self) -> None:
        """Forget what was done so far: it is written down."""
        self.fills, self.touched = [], set()
        self.movements = defaultdict(int)

    def result(self) -> Book:
        """Return the book as it stands now."""
        positions = {
            (account_id, contract_id): position
            for account_id, held in self.held.items()
            for contract_id, position in held.items()
            if position != NOTHING
        }
        return replace(self.book, balances=dict(self.balances), positions=positions)


def work_on(*, book: Book) -> Working:
    """Begin to work on a book."""
    held: dict[int, dict[int, Position]] = {}
    for (account_id, contract_id), position in book.positions.items():
        held.setdefault(account_id, {})[contract_id] = position
    return Working(book=book, balances=dict(book.balances), held=held)
