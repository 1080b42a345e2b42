"""The margin model of one segment: built once from its prices, then asked for any number of portfolios.

Expected shortfall or VaR over historical or filtered historical scenarios (RTS (EU) No 153/2013 Articles 24 to 26),
an anti-procyclicality choice (Article 28), a concentration add-on, and the flat rate and the other measure beside.
"""

from dataclasses import dataclass

import numpy as np

from clearing.core.arrays import Dates, Floats
from clearing.core.concentration import concentration_add_on, concentration_scale
from clearing.core.flat_rate import flat_rate_margin
from clearing.core.prices import PriceHistory
from clearing.core.procyclicality import buffer_margin, floor_margin, weigh_stress
from clearing.core.refusals import HistoryTooShort, RiskRefused, VolumeMissing
from clearing.core.scenarios import Method, build_scenarios, first_rows, simple_returns
from clearing.core.tail import Measure, count_tail, measure_accounts, measure_rows

ROUNDED = 4
"""Decimal digits of a minor unit that count when an amount is rounded up; what is less is noise of the processor."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What MarginParameters say, as numbers; shares between 0 and 1.

    procyclicality: NONE, BUFFER, STRESSED or FLOOR. stressed: first and last day of the stressed period.
    """

    method: Method = "fhs"
    measure: Measure = "es"
    confidence: float = 0.99
    lookback: int = 1_000
    mpor_days: int = 2
    decay: float = 0.97
    seed_days: int = 60
    procyclicality: str = "NONE"
    buffer: float = 0.25
    stress_weight: float = 0.25
    stressed: tuple[np.datetime64, np.datetime64] = (np.datetime64("2000-03-01"), np.datetime64("2002-12-31"))
    long_lookback: int = 2_520
    participation: float = 0.1
    flat_rate: float = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class RiskModel:
    """Scenarios (n, k) with the dates (n,) on which they end, others (m, k) for anti-procyclicality or None.

    long_tail, short_tail: (k,) the measure of one unit of value held long, and short. average_volume: (k,) units.
    """

    settings: ModelSettings
    instruments: tuple[str, ...]
    scenarios: Floats
    ends: Dates
    others: Floats | None
    long_tail: Floats
    short_tail: Floats
    average_volume: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Margins:
    """Margins of accounts in minor units, (accounts,) int64 as floats rounded up; requirement is the sum of the parts.

    base: the measure, zero where it is a gain; concentration and procyclicality: what they add. flat, gross, and
    both measures stand beside it.
    """

    base: Floats
    concentration: Floats
    procyclicality: Floats
    flat: Floats
    expected_shortfall: Floats
    value_at_risk: Floats
    gross: Floats

    @property
    def requirement(self) -> Floats:
        """Return what is charged."""
        return self.base + self.concentration + self.procyclicality


def build_risk_model(*, history: PriceHistory, average_volume: Floats, settings: ModelSettings) -> RiskModel:
    """Return the model of an aligned history, only leading NaN; average_volume: (k,) units a day.

    Raises HistoryTooShort and what the scenarios raise, naming the instrument.
    """
    try:
        scenarios = build_scenarios(
            prices=history.prices, method=settings.method, lookback=settings.lookback,
            horizon_days=settings.mpor_days, decay=settings.decay, seed_days=settings.seed_days,
        )  # fmt: skip
    except RiskRefused as refusal:
        raise _named(refusal, history) from refusal
    tail = count_tail(observations=settings.lookback, confidence=settings.confidence)
    place = 1 if settings.measure == "es" else 0
    # A copy by instrument, since the partial sort reorders it.
    by_instrument = scenarios.T.copy()
    long_tail = measure_rows(profits=by_instrument, tail=tail)[place]
    short_tail = measure_rows(profits=np.negative(by_instrument, out=by_instrument), tail=tail)[place]
    return RiskModel(
        settings=settings,
        instruments=history.instruments,
        scenarios=scenarios,
        ends=history.dates[-settings.lookback :],
        others=_other_scenarios(history, settings),
        long_tail=np.maximum(long_tail, 0.0),
        short_tail=np.maximum(short_tail, 0.0),
        average_volume=average_volume,
    )


