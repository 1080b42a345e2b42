"""Who bears a default's losses: assessments called, the waterfall booked, resources filled up, the case closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time

import numpy as np
from django.db import transaction

from clearing.core.call_lifecycle import CallKind
from clearing.core.default_lifecycle import CaseStatus
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.core.waterfall import Layer
from clearing.models import (
    CaseCall,
    CaseMovement,
    CaseMovementKind,
    DefaultCase,
    MarginCall,
    Membership,
    WaterfallUse,
)
from clearing.queries.default_losses import LossPlan, plan_losses
from clearing.refusals import AssessmentsWanted, CollateralNotSold, DefaultStepNotDue, LossesUncovered
from clearing.services.default_case import expect_case, note_step
from clearing.services.default_positions import post
from clearing.services.issue_calls import WantedCall, place_calls
from clearing.services.open_membership import change_membership, open_own_accounts
from ledger.models import Account, AccountKind, Balance
from ledger.services import Postings, open_accounts, post_together
from reference.core.actor import Actor
from reference.core.calendar import BUSINESS_ZONE
from reference.queries import directory
from settlement.services.business_day import next_business_date

CALLS_DUE = time(9, 0)
Move = tuple[int, int, int, int]


def assess_survivors(*, case_id: int, actor: Actor, at: datetime, business_date: date) -> list[MarginCall]:
    """Call the survivors for what the layers above the assessments do not bear, pro rata, each up to its cap.

    Due at nine on the next business day; what is paid joins their fund accounts. Raises UnknownDefault,
    DefaultStepNotDue where nothing is to be assessed.
    """
    with transaction.atomic():
        case = expect_case(case_id=case_id, statuses=(CaseStatus.TRANSFERRED,))
        wanted = [
            WantedCall(member, plan.currency_id, amount)
            for plan in plan_losses(case=case)
            if plan.wants_assessments
            for member, amount in zip(
                plan.members, plan.potential.used_of(layer=Layer.ASSESSMENT).tolist(), strict=True
            )
            if amount > 0
        ]
        if not wanted:
            raise DefaultStepNotDue("The losses do not reach the assessments, or the survivors are called already.")
        calls = _call(case=case, wanted=wanted, kind=CallKind.ASSESSMENT, at=at, business_date=business_date)
        note_step(case=case, action="assess", summary=f"{len(calls)} survivors assessed", actor=actor, at=at,
                  business_date=business_date)  # fmt: skip
    return calls


def allocate_losses(*, case_id: int, actor: Actor, at: datetime, business_date: date) -> DefaultCase:
    """Pay what the default costs out of the layers of the waterfall, in their order, all in one posting.

    A gain is paid to the defaulter's estate. Raises UnknownDefault, DefaultStepNotDue, AssessmentsWanted,
    CollateralNotSold, LossesUncovered, BalanceBelowLimit where a payer's account does not reach.
    """
    with transaction.atomic():
        case = expect_case(case_id=case_id, statuses=(CaseStatus.TRANSFERRED,))
        plans = plan_losses(case=case)
        for plan in plans:
            _check(plan)
        movements = [row for plan in plans for row in _movements(case=case, plan=plan, at=at)]
        uses = [row for plan in plans for row in _uses(case=case, plan=plan, at=at)]
        CaseMovement.objects.bulk_create(movements)
        WaterfallUse.objects.bulk_create(uses)
        estate = _estate_account()
        payees = _payees(movements=movements)
        moves: dict[str, list[Move]] = {"DEFAULT": [], "WATERFALL": []}
        for movement, payee in zip(movements, payees, strict=True):
            moves["DEFAULT"] += [
                (movement.pk, payee, movement.currency_id, movement.amount_minor),
                (movement.pk, estate, movement.currency_id, -movement.amount_minor),
            ]
        for use in uses:
            moves["WATERFALL"] += [
                (use.pk, use.account_id, use.currency_id, -use.used_minor),
                (use.pk, estate, use.currency_id, use.used_minor),
            ]
        columns = {source: np.array(rows, dtype=np.int64).reshape(-1, 4).T.copy() for source, rows in moves.items()}
        post_together(
            postings=[Postings(source, *rows) for source, rows in columns.items()], business_date=business_date, at=at
        )
        lost = ", ".join(_amount(plan.currency_id, plan.loss_minor) for plan in plans if plan.loss_minor) or "nothing"
        return note_step(
            case=case, action="allocate", to=CaseStatus.ALLOCATED, actor=actor, at=at, business_date=business_date,
            summary=f"Losses allocated: {lost}",
        )  # fmt: skip


def refill_resources(*, case_id: int, actor: Actor, at: datetime, business_date: date) -> list[MarginCall]:
    """Call used contributions again, and fill the CCP's dedicated own resources up out of its equity, once.

    RTS 153/2013 Article 36 gives the CCP a month for its own; where its equity does not reach, it stays short and
    the step says so. Raises UnknownDefault, DefaultStepNotDue.
    """
    with transaction.atomic():
        case = expect_case(case_id=case_id, statuses=(CaseStatus.ALLOCATED,))
        if case.steps.filter(action="refill").exists():
            raise DefaultStepNotDue("The resources have been called again already.")
        used: dict[tuple[int, int], int] = {}
        for use in case.uses.filter(layer__in=[Layer.SURVIVOR_JUNIOR, Layer.SURVIVOR_FUND], used_minor__gt=0):
            key = (use.member_id or 0, use.currency_id)
            used[key] = used.get(key, 0) + use.used_minor
        wanted = [WantedCall(member, currency, amount) for (member, currency), amount in sorted(used.items())]
        calls = _call(case=case, wanted=wanted, kind=CallKind.FUND, at=at, business_date=business_date)
        own, said = open_own_accounts(), ""
        for use in case.uses.filter(layer=Layer.SKIN, used_minor__gt=0).order_by("pk"):
            equity = Balance.objects.filter(account_id=own["EQUITY"], asset_id=use.currency_id).first()
            amount = min(use.used_minor, equity.balance if equity else 0)
            said += f"; own resources {_amount(use.currency_id, amount)} of {_amount(use.currency_id, use.used_minor)}"
            if amount > 0:
                movement = CaseMovement.objects.create(
                    case=case, currency_id=use.currency_id, kind=CaseMovementKind.SKIN, amount_minor=amount, at=at
                )
                post(
                    source="DEFAULT", source_id=movement.pk, at=at, business_date=business_date,
                    moves=[(own["EQUITY"], use.currency_id, -amount), (own["SKIN"], use.currency_id, amount)],
                )  # fmt: skip
        note_step(case=case, action="refill", summary=f"{len(calls)} contributions called again{said}", actor=actor,
                  at=at, business_date=business_date)  # fmt: skip
    return calls


def close_case(*, case_id: int, actor: Actor, at: datetime, business_date: date) -> DefaultCase:
    """Give what was not needed back to the defaulter's estate, end its membership and close the case.

    Cash of its margin and fund accounts goes to its own house account, and the securities of its collateral too.
    Raises UnknownDefault, DefaultStepNotDue where the resources have not been called again.
    """
    with transaction.atomic():
        case = expect_case(case_id=case_id, statuses=(CaseStatus.ALLOCATED,))
        shared = [Layer.SKIN, Layer.SURVIVOR_JUNIOR, Layer.SURVIVOR_FUND]
        if (
            case.uses.filter(layer__in=shared, used_minor__gt=0).exists()
            and not case.steps.filter(action="refill").exists()
        ):
            raise DefaultStepNotDue("The resources that were used are called again first.")
        returned = _return_rest(case=case, at=at, business_date=business_date)
        change_membership(
            member_id=case.member_id, status=MembershipStatus.TERMINATED, why=f"Default case {case.pk}", actor=actor,
            at=at, business_date=business_date,
        )  # fmt: skip
        return note_step(
            case=case, action="close", to=CaseStatus.CLOSED, actor=actor, at=at, business_date=business_date,
            summary=f"Closed; to the estate: {returned or 'nothing'}",
        )  # fmt: skip


def _check(plan: LossPlan) -> None:
    """Raise what stands in the way of a plan."""
    if plan.sells_first:
        raise CollateralNotSold
    if plan.wants_assessments or plan.waits_for_assessments:
        raise AssessmentsWanted
    if plan.waterfall.uncovered_minor:
        raise LossesUncovered(
            f"{_amount(plan.currency_id, plan.waterfall.uncovered_minor)} is borne by no layer of the waterfall; only"
            " a recovery plan goes on from here."
        )


def _movements(*, case: DefaultCase, plan: LossPlan, at: datetime) -> list[CaseMovement]:
    """Return what is paid because of the default, a gain to the estate included."""
    rows = [
        CaseMovement(
            case=case, currency_id=plan.currency_id, kind=cost.kind, member_id=cost.member_id, lot_id=cost.lot_id,
            amount_minor=cost.amount_minor, text=cost.text, at=at,
        )
        for cost in plan.costs
    ]  # fmt: skip
    if plan.loss_minor < 0:
        rows.append(
            CaseMovement(
                case=case, currency_id=plan.currency_id, kind=CaseMovementKind.GAIN, member_id=case.member_id,
                amount_minor=-plan.loss_minor, at=at,
            )
        )  # fmt: skip
    return rows


def _uses(*, case: DefaultCase, plan: LossPlan, at: datetime) -> list[WaterfallUse]:
    """Return a row for each account of each layer that had anything."""
    own, defaulter = open_own_accounts(), plan.defaulter
    single = {
        Layer.DEFAULTER_MARGIN: (defaulter.pk, defaulter.im_cash_id),
        Layer.DEFAULTER_FUND: (defaulter.pk, defaulter.fund_cash_id),
        Layer.SKIN: (None, own["SKIN"]),
        Layer.EQUITY: (None, own["EQUITY"]),
    }
    survivors: Sequence[tuple[int | None, int]] = list(zip(plan.members, plan.accounts, strict=True))
    rows = []
    for use in plan.waterfall.uses:
        owners = [single[use.layer]] if use.layer in single else survivors
        for (member, account), available, used in zip(
            owners, use.available_minor.tolist(), use.used_minor.tolist(), strict=True
        ):
            if available:
                rows.append(
                    WaterfallUse(
                        case=case, currency_id=plan.currency_id, layer=int(use.layer), member_id=member,
                        account_id=account, available_minor=available, used_minor=used, at=at,
                    )
                )  # fmt: skip
    return rows


def _payees(*, movements: Sequence[CaseMovement]) -> list[int]:
    """Return the account that each movement pays, or is paid by: house cash, or the variation margin account."""
    house = dict(
        Account.objects.filter(
            participant_id__in={row.member_id for row in movements if row.member_id},
            kind=AccountKind.CASH,
            name="HOUSE",
        ).values_list("participant_id", "pk")
    )
    variation = open_own_accounts()["VM"]
    return [variation if row.member_id is None else house[row.member_id] for row in movements]


def _return_rest(*, case: DefaultCase, at: datetime, business_date: date) -> str:
    """Move what is left of the defaulter's collateral and contribution to its house accounts; say what."""
    membership = Membership.objects.get(pk=case.member_id)
    house = Account.objects.get(participant_id=case.member_id, kind=AccountKind.SECURITIES, name="HOUSE")
    sources = [membership.im_cash_id, membership.fund_cash_id, membership.im_securities_id]
    left = Balance.objects.filter(account_id__in=sources, balance__gt=0).select_related("asset").order_by("pk")
    securities = directory().securities
    moves: dict[int, list[tuple[int, int, int]]] = {}
    for row in left:
        entry = securities.get(row.asset_id)
        into = house.pk if entry else house.linked_cash_id or 0
        currency = entry.currency.id if entry else row.asset_id
        moves.setdefault(currency, []).extend(
            [(row.account_id, row.asset_id, -row.balance), (into, row.asset_id, row.balance)]
        )
    said = []
    for currency, parts in sorted(moves.items()):
        cash = sum(amount for account, asset, amount in parts if account == house.linked_cash_id)
        movement = CaseMovement.objects.create(
            case=case, currency_id=currency, kind=CaseMovementKind.RETURN, member_id=case.member_id,
            amount_minor=cash, at=at,
        )  # fmt: skip
        post(source="DEFAULT", source_id=movement.pk, at=at, business_date=business_date,
             moves=_summed(parts))  # fmt: skip
        said.append(_amount(currency, cash))
    return ", ".join(said)


