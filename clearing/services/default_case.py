"""Propose, declare, suspend and close the default of a clearing member: each step once, by whom it takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from clearing.contracts import MemberDefaulted
from clearing.core.call_lifecycle import OPEN_STATUSES, CallKind
from clearing.core.default_lifecycle import CASE_TRANSITIONS, OVER, CaseStatus
from clearing.core.membership_lifecycle import MembershipStatus
from clearing.models import CarryCause, CaseCall, CaseStep, DefaultCase, MarginCall, MarginRun, Membership
from clearing.queries.defaults import accounts_behind
from clearing.queries.margin_parameters import margin_parameters_on
from clearing.queries.membership import RISK_LOCK
from clearing.refusals import (
    DefaultDeclared,
    DefaultProposed,
    DefaultStepNotDue,
    NoMarginParameters,
    UnknownDefault,
    UnknownMembership,
)
from clearing.services.carry_obligations import carry_obligations
from clearing.services.issue_calls import withdraw_call
from clearing.services.open_membership import change_membership
from events.services.audit import record_action
from events.services.outbox import record_fact
from reference.core.actor import Actor
from reference.core.proposal_lifecycle import ProposalStatus
from reference.four_eyes import (
    Decision,
    Difference,
    ProposalKind,
    approve_proposal,
    propose_change,
    withdraw_proposal,
)
from reference.locks import take_lock
from reference.models import Proposal

DEFAULT_ASSESSMENT_PERCENT = 200
DECLARATION_KIND = "default-declaration"

OPEN_OBLIGATIONS_SQL = """
    SELECT o.id FROM clearing_obligation o
    LEFT JOIN settlement_instruction i ON i.source = 'OBLIGATION' AND i.source_id = o.id
    WHERE o.kind = 'NET' AND o.account_id = ANY(%s) AND o.discharged_at IS NULL AND o.cancelled_at IS NULL
      AND o.carried_at IS NULL AND (o.quantity_units <> 0 OR o.cash_minor <> 0)
      AND (i.id IS NULL OR i.status = 'PENDING')
    ORDER BY o.id
