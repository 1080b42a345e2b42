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


class NotAClearingMember(Refusal):
    """Only a clearing member of the CCP has a membership, collateral and calls."""

    code = "not-a-clearing-member"


class UnknownMembership(Refusal):
    """There is no such clearing member, or it is not yours."""

    code = "unknown-membership"
    status = 404


class MembershipNotActive(Refusal):
    """The membership is not active: its collateral stays where it is."""

    code = "membership-not-active"
    status = 409


class CollateralRefused(Refusal):
    """The order is not one that moves collateral."""

    code = "collateral-refused"


class CollateralNotEligible(Refusal):
    """The security is not eligible as collateral in this segment."""

    code = "collateral-not-eligible"


class CollateralWithoutValue(Refusal):
    """The haircut of this kind of security is 100 %: it is worth nothing as collateral."""

    code = "collateral-without-value"


class CollateralConcentrated(Refusal):
    """One issuer would make up more of the collateral than the limit allows."""

    code = "collateral-concentrated"
    status = 409


class CollateralNotHeld(Refusal):
    """The member does not hold that much of it there."""

    code = "collateral-not-held"
    status = 409


class CollateralNotFree(Refusal):
    """More is to be taken out than is free: what is required or called stays covered."""

    code = "collateral-not-free"
    status = 409


class CollateralCannotBeReplaced(Refusal):
    """What the member holds besides does not make up for what is to be taken out."""

    code = "collateral-cannot-be-replaced"
    status = 409


class UnknownCall(Refusal):
    """There is no such margin call, or it is not yours."""

    code = "unknown-call"
    status = 404


class CallNotOpen(Refusal):
    """The margin call is paid or withdrawn."""

    code = "call-not-open"
    status = 409


class NoMarginParameters(Refusal):
    """No margin parameters are valid on that day: load them first."""

    code = "no-margin-parameters"
    status = 409


class VariationFundsShort(Refusal):
    """The CCP's variation margin account cannot pay the gains before the losses are paid."""

    code = "variation-funds-short"
    status = 409


class UnknownPortfolio(Refusal):
    """There is no such portfolio, or it is not yours."""

    code = "unknown-portfolio"
    status = 404


class UnknownDefault(Refusal):
    """There is no such default case."""

    code = "unknown-default"
    status = 404


class DefaultDeclared(Refusal):
    """The default of this member is declared already; a default is declared once."""

    code = "default-already-declared"
    status = 409


class DefaultProposed(Refusal):
    """The default of this member is proposed already, and waits for a second person."""

    code = "default-already-proposed"
    status = 409


class DefaultStepNotDue(Refusal):
    """The default case does not stand where this step could be taken."""

    code = "default-step-not-due"
    status = 409


class DefaultRefused(Refusal):
    """The entry does not fit the default case."""

    code = "default-entry-refused"


class NothingToAuction(Refusal):
    """The defaulter has no open positions to auction."""

    code = "nothing-to-auction"
    status = 409


class PositionsLeft(Refusal):
    """The defaulter has open positions: they are auctioned or ported first."""

    code = "positions-left"
    status = 409


class AuctionOpen(Refusal):
    """Bids are taken and stay sealed until the deadline."""

    code = "auction-open"
    status = 409


class BidLate(Refusal):
    """The deadline for bids has passed, or the lot is not offered."""

    code = "bid-late"
    status = 409


class BidderRefused(Refusal):
    """Active clearing members bid, not the defaulter."""

    code = "bidder-refused"
    status = 403


class UnknownLot(Refusal):
    """There is no such auction lot."""

    code = "unknown-lot"
    status = 404


class LotChanged(Refusal):
    """The positions of the lot are no longer what was offered."""

    code = "lot-changed"
    status = 409


class UnknownPorting(Refusal):
    """There is no such offer of a client, or it is not yours to answer."""

    code = "unknown-porting"
    status = 404


class CollateralNotSold(Refusal):
    """The defaulter's collateral in securities is sold before anybody else's money is used."""

    code = "collateral-not-sold"
    status = 409


class AssessmentsWanted(Refusal):
    """The losses reach the assessments: the survivors are called first, and may pay until the deadline."""

    code = "assessments-wanted"
    status = 409


class LossesUncovered(Refusal):
    """The losses are larger than all layers of the waterfall together; only a recovery plan goes on from here."""

    code = "losses-uncovered"
    status = 409


class EveningNotRefused(Refusal):
    """The evening of this business date was not refused: it runs by itself at the end of the day."""

    code = "evening-not-refused"
    status = 409


class ClearingMemberNotActive(Refusal):
    """The clearing member that would clear the order is suspended, in default or gone: nobody would clear it."""

    code = "clearing-member-not-active"


class MarginCallOverdue(Refusal):
    """The clearing member that would clear the order has a margin call that is overdue."""

    code = "margin-call-overdue"
