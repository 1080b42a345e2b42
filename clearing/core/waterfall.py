"""The default waterfall: which resources bear a loss, in which order, to the last minor unit."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from reference.core.apportionment import apportion

Minor = NDArray[np.int64]


class Layer(IntEnum):
    """The layers of the waterfall, the first to bear first (EMIR Articles 43 and 45; RTS 153/2013 Article 35).

    A survivor's initial margin is no layer: Article 45(4) forbids its use. SURVIVOR_JUNIOR: the contributions of
    members that bid poorly or not at all, where the rules juniorise them.
    """

    DEFAULTER_MARGIN = 1
    DEFAULTER_FUND = 2
    SKIN = 3
    SURVIVOR_JUNIOR = 4
    SURVIVOR_FUND = 5
    ASSESSMENT = 6
    EQUITY = 7

    @property
    def label(self) -> str:
        """Return the layer in words."""
        return LABELS[self]


LABELS = {
    Layer.DEFAULTER_MARGIN: "Defaulter's margin",
    Layer.DEFAULTER_FUND: "Defaulter's fund contribution",
    Layer.SKIN: "CCP's dedicated own resources",
    Layer.SURVIVOR_JUNIOR: "Survivors' fund contributions, juniorised",
    Layer.SURVIVOR_FUND: "Survivors' fund contributions",
    Layer.ASSESSMENT: "Assessments of the survivors",
    Layer.EQUITY: "CCP's equity",
}


@dataclass(frozen=True, slots=True, eq=False)
class Resources:
    """What there is in one currency, int64 minor units, none negative.

    contributions, assessable: (n,) the survivors' fund contributions, and what each can still be assessed for.
    junior: (n,) bool, whose contribution is used before the others'.
    """

    defaulter_margin_minor: int
    defaulter_fund_minor: int
    skin_minor: int
    contributions_minor: Minor
    junior: NDArray[np.bool_]
    assessable_minor: Minor
    equity_minor: int


@dataclass(frozen=True, slots=True, eq=False)
class LayerUse:
    """What a layer had and bears; (1,) where it is one account, (n,) one element a survivor."""

    layer: Layer
    available_minor: Minor
    used_minor: Minor


@dataclass(frozen=True, slots=True, eq=False)
class Waterfall:
    """Who bears a loss. surplus_minor: what the defaulter's layers keep, for its estate; uncovered_minor: nobody."""

    loss_minor: int
    uses: tuple[LayerUse, ...]
    surplus_minor: int
    uncovered_minor: int

    def used_of(self, *, layer: Layer) -> Minor:
        """Return what a layer bears, one element an account."""
        return next(use.used_minor for use in self.uses if use.layer == layer)


class NegativeResources(ValueError):
    """A resource of the waterfall is negative, or the arrays disagree in length."""


def allocate_loss(*, loss_minor: int, resources: Resources) -> Waterfall:
    """Let the layers bear a loss in their order; within a layer pro rata to what each account has.

    loss_minor: below zero is a gain, which belongs to the estate whole. Raises NegativeResources.
    """
    layers = _layers(resources)
    left = max(loss_minor, 0)
    uses = []
    for layer, available in layers:
        used = share_pro_rata(amount_minor=min(left, sum(available.tolist())), weights=available)
        left -= sum(used.tolist())
        uses.append(LayerUse(layer, available, used))
    own = resources.defaulter_margin_minor + resources.defaulter_fund_minor
    borne = sum(uses[0].used_minor.tolist()) + sum(uses[1].used_minor.tolist())
    return Waterfall(loss_minor, tuple(uses), own - borne + max(-loss_minor, 0), left)


def share_pro_rata(*, amount_minor: int, weights: Minor) -> Minor:
    """Split an amount in proportion to weights, nobody above its weight, to the last unit.

    The units left over go to the largest remainders. amount_minor: at most the sum of the weights.
    """
    whole = [int(weight) for weight in weights.tolist()]
    total = sum(whole)
    if amount_minor <= 0 or total == 0:
        return np.zeros(len(whole), dtype=np.int64)
    if amount_minor > total:
        raise NegativeResources("more is to be shared than there is")
    return np.array(apportion(total=amount_minor, weights=whole), dtype=np.int64)


def cap_assessments(*, contributions_minor: Minor, percent: int, assessed_minor: Minor) -> Minor:
    """Return what each survivor can still be assessed for.

    percent: the cap, of the contribution as it stood at the declaration. assessed_minor: (n,) what it was assessed
    for already within the capped period.
    """
    caps = [int(amount) * percent // 100 for amount in contributions_minor.tolist()]
    already = [int(amount) for amount in assessed_minor.tolist()]
    return np.array([max(cap - done, 0) for cap, done in zip(caps, already, strict=True)], dtype=np.int64)


def _layers(resources: Resources) -> list[tuple[Layer, Minor]]:
    """Return the layers in their order, each with what its accounts have."""
    survivors, junior = resources.contributions_minor, resources.junior
    if not len(survivors) == len(junior) == len(resources.assessable_minor):
        raise NegativeResources("the survivors' arrays disagree in length")
    nothing = np.zeros_like(survivors)
    layers = [
        (Layer.DEFAULTER_MARGIN, np.array([resources.defaulter_margin_minor], dtype=np.int64)),
        (Layer.DEFAULTER_FUND, np.array([resources.defaulter_fund_minor], dtype=np.int64)),
        (Layer.SKIN, np.array([resources.skin_minor], dtype=np.int64)),
        (Layer.SURVIVOR_JUNIOR, np.where(junior, survivors, nothing)),
        (Layer.SURVIVOR_FUND, np.where(junior, nothing, survivors)),
        (Layer.ASSESSMENT, resources.assessable_minor),
        (Layer.EQUITY, np.array([resources.equity_minor], dtype=np.int64)),
    ]
    if any((available < 0).any() for _, available in layers):
        raise NegativeResources
    return layers
