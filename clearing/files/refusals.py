"""What is refused in the files of `manage.py margin`, `backtest` and `cover2`; each message tells file and line.

What cannot be read as a table is refused by settlement/files, what makes no risk by clearing/core.
"""

from clearing.core.refusals import RiskRefused


class DateMalformed(RiskRefused):
    """A date is written YYYY-MM-DD."""

    code = "date-malformed"


class NumberMalformed(RiskRefused):
    """The value is not a finite number."""

    code = "number-malformed"


class PriceRepeated(RiskRefused):
    """There is a price of this instrument and date already."""

    code = "price-repeated"


class PositionRepeated(RiskRefused):
    """There is a position in this instrument already."""

    code = "position-repeated"


class LossRepeated(RiskRefused):
    """There is a loss of this group in this scenario already; add up a group's affiliates before."""

    code = "loss-repeated"


class FileWithoutLines(RiskRefused):
    """The file has a header and nothing under it."""

    code = "file-without-lines"


class OptionMalformed(RiskRefused):
    """An option of the command has no such value."""

    code = "option-malformed"
