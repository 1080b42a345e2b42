"""Default cases: who may see them, what a defaulter has open, and who is barred from clearing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.db.models import Q, QuerySet

from clearing.core.auction import SealedBids
from clearing.core.default_lifecycle import LotStatus
from clearing.core.marking import worth_of_portfolios
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import AuctionLot, Bid, DefaultCase, MarginRun, MarginRunKind, Membership, Porting
from clearing.queries.positions import open_positions
from clearing.queries.risk_prices import read_marks
from clearing.refusals import UnknownDefault, UnknownLot
from ledger.models import Account, AccountKind
from reference.core.actor import Actor
from reference.queries import directory

STALE_AFTER_DAYS = 10
BARRED = (MembershipStatus.SUSPENDED, MembershipStatus.DEFAULTED, MembershipStatus.TERMINATED)


@dataclass(frozen=True)
class CasePosition:
    """What one of the defaulter's portfolios has open in one security; market value without its cash."""

    account_id: int
    security_id: int
    currency_id: int
    quantity_units: int
    cash_minor: int
    mark_minor: int


def cases_visible_to(*, actor: Actor) -> QuerySet[DefaultCase]:
    """Return the cases that the actor may see: all of them, or for a participant those that are declared."""
    rows = DefaultCase.objects.select_related("member").order_by("-pk")
    return rows if actor.sees_all else rows.exclude(status__in=["PROPOSED", "WITHDRAWN"])


def get_case(*, actor: Actor, pk: int) -> DefaultCase:
    """Return a case. Raises UnknownDefault."""
    found = cases_visible_to(actor=actor).filter(pk=pk).first() if 0 < pk < 2**63 else None
    if found is None:
        raise UnknownDefault
    return found


def get_lot(*, actor: Actor, pk: int) -> AuctionLot:
    """Return a lot of a case that the actor may see. Raises UnknownLot."""
    found = AuctionLot.objects.select_related("case__member", "currency").filter(pk=pk).first() if pk < 2**63 else None
    if found is None or not cases_visible_to(actor=actor).filter(pk=found.case_id).exists():
        raise UnknownLot
    return found


def unsealed_bids(*, actor: Actor) -> QuerySet[Bid]:
    """Return the bids that may be read: of lots that are closed, for a participant its own. Before, nobody's."""
    rows = Bid.objects.select_related("member", "lot").filter(
        lot__status__in=[LotStatus.SOLD.value, LotStatus.UNSOLD.value]
    )
    return rows if actor.sees_all else rows.filter(member_id=actor.participant_id)


def has_bid(*, case_id: int, member_id: int) -> dict[int, int]:
    """Return lot id -> how often a member has bid on it, without what it bid."""
    found: dict[int, int] = {}
    for lot in Bid.objects.filter(lot__case_id=case_id, member_id=member_id).values_list("lot_id", flat=True):
        found[lot] = found.get(lot, 0) + 1
    return found


def portings_visible_to(*, actor: Actor) -> QuerySet[Porting]:
    """Return the offered clients: all, or those offered to the actor's member."""
    rows = Porting.objects.select_related("client", "to_member", "case")
    return rows if actor.sees_all else rows.filter(to_member_id=actor.participant_id)


def accounts_behind(*, member_id: int) -> dict[int, str]:
    """Return securities account id -> code of all that clears through a member now, its own accounts first."""
    rows = Account.objects.filter(
        Q(participant_id=member_id) | Q(participant__clearing_member_id=member_id), kind=AccountKind.SECURITIES
    ).order_by("pk")
    return dict(rows.values_list("pk", "code"))


def barred_accounts(*, statuses: tuple[MembershipStatus, ...] = BARRED) -> list[int]:
    """Return the securities accounts that clear through a member that is suspended or in default. Two queries."""
    members = [*Membership.objects.filter(status__in=statuses).values_list("member_id", flat=True)]
    if not members:
        return []
    rows = Account.objects.filter(
        Q(participant_id__in=members) | Q(participant__clearing_member_id__in=members), kind=AccountKind.SECURITIES
    )
    return [*rows.values_list("pk", flat=True)]


def marked_on(*, business_date: date) -> date:
    """Return the last day whose closing prices are known: an evening's once it is run, before it the day before."""
    run = MarginRun.objects.filter(kind=MarginRunKind.EVENING).order_by("-pk").first()
    before = business_date - timedelta(days=1)
    return max(before, run.business_date) if run is not None else before


def case_positions(*, member_id: int, business_date: date) -> list[CasePosition]:
    """Return what is open on the accounts behind a member, marked at the last closing prices known.

    By currency, account and security. Raises PositionUnpriced, PriceGap.
    """
    accounts = list(accounts_behind(member_id=member_id))
    found = open_positions(business_date=business_date, accounts=accounts)
    if not len(found.account):
        return []
    source = directory()
    securities = [source.securities[security] for security in found.security.tolist()]
    held = found.quantity_units != 0
    marks = read_marks(
        securities=found.security[held].tolist(),
        day=marked_on(business_date=business_date),
        stale_after_days=STALE_AFTER_DAYS,
    )
    # What moves no securities needs no price.
    prices = np.zeros(len(held), dtype=np.int64)
    prices[held] = marks.prices_of(found.security[held])
    worth = worth_of_portfolios(
        starts=np.arange(len(found.account), dtype=np.int64),
        quantity_units=found.quantity_units,
        price_millionths=prices,
        percent=np.array([security.percent for security in securities]),
        cash_minor=np.zeros(len(found.account), dtype=np.int64),
        digits=np.array([source.currencies[currency].digits for currency in found.currency.tolist()]),
    )
    return [
        CasePosition(*row)
        for row in zip(
            found.account.tolist(), found.security.tolist(), found.currency.tolist(), found.quantity_units.tolist(),
            found.cash_minor.tolist(), worth, strict=True,
        )
    ]  # fmt: skip


def bids_for_core(*, bids: Sequence[Bid]) -> SealedBids:
    """Return bids, in the order in which they were made, as the core takes them."""
    return SealedBids(
        lots=np.array([bid.lot_id for bid in bids], dtype=np.int64),
        members=np.array([bid.member_id for bid in bids], dtype=np.int64),
        prices_minor=np.array([bid.price_minor for bid in bids], dtype=np.int64),
        times=np.array([int(bid.at.timestamp() * 1_000_000) for bid in bids], dtype=np.int64),
    )
