"""The ledger's posting beside django-hordak's: in bulk against its bulk_create, and row by row."""

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from bench.market import CURRENCIES, TRADE_DATE, noon_of, participant_codes, security_codes
from ledger.models import Account, AccountKind
from ledger.services import post_entries
from reference.queries import directory

POSTINGS_AN_ENTRY = 4
OUR_ENTRIES = 20_000
HORDAK_ENTRIES = 5_000
HORDAK_TRANSFERS = 400
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """Postings (a hordak leg is one) written in a time."""

    postings: int
    seconds: float

    @property
    def per_second(self) -> float:
        """The rate."""
        return self.postings / self.seconds


def measure_posting(*, note: Callable[[str], None]) -> dict[str, list[Measured]]:
    """Post, in turn, by the ledger and by hordak, in the connected database; return the rounds by way.

    The ledger's entries have four postings, as an instruction's; hordak's transactions in bulk have
    four legs too, its transfer has the two that it makes.
    """
    ours, theirs = _our_accounts(), _hordak_accounts()
    ways: dict[str, Callable[[int], Measured]] = {
        "post_entries": lambda number: _post_ours(accounts=ours, number=number),
        "hordak bulk_create": lambda number: _create_in_bulk(accounts=theirs, number=number),
        "hordak transfer": lambda number: _transfer(accounts=theirs, number=number),
    }
    found: dict[str, list[Measured]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        for name, way in ways.items():
            note(f"{name}, round {number + 1}")
            found[name].append(way(number))
    return found


def _our_accounts() -> NDArray[np.int64]:
    """Return (securities account, linked cash account) of each participant, shape (n, 2)."""
    codes = [directory().participant_ids[code] for code in participant_codes()]
    rows = Account.objects.filter(participant_id__in=codes, kind=AccountKind.SECURITIES, name="HOUSE")
    return np.array(list(rows.order_by("pk").values_list("pk", "linked_cash_id")), dtype=np.int64)


def _post_ours(*, accounts: NDArray[np.int64], number: int) -> Measured:
    """Post entries of four postings in one call: securities one way, cash the other."""
    random = np.random.default_rng(number)
    source = directory()
    securities = np.array([source.securities_by_isin[isin].id for isin in security_codes()])
    currencies = np.array([source.currencies_by_code[code].id for code in CURRENCIES])
    deliverer = random.integers(0, len(accounts), OUR_ENTRIES)
    receiver = (deliverer + random.integers(1, len(accounts), OUR_ENTRIES)) % len(accounts)
    security = securities[random.integers(0, len(securities), OUR_ENTRIES)]
    currency = currencies[random.integers(0, len(currencies), OUR_ENTRIES)]
    quantity, cash = random.integers(1, 1000, OUR_ENTRIES), random.integers(1, 100_000, OUR_ENTRIES)
    started = time.perf_counter()
    posted = post_entries(
        source="BENCH",
        business_date=TRADE_DATE,
        at=noon_of(day=TRADE_DATE),
        source_ids=np.tile(np.arange(OUR_ENTRIES) + number * OUR_ENTRIES, POSTINGS_AN_ENTRY),
        accounts=np.concatenate(
            [accounts[deliverer, 0], accounts[receiver, 0], accounts[deliverer, 1], accounts[receiver, 1]]
        ),
        assets=np.concatenate([security, security, currency, currency]),
        amounts=np.concatenate([-quantity, quantity, cash, -cash]),
    )
    assert posted == OUR_ENTRIES
    return Measured(OUR_ENTRIES * POSTINGS_AN_ENTRY, time.perf_counter() - started)


def _hordak(model: str) -> Any:
    """Return a model of django-hordak, which only the bench's own requirements bring."""
    return getattr(importlib.import_module("hordak.models"), model)


def _hordak_accounts() -> list[Any]:
    """Create as many hordak accounts as the ledger's measurement has participants."""
    model = _hordak("Account")
    return [
        model.objects.create(name=f"Bench {number}", code=str(number), type="AS", currencies=["USD"])
        for number in range(len(participant_codes()))
    ]


def _create_in_bulk(*, accounts: list[Any], number: int) -> Measured:
    """Create transactions of four legs by bulk_create, in one database transaction, triggers on."""
    money = importlib.import_module("moneyed").Money
    transactions = _hordak("Transaction")
    legs = _hordak("Leg")
    random = np.random.default_rng(number)
    chosen = random.integers(0, len(accounts), (HORDAK_ENTRIES, 2)).tolist()
    started = time.perf_counter()
    with transaction.atomic():
        created = transactions.objects.bulk_create(transactions() for _ in chosen)
        rows = []
        for parent, (giver, taker) in zip(created, chosen, strict=True):
            for amount in (money(100, "USD"), money(7, "USD")):
                rows.append(legs(transaction=parent, account=accounts[giver], credit=amount))
                rows.append(legs(transaction=parent, account=accounts[taker], debit=amount))
        legs.objects.bulk_create(rows)
    return Measured(len(rows), time.perf_counter() - started)


def _transfer(*, accounts: list[Any], number: int) -> Measured:
    """Transfer between accounts one by one, each its own database transaction."""
    money = importlib.import_module("moneyed").Money
    random = np.random.default_rng(number)
    pairs = random.integers(0, len(accounts), (HORDAK_TRANSFERS, 2)).tolist()
    started = time.perf_counter()
    for giver, taker in pairs:
        accounts[giver].transfer_to(accounts[taker], money(1, "USD"))
    return Measured(2 * HORDAK_TRANSFERS, time.perf_counter() - started)
