"""What a default costs in each currency, what there is to bear it, and who would bear how much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from django.db.models import Sum
from numpy.typing import NDArray

from clearing.core.auction import find_junior
from clearing.core.call_lifecycle import CallKind
from clearing.core.default_lifecycle import LotStatus
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.core.waterfall import Layer, Minor, Resources, Waterfall, allocate_loss, cap_assessments
from clearing.models import (
    AuctionLot,
    Bid,
    CaseCall,
    CaseMovementKind,
    DefaultCase,
    Membership,
    PortfolioMargin,
    Porting,
    PortStatus,
    VariationBy,
)
from clearing.queries.defaults import bids_for_core
from ledger.models import Account, AccountKind, Balance
from reference.core.figures import write_figure
from reference.models import ParticipantRole

# A bid is poor when it is worse than the lot's best by more than this share of the lot's gross value.
POOR_BID_PERCENT = 2
# 20 business days: assessments of all defaults within them count against one cap.
CAPPED_PERIOD = timedelta(days=28)


@dataclass(frozen=True)
class Cost:
    """One part of a loss; positive: it costs so much. member: who is paid, or pays; None for the CCP's VM account."""

    kind: CaseMovementKind
    amount_minor: int
    text: str
    member_id: int | None = None
    lot_id: int | None = None


@dataclass(frozen=True, eq=False)
class LossPlan:
    """A loss in one currency and the waterfall that bears it.

    members: (n,) the survivors, in the order of the waterfall's arrays; accounts: (n,) their fund accounts.
    securities_left: whether the defaulter still has collateral in securities of this currency.
    potential: the waterfall with all that could be assessed, before anybody is called.
    """

    currency_id: int
    costs: tuple[Cost, ...]
    members: tuple[int, ...]
    accounts: tuple[int, ...]
    defaulter: Membership
    own: dict[str, int]
    resources: Resources
    waterfall: Waterfall
    potential: Waterfall
    assessed_minor: int
    waits_for_assessments: bool
    securities_left: bool

    @property
    def loss_minor(self) -> int:
        """Return the loss; below zero it is a gain."""
        return sum(cost.amount_minor for cost in self.costs)

    @property
    def wants_assessments(self) -> bool:
        """Return whether the survivors are to be assessed and are not called yet."""
        return self.assessed_minor == 0 and bool(self.potential.used_of(layer=Layer.ASSESSMENT).any())

    @property
    def sells_first(self) -> bool:
        """Return whether the loss goes beyond the defaulter's cash margin while it has securities there."""
        return self.securities_left and self.loss_minor > self.resources.defaulter_margin_minor


def plan_losses(*, case: DefaultCase, open_worth: Mapping[int, int] | None = None) -> list[LossPlan]:
    """Return the plan of each currency in which the case has costs or its defaulter resources, as things stand now.

    open_worth: currency id -> worth of what is still open, as if it were taken over at its worth; for a forecast.
    """
    costs = _costs(case=case, open_worth=open_worth or {})
    defaulter = Membership.objects.get(pk=case.member_id)
    survivors = list(Membership.objects.filter(status=MembershipStatus.ACTIVE).order_by("pk"))
    own = _own_accounts()
    accounts = [
        *own.values(), defaulter.im_cash_id, defaulter.im_securities_id, defaulter.fund_cash_id,
        *(one.fund_cash_id for one in survivors),
    ]  # fmt: skip
    held = {
        (account, asset): balance
        for account, asset, balance in Balance.objects.filter(account_id__in=accounts).values_list(
            "account_id", "asset_id", "balance"
        )
    }
    unsold = Balance.objects.filter(account_id=defaulter.im_securities_id, balance__gt=0)
    left = set(unsold.values_list("asset__as_security__currency_id", flat=True))
    currencies = {*costs, *left} | {
        asset for (account, asset), balance in held.items()
        if balance > 0 and account in (defaulter.im_cash_id, defaulter.fund_cash_id)
    }  # fmt: skip
    return [
        _plan(
            case=case, currency_id=currency, costs=tuple(costs.get(currency, ())), defaulter=defaulter,
            survivors=survivors, own=own, held=held, securities_left=currency in left,
        )
        for currency in sorted(currencies)
    ]  # fmt: skip


def _plan(
    *, case: DefaultCase, currency_id: int, costs: tuple[Cost, ...], defaulter: Membership,
    survivors: list[Membership], own: dict[str, int], held: dict[tuple[int, int], int], securities_left: bool,
) -> LossPlan:  # fmt: skip
    """Put a loss against what there is in its currency."""
    members = np.array([one.pk for one in survivors], dtype=np.int64)
    called = _assessments(case=case, currency_id=currency_id)
    paid = np.array([called.get(one.pk, (0, 0, False))[1] for one in survivors], dtype=np.int64)
    funds = np.array([held.get((one.fund_cash_id, currency_id), 0) for one in survivors], dtype=np.int64) - paid
    caps = cap_assessments(
        contributions_minor=funds,
        percent=case.assessment_percent,
        assessed_minor=_assessed_before(case=case, currency_id=currency_id, members=members.tolist()),
    )

    def resources(assessable: Minor) -> Resources:
        return Resources(
            defaulter_margin_minor=held.get((defaulter.im_cash_id, currency_id), 0),
            defaulter_fund_minor=held.get((defaulter.fund_cash_id, currency_id), 0),
            skin_minor=held.get((own.get("SKIN", 0), currency_id), 0),
            contributions_minor=funds,
            junior=_junior(case=case, currency_id=currency_id, members=members),
            assessable_minor=assessable,
            equity_minor=held.get((own.get("EQUITY", 0), currency_id), 0),
        )

    loss = sum(cost.amount_minor for cost in costs)
    now = resources(paid)
    return LossPlan(
        currency_id=currency_id,
        costs=costs,
        members=tuple(members.tolist()),
        accounts=tuple(one.fund_cash_id for one in survivors),
        defaulter=defaulter,
        own=own,
        resources=now,
        waterfall=allocate_loss(loss_minor=loss, resources=now),
        potential=allocate_loss(loss_minor=loss, resources=resources(caps)),
        assessed_minor=sum(amount for amount, _, _ in called.values()),
        waits_for_assessments=any(waits for _, _, waits in called.values()),
        securities_left=securities_left,
    )


