"""What the ledger refuses, by name."""

from reference.refusals import Refusal


class EntryNotBalanced(Refusal):
    """The postings of a journal entry do not sum to zero per asset."""

    code = "entry-not-balanced"


class BalanceBelowLimit(Refusal):
    """An account would end below its limit."""

    code = "balance-below-limit"
    status = 409


class UnknownAccount(Refusal):
    """There is no such account."""

    code = "unknown-account"


class AccountNotOwned(Refusal):
    """The account does not belong to this participant."""

    code = "account-not-owned"


class AccountNameMalformed(Refusal):
    """An account's name has 1 to 20 capital letters and digits."""

    code = "account-name-malformed"


class AccountStays(Refusal):
    """An account stays: its postings are kept for ever. One that is not used costs nothing."""

    code = "account-stays"
    status = 409


class LinkedCashRefused(Refusal):
    """A securities account is paid for by a cash account of the same participant; a cash account by none."""

    code = "linked-cash-refused"
