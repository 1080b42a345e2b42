"""The synthetic price histories."""

import numpy as np

from reference.core.synthetic_prices import PriceHistory, walk_prices


def walk(isin: str = "DE0001102341", volatility_bp: float = 50.0, first_price: float = 100.0) -> PriceHistory:
    return walk_prices(
        isin=isin, days=500, first_price=first_price, volatility_bp=volatility_bp,
        volume_units=1_000_000, lot_units=1000, price_digits=3, seed=7,
    )  # fmt: skip


def test_the_same_seed_gives_the_same_history() -> None:
    assert np.array_equal(walk().close, walk().close)
    assert not np.array_equal(walk().close, walk(isin="US0378331005").close)


def test_low_is_lowest_and_high_is_highest_even_where_prices_are_one_tick() -> None:
    for history in (walk(), walk(volatility_bp=900.0, first_price=0.002)):
        assert (history.low >= 1).all()
        assert (history.low <= np.minimum(history.open, history.close)).all()
        assert (history.high >= np.maximum(history.open, history.close)).all()


def test_the_daily_return_has_the_asked_deviation() -> None:
    returns = np.diff(np.log(walk().close))
    assert 0.0045 < returns.std() < 0.0055


def test_volumes_are_whole_lots() -> None:
    volume = walk().volume
    assert (volume % 1000 == 0).all()
    assert 800_000 < np.median(volume) < 1_200_000
