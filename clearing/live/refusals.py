"""What derivatives accounts refuse, by name."""

from reference.refusals import Refusal


class LiveStateUnavailable(Refusal):
    """The live state of derivatives accounts cannot be reached. Ask again: the same client id trades once."""

    code = "live-state-unavailable"
    status = 503


class UnknownContract(Refusal):
    """No derivatives contract has this symbol."""

    code = "unknown-contract"


class ContractExpired(Refusal):
    """The contract has expired."""

    code = "contract-expired"
    status = 409


class UnknownDerivativesAccount(Refusal):
    """There is no such derivatives account."""

    code = "unknown-derivatives-account"


class AccountOfOtherCurrency(Refusal):
    """The account is not a trading account in the contract's currency."""

    code = "account-of-other-currency"


class NoCounterparty(Refusal):
    """The trade names no counterparty and the contract has no market maker to take the other side."""

    code = "no-counterparty"


class TradeWithItself(Refusal):
    """An account does not trade with itself."""

    code = "trade-with-itself"


class CounterpartyNotYours(Refusal):
    """Only an operator reports a trade for two participants; leave the counterparty out to trade at the quote."""

    code = "counterparty-not-yours"
    status = 403


class NumberOutOfRange(Refusal):
    """The number is zero, negative, too large or too fine."""

    code = "number-out-of-range"


class InsufficientMargin(Refusal):
    """The account's equity would not cover its margin."""

    code = "insufficient-margin"
    status = 409


class AccountInLiquidation(Refusal):
    """The account stands below its maintenance margin and is being liquidated."""

    code = "account-in-liquidation"
    status = 409


class PositionTooLarge(Refusal):
    """The position would be larger than the contract's limit."""

    code = "position-too-large"
    status = 409


class MarkPriceMissing(Refusal):
    """The contract has no mark price yet."""

    code = "mark-price-missing"
    status = 409


class MarkPriceStale(Refusal):
    """The mark price is too old to decide a trade by, or older than the one that stands."""

    code = "mark-price-stale"
    status = 409


class MarkPriceAbsurd(Refusal):
    """The mark price is further from the last one than the contract allows."""

    code = "mark-price-absurd"


class PriceTooFarFromMark(Refusal):
    """The price is further from the mark price than the contract allows."""

    code = "price-too-far-from-mark"


class PriceBetterThanQuote(Refusal):
    """The market maker trades at the mark price: buy at it or above, sell at it or below."""

    code = "price-better-than-quote"


class ClientIdReused(Refusal):
    """The client id was used for something else before."""

    code = "client-id-reused"


class WithdrawalExceedsFree(Refusal):
    """The withdrawal is more than the account has free."""

    code = "withdrawal-exceeds-free"
    status = 409


class BalanceTooLarge(Refusal):
    """The balance would be larger than an account can hold."""

    code = "balance-too-large"


class LiveStateBusy(Refusal):
    """The accounts moved faster than this could be worked out. Ask again."""

    code = "live-state-busy"
    status = 503
