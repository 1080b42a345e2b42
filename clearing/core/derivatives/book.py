"""The accounts of one currency at their mark prices: equity, margins, and who stands below maintenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clearing.core.derivatives.terms import (
    BASIS_POINTS,
    NOTHING,
    Position,
    Terms,
    margin_of,
    notional_of,
    profit_of,
)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What an account is worth and what margin its positions take, minor units."""

    balance_minor: int
    profit_minor: int
    notional_minor: int
    initial_minor: int
    maintenance_minor: int

    @property
    def equity_minor(self) -> int:
        """Return balance and position profit together."""
        return self.balance_minor + self.profit_minor

    @property
    def free_minor(self) -> int:
        """Return the equity that no position needs, below zero where it is short of initial margin."""
        return self.equity_minor - self.initial_minor

    @property
    def is_below_maintenance(self) -> bool:
        """Say whether the account is to be liquidated: strictly below, never at the margin itself."""
        return self.equity_minor < self.maintenance_minor


@dataclass(frozen=True, slots=True)
class Book:
    """All accounts of one currency: terms and marks in ticks by contract, balances, positions (account, contract)."""

    terms: Mapping[int, Terms]
    marks: Mapping[int, int]
    balances: Mapping[int, int]
    positions: Mapping[tuple[int, int], Position]
    insurance_id: int


def assess(
    *,
    balance_minor: int,
    positions: Iterable[tuple[Terms, Position, int]],
) -> Assessment:
    """Assess one account; positions: (terms, position, mark in ticks)."""
    profit = notional = initial = maintenance = 0
    for terms, position, ticks in positions:
        size = notional_of(terms=terms, steps=position.steps, ticks=ticks)
        profit += profit_of(terms=terms, position=position, ticks=ticks)
        notional += size
        initial += margin_of(notional_minor=size, basis_points=terms.initial_bp)
        maintenance += margin_of(notional_minor=size, basis_points=terms.maintenance_bp)
    return Assessment(balance_minor, profit, notional, initial, maintenance)


def assess_in_book(*, book: Book, account_id: int) -> Assessment:
    """Assess one account of a book."""
    held = (
        (book.terms[contract_id], position, book.marks[contract_id])
        for (owner, contract_id), position in book.positions.items()
        if owner == account_id and position != NOTHING
    )
    return assess(balance_minor=book.balances[account_id], positions=held)


def assess_all(*, book: Book) -> dict[int, Assessment]:
    """Assess every account of a book at once, over int64 arrays of shape (positions,)."""
    accounts = list(book.balances)
    place = {account_id: number for number, account_id in enumerate(accounts)}
    held = [(key, position) for key, position in book.positions.items() if position != NOTHING]
    owner = np.array([place[account_id] for (account_id, _), _ in held], dtype=np.int64)
    rules = [book.terms[contract_id] for (_, contract_id), _ in held]
    steps = _column(position.steps for _, position in held)
    product = steps * _column(book.marks[contract_id] for (_, contract_id), _ in held)
    product *= _column(terms.multiplier for terms in rules)
    divisor = _column(terms.divisor for terms in rules)
    notional = -(-np.abs(product) // divisor)
    parts = {
        "profit": product // divisor - _column(position.cost_minor for _, position in held),
        "notional": notional,
        "initial": _margins(notional=notional, basis_points=_column(terms.initial_bp for terms in rules)),
        "maintenance": _margins(notional=notional, basis_points=_column(terms.maintenance_bp for terms in rules)),
    }
    sums = {name: np.zeros(len(accounts), dtype=np.int64) for name in parts}
    for name, part in parts.items():
        np.add.at(sums[name], owner, part)
    return {
        account_id: Assessment(book.balances[account_id], *(int(sums[name][number]) for name in parts))
        for number, account_id in enumerate(accounts)
    }


def _column(values: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(values, dtype=np.int64)


def _margins(*, notional: NDArray[np.int64], basis_points: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ⌈notional × rate⌉; the product of 10**13 and 10**4 stays within int64."""
    return -(-notional * basis_points // BASIS_POINTS)
