"""The fast lane for the rows of a long CSV file: whole columns instead of one report after the other. Pure.

Every rule stands in report.py. A row takes the lane only where all about it but its numbers was found right
in an earlier row of the same file, and its numbers are plain; every other row is resolved by itself, and
teaches the lane what was right in it. A property test holds the two ways against each other.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference.core.limits import LARGEST_AMOUNT
from trades.core.report import CaptureContext, ResolvedReport, TradeReport, amount_minor, price_millionths

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Narrower than the rules: what is written in another way is resolved by itself.
PLAIN_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_:+-]{0,34}")
PLAIN_QUANTITY = re.compile(r"[1-9][0-9]{0,13}")
PLAIN_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
MOST_KNOWN = 200_000
# A product below this is exact in int64; the float64 that tells is itself off by far less than the rest.
SAFE_PRODUCT = 2.0**62
NOT_PLAIN = -1

TERMS = ("security", "currency", "trade_date", "settlement_date")
REMARKS = ("counterparty_account", "cleared", "transaction_type", "trading_venue")


class _Terms(NamedTuple):
    """What the terms of a row are resolved to; days are counted from 1970-01-01."""

    security_id: int
    currency_id: int
    lot_size_units: int
    amount_divisor: int
    digits: int
    trade_day: int
    settlement_day: int


class _Remarks(NamedTuple):
    """What the remaining fields of a row are resolved to."""

    cleared: bool
    transaction_type: str
    trading_venue: str


@dataclass(eq=False)
class FastLane:
    """What the rows of one file were found to hold so far, by their text."""

    context: CaptureContext
    traders: dict[str, int] = field(default_factory=dict)
    accounts: dict[tuple[str | None, str], int] = field(default_factory=dict)
    terms: dict[tuple[Any, ...], int] = field(default_factory=dict)
    remarks: dict[tuple[Any, ...], int] = field(default_factory=dict)
    prices: dict[str, int] = field(default_factory=dict)
    known_terms: list[_Terms] = field(default_factory=list)
    known_remarks: list[_Remarks] = field(default_factory=list)

    def learn(self, *, row: Mapping[str, Any], report: TradeReport, resolved: ResolvedReport) -> None:
        """Remember what a row held that was resolved by itself and is right. row: field -> text."""
        if resolved.side == "BOTH" or len(self.terms) > MOST_KNOWN or len(self.remarks) > MOST_KNOWN:
            return
        self.traders[row["buyer"]] = resolved.buyer_id
        self.traders[row["seller"]] = resolved.seller_id
        account = resolved.buyer_account_id or resolved.seller_account_id
        if account is not None:
            self.accounts[row["reporter"], row["account"]] = account
        terms = self.context.securities[report.security]
        self._learn_terms(
            key=tuple(row[name] for name in TERMS),
            terms=_Terms(
                resolved.security_id,
                resolved.currency_id,
                terms.lot_size_units,
                terms.amount_divisor,
                self.context.digits[terms.currency],
                resolved.trade_date.toordinal() - EPOCH_ORDINAL,
                resolved.settlement_date.toordinal() - EPOCH_ORDINAL,
            ),
        )
        key = tuple(row[name] for name in REMARKS)
        if key not in self.remarks:
            self.remarks[key] = len(self.known_remarks)
            self.known_remarks.append(_Remarks(resolved.cleared, resolved.transaction_type, resolved.trading_venue))

    def _learn_terms(self, *, key: tuple[Any, ...], terms: _Terms) -> None:
        """Remember terms under their texts."""
        if key not in self.terms:
            self.terms[key] = len(self.known_terms)
            self.known_terms.append(terms)

    def take(self, *, rows: Mapping[str, Sequence[Any]]) -> tuple[Flags, dict[str, Any]]:
        """Resolve the rows that may take the lane.

        rows: field -> the n texts. Returns bool (n,), which rows took it, and the fields of ResolvedReport
        for these, arrays (k,); the price is in millionths, an absent account is 0.
        """
        count = len(rows["trade_id"])
        if not self.known_terms or not count:
            return np.zeros(count, np.bool_), {}
        buyer, seller = _ids(self.traders, rows["buyer"]), _ids(self.traders, rows["seller"])
        reporter = self._reporters(rows["reporter"])
        account = _ids(self.accounts, zip(rows["reporter"], rows["account"], strict=True))
        terms_place = _ids(self.terms, zip(*(rows[name] for name in TERMS), strict=True), NOT_PLAIN)
        remark_place = _ids(self.remarks, zip(*(rows[name] for name in REMARKS), strict=True), NOT_PLAIN)
        terms = np.array(self.known_terms, dtype=np.int64)[terms_place]
        remarks = np.array(self.known_remarks, dtype="?,S4,S4")[remark_place]
        quantity = _quantities(rows["quantity"])
        price = self._prices(rows["price"])
        amount = _amounts(quantity=quantity, price=price, divisor=terms[:, 3])
        _put_reported_amounts(amount, texts=rows["amount"], digits=terms[:, 4])
        plain = (
            (buyer > 0) & (seller > 0) & (buyer != seller) & ((reporter == buyer) | (reporter == seller))
            & (account > 0) & (terms_place >= 0) & (remark_place >= 0) & (quantity > 0)
            & (quantity % terms[:, 2] == 0) & (price > 0) & (amount > 0) & (amount <= LARGEST_AMOUNT)
            & _match(PLAIN_REFERENCE, rows["trade_id"])
        )  # fmt: skip
        buys = reporter == buyer
        found = {
            "trade_id": np.array(rows["trade_id"], dtype=np.str_)[plain].astype(np.bytes_),
            "reporter_id": reporter,
            "side": np.where(buys, b"BUY", b"SELL"),
            "buyer_id": buyer,
            "seller_id": seller,
            "buyer_account_id": np.where(buys, account, 0),
            "seller_account_id": np.where(buys, 0, account),
            "security_id": terms[:, 0],
            "currency_id": terms[:, 1],
            "quantity_units": quantity,
            "price": price,
            "amount_minor": amount,
            "trade_date": terms[:, 5].astype("datetime64[D]"),
            "settlement_date": terms[:, 6].astype("datetime64[D]"),
            "cleared": remarks["f0"],
            "transaction_type": remarks["f1"],
            "trading_venue": remarks["f2"],
        }
        return plain, {name: found[name] if name == "trade_id" else found[name][plain] for name in found}

    def _reporters(self, texts: Sequence[str | None]) -> Ints:
        """Return the ids of those who report: the one named, or the one that speaks."""
        own = self.context.reporter_id or 0
        if not any(texts):
            return np.full(len(texts), own, dtype=np.int64)
        return np.array([own if text is None else self.traders.get(text, 0) for text in texts], dtype=np.int64)

    def _prices(self, texts: Sequence[str]) -> Ints:
        """Return prices in millionths, -1 where one is not plain; a file repeats its prices."""
        for text in set(texts).difference(self.prices):
            if len(self.prices) > MOST_KNOWN:
                self.prices.clear()
            self.prices[text] = _price(text)
        return _ids(self.prices, texts, NOT_PLAIN)


def _ids(known: Mapping[Any, int], keys: Iterable[Any], absent: int = 0) -> Ints:
    """Look all keys up."""
    return np.array(list(map(known.get, keys, repeat(absent))), dtype=np.int64)


def _match(pattern: re.Pattern[str], texts: Sequence[str]) -> Flags:
    """Tell which texts match a pattern as a whole."""
    return np.array([found is not None for found in map(pattern.fullmatch, texts)], dtype=np.bool_)


def _quantities(texts: Sequence[str]) -> Ints:
    """Return quantities, 0 where one is not plain."""
    return np.array([int(text) if PLAIN_QUANTITY.fullmatch(text) else 0 for text in texts], dtype=np.int64)


def _price(text: str) -> int:
    """Return a price in millionths, -1 where it is not plain."""
    if not PLAIN_DECIMAL.fullmatch(text):
        return NOT_PLAIN
    try:
        return price_millionths(price=Decimal(text))
    except ValueError:
        return NOT_PLAIN


def _amounts(*, quantity: Ints, price: Ints, divisor: Ints) -> Ints:
    """Return quantity times price in minor units, half to even; 0 where the product is too large to be sure."""
    safe = (price > 0) & (quantity.astype(np.float64) * price.astype(np.float64) < SAFE_PRODUCT)
    product = np.where(safe, quantity, 0) * np.where(safe, price, 0)
    whole, rest = np.divmod(product, divisor)
    doubled = 2 * rest
    rounds_up = (doubled > divisor) | ((doubled == divisor) & (whole % 2 == 1))
    return np.asarray(whole + rounds_up, dtype=np.int64)


def _put_reported_amounts(amount: Ints, *, texts: Sequence[str | None], digits: Ints) -> None:
    """Put the amounts that rows report in the place of the computed ones; 0 where one is not plain."""
    if not any(texts):
        return
    for place, text in enumerate(texts):
        if text is not None:
            amount[place] = _reported_amount(text, int(digits[place]))


def _reported_amount(text: str, digits: int) -> int:
    """Return a reported amount in minor units, 0 where it is not plain."""
    if not PLAIN_DECIMAL.fullmatch(text):
        return 0
    try:
        return amount_minor(amount=Decimal(text), digits=digits)
    except ValueError:
        return 0
