"""The fast lane for the rows of a long CSV file: whole columns instead of one report after the other. Pure.

Every rule stands in resolution.py. A row takes the lane only where all about it but its numbers was found right
in an earlier row of the same file, and its numbers are plain; every other row is resolved by itself, and
teaches the lane what was right in it. A property test holds the two ways against each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference.core.limits import LARGEST_AMOUNT
from trades.core.cells import Bytes, Cells, Decimals, Flags, Ints, Words
from trades.core.match_key import match_keys
from trades.core.report import PRICE_DIGITS, CaptureContext, ResolvedReport, TradeReport

# Narrower than the rules: what is written in another way is resolved by itself.
REFERENCE_BYTES = 35
WHOLE_DIGITS, QUANTITY_DIGITS = 12, 14
FIRST_OF_REFERENCE = np.zeros(256, dtype=np.bool_)
FIRST_OF_REFERENCE[np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", np.uint8)] = True
IN_REFERENCE = FIRST_OF_REFERENCE.copy()
IN_REFERENCE[np.frombuffer(b" ./_:+-", np.uint8)] = True

EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
MOST_KNOWN = 200_000
# A product below this is exact in int64; the float64 that tells is itself off by far less than the rest.
SAFE_PRODUCT = 2.0**62
ABSENT = -1

# Fields looked up together, each with the words of eight bytes it is given.
PARTY = 2
SPEAKER = {"reporter": PARTY, "account": 3}
TERMS = {"security": 3, "currency": 1, "trade_date": 2, "settlement_date": 2}
REMARKS = {"counterparty_account": 3, "cleared": 1, "transaction_type": 1, "trading_venue": 1}


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
class _Known:
    """Texts that were met, as words, and the number that each stands for."""

    numbers: dict[bytes, int] = field(default_factory=dict)
    _sorted: tuple[Ints, Ints, Ints] | None = None

    def learn(self, *, words: Ints, number: int) -> bool:
        """Remember what the words of one row stand for; return whether they are new."""
        text = words.tobytes()
        if text in self.numbers:
            return False
        self.numbers[text] = number
        self._sorted = None
        return True

    def find(self, read: Words) -> Ints:
        """Return what rows of words stand for, int64 (n,); ABSENT where one was not met or does not fit."""
        words, fits = read
        if not self.numbers:
            return np.full(len(words), ABSENT, dtype=np.int64)
        if self._sorted is None:
            known = np.frombuffer(b"".join(self.numbers), dtype=np.int64).reshape(len(self.numbers), -1)
            keys = match_keys(fields=known)
            order = np.argsort(keys)
            numbers = np.array(list(self.numbers.values()), dtype=np.int64)
            self._sorted = keys[order], known[order], numbers[order]
        keys, known, numbers = self._sorted
        place = np.minimum(np.searchsorted(keys, match_keys(fields=words)), len(keys) - 1)
        # The words are compared, for different texts may have the same key.
        return np.where(fits & (known[place] == words).all(axis=1), numbers[place], ABSENT)


@dataclass(eq=False)
class FastLane:
    """What the rows of one file were found to hold so far, by their text."""

    context: CaptureContext
    traders: _Known = field(default_factory=_Known)
    speakers: _Known = field(default_factory=_Known)
    terms: _Known = field(default_factory=_Known)
    remarks: _Known = field(default_factory=_Known)
    known_terms: list[_Terms] = field(default_factory=list)
    known_remarks: list[_Remarks] = field(default_factory=list)

    def learn(self, *, cells: Cells, rows: Ints, right: Sequence[tuple[TradeReport, ResolvedReport]]) -> None:
        """Remember what rows held that were resolved by themselves and are right. rows: their places, (n,)."""
        if len(self.known_terms) > MOST_KNOWN or len(self.known_remarks) > MOST_KNOWN:
            return
        buyer, seller, speaker, terms, remarks = read = [
            cells.words(fields=fields, rows=rows)
            for fields in ({"buyer": PARTY}, {"seller": PARTY}, SPEAKER, TERMS, REMARKS)
        ]
        fits = np.logical_and.reduce([each.fits for each in read])
        for place, (report, resolved) in enumerate(right):
            if resolved.side == "BOTH" or not fits[place]:
                continue
            self.traders.learn(words=buyer.words[place], number=resolved.buyer_id)
            self.traders.learn(words=seller.words[place], number=resolved.seller_id)
            account = resolved.buyer_account_id or resolved.seller_account_id
            if account is not None:
                self.speakers.learn(words=speaker.words[place], number=account)
            if self.terms.learn(words=terms.words[place], number=len(self.known_terms)):
                self.known_terms.append(self._terms_of(report=report, resolved=resolved))
            if self.remarks.learn(words=remarks.words[place], number=len(self.known_remarks)):
                self.known_remarks.append(_Remarks(resolved.cleared, resolved.transaction_type, resolved.trading_venue))

    def _terms_of(self, *, report: TradeReport, resolved: ResolvedReport) -> _Terms:
        """Return what the terms of a resolved row are."""
        terms = self.context.securities[report.security]
        return _Terms(
            resolved.security_id,
            resolved.currency_id,
            terms.lot_size_units,
            terms.amount_divisor,
            self.context.digits[terms.currency],
            resolved.trade_date.toordinal() - EPOCH_ORDINAL,
            resolved.settlement_date.toordinal() - EPOCH_ORDINAL,
        )

    def take(self, *, cells: Cells, rows: Ints) -> tuple[Flags, dict[str, Any]]:
        """Resolve the rows that may take the lane.

        rows: places among the cells, (n,). Returns bool (n,), which rows took it, and the fields of
        ResolvedReport for these, arrays (k,); the price is in millionths, an absent account is 0.
        """
        if not self.known_terms or not len(rows):
            return np.zeros(len(rows), np.bool_), {}
        buyer, seller, reporter = self._parties(cells=cells, rows=rows)
        account = self.speakers.find(cells.words(fields=SPEAKER, rows=rows))
        terms_place = self.terms.find(cells.words(fields=TERMS, rows=rows))
        remark_place = self.remarks.find(cells.words(fields=REMARKS, rows=rows))
        terms = np.array(self.known_terms, dtype=np.int64)[terms_place]
        remarks = np.array(self.known_remarks, dtype="?,S4,S4")[remark_place]
        quantity = _quantities(cells.decimals(name="quantity", rows=rows))
        price = _millionths(cells.decimals(name="price", rows=rows))
        amount = _amounts(quantity=quantity, price=price, divisor=terms[:, 3])
        _put_reported_amounts(amount, cells=cells, rows=rows, digits=terms[:, 4])
        trade_id, is_reference = _references(*cells.padded(name="trade_id", rows=rows, width=REFERENCE_BYTES))
        plain = (
            (buyer > 0) & (seller > 0) & (buyer != seller) & ((reporter == buyer) | (reporter == seller))
            & (account > 0) & (terms_place >= 0) & (remark_place >= 0) & (quantity > 0)
            & (quantity % terms[:, 2] == 0) & (price > 0) & (amount > 0) & (amount <= LARGEST_AMOUNT)
            & is_reference
        )  # fmt: skip
        buys = reporter == buyer
        found = {
            "trade_id": trade_id,
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
        return plain, {name: column[plain] for name, column in found.items()}

    def _parties(self, *, cells: Cells, rows: Ints) -> tuple[Ints, Ints, Ints]:
        """Return the ids of buyers, sellers, and those who report: the one named, or the one that speaks."""
        buyer, seller, named = (
            self.traders.find(cells.words(fields={name: PARTY}, rows=rows)) for name in ("buyer", "seller", "reporter")
        )
        _, lengths = cells.padded(name="reporter", rows=rows, width=1)
        return buyer, seller, np.where(lengths > 0, named, self.context.reporter_id or 0)


def _references(found: Bytes, lengths: Ints) -> tuple[NDArray[np.bytes_], Flags]:
    """Return references as text, and which are well formed."""
    inside = np.arange(found.shape[1]) < lengths[:, None]
    good = FIRST_OF_REFERENCE[found[:, 0]] & (IN_REFERENCE[found] | ~inside).all(axis=1)
    widest = min(max(int(lengths.max(initial=1)), 1), REFERENCE_BYTES)
    return np.ascontiguousarray(found[:, :widest]).view(f"S{widest}")[:, 0], good & (lengths <= REFERENCE_BYTES)


def _quantities(read: Decimals) -> Ints:
    """Return quantities, 0 where one is not plain: it has no point and does not begin with a zero."""
    whole = read.plain & (read.decimal_digits == 0) & (read.whole_digits <= QUANTITY_DIGITS)
    return np.where(whole & (read.value >= 10 ** (read.whole_digits - 1).clip(0, QUANTITY_DIGITS)), read.value, 0)


def _millionths(read: Decimals) -> Ints:
    """Return decimal numbers in millionths, 0 where one is not plain."""
    plain = read.plain & (read.whole_digits <= WHOLE_DIGITS) & (read.decimal_digits <= PRICE_DIGITS)
    return np.where(plain, read.scaled(digits=PRICE_DIGITS), 0)


def _amounts(*, quantity: Ints, price: Ints, divisor: Ints) -> Ints:
    """Return quantity times price in minor units, half to even; 0 where the product is too large to be sure."""
    safe = (price > 0) & (quantity.astype(np.float64) * price.astype(np.float64) < SAFE_PRODUCT)
    product = np.where(safe, quantity, 0) * np.where(safe, price, 0)
    whole, rest = np.divmod(product, divisor)
    doubled = 2 * rest
    rounds_up = (doubled > divisor) | ((doubled == divisor) & (whole % 2 == 1))
    return np.asarray(whole + rounds_up, dtype=np.int64)


def _put_reported_amounts(amount: Ints, *, cells: Cells, rows: Ints, digits: Ints) -> None:
    """Put the amounts that rows report in the place of the computed ones; 0 where one is not plain."""
    _, lengths = cells.padded(name="amount", rows=rows, width=1)
    given = np.flatnonzero(lengths)
    if not len(given):
        return
    millionths = _millionths(cells.decimals(name="amount", rows=rows[given]))
    minor, finer = np.divmod(millionths, 10 ** (PRICE_DIGITS - digits[given]).clip(0))
    amount[given] = np.where((finer == 0) & (digits[given] <= PRICE_DIGITS), minor, 0)
