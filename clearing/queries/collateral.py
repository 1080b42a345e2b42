"""What members' collateral is worth, what is required of them, and what of it is free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
from django.db import connection

from clearing.core.collateral_value import (
    MICRO,
    WHOLE_PPM,
    free_cash,
    unit_value_micro,
    value_pools,
    value_units,
)
from clearing.models import MarginParameters, MarginRun
from reference.queries import directory
from settlement.queries.collateral import eligible_closes

Segment = tuple[int, int]
NO_HAIRCUT = Decimal(0)
WHOLE_PERCENT = Decimal(100)

# Cash first, then securities by asset. Of a security the segment is the currency that it is paid in.
HELD_SQL = """
    SELECT m.member_id, coalesce(s.currency_id, b.asset_id), b.asset_id, s.asset_ptr_id IS NOT NULL, b.balance,
           coalesce(s.issuer_name, '')
    FROM clearing_membership m
    JOIN ledger_balance b ON b.account_id IN (m.im_cash_id, m.im_securities_id) AND b.balance > 0
    LEFT JOIN reference_security s ON s.asset_ptr_id = b.asset_id
    WHERE %(members)s::bigint[] IS NULL OR m.member_id = ANY(%(members)s)
    ORDER BY m.member_id, 4, b.asset_id
"""

# What is called and not paid for anything but collateral stands beside the margin requirement: until it is paid,
# collateral of that worth stays.
REQUIRED_SQL = """
    SELECT member_id, currency_id, sum(margin)::bigint, sum(held_back)::bigint, sum(called)::bigint FROM (
        SELECT member_id, currency_id, requirement_minor AS margin, 0 AS held_back, 0 AS called
        FROM clearing_portfoliomargin WHERE run_id = %(run)s
        UNION ALL
        SELECT member_id, currency_id, 0, CASE WHEN kind IN ('INITIAL', 'INTRADAY') THEN 0
               ELSE amount_minor - paid_minor END,
               CASE WHEN kind IN ('INITIAL', 'INTRADAY') THEN amount_minor - paid_minor ELSE 0 END
        FROM clearing_margincall WHERE status IN ('ISSUED', 'OVERDUE')
    ) needed
    WHERE %(members)s::bigint[] IS NULL OR member_id = ANY(%(members)s)
    GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Holding:
    """Units of one security in a pool; without price and value where it is not eligible any more."""

    security_id: int
    issuer: str
    units: int
    price: Decimal | None
    haircut_percent: Decimal | None
    unit_micro: int
    value_minor: int

    @property
    def isin(self) -> str:
        """Return the security's ISIN."""
        return directory().securities[self.security_id].isin

    @property
    def market_minor(self) -> int:
        """Return what it is worth before the haircut, rounded down."""
        if self.price is None:
            return 0
        entry = directory().securities[self.security_id]
        micro = unit_value_micro(
            price=self.price, amount_per_price=entry.amount_per_price(), digits=entry.currency.digits,
            haircut_percent=NO_HAIRCUT,
        )  # fmt: skip
        return self.units * micro // MICRO


@dataclass(frozen=True)
class IssuerUse:
    """What one issuer's securities are worth in a pool, and how much of it counts."""

    issuer: str
    value_minor: int
    limit_minor: int
    counted_minor: int

    @property
    def used_percent(self) -> float:
        """Return how much of the limit is used; above 100 where not all of it counts."""
        return 100 * self.value_minor / self.limit_minor if self.limit_minor else 0.0


@dataclass(frozen=True)
class Pool:
    """One member's collateral in one segment, amounts in minor units.

    value_minor: what counts, cash and securities after haircuts and with the issuer limit.
    """

    member_id: int
    currency_id: int
    cash_minor: int
    holdings: tuple[Holding, ...]
    issuers: tuple[IssuerUse, ...]
    value_minor: int
    limit_ppm: int

    @property
    def securities_minor(self) -> int:
        """Return what counts of its securities."""
        return self.value_minor - self.cash_minor

    @property
    def not_counted_minor(self) -> int:
        """Return what the issuer limit keeps from counting."""
        return sum(issuer.value_minor - issuer.counted_minor for issuer in self.issuers)


