"""What cancelling, replacing and reporting executions of orders refuse, by name."""

from reference.refusals import Refusal


class OrderNotOpen(Refusal):
    """The order has ended: there is nothing left of it to cancel or to replace."""

    code = "order-not-open"
    status = 409


class OrderAlreadyFilled(Refusal):
    """The order is filled: there is nothing left of it to cancel or to replace."""

    code = "order-already-filled"
    status = 409


class ReplacedBelowFilled(Refusal):
    """An order cannot be replaced by one for no more than what is filled already: cancel it instead."""

    code = "replaced-not-above-filled"
    status = 409


class LimitOfMarketOrder(Refusal):
    """A market order has no limit to replace."""

    code = "market-order-has-no-limit"


class ExecutionIdReused(Refusal):
    """The venue has reported another execution under this execution_id."""

    code = "execution-id-reused"
    status = 409


class ExecutionAboveQuantity(Refusal):
    """The order has fewer units that are neither filled nor at another venue."""

    code = "execution-above-quantity"
    status = 409


class ExecutionAfterEnd(Refusal):
    """The order had ended before the venue executed it."""

    code = "execution-after-end"
    status = 409


class ExecutionOfOwnBook(Refusal):
    """The venue's book is kept here: what it executes is read from its tape, not reported."""

    code = "execution-of-own-book"
    status = 409


class ExecutionOutOfRange(Refusal):
    """The execution cannot be: its price, quantity, time or fees."""

    code = "execution-out-of-range"


class ExecutionBeyondLimit(Refusal):
    """The price is worse than the order's limit."""

    code = "execution-beyond-limit"
    status = 409


class UnknownCounterparty(Refusal):
    """The counterparty is no participant with an account of its own, or is the order's own broker."""

    code = "unknown-counterparty"
