"""What prices do in stress scenarios, and what static portfolios then lose."""

from dataclasses import dataclass

import numpy as np

from clearing.core.arrays import Floats, Ints
from clearing.core.refusals import NotFinite, ShapesDiffer


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """The securities: the factor that each follows (place, or -1 for none) and how strongly (1: as the factor)."""

    factor: Ints
    sensitivity: Floats


def scenario_moves(*, market: Market, own: Floats, by_factor: Floats, by_security: Floats, shares: int) -> Floats:
    """Return what each security's price does in each scenario, as a share of the price: (scenarios, securities).

    own          (scenarios, securities) what it did itself in a historical scenario; NaN where it did not trade
                 then, or the scenario is hypothetical
    by_factor    (scenarios, factors) assumed moves; NaN where none is assumed
    by_security  (scenarios, securities) assumed moves of single securities; NaN where none is assumed
    shares       the factor that in a historical scenario moves as the average of what traded then

    A security moves by its own assumed move; else as it did itself; else as its factor, times its sensitivity;
    else not at all. No price falls by more than all of it. Raises ShapesDiffer.
    """
    scenarios, securities = own.shape
    if by_security.shape != own.shape or by_factor.shape[0] != scenarios or len(market.factor) != securities:
        raise ShapesDiffer(f"Own moves {own.shape}, by security {by_security.shape}, by factor {by_factor.shape}.")
    factors = by_factor.copy()
    traded = np.isfinite(own)
    count = traded.sum(axis=1)
    average = np.where(traded, own, 0.0).sum(axis=1) / np.maximum(count, 1)
    unknown = np.isnan(factors[:, shares]) & (count > 0)
    factors[unknown, shares] = average[unknown]
    followed = np.where(market.factor >= 0, factors[:, np.maximum(market.factor, 0)], np.nan) * market.sensitivity
    moves: Floats = np.where(np.isfinite(by_security), by_security, np.where(traded, own, followed))
    bounded: Floats = np.maximum(np.nan_to_num(moves, nan=0.0), -1.0)
    return bounded


def portfolio_losses(*, moves: Floats, security: Ints, portfolio: Ints, mark_minor: Ints, portfolios: int) -> Ints:
    """Return what each static portfolio loses in each scenario, in minor units, rounded up: (scenarios, portfolios).

    moves: (scenarios, securities); security, portfolio, mark_minor: (positions,) places and market values, the sign
    is the side. Raises NotFinite.
    """
    if not np.isfinite(moves).all():
        raise NotFinite("A scenario's move is no finite number.")
    marks = mark_minor.astype(np.float64)
    losses = np.zeros((len(moves), portfolios), np.int64)
    for row, move in enumerate(moves):
        lost = np.bincount(portfolio, weights=-move[security] * marks, minlength=portfolios)
        # A thousandth of a cent of float noise is not a cent.
        losses[row] = np.ceil(lost - 1e-3)
    return losses


def member_losses(*, losses: Ints, requirement_minor: Ints, member: Ints, members: int) -> tuple[Ints, Ints]:
    """Add portfolios up to members: the loss, and the loss beyond margin, both (scenarios, members).

    Beyond margin is judged portfolio by portfolio: neither the margin nor the gain of one client covers another.
    losses: (scenarios, portfolios); requirement_minor, member: (portfolios,).
    """
    beyond = np.maximum(losses - requirement_minor, 0)
    return _sum_columns(losses, member, members), _sum_columns(beyond, member, members)


def sum_groups(*, uncovered: Ints, group: Ints, groups: int) -> Ints:
    """Add members up to groups of affiliates: (scenarios, groups). group: (members,) places."""
    return _sum_columns(uncovered, group, groups)


def _sum_columns(table: Ints, place: Ints, places: int) -> Ints:
    """Sum the columns of a table that share a place."""
    summed = np.zeros((table.shape[0], places), np.int64)
    np.add.at(summed.T, place, table.T)
    return summed
