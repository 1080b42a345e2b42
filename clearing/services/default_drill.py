"""Play a default through on the real services, and roll it back: only what came of it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from clearing.core.call_lifecycle import CallKind
from clearing.core.default_lifecycle import CaseStatus
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import CaseCall, DefaultCase, DefaultDrill, Membership
from clearing.queries.default_losses import plan_losses
from clearing.queries.default_view import describe_movements, describe_uses
from clearing.queries.defaults import case_positions
from clearing.refusals import UnknownMembership
from clearing.services.default_auction import close_auction, open_auction, place_bid, skip_auction
from clearing.services.default_case import declare_default, propose_default, suspend_member
from clearing.services.default_losses import allocate_losses, assess_survivors, close_case, refill_resources
from clearing.services.default_positions import sell_collateral
from clearing.services.pay_calls import pay_call
from events.services.audit import record_action
from ledger.models import Balance
from ledger.refusals import BalanceBelowLimit
from reference.core.actor import Actor, Role
from reference.queries import directory, forget_directory
from reference.refusals import Refusal
from settlement.queries.collateral import unit_values

PER_MILLE = 1000
OPEN_FOR = timedelta(minutes=1)


@dataclass(frozen=True)
class DrillInputs:
    """What a drill assumes of the auction: each survivor asks for a share of a lot's gross value, each a bit more.

    ask_per_mille: what the best bidder asks for; below zero, it pays. silent: codes of members that do not bid.
    """

    lots: int = 2
    ask_per_mille: int = 20
    reserve_percent: int | None = None
    juniorise: bool = True
    silent: tuple[str, ...] = ()


class _Finished(Exception):
    """The drill is over; everything it did is rolled back."""


def play_drill(*, member_id: int, inputs: DrillInputs, actor: Actor, at: datetime, business_date: date) -> DefaultDrill:
    """Play the default of a member as things stand now, on the code that a real one runs on; keep only its outcome.

    It runs in a transaction that is always rolled back, with every deferred constraint checked before. A step that
    is refused ends it and is told. Raises UnknownMembership.
    """
    if not Membership.objects.filter(pk=member_id).exists():
        raise UnknownMembership
    outcome: dict[str, Any] = {"steps": [], "refused": None}
    try:
        with transaction.atomic():
            drill = _Drill(outcome=outcome, inputs=inputs, actor=actor, at=at, business_date=business_date)
            try:
                with transaction.atomic():
                    drill.play(member_id=member_id)
                    with connection.cursor() as cursor:
                        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                        # It would outlive the savepoint that is rolled back.
                        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            except Refusal as refusal:
                outcome["refused"] = {"code": refusal.code, "message": refusal.message}
            raise _Finished
    except _Finished:
        # Whatever was read of reference data in between is read again.
        forget_directory()
    with transaction.atomic():
        kept = DefaultDrill.objects.create(
            member_id=member_id, inputs=asdict(inputs), outcome=outcome, played_by=actor.name, at=at
        )
        record_action(
            actor=actor, action="default.drill", at=at, business_date=business_date, object_type="defaultdrill",
            object_id=kept.pk, summary=f"Default drill of {directory().participants[member_id].code}",
        )  # fmt: skip
    return kept


@dataclass
class _Drill:
    """One play: the outcome it fills, and where business time stands in it."""

    outcome: dict[str, Any]
    inputs: DrillInputs
    actor: Actor
    at: datetime
    business_date: date

    def play(self, *, member_id: int) -> None:
        """Take each step, and note where it led."""
        second = Actor(name=f"{self.actor.name} (second person)"[:150], role=Role.OPERATOR)
        case = propose_default(
            member_id=member_id, reason="Drill", juniorise=self.inputs.juniorise, actor=self.actor, **self._when()
        )
        self._note(case)
        self._take(case, lambda: declare_default(case_id=case.pk, actor=second, **self._when()))
        self._take(case, lambda: suspend_member(case_id=case.pk, actor=self.actor, **self._when()))
        if case_positions(member_id=member_id, business_date=self.business_date):
            self._auction(case)
        else:
            self._take(case, lambda: skip_auction(case_id=case.pk, actor=self.actor, **self._when()))
        if case.status != CaseStatus.TRANSFERRED:
            return
        self._sell(case)
        if any(plan.wants_assessments for plan in plan_losses(case=case)):
            self._take(case, lambda: assess_survivors(case_id=case.pk, actor=self.actor, **self._when()))
            self._collect(case)
        self._take(case, lambda: allocate_losses(case_id=case.pk, actor=self.actor, **self._when()))
        self.outcome["movements"] = describe_movements(case=case)
        self.outcome["waterfall"] = describe_uses(case=case)
        self._take(case, lambda: refill_resources(case_id=case.pk, actor=self.actor, **self._when()))
        self._take(case, lambda: close_case(case_id=case.pk, actor=self.actor, **self._when()))

    def _auction(self, case: DefaultCase) -> None:
        """Offer the lots, let the survivors bid as assumed, and open the bids."""
        lots = open_auction(
            case_id=case.pk, lots=self.inputs.lots, reserve_percent=self.inputs.reserve_percent,
            deadline=self.at + OPEN_FOR, actor=self.actor, **self._when(),
        )  # fmt: skip
        self._note(case)
        survivors = Membership.objects.filter(status=MembershipStatus.ACTIVE).select_related("member").order_by("pk")
        bidders = [one.member for one in survivors if one.member.code not in self.inputs.silent]
        for lot in lots:
            for place, member in enumerate(bidders):
                place_bid(
                    lot_id=lot.pk, price_minor=lot.gross_minor * (self.inputs.ask_per_mille + place) // PER_MILLE,
                    actor=Actor(name=f"drill of {member.code}", role=Role.PARTICIPANT, participant_id=member.pk),
                    **self._when(),
                )  # fmt: skip
        self.at += OPEN_FOR
        self._take(case, lambda: close_auction(case_id=case.pk, actor=self.actor, **self._when()))

    def _sell(self, case: DefaultCase) -> None:
        """Sell collateral in securities at its value after haircut, where the loss goes beyond the cash margin."""
        for plan in plan_losses(case=case):
            if not plan.sells_first:
                continue
            held = Balance.objects.filter(
                account_id=plan.defaulter.im_securities_id, balance__gt=0,
                asset__as_security__currency_id=plan.currency_id,
            )  # fmt: skip
            units = dict(held.values_list("asset_id", "balance"))
            values = unit_values(securities=list(units), business_date=self.business_date)
            buyer = (
                Balance.objects.filter(
                    account__kind="CASH", account__name="HOUSE", asset_id=plan.currency_id,
                    account__participant_id__in=plan.members,
                ).order_by("-balance", "pk").values_list("account__participant__code", flat=True).first()
            )  # fmt: skip
            for security, value in values.items():
                if buyer is not None:
                    sell_collateral(
                        case_id=case.pk, buyer=buyer, isin=directory().securities[security].isin,
                        units=units[security], price_minor=units[security] * value, actor=self.actor, **self._when(),
                    )  # fmt: skip
            self._note(case)

    def _collect(self, case: DefaultCase) -> None:
        """Let every survivor pay its assessment at once, as far as its house cash reaches."""
        for row in CaseCall.objects.filter(case=case, call__kind=CallKind.ASSESSMENT).select_related("call"):
            try:
                pay_call(call_id=row.call_id, actor=self.actor, **self._when())
            except BalanceBelowLimit:
                continue

    def _take(self, case: DefaultCase, act: Callable[[], object]) -> None:
        """Take a step and note it."""
        act()
        self._note(case)

    def _note(self, case: DefaultCase) -> None:
        """Note the case's steps so far."""
        case.refresh_from_db()
        self.outcome["status"] = case.status
        self.outcome["steps"] = [
            {"action": one.action, "status": one.status, "summary": one.summary, "done_by": one.done_by}
            for one in case.steps.order_by("pk")
        ]

    def _when(self) -> dict[str, Any]:
        """Return business time, for the services."""
        return {"at": self.at, "business_date": self.business_date}
