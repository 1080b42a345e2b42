"""Positions as a report: those asked for, what participants make of them in one currency, the result day by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from django.db import connection

from ledger.models import Account
from reference.core.actor import Actor
from reference.market_data import exchange_rates
from reference.models import BASE_CURRENCY
from reference.queries import directory
from trades.core.positions import CostMethod
from trades.queries.positions import HISTORY_DAYS, PositionView, accounts_visible_to, closed_positions, live_positions
from trades.refusals.positions import UnknownPositionAccount

RESULTS_SQL = """
    SELECT r.business_date, p.currency_id,
           sum(p.realised_minor + coalesce(p.unrealised_minor, 0) - p.fees_minor)::bigint
    FROM (
        SELECT DISTINCT ON (business_date) id, business_date FROM trades_positionrun
        WHERE business_date <= %(until)s ORDER BY business_date DESC, id DESC LIMIT %(days)s
    ) r
    JOIN trades_position p ON p.run_id = r.id
    JOIN ledger_account a ON a.id = p.account_id
    WHERE %(participant)s::bigint IS NULL OR a.participant_id = %(participant)s
    GROUP BY 1, 2 ORDER BY 1
"""


@dataclass
class PartyResult:
    """What a participant's positions come to, in minor units of the base currency."""

    code: str
    name: str
    long_minor: int = 0
    short_minor: int = 0
    realised_day_minor: int = 0
    unrealised_minor: int = 0
    total_minor: int = 0


def get_account(*, actor: Actor, code: str) -> Account:
    """Return a securities account that the actor sees. Raises UnknownPositionAccount."""
    found = accounts_visible_to(actor=actor).filter(code=code).first()
    if found is None:
        raise UnknownPositionAccount
    return found


def read_positions(
    *, accounts: Sequence[Account], business_date: date, on: date | None = None, security_id: int | None = None,
    method: CostMethod | None = None, closed_too: bool = False,
) -> list[PositionView]:  # fmt: skip
    """Return the accounts' positions now, or as they closed on a date; open ones, or those that once were too."""
    if not accounts:
        return []
    if on is not None and on < business_date:
        found = closed_positions(accounts=accounts, business_date=on)
        found = [view for view in found if security_id in (None, view.security.id)]
    else:
        found = live_positions(
            accounts=accounts, business_date=business_date, method=method,
            securities=None if security_id is None else [security_id],
        )  # fmt: skip
    return found if closed_too else [view for view in found if view.quantity_units]


def sum_by_party(*, views: Sequence[PositionView], rates: Mapping[int, Decimal]) -> list[PartyResult]:
    """Return each participant's positions in the base currency, largest first; without a rate, left out."""
    found: dict[str, PartyResult] = {}
    for view in views:
        owner = directory().participants[view.account.participant_id]
        party = found.setdefault(owner.code, PartyResult(owner.code, owner.name))
        rate = rates.get(view.currency.id)
        if rate is None:
            continue
        value = in_base(minor=view.value_minor or 0, rate=rate, digits=view.currency.digits)
        if value > 0:
            party.long_minor += value
        else:
            party.short_minor += value
        for name in ("realised_day_minor", "unrealised_minor", "total_minor"):
            moved = in_base(minor=getattr(view, name) or 0, rate=rate, digits=view.currency.digits)
            setattr(party, name, getattr(party, name) + moved)
    return sorted(found.values(), key=lambda party: -(party.long_minor - party.short_minor))


def in_base(*, minor: int, rate: Decimal, digits: int) -> int:
    """Return an amount in minor units of the base currency, rounded half to even."""
    base = directory().currencies_by_code[BASE_CURRENCY]
    return int((minor * rate).scaleb(base.digits - digits).to_integral_value(rounding=ROUND_HALF_EVEN))


def base_rates(*, on: date) -> Mapping[int, Decimal]:
    """Return what one unit of each currency is worth in the base currency."""
    return exchange_rates(on=on)


def results_by_day(
    *, actor: Actor, until: date, rates: Mapping[int, Decimal], participant_id: int | None = None
) -> list[tuple[date, int]]:
    """Return the result since the first day at each close, in the base currency, all at the same rates. One query.

    participant_id: only this one's, for who sees all.
    """
    days: defaultdict[date, int] = defaultdict(int)
    with connection.cursor() as cursor:
        cursor.execute(
            RESULTS_SQL,
            {
                "until": until,
                "days": HISTORY_DAYS,
                "participant": participant_id if actor.sees_all else actor.participant_id,
            },
        )
        for day, currency_id, minor in cursor.fetchall():
            if currency_id in rates:
                digits = directory().currencies[currency_id].digits
                days[day] += in_base(minor=minor, rate=rates[currency_id], digits=digits)
    return sorted(days.items())
