"""Why an order is refused, rejected, or not found. The classes without a raise are what a rejection's code means."""

from reference.refusals import Refusal


class UnknownOrder(Refusal):
    """There is no such order, or it is another broker's."""

    code = "no-such-order"
    status = 404


class MalformedOrder(Refusal):
    """The order cannot be read."""

    code = "malformed-order"
    status = 400


class OrderRefused(Refusal):
    """The order breaks one or more rules that every order keeps. Nothing was written."""

    code = "order-refused"


class OrderRejected(Refusal):
    """A pre-trade check rejected the order. It stands as REJECTED, and `errors` says which check and why.

    Sent again under the same client_order_id it is the same order, and answered the same.
    """

    code = "order-rejected"
    keeps_effect = True


class ReplacementRejected(Refusal):
    """A pre-trade check rejected the replacement. The order stands as it was; `errors` says which check and why."""

    code = "replacement-rejected"


class ClientOrderIdReused(Refusal):
    """The client has another order under this client_order_id."""

    code = "client-order-id-reused"
    status = 409


class TooManyOrders(Refusal):
    """One request takes a thousand orders at most."""

    code = "too-many-orders"
    status = 413


class ClientNotActive(Refusal):
    """The client is suspended or closed."""

    code = "client-not-active"


class BrokerNotActive(Refusal):
    """The client's broker is not active."""

    code = "broker-not-active"


class TraderNotActive(Refusal):
    """The trader is not active."""

    code = "trader-not-active"


class NoQuote(Refusal):
    """No quote of the security stands today on the side that a market order would trade with."""

    code = "no-quote"


class ShortSaleNotAllowed(Refusal):
    """The order sells more than the account holds or has bought, less what it sells already.

    Uncovered sales are for clients to whom they are allowed.
    """

    code = "short-sale-not-allowed"


class MarginNotCovered(Refusal):
    """The client's account does not hold the client's margin for the order in cash."""

    code = "margin-not-covered"


class CreditLimitExceeded(Refusal):
    """Open orders and unsettled purchases leave too little of the client's credit limit."""

    code = "credit-limit-exceeded"


class DailyLimitExceeded(Refusal):
    """What the client has ordered today leaves too little of its daily limit."""

    code = "daily-limit-exceeded"