def _costs(*, case: DefaultCase, open_worth: Mapping[int, int]) -> dict[int, list[Cost]]:
    """Return the costs by currency: what its variation margin lacks, the prices of the lots, the hedges.

    Variation margin: what it was called for and did not pay; what its portfolios were worth when it last paid or
    received, which the CCP owes back where it had paid; less what the winners took over, which is settled with them.
    """
    found: defaultdict[int, list[Cost]] = defaultdict(list)
    variation: defaultdict[int, int] = defaultdict(int)
    for currency, worth in open_worth.items():
        variation[currency] -= worth
    for call in CaseCall.objects.filter(case=case, call__kind=CallKind.VARIATION).select_related("call"):
        variation[call.call.currency_id] += call.call.amount_minor - call.call.paid_minor
    ported = Porting.objects.filter(case=case, status=PortStatus.PORTED).values_list("client_id", flat=True)
    rows = PortfolioMargin.objects.filter(run_id=case.margin_run_id, member_id=case.member_id)
    for row in rows.exclude(account__participant_id__in=list(ported)):
        variation[row.currency_id] += row.worth_minor
    # A ported client's portfolio was marked, and its variation margin paid to nobody, until it was taken over.
    for row in PortfolioMargin.objects.filter(
        run_id__gt=case.margin_run_id or 0, member_id=case.member_id, variation_by=VariationBy.ESTATE,
        account__participant_id__in=list(ported),
    ):  # fmt: skip
        variation[row.currency_id] -= row.variation_minor
    for lot in AuctionLot.objects.filter(case=case, status=LotStatus.SOLD).select_related("winning_bid__member"):
        variation[lot.currency_id] -= lot.worth_minor
        bid = lot.winning_bid
        if bid is not None and bid.price_minor:
            found[lot.currency_id].append(
                Cost(CaseMovementKind.PRICE, bid.price_minor, f"Lot {lot.number} to {bid.member.code}", bid.member_id,
                     lot.pk)
            )  # fmt: skip
    for hedge in case.hedges.select_related("counterparty", "security"):
        if hedge.cost_minor:
            units = write_figure(value=hedge.quantity_units, places=0, plus=True)
            text = f"{units} {hedge.security.symbol} with {hedge.counterparty.code}"
            found[hedge.currency_id].append(Cost(CaseMovementKind.HEDGE, hedge.cost_minor, text, hedge.counterparty_id))
    for currency, amount in variation.items():
        if amount:
            found[currency].insert(0, Cost(CaseMovementKind.VARIATION, amount, ""))
    return dict(found)


def _junior(*, case: DefaultCase, currency_id: int, members: Minor) -> NDArray[np.bool_]:
    """Say which survivors' contributions go first: none, unless the case juniorises and lots were offered."""
    lots = list(case.lots.filter(currency_id=currency_id, status__in=[LotStatus.SOLD, LotStatus.UNSOLD]))
    if not case.juniorise or not lots:
        return np.zeros(len(members), dtype=np.bool_)
    return find_junior(
        bids=bids_for_core(bids=list(Bid.objects.filter(lot__in=lots).order_by("pk"))),
        members=members,
        lots=np.array([lot.pk for lot in lots], dtype=np.int64),
        gross_minor=np.array([lot.gross_minor for lot in lots], dtype=np.int64),
        tolerance_percent=POOR_BID_PERCENT,
    )


def _assessments(*, case: DefaultCase, currency_id: int) -> dict[int, tuple[int, int, bool]]:
    """Return member id -> what it was assessed for in this case, what it paid of it, and whether it may still pay."""
    rows = CaseCall.objects.filter(case=case, call__kind=CallKind.ASSESSMENT, call__currency_id=currency_id)
    return {
        row.call.member_id: (row.call.amount_minor, row.call.paid_minor, row.call.status == "ISSUED")
        for row in rows.select_related("call")
    }


def _assessed_before(*, case: DefaultCase, currency_id: int, members: list[int]) -> Minor:
    """Return what each member was assessed for in other cases of the capped period, int64[n]."""
    since = (case.declared_at or case.proposed_at) - CAPPED_PERIOD
    rows = (
        CaseCall.objects.filter(
            call__kind=CallKind.ASSESSMENT, call__currency_id=currency_id, call__called_at__gte=since
        )
        .exclude(case=case)
        .values_list("call__member_id")
        .annotate(total=Sum("call__paid_minor"))
    )
    found = dict(rows)
    return np.array([int(found.get(member, 0)) for member in members], dtype=np.int64)


def _own_accounts() -> dict[str, int]:
    """Return the name -> cash account id of the CCP's own resources."""
    rows = Account.objects.filter(
        participant__role=ParticipantRole.CCP, kind=AccountKind.CASH, name__in=("SKIN", "EQUITY", "VM", "ESTATE")
    )
    return dict(rows.values_list("name", "pk"))
