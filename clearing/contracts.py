"""The facts this app announces."""

from dataclasses import dataclass

from events.contracts import Fact


@dataclass(frozen=True)
class TradesNovated(Fact):
    """The CCP stepped in between the parties of matched trades."""

    KEY = "trades"

    count: int


@dataclass(frozen=True)
class ObligationsNetted(Fact):
    """Obligations, net or gross, wait for their settlement instructions."""

    KEY = "settlement"

    count: int


@dataclass(frozen=True)
class ObligationsDischarged(Fact):
    """Obligations were settled, and trades with them."""

    KEY = "settlement"

    count: int
    trades: int


@dataclass(frozen=True)
class MarginCalled(Fact):
    """Members are called: for collateral, variation margin or a contribution to the default fund."""

    KEY = "margin"

    kind: str
    count: int


@dataclass(frozen=True)
class MarginCallPaid(Fact):
    """Margin calls were paid in full."""

    KEY = "margin"

    count: int


@dataclass(frozen=True)
class CallOverdue(Fact):
    """The deadline of margin calls passed with money missing: someone has to act."""

    KEY = "margin"

    count: int


@dataclass(frozen=True)
class FundSized(Fact):
    """The default fund of a currency has a new size; its members are called or get something back."""

    KEY = "fund"

    currency: str
    size_minor: int
    reason: str


@dataclass(frozen=True)
class FundThin(Fact):
    """Stress losses beyond margin come close to the default fund and the CCP's own resources, or exceed them."""

    KEY = "fund"

    currency: str
    cover_two_minor: int
    resources_minor: int


@dataclass(frozen=True)
class MarginCalculated(Fact):
    """Every portfolio was marked to market, its variation margin settled and its margin computed."""

    KEY = "margin"

    kind: str
    portfolios: int


@dataclass(frozen=True)
class MarginRefused(Fact):
    """A margin run was refused as a whole: prices or parameters have to be put right, and it is run again."""

    KEY = "margin"

    kind: str
    code: str
    message: str


@dataclass(frozen=True)
class MemberDefaulted(Fact):
    """A clearing member was declared in default: nothing of it is novated any more."""

    KEY = "default"

    case: int
    member: str


@dataclass(frozen=True)
class MarkPricesSet(Fact):
    """Derivatives are valued at new mark prices."""

    KEY = "derivatives"

    count: int


@dataclass(frozen=True)
class AccountsLiquidated(Fact):
    """Derivatives accounts stood below their maintenance margin and were liquidated."""

    KEY = "derivatives"

    count: int
