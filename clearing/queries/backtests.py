"""Backtests as an actor may see them: each portfolio's days, and the tests by portfolio, by member and over all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.db import connection
from django.db.models import Q

from clearing.core.arrays import Ints
from clearing.core.pooled_backtest import PooledBacktest, explain, is_too_short, pool_backtest
from clearing.models import BacktestDay, MarginParameters
from clearing.queries.margin_parameters import margin_parameters_on
from clearing.refusals import UnknownPortfolio
from ledger.models import Account
from reference.bulk import fetch_arrays
from reference.core.actor import Actor
from reference.queries import directory

CALENDAR_DAYS_A_BUSINESS_DAY = 1.46

DAYS_SQL = """
    SELECT b.account_id, b.currency_id, b.member_id, b.business_date, b.margin_minor, b.pnl_minor
    FROM clearing_backtestday b
    WHERE b.horizon_days = %(horizon)s AND b.business_date > %(since)s AND b.business_date <= %(until)s
      AND (%(sees)s::bigint IS NULL OR b.member_id = %(sees)s
           OR b.account_id IN (SELECT id FROM ledger_account WHERE participant_id = %(sees)s))
    ORDER BY b.currency_id, b.member_id, b.account_id, b.business_date
"""


@dataclass(frozen=True)
class TestedPortfolio:
    """The backtest of one portfolio, one member or all of them; account is None where several are pooled."""

    member: str
    account: str | None
    currency: str
    horizon_days: int
    result: PooledBacktest

    @property
    def words(self) -> str:
        """Say what the tests mean."""
        return explain(result=self.result, horizon_days=self.horizon_days)

    @property
    def verdict(self) -> str:
        """Return the verdict in two words."""
        if is_too_short(result=self.result):
            return "too few days"
        return self.result.kupiec.verdict.value


@dataclass(frozen=True)
class DayUse:
    """One day in one currency: the largest share of its margin that a portfolio lost, in percent, and breaches."""

    currency: str
    business_date: date
    worst_percent: float
    breaches: int


@dataclass(frozen=True)
class Backtests:
    """All tests of one horizon: everything an actor sees pooled by currency, its members, and its portfolios."""

    horizon_days: int
    confidence: float
    since: date
    all: Sequence[TestedPortfolio]
    members: Sequence[TestedPortfolio]
    portfolios: Sequence[TestedPortfolio]
    uses: Sequence[DayUse]


@dataclass(frozen=True)
class PortfolioDays:
    """One portfolio's backtest and its days, oldest first."""

    tested: TestedPortfolio | None
    account: Account
    currency: str
    days: Sequence[BacktestDay]


def backtests_since(*, actor: Actor, business_date: date, horizon_days: int) -> Backtests:
    """Return the tests over the last business days that MarginParameters.backtest_days says. Two queries.

    A participant sees its own portfolios and, as a member, those that it clears for. Raises NoMarginParameters.
    """
    parameters = margin_parameters_on(day=business_date)
    since = first_day(parameters=parameters, business_date=business_date)
    with connection.cursor() as cursor:
        days = fetch_arrays(
            cursor,
            DAYS_SQL,
            {"horizon": horizon_days, "since": since, "until": business_date, "sees": actor.participant_id},
        )
    confidence = float(parameters.confidence)
    accounts = dict(Account.objects.filter(pk__in=np.unique(days["account_id"]).tolist()).values_list("pk", "code"))
    return Backtests(
        horizon_days=horizon_days,
        confidence=confidence,
        since=since,
        all=_pool(days, ("currency_id",), confidence, accounts, horizon_days),
        members=_pool(days, ("currency_id", "member_id"), confidence, accounts, horizon_days),
        portfolios=_pool(days, ("currency_id", "member_id", "account_id"), confidence, accounts, horizon_days),
        uses=_uses(days),
    )


