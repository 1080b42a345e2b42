"""What the risk engine refuses, by name; each message tells what is wrong and where."""

from reference.refusals import Refusal


class RiskRefused(Refusal):
    """The risk engine cannot use this."""


class PriceGap(RiskRefused):
    """An instrument has no price on a date on which it should have traded."""

    code = "price-gap"


class PriceNotPositive(RiskRefused):
    """A price is zero or negative."""

    code = "price-not-positive"


class SplitSuspected(RiskRefused):
    """A price moved overnight by what a share split would do: the prices are not adjusted for it."""

    code = "split-suspected"


class PositionUnpriced(RiskRefused):
    """A position is in an instrument without prices."""

    code = "position-unpriced"


class NotFinite(RiskRefused):
    """A number is missing, not a number, or infinite."""

    code = "not-finite"


class HistoryTooShort(RiskRefused):
    """The history has fewer returns than are needed."""

    code = "history-too-short"


class VolatilityZero(RiskRefused):
    """An instrument that never moved at first has moved since: its returns cannot be scaled by volatility."""

    code = "volatility-zero"


class ConfidenceOutOfRange(RiskRefused):
    """A confidence lies strictly between 0 and 1; 99 % is 0.99."""

    code = "confidence-out-of-range"


class ParameterOutOfRange(RiskRefused):
    """A parameter of the model is out of its range."""

    code = "parameter-out-of-range"


class ProxyInvalid(RiskRefused):
    """A proxy must be another instrument, with prices on the dates that are to be filled."""

    code = "proxy-invalid"


class VolumeMissing(RiskRefused):
    """A position is in an instrument without trading volume: there is no telling how long it takes to close."""

    code = "volume-missing"


class ShapesDiffer(RiskRefused):
    """Arrays that belong together differ in size."""

    code = "shapes-differ"


class FundTooSmall(RiskRefused):
    """The amount is less than the minimum contributions together."""

    code = "fund-too-small"
