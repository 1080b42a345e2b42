"""What each member still owes and is owed: open obligations and contracts not yet netted, at market value."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from django.db import connection

from clearing.queries.positions import OLDEST_UNNETTED, OPEN_SQL
from reference.core.actor import Actor
from reference.queries import directory

POSITIONS_SQL = f"""
    SELECT account_id, security_id, currency_id, sum(quantity)::bigint, sum(cash)::bigint, sum(contracts)::bigint,
           netted
    FROM ({OPEN_SQL}) open
    GROUP BY account_id, security_id, currency_id, netted
"""

PRICES_SQL = """
    SELECT s.id, p.close, p.date FROM unnest(%s::bigint[]) AS s (id) CROSS JOIN LATERAL (
        SELECT close, date FROM reference_dailyprice
        WHERE security_id = s.id AND date <= %s ORDER BY date DESC LIMIT 1) p
"""

ACCOUNTS_SQL = "SELECT id, participant_id FROM ledger_account WHERE kind = 'SECURITIES'"


@dataclass
class Position:
    """Open obligations or contracts in a currency; values in minor units, both not negative."""

    to_receive_minor: int = 0
    to_deliver_minor: int = 0
    cash_minor: int = 0
    contracts: int = 0

    @property
    def mark_minor(self) -> int:
        """Return what the positions are worth to the member now; below zero, the CCP is exposed to it."""
        return self.to_receive_minor - self.to_deliver_minor + self.cash_minor


@dataclass
class Exposure:
    """One member's exposure in one currency: what is netted and due, and what is not netted yet."""

    member: str
    member_name: str
    currency: str
    netted: Position = field(default_factory=Position)
    unnetted: Position = field(default_factory=Position)
    clients: set[str] = field(default_factory=set)

    @property
    def mark_minor(self) -> int:
        """Return the worth of all open positions to the member."""
        return self.netted.mark_minor + self.unnetted.mark_minor

    @property
    def client_codes(self) -> list[str]:
        """Return the clients whose accounts are included, in the order of their codes."""
        return sorted(self.clients)

    @property
    def largest_minor(self) -> int:
        """Return the size by which members are ranked."""
        return abs(self.mark_minor)


@dataclass(frozen=True)
class Exposures:
    """All exposures, and the securities for which there is no price to value them at."""

    rows: list[Exposure]
    priced_on: date | None
    without_price: list[str]


def exposure_per_member(*, actor: Actor, business_date: date) -> Exposures:
    """Return the exposure of each clearing member and currency, its clients' accounts included.

    Valued at the last closing price on or before the business date. A participant sees its own
    accounts only, under the member it clears through. Three queries.
    """
    with connection.cursor() as cursor:
        cursor.execute(POSITIONS_SQL, {"oldest": business_date - OLDEST_UNNETTED})
        rows = cursor.fetchall()
        cursor.execute(PRICES_SQL, [sorted({row[1] for row in rows}), business_date])
        prices = {security: (close, day) for security, close, day in cursor.fetchall()}
        cursor.execute(ACCOUNTS_SQL)
        owners = dict(cursor.fetchall())
    return _sum_exposures(rows=rows, prices=prices, owners=owners, actor=actor)


def _sum_exposures(
    *,
    rows: Iterable[tuple[int, int, int, int, int, int, bool]],
    prices: dict[int, tuple[Decimal, date]],
    owners: dict[int, int],
    actor: Actor,
) -> Exposures:
    """Value the positions and add them up by member and currency."""
    source = directory()
    found: dict[tuple[str, str], Exposure] = {}
    missing: defaultdict[str, int] = defaultdict(int)
    for account_id, security_id, currency_id, quantity, cash, contracts, netted in rows:
        owner = source.participants[owners[account_id]]
        if owner.clearing_member_id is None or not (actor.sees_all or owner.id == actor.participant_id):
            continue
        security, currency = source.securities[security_id], source.currencies[currency_id]
        member = source.participants[owner.clearing_member_id]
        key = (member.code, currency.code)
        exposure = found.setdefault(key, Exposure(member=key[0], member_name=member.name, currency=key[1]))
        if owner.id != member.id:
            exposure.clients.add(owner.code)
        position = exposure.netted if netted else exposure.unnetted
        position.cash_minor += cash
        position.contracts += contracts
        price = prices.get(security_id)
        if price is None:
            missing[security.symbol] += 1
            continue
        value = int(
            (abs(quantity) * price[0] * security.amount_per_price() * 10**currency.digits).to_integral_value(
                rounding=ROUND_HALF_EVEN
            )
        )
        if quantity > 0:
            position.to_receive_minor += value
        else:
            position.to_deliver_minor += value
    return Exposures(
        rows=sorted(found.values(), key=lambda row: (row.currency, -row.largest_minor, row.member)),
        priced_on=max((day for _, day in prices.values()), default=None),
        without_price=sorted(missing),
    )