def first_day(*, parameters: MarginParameters, business_date: date) -> date:
    """Return the day after which backtests are read."""
    return business_date - timedelta(days=int(parameters.backtest_days * CALENDAR_DAYS_A_BUSINESS_DAY))


def portfolio_days(
    *, actor: Actor, account_code: str, currency: str, business_date: date, horizon_days: int
) -> PortfolioDays:
    """Return one portfolio's days and test. Raises UnknownPortfolio, also for another's; NoMarginParameters."""
    found = Account.objects.select_related("participant").filter(code=account_code, kind="SECURITIES")
    if actor.participant_id is not None:
        found = found.filter(
            Q(participant_id=actor.participant_id) | Q(participant__clearing_member_id=actor.participant_id)
        )
    account, entry = found.first(), directory().currencies_by_code.get(currency)
    if account is None or entry is None:
        raise UnknownPortfolio
    parameters = margin_parameters_on(day=business_date)
    days = list(
        BacktestDay.objects.filter(
            account=account,
            currency_id=entry.id,
            horizon_days=horizon_days,
            business_date__gt=first_day(parameters=parameters, business_date=business_date),
            business_date__lte=business_date,
        ).order_by("business_date")
    )
    tested = None
    if days:
        result = pool_backtest(
            portfolio=np.zeros(len(days), np.int64),
            margin_minor=np.array([day.margin_minor for day in days], np.int64),
            pnl_minor=np.array([day.pnl_minor for day in days], np.int64),
            confidence=float(parameters.confidence),
        )
        member = directory().participants[days[-1].member_id].code
        tested = TestedPortfolio(
            member=member, account=account.code, currency=currency, horizon_days=horizon_days, result=result
        )
    return PortfolioDays(tested=tested, account=account, currency=currency, days=days)


def _uses(days: dict[str, Ints]) -> list[DayUse]:
    """Return the worst use of margin of each day and currency, oldest first; a portfolio without margin counts not."""
    margin, loss = days["margin_minor"], -days["pnl_minor"]
    share = np.where(margin > 0, 100.0 * loss / np.maximum(margin, 1), 0.0)
    keys, place = np.unique(
        np.stack([days["currency_id"], days["business_date"].astype(np.int64)]), axis=1, return_inverse=True
    )
    place = place.reshape(-1)
    worst = np.zeros(keys.shape[1])
    np.maximum.at(worst, place, share)
    breaches = np.bincount(place, weights=(loss > margin).astype(np.float64), minlength=keys.shape[1])
    source = directory()
    return [
        DayUse(source.currencies[currency_id].code, day, float(percent), int(count))
        for currency_id, day, percent, count in zip(
            keys[0].tolist(), keys[1].astype("datetime64[D]").astype(object).tolist(), worst.tolist(),
            breaches.tolist(), strict=True,
        )
    ]  # fmt: skip


def _pool(
    days: dict[str, Ints], keys: tuple[str, ...], confidence: float, accounts: dict[int, str], horizon_days: int
) -> list[TestedPortfolio]:
    """Test the days of each group; they are sorted by these keys."""
    count = len(days["account_id"])
    if not count:
        return []
    columns = np.stack([days[key] for key in keys])
    starts = np.flatnonzero(np.append(True, (columns[:, 1:] != columns[:, :-1]).any(axis=0)))
    source, found = directory(), []
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), count], strict=True):
        piece = slice(start, stop)
        found.append(
            TestedPortfolio(
                member=source.participants[int(days["member_id"][start])].code if "member_id" in keys else "",
                account=accounts[int(days["account_id"][start])] if "account_id" in keys else None,
                currency=source.currencies[int(days["currency_id"][start])].code,
                horizon_days=horizon_days,
                result=pool_backtest(
                    portfolio=days["account_id"][piece],
                    margin_minor=days["margin_minor"][piece],
                    pnl_minor=days["pnl_minor"][piece],
                    confidence=confidence,
                ),
            )
        )
    return sorted(found, key=lambda row: (row.currency, row.member, row.account or ""))
