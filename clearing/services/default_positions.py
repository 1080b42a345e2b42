"""A suspended defaulter's positions: clients ported to another member, hedges recorded, collateral sold."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
from django.db import IntegrityError, transaction

from clearing.core.default_lifecycle import CaseStatus
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import (
    CaseHedge,
    CaseMovement,
    CaseMovementKind,
    DefaultCase,
    Membership,
    PortfolioMargin,
    Porting,
    PortStatus,
)
from clearing.queries.membership import RISK_LOCK
from clearing.refusals import DefaultRefused, UnknownPorting
from clearing.services.default_case import expect_case, note_step
from ledger.models import Account, AccountKind, Balance
from ledger.services import Postings, post_together
from reference.core.actor import Actor
from reference.core.figures import write_figure
from reference.locks import take_lock
from reference.queries import directory
from reference.services import change_clearing_member

WORKED_ON = (CaseStatus.SUSPENDED, CaseStatus.AUCTION, CaseStatus.TRANSFERRED)


def offer_porting(
    *, case_id: int, client: str, to_member: str, actor: Actor, at: datetime, business_date: date
) -> Porting:
    """Offer a participant that clears through the defaulter to another member, which has to consent.

    Raises UnknownDefault, DefaultStepNotDue, UnknownParticipant, DefaultRefused.
    """
    with transaction.atomic():
        case = expect_case(case_id=case_id, statuses=(CaseStatus.SUSPENDED,))
        source = directory()
        moved, taker = source.participant(code=client), source.participant(code=to_member)
        if moved.clearing_member_id != case.member_id or moved.id == case.member_id:
            raise DefaultRefused(f"{client} does not clear through {case.member.code}.", pointer="/client")
        if not Membership.objects.filter(pk=taker.id, status=MembershipStatus.ACTIVE).exists():
            raise DefaultRefused(f"{to_member} is not an active clearing member.", pointer="/to_member")
        try:
            with transaction.atomic():
                porting = Porting.objects.create(
                    case=case, client_id=moved.id, to_member_id=taker.id, offered_by=actor.name, offered_at=at
                )
        except IntegrityError as error:
            raise DefaultRefused(f"{client} is offered to a member already.", pointer="/client") from error
        note_step(case=case, action="offer", summary=f"{client} offered to {to_member}", actor=actor, at=at,
                  business_date=business_date)  # fmt: skip
    return porting


def answer_porting(*, porting_id: int, accept: bool, actor: Actor, at: datetime, business_date: date) -> Porting:
    """Take over an offered client, or refuse; as the member that it was offered to.

    The client clears through it from now on: its contracts stay on its own accounts, their worth and margin go with
    them, and its share of the defaulter's cash collateral moves into the new member's (EMIR Article 48(5) and (7)).
    Raises UnknownPorting, also for another member's; DefaultStepNotDue.
    """
    with transaction.atomic():
        take_lock(name=RISK_LOCK)
        porting = Porting.objects.select_for_update(of=("self",)).select_related("client", "to_member").filter(
            pk=porting_id, to_member_id=actor.participant_id, status=PortStatus.OFFERED
        ).first()  # fmt: skip
        if porting is None:
            raise UnknownPorting
        case = expect_case(case_id=porting.case_id, statuses=(CaseStatus.SUSPENDED,))
        porting.status = PortStatus.PORTED if accept else PortStatus.REFUSED
        porting.answered_by, porting.answered_at = actor.name, at
        porting.save(update_fields=["status", "answered_by", "answered_at"])
        said = f"{porting.to_member.code} refuses {porting.client.code}"
        if accept:
            _move_margin(case=case, porting=porting, at=at, business_date=business_date)
            change_clearing_member(participant_id=porting.client_id, member_id=porting.to_member_id)
            said = f"{porting.client.code} clears through {porting.to_member.code}"
        note_step(case=case, action="port" if accept else "refuse", summary=said, actor=actor, at=at,
                  business_date=business_date)  # fmt: skip
    return porting


def record_hedge(
    *, case_id: int, counterparty: str, isin: str, quantity_units: int, cost_minor: int, actor: Actor, at: datetime,
    business_date: date,
) -> CaseHedge:  # fmt: skip
    """Record a hedge that the CCP took and what it cost all in all; it is paid with the losses.

    cost_minor: in the security's currency; below zero it brought something. Raises UnknownDefault,
    DefaultStepNotDue, UnknownParticipant, UnknownSecurity, DefaultRefused.
    """
    with transaction.atomic():
        case = expect_case(case_id=case_id, statuses=WORKED_ON)
        source = directory()
        entry, security = source.participant(code=counterparty), source.security(isin=isin)
        if entry.id == case.member_id:
            raise DefaultRefused("The defaulter is not hedged with.", pointer="/counterparty")
        if quantity_units == 0:
            raise DefaultRefused("A hedge buys or sells something.", pointer="/quantity")
        hedge = CaseHedge.objects.create(
            case=case, counterparty_id=entry.id, security_id=security.id, quantity_units=quantity_units,
            currency_id=security.currency.id, cost_minor=cost_minor, entered_by=actor.name, at=at,
        )  # fmt: skip
        units = write_figure(value=quantity_units, places=0, plus=True)
        note_step(
            case=case, action="hedge", actor=actor, at=at, business_date=business_date,
            summary=f"Hedge with {counterparty}: {units} {security.symbol}",
        )  # fmt: skip
    return hedge


def sell_collateral(
    *, case_id: int, buyer: str, isin: str, units: int, price_minor: int, actor: Actor, at: datetime,
    business_date: date,
) -> CaseMovement:  # fmt: skip
    """Sell securities of the defaulter's collateral to a participant, delivery against payment in one entry.

    price_minor: for all of them; it joins the defaulter's cash collateral. Raises UnknownDefault, DefaultStepNotDue,
    UnknownParticipant, UnknownSecurity, DefaultRefused, BalanceBelowLimit.
    """
    with transaction.atomic():
        case = expect_case(case_id=case_id, statuses=WORKED_ON)
        source = directory()
        entry, security = source.participant(code=buyer), source.security(isin=isin)
        membership = Membership.objects.get(pk=case.member_id)
        if entry.id == case.member_id or units <= 0 or price_minor <= 0:
            raise DefaultRefused("Collateral is sold to another participant, at a price above nothing.")
        house = Account.objects.filter(participant_id=entry.id, kind=AccountKind.SECURITIES, name="HOUSE").first()
        if house is None or house.linked_cash_id is None:
            raise DefaultRefused(f"{buyer} has no account to settle with.", pointer="/buyer")
        movement = CaseMovement.objects.create(
            case=case, currency_id=security.currency.id, kind=CaseMovementKind.COLLATERAL, member_id=entry.id,
            amount_minor=-price_minor, text=f"{units:,} {security.symbol}", at=at,
        )  # fmt: skip
        post(
            source="DEFAULT", source_id=movement.pk, at=at, business_date=business_date,
            moves=[
                (membership.im_securities_id, security.id, -units), (house.pk, security.id, units),
                (house.linked_cash_id, security.currency.id, -price_minor),
                (membership.im_cash_id, security.currency.id, price_minor),
            ],
        )  # fmt: skip
        note_step(
            case=case, action="sell", actor=actor, at=at, business_date=business_date,
            summary=f"Collateral sold to {buyer}: {units:,} {security.symbol}",
        )  # fmt: skip
    return movement


def post(*, source: str, source_id: int, moves: list[tuple[int, int, int]], at: datetime, business_date: date) -> None:
    """Write one journal entry; moves: (account, asset, amount)."""
    accounts, assets, amounts = np.array(moves, dtype=np.int64).reshape(-1, 3).T.copy()
    ids = np.full(len(moves), source_id, dtype=np.int64)
    post_together(postings=[Postings(source, ids, accounts, assets, amounts)], at=at, business_date=business_date)


def _move_margin(*, case: DefaultCase, porting: Porting, at: datetime, business_date: date) -> None:
    """Move the client's share of the defaulter's cash collateral, in proportion to what is required for it."""
    if case.margin_run_id is None:
        return
    rows = PortfolioMargin.objects.filter(run_id=case.margin_run_id, member_id=case.member_id).values_list(
        "currency_id", "account__participant_id", "requirement_minor"
    )
    total: dict[int, int] = {}
    share: dict[int, int] = {}
    for currency, owner, requirement in rows:
        total[currency] = total.get(currency, 0) + requirement
        if owner == porting.client_id:
            share[currency] = share.get(currency, 0) + requirement
    accounts = dict(
        Membership.objects.filter(pk__in=[case.member_id, porting.to_member_id]).values_list("pk", "im_cash_id")
    )
    cash = dict(Balance.objects.filter(account_id=accounts[case.member_id]).values_list("asset_id", "balance"))
    for currency, required in sorted(share.items()):
        amount = min(required, cash.get(currency, 0) * required // total[currency]) if required else 0
        if amount > 0:
            movement = CaseMovement.objects.create(
                case=case, currency_id=currency, kind=CaseMovementKind.PORT, member_id=porting.to_member_id,
                amount_minor=amount, text=porting.client.code, at=at,
            )  # fmt: skip
            post(
                source="DEFAULT", source_id=movement.pk, at=at, business_date=business_date,
                moves=[
                    (accounts[case.member_id], currency, -amount),
                    (accounts[porting.to_member_id], currency, amount),
                ],
            )  # fmt: skip
