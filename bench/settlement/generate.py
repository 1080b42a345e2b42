"""Seeded batches of settlement instructions: a day's open work in a CSD, at any size.

What makes them like the real thing: activity by a power law over participants and securities, chains and
circles of deliveries in one security, flows through a central counterparty that owns nothing, partial
settlement, linked pairs, payments and free deliveries, a value distribution with a long tail, and an
order of arrival that knows nothing of any chain.
"""

from typing import Final, NamedTuple

import numpy as np

from settlement.core.compiled import Flags, Ints
from settlement.core.submission import DVP, FOP, INSTRUCTION_COLUMNS, NOTHING, PAY, Submission, list_movements

SIZES: Final = (200, 1_000, 5_000, 20_000, 100_000, 1_000_000)
CENTRAL_COUNTERPARTY: Final = 0

SINGLE, THROUGH_CCP, CHAIN, CIRCLE = range(4)
GROUP_SHARES: Final = (0.62, 0.22, 0.10, 0.06)


class Regime(NamedTuple):
    """How well accounts are stocked for what they owe net of what they are to receive.

    covered        share of the securities accounts with a net need that hold all of it
    stock          the others hold a uniform share of it, up to this
    working_stock  half of them hold besides a uniform share of what they deliver gross, up to this
    cash           cash accounts hold a share of their net need, uniform around this
    working_cash   and this share of what they pay gross
    credit         share of the cash accounts with a credit line (a floor below zero)
    """

    covered: float
    stock: float
    working_stock: float
    cash: float
    working_cash: float
    credit: float


REGIMES: Final = {
    "normal": Regime(covered=0.95, stock=0.9, working_stock=1.5, cash=1.4, working_cash=0.50, credit=0.5),
    "tight": Regime(covered=0.85, stock=0.8, working_stock=1.2, cash=1.2, working_cash=0.35, credit=0.3),
    "scarce": Regime(covered=0.60, stock=0.5, working_stock=0.8, cash=0.9, working_cash=0.20, credit=0.1),
}


class _Groups(NamedTuple):
    """Deliveries by group: group[n], deliverer[n] and receiver[n]."""

    group: Ints
    deliverer: Ints
    receiver: Ints
    kind: Ints


def generate_instance(*, size: int, regime: str, seed: int) -> Submission:
    """Make a batch of `size` instructions; the same arguments give the same batch on every machine.

    A million instructions are among 2,000 participants in 5,000 securities; fewer have fewer of both.
    """
    random = np.random.default_rng([seed, size, sorted(REGIMES).index(regime)])
    participants = max(8, round(2 * size**0.5))
    securities = max(6, round(5_000 * (size / 1e6) ** 0.6))
    groups = _draw_groups(random, size, participants)
    group_count = int(groups.group[-1]) + 1
    price = np.maximum(np.rint(np.exp(random.normal(9.0, 1.2, securities))), 50).astype(np.int64)
    lot = random.choice(np.array([1, 10, 100]), securities, p=[0.6, 0.25, 0.15])
    group_security = _draw_by_power_law(random, securities, group_count, 0.8)
    isin = group_security[groups.group]
    worth = np.exp(random.normal(15.2, 1.2, group_count))[groups.group]
    # Most of a chain passes on what came in; now and then a link is of another size.
    worth *= np.where(random.random(size) < 0.25, random.uniform(0.3, 1.2, size), 1.0)
    quantity = np.maximum(np.rint(worth / (price * lot)[isin]), 1).astype(np.int64) * lot[isin]
    market_value = quantity * price[isin]
    cash = np.rint(market_value * random.uniform(0.99, 1.01, size)).astype(np.int64)

    kind = np.full(size, DVP, np.int64)
    alone = groups.kind == SINGLE
    draw = random.random(size)
    kind[alone & (draw < 0.08)] = FOP
    kind[alone & (draw >= 0.08) & (draw < 0.16)] = PAY
    linked_with = _draw_links(random, size)
    partial = (random.random(size) < 0.45) & (kind != PAY) & (linked_with == NOTHING) & (quantity > lot[isin])
    partial[linked_with[linked_with != NOTHING]] = False
    multiple = np.where(partial & (random.random(size) < 0.7), lot[isin], 1)
    share = random.choice(np.array([0.0, 0.1, 0.25, 0.5]), size)
    min_quantity = np.where(partial, np.maximum((quantity * share).astype(np.int64), 1), 0)
    instance = Submission(
        kind=kind,
        deliverer=groups.deliverer,
        receiver=groups.receiver,
        isin=np.where(kind == PAY, NOTHING, isin),
        currency=np.where(kind == FOP, NOTHING, securities),
        quantity=np.where(kind == PAY, 0, quantity),
        cash=np.where(kind == FOP, 0, cash),
        value=np.where(kind == PAY, cash, market_value),
        priority=random.choice(np.array([1, 2, 3, 4]), size, p=[0.03, 0.12, 0.25, 0.60]),
        partial=partial,
        min_quantity=min_quantity,
        multiple=multiple,
        linked_with=linked_with,
        account=np.zeros(0, np.int64),
        asset=np.zeros(0, np.int64),
        balance=np.zeros(0, np.int64),
        floor=np.zeros(0, np.int64),
        asset_is_cash=np.arange(securities + 1) == securities,
    )
    return _stock_accounts(random, _shuffle(random, instance), REGIMES[regime])


