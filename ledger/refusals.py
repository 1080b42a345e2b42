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