"""


def propose_default(
    *, member_id: int, reason: str, juniorise: bool, actor: Actor, at: datetime, business_date: date
) -> DefaultCase:
    """Propose that a member is in default; a second person declares it. Nothing has happened to the member yet.

    Raises UnknownMembership, DefaultProposed, DefaultDeclared.
    """
    with transaction.atomic():
        take_lock(name=RISK_LOCK)
        membership = Membership.objects.select_related("member").filter(pk=member_id).first()
        if membership is None:
            raise UnknownMembership
        standing = DefaultCase.objects.filter(member_id=member_id).exclude(status__in=OVER).first()
        if standing is not None and standing.status == CaseStatus.PROPOSED:
            raise DefaultProposed(case=standing.pk)
        if standing is not None or membership.status in (MembershipStatus.DEFAULTED, MembershipStatus.TERMINATED):
            raise DefaultDeclared(case=standing.pk if standing else None)
        case = DefaultCase.objects.create(
            member_id=member_id,
            reason=reason.strip(),
            juniorise=juniorise,
            assessment_percent=_assessment_percent(day=business_date),
            proposed_by=actor.name,
            proposed_at=at,
        )
        propose_change(
            kind=DECLARATION_KIND, subject_id=case.pk, subject=str(case.pk), participant_id=None,
            after={"status": CaseStatus.DECLARED.value}, summary=f"Default of {membership.member.code}", actor=actor,
            at=at, business_date=business_date,
        )  # fmt: skip
        return note_step(
            case=case, action="propose", summary=f"Default of {membership.member.code} proposed: {case.reason}",
            actor=actor, at=at, business_date=business_date,
        )  # fmt: skip


def declare_default(*, case_id: int, actor: Actor, at: datetime, business_date: date) -> DefaultCase:
    """Approve the proposal that a member is in default, as another person than who made it (reference/four_eyes.py).

    From now on none of its trades is novated. Raises UnknownDefault, DefaultDeclared, DefaultStepNotDue, and what
    approve_proposal refuses.
    """
    proposal = _open_proposal(case_id=case_id)
    approve_proposal(proposal_id=proposal.pk, actor=actor, at=at, business_date=business_date)
    return DefaultCase.objects.select_related("member").get(pk=case_id)


def withdraw_default(*, case_id: int, actor: Actor, at: datetime, business_date: date) -> DefaultCase:
    """Take back one's own proposal that nobody has declared; another person rejects it among the approvals.

    Raises UnknownDefault, DefaultDeclared, DefaultStepNotDue, and what withdraw_proposal refuses.
    """
    proposal = _open_proposal(case_id=case_id)
    withdraw_proposal(proposal_id=proposal.pk, actor=actor, at=at, business_date=business_date)
    return DefaultCase.objects.select_related("member").get(pk=case_id)


def _open_proposal(*, case_id: int) -> Proposal:
    """Return the proposal that a case waits for. Raises UnknownDefault, DefaultDeclared, DefaultStepNotDue."""
    case = DefaultCase.objects.filter(pk=case_id).first()
    if case is None:
        raise UnknownDefault
    if case.declared_by:
        raise DefaultDeclared(case=case.pk)
    found = Proposal.objects.filter(
        kind=DECLARATION_KIND, subject_id=case_id, status=ProposalStatus.PROPOSED
    ).first()  # fmt: skip
    if found is None:
        raise DefaultStepNotDue(f"The default case is {case.status}.")
    return found


def _read_case(subject_id: int) -> dict[str, str]:
    """Return where a case stands, locked. Raises UnknownDefault."""
    return {"status": lock_case(case_id=subject_id).status}


def _declare(proposal: Proposal, decision: Decision) -> None:
    """Declare what a second person approved; the member is suspended at once."""
    case = expect_case(case_id=proposal.subject_id, statuses=(CaseStatus.PROPOSED,))
    when: dict[str, Any] = {"actor": decision.actor, "at": decision.at, "business_date": decision.business_date}
    case.declared_by, case.declared_at = decision.actor.name, decision.at
    if Membership.objects.filter(pk=case.member_id, status=MembershipStatus.ACTIVE).exists():
        change_membership(
            member_id=case.member_id, status=MembershipStatus.SUSPENDED, why=f"Default case {case.pk}", **when
        )
    record_fact(fact=MemberDefaulted(case=case.pk, member=case.member.code))
    note_step(
        case=case, action="declare", to=CaseStatus.DECLARED, **when,
        summary=f"Default of {case.member.code} declared; its trades are no longer novated",
    )  # fmt: skip


def _drop(proposal: Proposal, decision: Decision) -> None:
    """Put away a case that is not declared: its proposal was withdrawn, rejected, or not decided in time."""
    case = expect_case(case_id=proposal.subject_id, statuses=(CaseStatus.PROPOSED,))
    note_step(
        case=case, action="withdraw", to=CaseStatus.WITHDRAWN, actor=decision.actor, at=decision.at,
        business_date=decision.business_date,
        summary=f"Proposal to declare {case.member.code} in default {ProposalStatus(proposal.status).lower()}",
    )  # fmt: skip


def _describe(proposals: Sequence[Proposal]) -> list[list[Difference]]:
    """Say of each who would be declared, and why."""
    cases = DefaultCase.objects.select_related("member").in_bulk([proposal.subject_id for proposal in proposals])
    return [
        [Difference(label=f"{case.member.code}: {case.reason}", before="a member", after="in default")]
        for case in (cases[proposal.subject_id] for proposal in proposals)
    ]


DECLARATION = ProposalKind(
    subject_type="defaultcase", title="Declaration of a default", page="default", read=_read_case, carry_out=_declare,
    describe=_describe, drop=_drop,
)  # fmt: skip


def suspend_member(*, case_id: int, actor: Actor, at: datetime, business_date: date) -> DefaultCase:
    """Take a declared defaulter out of calls and settlement: what is open of it waits for its porting or auction.

    Its membership is in default, its open calls are withdrawn, its net obligations are taken back out of settlement
    and stand as contracts again. Raises UnknownDefault, DefaultStepNotDue.
    """
    with transaction.atomic():
        case = expect_case(case_id=case_id, statuses=(CaseStatus.DECLARED,))
        change_membership(
            member_id=case.member_id, status=MembershipStatus.DEFAULTED, why=f"Default case {case.pk}", actor=actor,
            at=at, business_date=business_date,
        )  # fmt: skip
        calls = MarginCall.objects.filter(member_id=case.member_id, status__in=OPEN_STATUSES).order_by("pk")
        unpaid = list(calls)
        for call in unpaid:
            withdraw_call(call_id=call.pk, why=f"Default case {case.pk}", actor=actor, at=at,
                          business_date=business_date)  # fmt: skip
        CaseCall.objects.bulk_create(
            [CaseCall(case=case, call=call) for call in unpaid if call.kind == CallKind.VARIATION]
        )
        case.margin_run = MarginRun.objects.order_by("-pk").first()
        carried = take_back(case=case, at=at, business_date=business_date)
        return note_step(
            case=case, action="suspend", to=CaseStatus.SUSPENDED, actor=actor, at=at, business_date=business_date,
            summary=f"{case.member.code} suspended: {len(unpaid)} calls withdrawn, {carried} obligations taken out of"
            " settlement",
        )  # fmt: skip


def take_back(*, case: DefaultCase, at: datetime, business_date: date) -> int:
    """Take what is netted and not settled of a defaulter's portfolios back into contracts; return how many."""
    accounts = list(accounts_behind(member_id=case.member_id))
    with connection.cursor() as cursor:
        cursor.execute(OPEN_OBLIGATIONS_SQL, [accounts])
        obligations = [int(row[0]) for row in cursor.fetchall()]
    return carry_obligations(obligation_ids=obligations, cause=CarryCause.ROLL, settlement_date=business_date, at=at)