@dataclass(frozen=True)
class Required:
    """What is required of a member in a segment: the margin of the last run, and what is called and not paid.

    held_back_minor: called for anything but collateral. called_minor: called as collateral, open.
    """

    margin_minor: int = 0
    held_back_minor: int = 0
    called_minor: int = 0

    @property
    def total_minor(self) -> int:
        """Return what collateral has to be worth before any of it is free."""
        return self.margin_minor + self.held_back_minor


NOTHING_REQUIRED = Required()


def value_collateral(
    *, business_date: date, closed: bool, limit_ppm: int, member_ids: Sequence[int] | None = None
) -> dict[Segment, Pool]:
    """Return the collateral of all members, or of these, by (member id, currency id): what it holds and is worth.

    Securities at their last close, haircuts and eligibility of settlement's table. closed: whether the business
    date's own close counts already. limit_ppm: the issuer limit in millionths. Three queries, however many members.
    """
    with connection.cursor() as cursor:
        cursor.execute(HELD_SQL, {"members": None if member_ids is None else list(member_ids)})
        rows = cursor.fetchall()
    cash: dict[Segment, int] = {}
    held: list[tuple[Segment, int, int, str]] = []
    for member_id, currency_id, asset_id, is_security, units, issuer in rows:
        segment = (member_id, currency_id)
        cash.setdefault(segment, 0)
        if is_security:
            held.append((segment, asset_id, units, issuer))
        else:
            cash[segment] += units
    securities = sorted({security for _, security, _, _ in held})
    quotes = eligible_closes(securities=securities, business_date=business_date, closed=closed) if securities else {}
    return build_pools(cash=cash, held=held, quotes=quotes, limit_ppm=limit_ppm)


def build_pools(
    *,
    cash: Mapping[Segment, int],
    held: Iterable[tuple[Segment, int, int, str]],
    quotes: Mapping[int, tuple[Decimal, Decimal]],
    limit_ppm: int,
) -> dict[Segment, Pool]:
    """Return the pools of cash, minor units by segment, and of holdings: (segment, security, units, issuer).

    quotes: security -> last close and haircut in percent, of those that are eligible.
    """
    source = directory()
    rows = list(held)
    segments = sorted({*cash, *(segment for segment, _, _, _ in rows)})
    issuers = sorted({issuer for _, _, _, issuer in rows})
    place_of, issuer_of = ({one: place for place, one in enumerate(many)} for many in (segments, issuers))
    micro: dict[int, int] = {}
    for security_id, (close, percent) in quotes.items():
        entry = source.securities[security_id]
        micro[security_id] = unit_value_micro(
            price=close, amount_per_price=entry.amount_per_price(), digits=entry.currency.digits,
            haircut_percent=percent,
        )  # fmt: skip
    value = value_units(
        units=np.array([units for _, _, units, _ in rows], np.int64),
        unit_micro=np.array([micro.get(security, 0) for _, security, _, _ in rows], np.int64),
    )
    values = value_pools(
        cash=np.array([cash.get(segment, 0) for segment in segments], np.int64),
        pool=np.array([place_of[segment] for segment, _, _, _ in rows], np.int64),
        issuer=np.array([issuer_of[issuer] for _, _, _, issuer in rows], np.int64),
        value=value,
        limit_ppm=limit_ppm,
    )
    holdings: dict[Segment, list[Holding]] = {}
    for (segment, security_id, units, issuer), worth in zip(rows, value.tolist(), strict=True):
        quote: tuple[Decimal | None, Decimal | None] = quotes.get(security_id, (None, None))
        holdings.setdefault(segment, []).append(
            Holding(security_id, issuer, units, *quote, micro.get(security_id, 0), worth)
        )
    uses: dict[Segment, list[IssuerUse]] = {}
    for pool, name, worth, limit, counted in zip(
        values.pair_pool.tolist(), values.pair_issuer.tolist(), values.pair_value_minor.tolist(),
        values.pair_limit_minor.tolist(), values.pair_counted_minor.tolist(), strict=True,
    ):  # fmt: skip
        uses.setdefault(segments[pool], []).append(IssuerUse(issuers[name], worth, limit, counted))
    return {
        segment: Pool(
            member_id=segment[0],
            currency_id=segment[1],
            cash_minor=cash.get(segment, 0),
            holdings=tuple(holdings.get(segment, ())),
            issuers=tuple(uses.get(segment, ())),
            value_minor=int(values.value_minor[place]),
            limit_ppm=limit_ppm,
        )
        for place, segment in enumerate(segments)
    }


