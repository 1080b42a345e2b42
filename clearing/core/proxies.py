"""Proxies: an instrument with a short history takes the returns of a named other on the dates it lacks."""

from collections.abc import Mapping

import numpy as np

from clearing.core.arrays import Floats
from clearing.core.prices import PriceHistory
from clearing.core.refusals import ProxyInvalid


def fill_by_proxies(
    *, history: PriceHistory, proxies: Mapping[str, str], scales: Mapping[str, float] | None = None
) -> PriceHistory:
    """Return the history with the dates before an instrument's first price filled by its proxy.

    proxies: instrument -> the one whose returns it takes; a proxy may have a proxy of its own. Prices are
    chained backwards from the first true one, P[t] = P[first] * proxy[t] / proxy[first], so that returns over
    any horizon are the proxy's and no true price changes. scales: instrument -> its one-day return as a multiple
    of the proxy's, 1 where it has none. Raises ProxyInvalid.
    """
    place = {name: column for column, name in enumerate(history.instruments)}
    prices = history.prices.copy()
    filled: set[str] = set()

    def fill(name: str, waiting: tuple[str, ...]) -> None:
        proxy = proxies[name]
        if name in waiting or proxy == name:
            raise ProxyInvalid(f"{name}: its proxy leads back to itself.")
        if name not in place or proxy not in place:
            raise ProxyInvalid(f"{name if name not in place else proxy} has no prices; it stands in {name}={proxy}.")
        if proxy in proxies and proxy not in filled:
            fill(proxy, (*waiting, name))
        own = prices[:, place[name]]
        _chain_backwards(own, prices[:, place[proxy]], f"{name}={proxy}", (scales or {}).get(name, 1.0))
        filled.add(name)

    for name in proxies:
        if name not in filled:
            fill(name, ())
    return PriceHistory(history.instruments, history.dates, prices)


def _chain_backwards(own: Floats, proxy: Floats, what: str, scale: float) -> None:
    """Fill what comes before the first price, in place."""
    known = np.isfinite(own)
    if not known.any():
        raise ProxyInvalid(f"{what}: there is no price from which a proxy could be chained.")
    first = int(np.argmax(known))
    if not np.isfinite(proxy[first]):
        raise ProxyInvalid(f"{what}: the proxy has no price on the first date of the instrument.")
    if scale == 1.0:
        own[:first] = own[first] * (proxy[:first] / proxy[first])
        return
    growth = 1.0 + scale * (proxy[1 : first + 1] / proxy[:first] - 1.0)
    if (growth <= 0.0).any():
        raise ProxyInvalid(f"{what}: {scale:g} times a fall of the proxy leaves nothing of the price.")
    own[:first] = own[first] / np.cumprod(growth[::-1])[::-1]
