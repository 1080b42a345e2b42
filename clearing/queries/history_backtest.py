"""A portfolio of today held against the whole history of prices: what margin would have been, and what was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from django.core.cache import cache

from clearing.core.pooled_backtest import PooledBacktest, explain, pool_backtest
from clearing.core.portfolio import MarginModel, backtest_portfolio
from clearing.models import MarginRunKind, PortfolioMargin
from clearing.queries.margin_parameters import settings_of
from clearing.queries.risk_prices import read_price_history
from clearing.refusals import UnknownPortfolio
from ledger.models import Account
from reference.queries import directory

KEPT_SECONDS = 3600


@dataclass(frozen=True)
class HistoryBacktest:
    """Each tested day with its margin and the result that followed, in minor units, oldest first, and the tests."""

    run_date: date
    dates: Sequence[date]
    margin_minor: Sequence[int]
    pnl_minor: Sequence[int]
    result: PooledBacktest
    horizon_days: int
    lookback_days: int

    @property
    def words(self) -> str:
        """Say what the tests mean."""
        return explain(result=self.result, horizon_days=self.horizon_days)


def history_backtest(*, account: Account, currency_id: int, business_date: date) -> HistoryBacktest:
    """Backtest the portfolio of the last evening over all prices up to its date, its market values standing still.

    The margin is the model's measure as parameters say, without add-ons; it rolls: each day's rests on the returns
    before it. Where a security has no prices yet, its proxy's count. It takes a second or two, so what is computed
    is kept. Raises UnknownPortfolio, HistoryTooShort and what the prices raise.
    """
    found = (
        PortfolioMargin.objects.filter(
            account=account, currency_id=currency_id, run__kind=MarginRunKind.EVENING,
            run__business_date__lte=business_date,
        )
        .select_related("run__parameters")
        .order_by("-run_id")
        .first()
    )  # fmt: skip
    if found is None:
        raise UnknownPortfolio
    key = f"history-backtest:{directory().stamp}:{found.pk}"
    kept = cache.get(key)
    if kept is None:
        kept = _compute(found)
        cache.set(key, kept, timeout=KEPT_SECONDS)
    backtest: HistoryBacktest = kept
    return backtest


def _compute(found: PortfolioMargin) -> HistoryBacktest:
    """Roll the margin over all prices."""
    parameters, day = found.run.parameters, found.run.business_date
    chosen = settings_of(parameters=parameters)
    history, _ = read_price_history(securities=found.security_ids, day=day, volume_days=parameters.volume_days)
    model = MarginModel(
        method=chosen.method,
        measure=chosen.measure,
        confidence=chosen.confidence,
        lookback=chosen.lookback,
        horizon_days=chosen.mpor_days,
    )
    _, rolled = backtest_portfolio(history=history, values=np.array(found.mark_minor, np.float64), model=model)
    margin = np.ceil(rolled.margin).astype(np.int64)
    pnl = np.floor(-rolled.loss).astype(np.int64)
    return HistoryBacktest(
        run_date=day,
        dates=history.dates[rolled.row].astype(object).tolist(),
        margin_minor=margin.tolist(),
        pnl_minor=pnl.tolist(),
        result=pool_backtest(
            portfolio=np.zeros(len(pnl), np.int64), margin_minor=margin, pnl_minor=pnl, confidence=chosen.confidence
        ),
        horizon_days=chosen.mpor_days,
        lookback_days=chosen.lookback,
    )