def _draw_by_power_law(random: np.random.Generator, choices: int, count: int, exponent: float) -> Ints:
    weight = np.arange(1, choices + 1, dtype=np.float64) ** -exponent
    total = np.cumsum(weight)
    return np.searchsorted(total / total[-1], random.random(count), side="right").astype(np.int64)


def _draw_groups(random: np.random.Generator, size: int, participants: int) -> _Groups:
    """Draw groups of deliveries until there are enough: alone, through the CCP, in chains and circles."""
    kinds = random.choice(4, size, p=GROUP_SHARES)
    length = np.choose(
        kinds, [np.ones(size, np.int64), np.full(size, 2), random.integers(3, 9, size), random.integers(2, 10, size)]
    )
    count = int(np.searchsorted(np.cumsum(length), size)) + 1
    kinds, length = kinds[:count], length[:count]
    group = np.repeat(np.arange(count), length)[:size]
    start = np.cumsum(length) - length
    step = np.arange(size) - start[group]
    # A chain of l deliveries has l + 1 parties, a circle l.
    parties = length + (kinds != CIRCLE)
    first = np.cumsum(parties) - parties
    giver = first[group] + step
    taker = np.where((kinds[group] == CIRCLE) & (step == length[group] - 1), first[group], giver + 1)
    party = 1 + _draw_by_power_law(random, participants - 1, int(parties.sum()), 0.9)
    party[first[kinds == THROUGH_CCP] + 1] = CENTRAL_COUNTERPARTY
    while len(same := np.flatnonzero(party[giver] == party[taker])):
        party[taker[same]] = 1 + random.integers(0, participants - 1, len(same))
    return _Groups(group, party[giver], party[taker], kinds[group])


def _draw_links(random: np.random.Generator, size: int) -> Ints:
    """Link 3 % of the instructions in pairs: linked_with of one names the other."""
    linked_with = np.full(size, NOTHING, np.int64)
    pairs = random.permutation(size)[: 2 * int(size * 0.015)].reshape(-1, 2)
    linked_with[pairs[:, 0]] = pairs[:, 1]
    return linked_with


def _shuffle(random: np.random.Generator, instance: Submission) -> Submission:
    """Let the instructions arrive in an order that knows nothing of their groups."""
    order = random.permutation(len(instance.kind))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    columns = {name: getattr(instance, name)[order] for name in INSTRUCTION_COLUMNS}
    links = columns["linked_with"]
    columns["linked_with"] = np.where(links == NOTHING, NOTHING, place[links])
    return instance._replace(**columns)


def _stock_accounts(random: np.random.Generator, instance: Submission, regime: Regime) -> Submission:
    """Give accounts a part of what they need net, some with nothing to do with the batch besides."""
    cash_asset = len(instance.asset_is_cash) - 1
    moves = list_movements(submission=instance, quantity=instance.quantity, cash=instance.cash)
    key = moves.account * (cash_asset + 1) + moves.asset
    rows, row = np.unique(key, return_inverse=True)
    net = np.zeros(len(rows), np.int64)
    np.add.at(net, row, moves.amount)
    debit = np.zeros(len(rows), np.int64)
    np.add.at(debit, row, np.maximum(-moves.amount, 0))
    need = np.maximum(-net, 0)
    is_cash: Flags = rows % (cash_asset + 1) == cash_asset
    full = random.random(len(rows)) < regime.covered
    stock = need * np.where(full, 1.0, random.uniform(0, regime.stock, len(rows)))
    working = random.random(len(rows)) < 0.5
    stock += debit * np.where(working, random.uniform(0, regime.working_stock, len(rows)), 0)
    money = need * regime.cash * random.uniform(0.6, 1.4, len(rows)) + debit * regime.working_cash
    held = np.where(is_cash, money, stock).astype(np.int64)
    owned = rows // (cash_asset + 1) != CENTRAL_COUNTERPARTY
    held = np.where(owned, held, 0)
    line = is_cash & owned & (random.random(len(rows)) < regime.credit)
    floor = np.where(line, -(held * random.uniform(0.1, 0.5, len(rows))).astype(np.int64), 0)
    # Of what a line gives, half stands in place of cash.
    held = held + floor // 2
    listed = (held != 0) | (floor != 0)
    return instance._replace(
        account=rows[listed] // (cash_asset + 1),
        asset=rows[listed] % (cash_asset + 1),
        balance=held[listed],
        floor=floor[listed],
    )
