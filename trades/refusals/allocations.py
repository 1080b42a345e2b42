"""What the allocation of blocks refuses, by name; what cannot be shared is refused in core/allocation.py."""

from reference.refusals import Refusal


class UnknownAllocation(Refusal):
    """There is no such allocation."""

    code = "unknown-allocation"
    status = 404


class BlockNotNamed(Refusal):
    """Name the block: a trade or an order, not both; of a trade that names both sides, the side as well."""

    code = "block-not-named"


class BlockNotYours(Refusal):
    """A block is allocated by the party whose side it is."""

    code = "block-not-yours"
    status = 403


class BlockNotCleared(Refusal):
    """The trade is not cleared: it settles between its two parties, account to account."""

    code = "block-not-cleared"
    status = 409


class BlockGone(Refusal):
    """The trade is cancelled, or the order ended without a fill: there is nothing to allocate."""

    code = "block-gone"
    status = 409


class BlockOfAnOrder(Refusal):
    """The trade is a fill of an order: allocate the order."""

    code = "block-of-an-order"
    status = 409


class BlockAllocated(Refusal):
    """The block has an allocation already; cancel it or re-allocate."""

    code = "block-allocated"
    status = 409


class BlockBarred(Refusal):
    """The party is suspended or in default: its contracts are the clearing house's to move."""

    code = "block-barred"
    status = 409


class SeveralSettlementDates(Refusal):
    """The fills of this trade date settle on several dates."""

    code = "several-settlement-dates"
    status = 409


class AllocationAfterCutOff(Refusal):
    """The block has been netted for its settlement date; the cut-off of its allocation is past."""

    code = "allocation-after-cut-off"
    status = 409


class AllocationEnded(Refusal):
    """The allocation is cancelled or lapsed."""

    code = "allocation-ended"
    status = 409


class AllocationAccountUnknown(Refusal):
    """A block is allocated to securities accounts of its own party."""

    code = "allocation-account-unknown"


class AllocationBelowOneUnit(Refusal):
    """Every account that is named gets at least one unit."""

    code = "allocation-below-one-unit"


class AllocationLineInvalid(Refusal):
    """A line names an account once, with a whole number of units, or a percentage or weight of at most six decimals."""

    code = "allocation-line-invalid"
