"""What the services of clients and traders refuse, by name."""

from reference.refusals import Refusal


class UnknownClient(Refusal):
    """There is no such client."""

    code = "unknown-client"
    status = 404


class UnknownTrader(Refusal):
    """There is no such trader."""

    code = "unknown-trader"
    status = 404


class NotYourBroker(Refusal):
    """A participant keeps the clients and traders of its own alone."""

    code = "not-your-broker"
    status = 403


class CodeMalformed(Refusal):
    """A code has 2 to 20 characters: capital letters, digits and hyphens, no hyphen in front."""

    code = "code-malformed"


class BrokerServesNoClients(Refusal):
    """Only clearing members, banks and brokers that are active send clients' orders."""

    code = "broker-serves-no-clients"


class SettlementAccountNotTheBrokers(Refusal):
    """A client settles in a securities account of its broker."""

    code = "settlement-account-not-the-brokers"


class LimitOutOfRange(Refusal):
    """A limit is an amount from zero to ten trillion, a margin is 0 to 100 percent with at most two decimals."""

    code = "limit-out-of-range"


class ClientStepIllegal(Refusal):
    """A client that is closed stays closed."""

    code = "client-step-illegal"
    status = 409


class ClientHasOpenOrders(Refusal):
    """The client has open orders: cancel them before it is closed."""

    code = "client-has-open-orders"
    status = 409


class LoginNotTheBrokers(Refusal):
    """A trader's login acts for the trader's broker, and for no other trader."""

    code = "login-not-the-brokers"


class NameMissing(Refusal):
    """A name has 1 to 120 characters."""

    code = "name-missing"