def _summed(moves: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Return one move an account and asset."""
    sums: dict[tuple[int, int], int] = {}
    for account, asset, amount in moves:
        sums[account, asset] = sums.get((account, asset), 0) + amount
    return [(account, asset, amount) for (account, asset), amount in sums.items()]


def _call(
    *, case: DefaultCase, wanted: Sequence[WantedCall], kind: CallKind, at: datetime, business_date: date
) -> list[MarginCall]:
    """Call members because of the case, by nine on the next business day."""
    if not wanted:
        return []
    day = next_business_date(after=business_date)
    calls = place_calls(
        wanted=wanted, kind=kind, at=at, business_date=business_date,
        deadline=datetime.combine(day, CALLS_DUE, tzinfo=BUSINESS_ZONE),
    )  # fmt: skip
    CaseCall.objects.bulk_create([CaseCall(case=case, call=call) for call in calls])
    return calls


def _estate_account() -> int:
    """Return the CCP's cash account through which a default's money passes; it ends every posting at nothing."""
    ccp = directory().ccp
    if ccp is None:
        raise RuntimeError("there is no CCP among the participants: load the reference data first")
    return open_accounts(participants=[(ccp.id, ccp.code)], name="ESTATE")[ccp.id].linked_cash_id or 0


def _amount(currency_id: int, minor: int) -> str:
    """Write an amount with its currency."""
    entry = directory().currencies[currency_id]
    return f"{minor / 10**entry.digits:,.{entry.digits}f} {entry.code}"
