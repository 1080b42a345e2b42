"""Many processes write on the same few rows at once: no deadlock, nothing doubled or lost, and a serial order exists.

The seed is printed, and CHAOS_SEED sets it.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

import pytest

from fmi.invariants import check_invariants
from ledger.models import Balance, JournalEntry
from ledger.services import set_floor
from tests.factories.chain import Chain, make_chain
from tests.factories.market import NOW, TODAY, make_market
from tests.factories.ordering import quote
from tests.factories.seeds import draw_seed
from tests.factories.trading import make_client
from tests.factories.writers import Attempt, Written, write_together
from trades.models import CreditUse, DailyUse, Order

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# Writers, and what they try altogether; the fast selection runs in `make test`.
SIZES = [pytest.param(4, 200, id="fast"), pytest.param(16, 10_000, id="all", marks=pytest.mark.chaos)]
ORDERS = [pytest.param(4, 120, id="fast"), pytest.param(16, 2_000, id="all", marks=pytest.mark.chaos)]
OPENING, OVERDRAFT = 2_000, 1_500
CODES = ("ALPHA", "BRAVO", "CHARLIE", "DELTA", "ECHO")
ASSETS = ("EUR", "STOCK")

Key = tuple[int, int]
Legs = list[list[int]]


class Books:
    """Ten accounts: five of cash, five of securities. One may go below zero, to a limit; none further."""

    def __init__(self, chain: Chain) -> None:
        self.keys: list[Key] = []
        self.floors: dict[Key, int] = {}
        for code in CODES:
            for asset in ASSETS:
                key = (chain.account(code, asset).pk, chain.assets[asset])
                chain.give(code, asset, OPENING)
                self.keys.append(key)
                self.floors[key] = 0
        self.floors[self.keys[0]] = -OVERDRAFT
        set_floor(account_id=self.keys[0][0], asset_id=self.keys[0][1], floor=-OVERDRAFT)
        self.opening = self.balances()

    def balances(self) -> dict[Key, int]:
        rows = Balance.objects.filter(account_id__in=[account for account, _ in self.keys])
        return {
            (account, asset): balance for account, asset, balance in rows.values_list("account", "asset", "balance")
        }

    def draw_transfer(self, numbers: random.Random) -> Legs:
        """Draw money or securities between two to four accounts, or one against the other, as at a delivery."""
        kinds = [numbers.randrange(2)] if numbers.random() < 0.5 else [0, 1]
        legs: Legs = []
        for kind in kinds:
            *givers, receiver = numbers.sample(self.keys[kind::2], numbers.randint(2, 4))
            amounts = [numbers.randint(1, 600) for _ in givers]
            legs += [[*key, -amount] for key, amount in zip(givers, amounts, strict=True)]
            legs.append([*receiver, sum(amounts)])
        numbers.shuffle(legs)
        return legs


def share_out(*, items: list[Any], writers: int, numbers: random.Random) -> list[list[Any]]:
    """Give each writer its share, and one in ten to a second writer too."""
    shares: list[list[Any]] = [items[place::writers] for place in range(writers)]
    for item in numbers.sample(items, len(items) // 10):
        share = numbers.choice(shares)
        share.insert(numbers.randrange(len(share) + 1), item)
    return shares


def assert_serial(*, books: Books, transfers: dict[int, Legs], written: Written) -> None:
    """Replay what was posted, one after another, in Python: the same balances, none ever below its floor.

    What was refused was short at some moment between its begin and its end; nothing else is refused.
    """
    posted = sorted((each for each in written.attempts if each.outcome == "posted"), key=lambda each: each.ended)
    balances = dict(books.opening)
    history: dict[Key, list[tuple[int, int]]] = {key: [(0, balance)] for key, balance in balances.items()}
    for each in posted:
        for account, asset, amount in transfers[each.what]:
            key = (account, asset)
            balances[key] += amount
            history[key].append((each.ended, balances[key]))
        for account, asset, _ in transfers[each.what]:
            assert balances[account, asset] >= books.floors[account, asset], each
    assert balances == books.balances()
    for each in written.attempts:
        if each.outcome == "balance-below-limit":
            assert any(is_short(history=history, leg=leg, books=books, attempt=each) for leg in transfers[each.what])


def is_short(*, history: dict[Key, list[tuple[int, int]]], leg: list[int], books: Books, attempt: Attempt) -> bool:
    """Tell whether the account would have ended below its floor at some moment of the attempt."""
    account, asset, amount = leg
    before = [balance for number, balance in history[account, asset] if number < attempt.began][-1:]
    during = [balance for number, balance in history[account, asset] if attempt.began <= number <= attempt.ended]
    return any(balance + amount < books.floors[account, asset] for balance in before + during)


def assert_once(*, transfers: dict[int, Legs], written: Written) -> Counter[str]:
    """Assert that each was posted once, or refused by name at every attempt; count the outcomes."""
    outcomes = defaultdict(list)
    for each in written.attempts:
        outcomes[each.what].append(each.outcome)
    assert set(outcomes) == set(transfers)
    for number, found in outcomes.items():
        count = Counter(found)
        assert set(count) <= {"posted", "repeated", "balance-below-limit"}, (number, found)
        assert count["posted"] <= 1
        assert count["posted"] or not count["repeated"]
    stand = set(
        JournalEntry.objects.filter(source="CHAOS", source_id__in=transfers).values_list("source_id", flat=True)
    )
    assert stand == {number for number, found in outcomes.items() if "posted" in found}
    return Counter(each.outcome for each in written.attempts)


@pytest.mark.parametrize(("writers", "count"), SIZES)
def test_many_writers_on_ten_accounts_come_to_what_one_after_another_would(writers: int, count: int) -> None:
    seed = draw_seed()
    numbers = random.Random(seed)
    chain = make_chain()
    books = Books(chain)
    moment = {"at": chain.at.isoformat(), "business_date": chain.day.isoformat()}

    def run(first: int, count: int, writers: int) -> Written:
        books.opening = books.balances()
        transfers = {number: books.draw_transfer(numbers) for number in range(first, first + count)}
        shares = share_out(items=[list(item) for item in transfers.items()], writers=writers, numbers=numbers)
        written = write_together(kind="transfers", shares=shares, **moment)
        outcomes = assert_once(transfers=transfers, written=written)
        assert_serial(books=books, transfers=transfers, written=written)
        assert written.deadlocks == 0
        per_second = len(written.attempts) / written.seconds
        print(f"{writers} writers: {dict(outcomes)}, {per_second:.0f} attempts a second, 0 deadlocks")
        assert outcomes["posted"] > count // 4
        assert outcomes["balance-below-limit"] > count // 50
        return written

    one = run(1, count // 5, 1)
    many = run(count, count, writers)
    ratio = len(many.attempts) / many.seconds / (len(one.attempts) / one.seconds)
    print(f"{writers} writers have {ratio:.2f} times the throughput of one")
    assert [finding for finding in check_invariants() if finding.violations] == []


@pytest.mark.parametrize(("writers", "count"), ORDERS)
def test_many_writers_of_orders_use_a_limit_once(writers: int, count: int) -> None:
    seed = draw_seed()
    numbers = random.Random(seed)
    market = make_market()
    quote(security=market.equity, at=NOW)
    limit = count * 12_000
    clients = [
        make_client(broker=market.alpha, credit_limit_minor=limit),
        make_client(broker=market.alpha, daily_limit_minor=limit),
    ]
    items: list[list[Any]] = [
        [number, numbers.choice(clients).code, market.equity.code, numbers.randint(1, 100)] for number in range(count)
    ]
    written = write_together(kind="orders", shares=share_out(items=items, writers=writers, numbers=numbers))
    outcomes = Counter(each.outcome for each in written.attempts)
    print(f"{writers} writers: {dict(outcomes)}, {len(written.attempts) / written.seconds:.0f} orders a second")
    assert written.deadlocks == 0
    assert set(outcomes) <= {"ACCEPTED", "REPEATED", "credit-limit-exceeded", "daily-limit-exceeded"}
    assert min(outcomes["credit-limit-exceeded"], outcomes["daily-limit-exceeded"]) > 0
    accepted = [each.what for each in written.attempts if each.outcome == "ACCEPTED"]
    assert len(accepted) == len(set(accepted)) == Order.objects.filter(status="VALIDATED").count()
    minor_of = {number: quantity * 1_000 for number, _, _, quantity in items}
    for client in clients:
        used = sum(minor_of[number] for number in accepted if items[number][1] == client.code)
        assert used == CreditUse.objects.get(client=client).used_minor
        assert used == DailyUse.objects.get(client=client, business_date=TODAY).ordered_minor
        # So full that the largest order would no longer fit: what was refused was refused for this.
        assert limit - 100_000 < used <= limit
    assert [finding for finding in check_invariants() if finding.violations] == []
