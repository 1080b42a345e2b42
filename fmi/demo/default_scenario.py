"""The scenario `default`: on one morning a member's creditors have drawn its cash, it misses its margin call, and its
default is worked off in a day, through the same services that an operator's pages call.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
from django.db.models import F, Sum

from clearing.models import AuctionLot, CaseCall, DefaultCase, MarginCall, Membership
from clearing.queries.default_losses import plan_losses
from clearing.queries.defaults import case_positions
from clearing.services.default_auction import close_auction, open_auction, place_bid, skip_auction
from clearing.services.default_case import declare_default, propose_default, suspend_member
from clearing.services.default_losses import allocate_losses, assess_survivors, close_case, refill_resources
from clearing.services.default_positions import answer_porting, offer_porting, sell_collateral
from ledger.models import Account, AccountKind, Balance
from ledger.services import post_entries
from reference.core.actor import Actor, Role
from reference.core.calendar import BUSINESS_ZONE
from reference.queries import directory
from settlement.queries.collateral import unit_values

DEFAULT_DATE = date(2008, 10, 10)
OFFICER = Actor(name="risk.officer", role=Role.OPERATOR)
MANAGER = Actor(name="risk.manager", role=Role.OPERATOR)
# After the first cycles of the day, before the calls are collected at nine.
DRAINED_AT = time(8, 58)
LOTS = 2
OPEN_FOR = timedelta(hours=2, minutes=30)
# What the best bidder asks, and how much more each next one does, in thousandths of a lot's gross value.
BEST_ASK, NEXT_ASK = 8, 3
Step = Callable[..., None]


def with_default(feed: Callable[..., None]) -> Callable[..., None]:
    """Return a feed that does what another one does, and lets a member default on DEFAULT_DATE."""

    def act(*, after: datetime, until: datetime, business_date: date) -> None:
        """Do what happens after one moment and until another. Done twice, it changes nothing."""
        feed(after=after, until=until, business_date=business_date)
        for at, step in STEPS:
            moment = datetime.combine(business_date, at, tzinfo=BUSINESS_ZONE)
            if business_date >= DEFAULT_DATE and after < moment <= until:
                step(at=moment, business_date=business_date)

    return act


def drain(*, at: datetime, business_date: date) -> None:
    """Let the creditors of the member that is called for most draw all its cash, in one entry a currency."""
    if business_date != DEFAULT_DATE or DefaultCase.objects.exists():
        return
    calls = (
        MarginCall.objects.filter(status__in=["ISSUED", "OVERDUE"], member__clearing_membership__status="ACTIVE")
        .values_list("member_id")
        .annotate(open=Sum(F("amount_minor") - F("paid_minor")))
        .order_by("-open", "member_id")
    )
    called = calls.exclude(kind="FUND").first() or calls.first()
    if called is None:
        return
    member_id = int(called[0])
    house = Account.objects.get(participant_id=member_id, kind=AccountKind.CASH, name="HOUSE")
    bank = directory().central_bank
    assert bank is not None
    creditors = Account.objects.get(participant_id=bank.id, kind=AccountKind.CASH, name="ISSUANCE")
    rows = list(Balance.objects.filter(account=house, balance__gt=0).values_list("asset_id", "balance"))
    if rows:
        assets, amounts = np.array(rows, dtype=np.int64).T.copy()
        post_entries(
            source="SCENARIO",
            business_date=business_date,
            at=at,
            source_ids=np.concatenate([assets, assets]),
            accounts=np.concatenate([np.full(len(rows), house.pk), np.full(len(rows), creditors.pk)]),
            assets=np.concatenate([assets, assets]),
            amounts=np.concatenate([-amounts, amounts]),
        )


def declare(*, at: datetime, business_date: date) -> None:
    """Declare the member whose call is overdue, by two people, and suspend it."""
    if business_date != DEFAULT_DATE or DefaultCase.objects.exists():
        return
    overdue = MarginCall.objects.filter(status="OVERDUE", member__clearing_membership__status="ACTIVE")
    ordered = overdue.select_related("member", "currency").order_by("-amount_minor", "pk")
    call = ordered.exclude(kind="FUND").first() or ordered.first()
    if call is None:
        return
    due = call.deadline.astimezone(BUSINESS_ZONE)
    kind, code = call.get_kind_display(), call.currency.code
    reason = f"{kind} margin call {call.pk} in {code} was not paid by {due:%H:%M}"
    when: dict[str, Any] = {"at": at, "business_date": business_date}
    case = propose_default(member_id=call.member_id, reason=reason, juniorise=True, actor=OFFICER, **when)
    declare_default(case_id=case.pk, actor=MANAGER, **when)
    suspend_member(case_id=case.pk, actor=OFFICER, **when)


def port(*, at: datetime, business_date: date) -> None:
    """Offer each of its clients to the next member, which takes it over."""
    case = _standing("SUSPENDED")
    if case is None or case.lots.exists():
        return
    takers = _survivors()
    clients = [entry for entry in directory().participants.values() if entry.clearing_member_id == case.member_id]
    for place, client in enumerate(sorted(clients, key=lambda entry: entry.code)):
        if client.id == case.member_id:
            continue
        taker = takers[place % len(takers)]
        when: dict[str, Any] = {"at": at, "business_date": business_date}
        porting = offer_porting(case_id=case.pk, client=client.code, to_member=taker.member.code, actor=OFFICER, **when)
        answer_porting(porting_id=porting.pk, accept=True, actor=_of(taker), **when)


def offer(*, at: datetime, business_date: date) -> None:
    """Offer what is left in lots."""
    case = _standing("SUSPENDED")
    if case is None:
        return
    when: dict[str, Any] = {"at": at, "business_date": business_date}
    if case_positions(member_id=case.member_id, business_date=business_date):
        open_auction(case_id=case.pk, lots=LOTS, reserve_percent=None, deadline=at + OPEN_FOR, actor=OFFICER, **when)
    else:
        skip_auction(case_id=case.pk, actor=OFFICER, **when)


def bid(*, at: datetime, business_date: date) -> None:
    """Let every survivor but the last bid on each lot, the best from those that can pay what the lot is worth."""
    lots = list(AuctionLot.objects.filter(status="OPEN").order_by("pk"))
    bidders = _survivors()[:-1]
    cash = Balance.objects.filter(account__kind="CASH", account__name="HOUSE").values_list(
        "account__participant_id", "asset_id", "balance"
    )
    free = {(participant, asset): balance for participant, asset, balance in cash}
    for number, lot in enumerate(lots):
        turned = bidders[number % len(bidders) :] + bidders[: number % len(bidders)]
        # A winner pays at once what its lot is worth, where that is above nothing.
        turned.sort(key=lambda one: free.get((one.pk, lot.currency_id), 0) < lot.worth_minor)
        best = (turned[0].pk, lot.currency_id)
        free[best] = free.get(best, 0) - max(lot.worth_minor, 0)
        for place, bidder in enumerate(turned):
            place_bid(
                lot_id=lot.pk, price_minor=lot.gross_minor * (BEST_ASK + NEXT_ASK * place) // 1000,
                actor=_of(bidder), at=at, business_date=business_date,
            )  # fmt: skip


def award(*, at: datetime, business_date: date) -> None:
    """Open the bids."""
    case = _standing("AUCTION")
    if case is not None:
        close_auction(case_id=case.pk, actor=OFFICER, at=at, business_date=business_date)


def bear(*, at: datetime, business_date: date) -> None:
    """Sell collateral where the loss needs it, assess the survivors where it comes to that, allocate the losses."""
    case = _standing("TRANSFERRED")
    if case is None:
        return
    when: dict[str, Any] = {"at": at, "business_date": business_date}
    plans = plan_losses(case=case)
    for plan in plans:
        if plan.sells_first:
            _sell(case=case, currency_id=plan.currency_id, account_id=plan.defaulter.im_securities_id, **when)
    plans = plan_losses(case=case)
    if any(plan.wants_assessments for plan in plans):
        assess_survivors(case_id=case.pk, actor=OFFICER, **when)
    elif not CaseCall.objects.filter(case=case, call__kind="ASSESSMENT", call__status="ISSUED").exists():
        allocate_losses(case_id=case.pk, actor=OFFICER, **when)


def finish(*, at: datetime, business_date: date) -> None:
    """Call used resources again, and close the case."""
    case = _standing("ALLOCATED")
    if case is not None:
        refill_resources(case_id=case.pk, actor=OFFICER, at=at, business_date=business_date)
        close_case(case_id=case.pk, actor=OFFICER, at=at, business_date=business_date)


STEPS: tuple[tuple[time, Step], ...] = (
    (DRAINED_AT, drain),
    (time(9, 30), declare),
    (time(10, 0), port),
    (time(10, 30), offer),
    (time(12, 50), bid),
    (time(13, 0), award),
    (time(14, 0), bear),
    (time(15, 0), finish),
)


def _standing(status: str) -> DefaultCase | None:
    """Return the case that stands there."""
    return DefaultCase.objects.filter(status=status).select_related("member").first()


def _survivors() -> list[Membership]:
    """Return the active members."""
    return list(Membership.objects.filter(status="ACTIVE").select_related("member").order_by("pk"))


def _of(membership: Membership) -> Actor:
    """Return a user of a member."""
    return Actor(name=membership.member.code.lower(), role=Role.PARTICIPANT, participant_id=membership.pk)


def _sell(*, case: DefaultCase, currency_id: int, account_id: int, at: datetime, business_date: date) -> None:
    """Sell the defaulter's collateral in securities, at its value after haircut, to the member with the most cash."""
    held = Balance.objects.filter(account_id=account_id, balance__gt=0, asset__as_security__currency_id=currency_id)
    units = dict(held.values_list("asset_id", "balance"))
    buyer = (
        Balance.objects.filter(
            account__kind="CASH", account__name="HOUSE", asset_id=currency_id,
            account__participant__clearing_membership__status="ACTIVE",
        ).order_by("-balance", "pk").values_list("account__participant__code", flat=True).first()
    )  # fmt: skip
    for security, value in unit_values(securities=list(units), business_date=business_date).items():
        sell_collateral(
            case_id=case.pk, buyer=buyer or "", isin=directory().securities[security].isin, units=units[security],
            price_minor=units[security] * value, actor=OFFICER, at=at, business_date=business_date,
        )  # fmt: skip