def pool_after(*, pool: Pool, changes: Mapping[int, int], quotes: Mapping[int, tuple[Decimal, Decimal]],
               issuers: Mapping[int, str]) -> Pool:  # fmt: skip
    """Return the pool as it would be after changes, asset id -> amount, at these quotes (see build_pools).

    issuers: security id -> issuer, of what comes in.
    """
    segment = (pool.member_id, pool.currency_id)
    units = {holding.security_id: (holding.units, holding.issuer) for holding in pool.holdings}
    for asset_id, amount in changes.items():
        if asset_id != pool.currency_id:
            had, issuer = units.get(asset_id, (0, issuers.get(asset_id, "")))
            units[asset_id] = (had + amount, issuer)
    held = [(segment, security, count, issuer) for security, (count, issuer) in units.items() if count]
    cash = {segment: pool.cash_minor + changes.get(pool.currency_id, 0)}
    return build_pools(cash=cash, held=held, quotes=quotes, limit_ppm=pool.limit_ppm)[segment]


def quotes_of(*, pool: Pool) -> dict[int, tuple[Decimal, Decimal]]:
    """Return the quotes that a pool was valued at."""
    return {
        holding.security_id: (holding.price, holding.haircut_percent)
        for holding in pool.holdings
        if holding.price is not None and holding.haircut_percent is not None
    }


def cash_free_in(*, pool: Pool, required: Required) -> int:
    """Return the most cash that may be taken out of a pool, minor units."""
    return free_cash(
        cash=pool.cash_minor,
        issuer_values=[issuer.value_minor for issuer in pool.issuers],
        required=required.total_minor,
        limit_ppm=pool.limit_ppm,
    )


def required_of(*, run_id: int | None, member_ids: Sequence[int] | None = None) -> dict[Segment, Required]:
    """Return what is required of all members, or of these, by (member id, currency id). One query.

    run_id: the margin run that counts; None before the first.
    """
    with connection.cursor() as cursor:
        cursor.execute(REQUIRED_SQL, {"run": run_id, "members": None if member_ids is None else list(member_ids)})
        return {(member, currency): Required(*amounts) for member, currency, *amounts in cursor.fetchall()}


def last_run() -> MarginRun | None:
    """Return the margin run that counts: the last one, of the evening or of the day."""
    return MarginRun.objects.select_related("parameters").order_by("-pk").first()


def is_closed(*, run: MarginRun | None, business_date: date) -> bool:
    """Return whether the closing prices of a business date are known: its evening run has been made."""
    return run is not None and run.business_date >= business_date and run.kind == "EVENING"


def issuer_limit_ppm(*, day: date) -> int:
    """Return the issuer limit that is valid on a day in millionths; all of it where no parameters stand."""
    row = MarginParameters.objects.filter(valid_from__lte=day).order_by("-valid_from").first()
    return ppm_of(percent=WHOLE_PERCENT if row is None else row.collateral_issuer_limit_percent)


def ppm_of(*, percent: Decimal) -> int:
    """Return a percentage in millionths."""
    return int(percent * WHOLE_PPM / 100)