def margin_accounts(*, model: RiskModel, values: Floats, quantity_units: Floats) -> Margins:
    """Return the margins of accounts at these positions.

    values: (accounts, k) market values in minor units, the sign is the side; quantity_units of the same shape.
    Raises NotFinite, VolumeMissing.
    """
    settings = model.settings
    var, shortfall = (
        np.maximum(measured, 0.0)
        for measured in measure_accounts(values=values, scenarios=model.scenarios, confidence=settings.confidence)
    )
    base = _round_up(shortfall if settings.measure == "es" else var)
    return Margins(
        base=base,
        concentration=_round_up(_concentration(model, values, quantity_units)),
        procyclicality=_round_up(_charged(model, values, base) - base),
        flat=_round_up(flat_rate_margin(values=values, rates=np.full(values.shape[1], settings.flat_rate))),
        expected_shortfall=_round_up(shortfall),
        value_at_risk=_round_up(var),
        gross=_round_up(np.abs(values).sum(axis=1)),
    )


def _concentration(model: RiskModel, values: Floats, quantity_units: Floats) -> Floats:
    try:
        scale = concentration_scale(
            quantity_units=quantity_units, average_volume_units=model.average_volume,
            participation=model.settings.participation, mpor_days=model.settings.mpor_days,
        )  # fmt: skip
    except VolumeMissing as refusal:
        held = np.abs(quantity_units).max(axis=0, initial=0.0)
        name = model.instruments[int(np.argmax((held > 0.0) & (model.average_volume <= 0.0)))]
        raise VolumeMissing(f"{name} has no trading volume.", instrument=name) from refusal
    alone = np.where(values > 0.0, values * model.long_tail, -values * model.short_tail)
    return concentration_add_on(standalone_margin=alone, scale=scale)


def _charged(model: RiskModel, values: Floats, base: Floats) -> Floats:
    """Return the base after the anti-procyclicality choice; never less than it."""
    settings = model.settings
    if model.others is None:
        return base
    var, shortfall = measure_accounts(values=values, scenarios=model.others, confidence=settings.confidence)
    other = np.maximum(shortfall if settings.measure == "es" else var, 0.0)
    if settings.procyclicality == "BUFFER":
        return buffer_margin(margin=base, calm_margin=other, buffer=settings.buffer)
    if settings.procyclicality == "STRESSED":
        return weigh_stress(margin=base, stressed_margin=other, weight=settings.stress_weight)
    return floor_margin(margin=base, long_margin=other)


def _other_scenarios(history: PriceHistory, settings: ModelSettings) -> Floats | None:
    """Return the returns that anti-procyclicality looks at: of the stressed period, or of the long lookback."""
    if settings.procyclicality == "NONE":
        return None
    common = int(first_rows(values=history.prices).max(initial=0))
    dates, prices = history.dates[common:], history.prices[common:]
    if settings.procyclicality == "STRESSED":
        within = (dates >= settings.stressed[0]) & (dates <= settings.stressed[1])
        returns = simple_returns(prices=prices[within], horizon_days=settings.mpor_days)
        if not len(returns):
            raise HistoryTooShort(
                f"{_youngest(history)} has no prices in the stressed period {settings.stressed[0]} to"
                f" {settings.stressed[1]}; it needs a proxy.",
                instrument=_youngest(history),
            )
        return returns
    returns = simple_returns(prices=prices, horizon_days=settings.mpor_days)
    if len(returns) < settings.long_lookback:
        raise HistoryTooShort(
            f"{_youngest(history)} leaves {len(returns):,} common returns; the long lookback of anti-procyclicality"
            f" asks for {settings.long_lookback:,}.",
            instrument=_youngest(history),
        )
    return returns[-settings.long_lookback :]


def _round_up(amounts: Floats) -> Floats:
    rounded: Floats = np.ceil(np.round(amounts, ROUNDED)) + 0.0
    return rounded


def _youngest(history: PriceHistory) -> str:
    return history.instruments[int(np.argmax(first_rows(values=history.prices)))]


def _named(refusal: RiskRefused, history: PriceHistory) -> RiskRefused:
    column = refusal.extra.get("column")
    name = _youngest(history) if column is None else history.instruments[int(column)]
    return type(refusal)(f"{name}: {refusal.message}", instrument=name)