def lock_case(*, case_id: int) -> DefaultCase:
    """Return a case, locked until the transaction ends, with its member. Raises UnknownDefault."""
    take_lock(name=RISK_LOCK)
    found = DefaultCase.objects.select_for_update(of=("self",)).select_related("member").filter(pk=case_id).first()
    if found is None:
        raise UnknownDefault
    return found


def expect_case(*, case_id: int, statuses: tuple[CaseStatus, ...]) -> DefaultCase:
    """Return a case that stands where a step takes it to be, locked. Raises UnknownDefault, DefaultStepNotDue."""
    case = lock_case(case_id=case_id)
    if case.status not in statuses:
        wanted = " or ".join(status.value for status in statuses)
        raise DefaultStepNotDue(f"The default case is {case.status}; this step takes it to be {wanted}.")
    return case


def note_step(
    *, case: DefaultCase, action: str, summary: str, actor: Actor, at: datetime, business_date: date,
    to: CaseStatus | None = None,
) -> DefaultCase:  # fmt: skip
    """Save the case, in its new state where there is one, and write what was done into its history and the audit."""
    if to is not None:
        if to not in CASE_TRANSITIONS[case.status]:
            raise DefaultStepNotDue(f"The default case is {case.status}.")
        case.status = to.value
        case.closed_at = at if to == CaseStatus.CLOSED else None
        case.save(update_fields=["status", "declared_by", "declared_at", "margin_run", "closed_at"])
    CaseStep.objects.create(
        case=case, action=action, status=case.status, summary=summary[:400], done_by=actor.name, at=at
    )
    record_action(
        actor=actor, action=f"default.{action}", at=at, business_date=business_date, object_type="defaultcase",
        object_id=case.pk, summary=summary[:200],
    )  # fmt: skip
    return case


def _assessment_percent(*, day: date) -> int:
    """Return the cap of assessments in percent of the contribution, as the parameters of the day have it."""
    try:
        return int(100 * margin_parameters_on(day=day).assessment_multiple)
    except NoMarginParameters:
        return DEFAULT_ASSESSMENT_PERCENT
