"""The auction of a defaulter's positions: lots cut and offered, sealed bids, winners, positions and worth moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
from django.db import DatabaseError, transaction
from django.db.models import Sum

from clearing.core.auction import NO_BID, pick_winners, split_into_lots
from clearing.core.default_lifecycle import CaseStatus, LotStatus
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import (
    AuctionLot,
    Bid,
    CarriedContract,
    CarryCause,
    CaseMovement,
    CaseMovementKind,
    DefaultCase,
    LotPosition,
    Membership,
)
from clearing.queries.defaults import CasePosition, bids_for_core, case_positions
from clearing.refusals import (
    AuctionOpen,
    BidderRefused,
    BidLate,
    DefaultRefused,
    LotChanged,
    NothingToAuction,
    PositionsLeft,
    UnknownLot,
)
from clearing.services.carry_obligations import transfer_contracts
from clearing.services.default_case import expect_case, note_step, take_back
from clearing.services.default_positions import post
from clearing.services.novate_trades import CLEARING_LOCK
from clearing.services.open_membership import open_own_accounts
from events.services.audit import record_action
from ledger.models import Account, AccountKind
from ledger.refusals import BalanceBelowLimit
from reference.core.actor import Actor
from reference.locks import take_lock
from reference.queries import directory

LARGEST_PRICE = 10**16
REFUSAL_OF_BID = {"bid_in_time": BidLate, "bid_of_an_active_member": BidderRefused}


def open_auction(
    *, case_id: int, lots: int, reserve_percent: int | None, deadline: datetime, actor: Actor, at: datetime,
    business_date: date,
) -> list[AuctionLot]:  # fmt: skip
    """Cut what is open of a defaulter into lots and take bids until a deadline; return the lots.

    lots: how many a currency, of about the same gross value. reserve_percent: the most the CCP pays for a lot, of
    its gross value; None for whatever is asked. Raises UnknownDefault, DefaultStepNotDue, NothingToAuction,
    DefaultRefused.
    """
    if not 1 <= lots <= 50:
        raise DefaultRefused("There are 1 to 50 lots a currency.", pointer="/lots")
    if reserve_percent is not None and not 0 <= reserve_percent <= 100:
        raise DefaultRefused("The reserve is 0 to 100 % of a lot's gross value.", pointer="/reserve_percent")
    with transaction.atomic():
        case = expect_case(case_id=case_id, statuses=(CaseStatus.SUSPENDED,))
        if deadline < at:
            raise DefaultRefused("The deadline lies ahead.", pointer="/deadline")
        take_back(case=case, at=at, business_date=business_date)
        positions = case_positions(member_id=case.member_id, business_date=business_date)
        if not positions:
            raise NothingToAuction
        number = case.lots.count()
        cut = []
        for currency, parts in cut_lots(positions=positions, lots=lots):
            number += 1
            cut.append(_create_lot(case=case, number=number, currency_id=currency, parts=parts,
                                   reserve_percent=reserve_percent))  # fmt: skip
        AuctionLot.objects.filter(pk__in=[lot.pk for lot in cut]).update(
            status=LotStatus.OPEN.value, opened_at=at, deadline=deadline
        )
        note_step(
            case=case, action="open", to=CaseStatus.AUCTION, actor=actor, at=at, business_date=business_date,
            summary=f"{len(cut)} lots of {len(positions)} positions offered until {deadline:%Y-%m-%d %H:%M}",
        )  # fmt: skip
    return list(AuctionLot.objects.filter(pk__in=[lot.pk for lot in cut]))


def cut_lots(*, positions: Sequence[CasePosition], lots: int) -> list[tuple[int, list[CasePosition]]]:
    """Return (currency id, positions) of each lot; a security of all portfolios goes into one lot."""
    found = []
    for currency in sorted({position.currency_id for position in positions}):
        own = [position for position in positions if position.currency_id == currency]
        gross: dict[int, int] = {}
        for position in own:
            gross[position.security_id] = gross.get(position.security_id, 0) + abs(position.mark_minor)
        securities = sorted(gross)
        number = split_into_lots(values_minor=np.array([gross[one] for one in securities], np.int64), count=lots)
        lot_of = dict(zip(securities, number.tolist(), strict=True))
        for lot in sorted(set(lot_of.values())):
            found.append((currency, [position for position in own if lot_of[position.security_id] == lot]))
    return found


def skip_auction(*, case_id: int, actor: Actor, at: datetime, business_date: date) -> DefaultCase:
    """Go on without an auction, where nothing is open any more.

    Raises UnknownDefault, DefaultStepNotDue, PositionsLeft.
    """
    with transaction.atomic():
        case = expect_case(case_id=case_id, statuses=(CaseStatus.SUSPENDED,))
        if case_positions(member_id=case.member_id, business_date=business_date):
            raise PositionsLeft
        return note_step(
            case=case, action="skip", to=CaseStatus.TRANSFERRED, actor=actor, at=at, business_date=business_date,
            summary=f"Nothing of {case.member.code} is open: no auction",
        )  # fmt: skip


def place_bid(*, lot_id: int, price_minor: int, actor: Actor, at: datetime, business_date: date) -> Bid:
    """Bid on a lot for the actor's member; a later bid replaces its earlier one. Nobody reads it before the deadline.

    price_minor: what the member wants to be paid to take the lot over beside its worth; below zero, it pays.
    Raises UnknownLot, BidLate, BidderRefused, DefaultRefused.
    """
    if not -LARGEST_PRICE <= price_minor <= LARGEST_PRICE:
        raise DefaultRefused("No lot has such a price.", pointer="/price")
    with transaction.atomic():
        lot = AuctionLot.objects.select_related("case").filter(pk=lot_id).first()
        if lot is None:
            raise UnknownLot
        bidders = Membership.objects.filter(status=MembershipStatus.ACTIVE).exclude(pk=lot.case.member_id)
        if actor.participant_id is None or not bidders.filter(pk=actor.participant_id).exists():
            raise BidderRefused
        if lot.status != LotStatus.OPEN or lot.deadline is None or at > lot.deadline:
            raise BidLate
        try:
            with transaction.atomic():
                bid = Bid.objects.create(
                    lot=lot, member_id=actor.participant_id, price_minor=price_minor, made_by=actor.name, at=at
                )
        except DatabaseError as error:
            named = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
            refusal = REFUSAL_OF_BID.get(named or "")
            if refusal is None:
                raise
            raise refusal from error
        # The audit log is read by operators: it tells that there is a bid, not what it says.
        record_action(
            actor=actor, action="default.bid", at=at, business_date=business_date, object_type="auctionlot",
            object_id=lot.pk, summary=f"Sealed bid on lot {lot.number} of default case {lot.case_id}",
        )  # fmt: skip
    return bid


def close_auction(*, case_id: int, actor: Actor, at: datetime, business_date: date) -> list[AuctionLot]:
    """Open the bids after the deadline, award each lot to its best one, and move what is sold; return the lots.

    A winner takes the contracts over at their own cash, and their worth at the last marks is settled with it at once
    through the variation margin account, since its next variation margin pays or takes that worth again. The price
    is paid when the losses are allocated. What is not sold goes back to be cut anew.
    Raises UnknownDefault, DefaultStepNotDue, AuctionOpen, LotChanged, BalanceBelowLimit.
    """
    with transaction.atomic():
        case = expect_case(case_id=case_id, statuses=(CaseStatus.AUCTION,))
        take_lock(name=CLEARING_LOCK)
        lots = list(case.lots.select_for_update().filter(status=LotStatus.OPEN).order_by("pk"))
        if any(lot.deadline is not None and at < lot.deadline for lot in lots):
            raise AuctionOpen
        bids = list(Bid.objects.filter(lot__in=lots).order_by("pk"))
        places = pick_winners(
            bids=bids_for_core(bids=bids),
            lots=np.array([lot.pk for lot in lots], dtype=np.int64),
            reserves_minor=[lot.reserve_minor for lot in lots],
        )
        take_back(case=case, at=at, business_date=business_date)
        for lot, place in zip(lots, places.tolist(), strict=True):
            lot.closed_at = at
            lot.status = (LotStatus.UNSOLD if place == NO_BID else LotStatus.SOLD).value
            lot.winning_bid = None if place == NO_BID else bids[place]
            lot.save(update_fields=["closed_at", "status", "winning_bid"])
            if lot.winning_bid is not None:
                _transfer(lot=lot, winner=lot.winning_bid.member_id, at=at, business_date=business_date)
        sold = sum(place != NO_BID for place in places.tolist())
        to = CaseStatus.TRANSFERRED if sold == len(lots) else CaseStatus.SUSPENDED
        note_step(
            case=case, action="award", to=to, actor=actor, at=at, business_date=business_date,
            summary=f"{len(bids)} bids opened: {sold} of {len(lots)} lots sold and transferred",
        )  # fmt: skip
    return lots


def _create_lot(
    *, case: DefaultCase, number: int, currency_id: int, parts: Sequence[CasePosition], reserve_percent: int | None
) -> AuctionLot:
    """Write a lot and its positions."""
    gross = sum(abs(part.mark_minor) for part in parts)
    source = directory()
    symbols = sorted({source.securities[part.security_id].symbol for part in parts})
    lot = AuctionLot.objects.create(
        case=case,
        number=number,
        currency_id=currency_id,
        name=", ".join(symbols[:4]) + (f" and {len(symbols) - 4} more" if len(symbols) > 4 else ""),
        worth_minor=sum(part.mark_minor + part.cash_minor for part in parts),
        gross_minor=gross,
        reserve_minor=None if reserve_percent is None else gross * reserve_percent // 100,
    )
    LotPosition.objects.bulk_create(
        [
            LotPosition(
                lot=lot, account_id=part.account_id, security_id=part.security_id, quantity_units=part.quantity_units,
                cash_minor=part.cash_minor, mark_minor=part.mark_minor,
            )
            for part in parts
        ]
    )  # fmt: skip
    return lot


def _transfer(*, lot: AuctionLot, winner: int, at: datetime, business_date: date) -> None:
    """Move a lot's contracts to its winner's house account, and pay or take their worth at the marks of the lot."""
    house = Account.objects.get(participant_id=winner, kind=AccountKind.SECURITIES, name="HOUSE")
    for position in lot.positions.all():
        transfer_contracts(
            from_account=position.account_id, to_account=house.pk, cause_id=position.pk, at=at,
            securities=[position.security_id],
        )  # fmt: skip
        moved = CarriedContract.objects.filter(
            cause=CarryCause.TRANSFER, cause_id=position.pk, account_id=house.pk, currency_id=lot.currency_id
        ).aggregate(quantity=Sum("quantity_units"), cash=Sum("cash_minor"))
        if (moved["quantity"] or 0, moved["cash"] or 0) != (position.quantity_units, position.cash_minor):
            raise LotChanged(f"Lot {lot.number} has changed since it was offered.", lot=lot.number)
    if lot.worth_minor:
        movement = CaseMovement.objects.create(
            case=lot.case, currency_id=lot.currency_id, kind=CaseMovementKind.WORTH, member_id=winner, lot=lot,
            amount_minor=-lot.worth_minor, at=at,
        )  # fmt: skip
        try:
            post(
                source="DEFAULT", source_id=movement.pk, at=at, business_date=business_date,
                moves=[
                    (open_own_accounts()["VM"], lot.currency_id, lot.worth_minor),
                    (house.linked_cash_id or 0, lot.currency_id, -lot.worth_minor),
                ],
            )  # fmt: skip
        except BalanceBelowLimit as refusal:
            payer = directory().participants[winner].code if lot.worth_minor > 0 else "The variation margin account"
            raise BalanceBelowLimit(f"{payer} does not hold what lot {lot.number} is worth.") from refusal
