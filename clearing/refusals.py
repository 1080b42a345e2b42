"""What the CCP refuses, by name."""

from reference.refusals import Refusal


class TradeNetted(Refusal):
    """The trade has been netted into an obligation; cancelling it takes an opposite trade."""

    code = "trade-netted"
    status = 409


class TradeSettling(Refusal):
    """The trade's settlement instruction has settled or cannot be withdrawn."""

    code = "trade-settling"
    status = 409
