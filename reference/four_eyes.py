"""Changes that need two persons: one proposes, another decides, and an approval is carried out in its transaction.

What may be proposed is a kind: settings.PROPOSAL_KINDS maps its name to the dotted path of a ProposalKind, which knows
how to read, to write and to describe the subject. A higher floor therefore names what this one carries out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.module_loading import import_string

from reference.audit import record_action
from reference.core.actor import SYSTEM, Actor
from reference.core.proposal_lifecycle import ProposalStatus
from reference.models import Proposal
from reference.public_ids import new_public_ids
from reference.refusals import (
    OwnProposalNotApprovable,
    ProposalAlreadyDecided,
    ProposalAlreadyOpen,
    ProposalChangesNothing,
    ProposalExpired,
    ProposalNeedsAReason,
    ProposalNotYours,
    ProposalStale,
    UnknownProposal,
    UnknownProposalKind,
)

PROPOSAL_LIFE = timedelta(days=5)

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that would change, in words."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided, when, and on which business date; SYSTEM where nobody did in time."""

    actor: Actor
    at: datetime
    business_date: date


def leave_it(proposal: Proposal, decision: Decision) -> None:
    """Do nothing about a proposal that was not approved: what it would change stands as it did."""


def by_code(subject: str) -> Sequence[str]:
    """Address the page of a subject by the subject's code."""
    return (subject,)


def by_nothing(subject: str) -> Sequence[str]:
    """Address a page that shows all subjects of a kind."""
    return ()


@dataclass(frozen=True, slots=True)
class ProposalKind:
    """What may be proposed for one type of subject.

    read: subject id -> JSON values of all that may be proposed, the subject's row locked until the transaction ends;
    raises a refusal where there is no such subject or it changes no more.
    carry_out: writes an approved proposal's `after`, in the transaction of the approval.
    drop: puts away what waited for a proposal that was rejected, withdrawn or not decided in time.
    describe: what each of some proposals would change, in words.
    page: the name of the subject's page. page_takes: what that page's address takes, by the subject's code.
    """

    subject_type: str
    title: str
    page: str
    read: Callable[[int], Values]
    carry_out: Callable[[Proposal, Decision], None]
    describe: Callable[[Sequence[Proposal]], list[list[Difference]]]
    drop: Callable[[Proposal, Decision], None] = leave_it
    page_takes: Callable[[str], Sequence[str]] = by_code


def proposal_kind(*, name: str) -> ProposalKind:
    """Return a kind by its name. Raises UnknownProposalKind."""
    path = settings.PROPOSAL_KINDS.get(name)
    if path is None:
        raise UnknownProposalKind(f"Nothing can be proposed as {name[:32]!r}.", pointer="/kind")
    kind: ProposalKind = import_string(path)
    return kind


def propose_change(
    *, kind: str, subject_id: int, subject: str, participant_id: int | None, after: Values, summary: str,
    actor: Actor, at: datetime, business_date: date,
) -> Proposal:  # fmt: skip
    """Propose a change of one subject; nothing happens to it before another person approves.

    after: JSON values by name; those that stand already are left out. subject: its code. participant_id: whose subject
    it is. Raises UnknownProposalKind, ProposalNotYours, ProposalChangesNothing, ProposalAlreadyOpen.
    """
    found = proposal_kind(name=kind)
    _expect_acting(actor=actor, participant_id=participant_id)
    expire_proposals(at=at, business_date=business_date)
    with transaction.atomic():
        current = found.read(subject_id)
        changed = {name: value for name, value in after.items() if current[name] != value}
        if not changed:
            raise ProposalChangesNothing
        standing = Proposal.objects.filter(
            kind=kind, subject_type=found.subject_type, subject_id=subject_id, status=ProposalStatus.PROPOSED
        ).first()
        if standing is not None:
            raise ProposalAlreadyOpen(proposal=str(standing.public_id))
        proposal = Proposal(
            public_id=new_public_ids(count=1)[0], kind=kind, subject_type=found.subject_type, subject_id=subject_id,
            subject=subject, participant_id=participant_id, summary=summary[:200],
            before={name: current[name] for name in changed}, after=changed,
            proposed_by=actor.name, proposed_at=at, expires_at=at + PROPOSAL_LIFE,
        )  # fmt: skip
        try:
            with transaction.atomic():
                proposal.save(force_insert=True)
        except IntegrityError as error:
            if "proposal_one_open" in str(error):
                raise ProposalAlreadyOpen from error
            raise
        _record(proposal=proposal, verb="propose", actor=actor, at=at, business_date=business_date)
    return proposal


def approve_proposal(
    *, proposal_id: int, actor: Actor, at: datetime, business_date: date, reason: str = ""
) -> Proposal:
    """Approve a proposal as another person than who made it, and carry it out: both or neither.

    Raises UnknownProposal, ProposalNotYours, ProposalAlreadyDecided, ProposalExpired, OwnProposalNotApprovable,
    ProposalStale, and whatever the kind refuses.
    """
    with transaction.atomic():
        proposal = _lock_open(proposal_id=proposal_id, actor=actor, at=at)
        if proposal.proposed_by == actor.name:
            raise OwnProposalNotApprovable
        kind = proposal_kind(name=proposal.kind)
        current = kind.read(proposal.subject_id)
        moved = sorted(name for name, value in proposal.before.items() if current.get(name) != value)
        if moved:
            raise ProposalStale(changed=moved)
        _decide(proposal=proposal, status=ProposalStatus.APPROVED, by=actor.name, at=at, reason=reason)
        kind.carry_out(proposal, Decision(actor, at, business_date))
        _record(proposal=proposal, verb="approve", actor=actor, at=at, business_date=business_date)
    return proposal


def reject_proposal(*, proposal_id: int, reason: str, actor: Actor, at: datetime, business_date: date) -> Proposal:
    """Reject a proposal as another person than who made it, and say why.

    Raises UnknownProposal, ProposalNotYours, ProposalAlreadyDecided, ProposalExpired, OwnProposalNotApprovable,
    ProposalNeedsAReason.
    """
    if not reason.strip():
        raise ProposalNeedsAReason(pointer="/reason")
    with transaction.atomic():
        proposal = _lock_open(proposal_id=proposal_id, actor=actor, at=at)
        if proposal.proposed_by == actor.name:
            raise OwnProposalNotApprovable("Whoever proposed a change withdraws it; another person rejects it.")
        _decide(proposal=proposal, status=ProposalStatus.REJECTED, by=actor.name, at=at, reason=reason)
        proposal_kind(name=proposal.kind).drop(proposal, Decision(actor, at, business_date))
        _record(proposal=proposal, verb="reject", actor=actor, at=at, business_date=business_date)
    return proposal


def withdraw_proposal(*, proposal_id: int, actor: Actor, at: datetime, business_date: date) -> Proposal:
    """Take back one's own proposal.

    Raises UnknownProposal, ProposalNotYours, ProposalAlreadyDecided, ProposalExpired.
    """
    with transaction.atomic():
        proposal = _lock_open(proposal_id=proposal_id, actor=actor, at=at)
        if proposal.proposed_by != actor.name:
            raise ProposalNotYours("Only who proposed a change withdraws it.")
        _decide(proposal=proposal, status=ProposalStatus.WITHDRAWN, by=actor.name, at=at, reason="")
        proposal_kind(name=proposal.kind).drop(proposal, Decision(actor, at, business_date))
        _record(proposal=proposal, verb="withdraw", actor=actor, at=at, business_date=business_date)
    return proposal


def expire_proposals(*, at: datetime, business_date: date) -> int:
    """End what nobody decided in time; return how many. One that another transaction decides just now is left to it."""
    with transaction.atomic():
        overdue = list(
            Proposal.objects.select_for_update(skip_locked=True)
            .filter(status=ProposalStatus.PROPOSED, expires_at__lte=at)
            .order_by("pk")
        )
        ids = [proposal.pk for proposal in overdue]
        Proposal.objects.filter(pk__in=ids).update(status=ProposalStatus.EXPIRED, decided_at=at)
        for proposal in overdue:
            proposal.refresh_from_db()
            proposal_kind(name=proposal.kind).drop(proposal, Decision(SYSTEM, at, business_date))
            _record(proposal=proposal, verb="expire", actor=SYSTEM, at=at, business_date=business_date)
    return len(ids)


def may_decide(*, proposal: Proposal, actor: Actor) -> bool:
    """Say whether the actor is a second person for a proposal that waits."""
    concerned = actor.is_operator or (
        actor.participant_id is not None and actor.participant_id == proposal.participant_id
    )
    return concerned and proposal.status == ProposalStatus.PROPOSED and proposal.proposed_by != actor.name


def differences_of(*, proposals: Sequence[Proposal]) -> dict[int, list[Difference]]:
    """Put what each proposal would change into words, kind by kind; return them by the proposal's key."""
    found: dict[int, list[Difference]] = {}
    for name in sorted({proposal.kind for proposal in proposals}):
        group = [proposal for proposal in proposals if proposal.kind == name]
        words = proposal_kind(name=name).describe(group)
        found |= {proposal.pk: said for proposal, said in zip(group, words, strict=True)}
    return found


def _expect_acting(*, actor: Actor, participant_id: int | None) -> None:
    """Raise ProposalNotYours where the subject is another's, and for who only reads."""
    if not (actor.is_operator or (actor.participant_id is not None and actor.participant_id == participant_id)):
        raise ProposalNotYours


def _lock_open(*, proposal_id: int, actor: Actor, at: datetime) -> Proposal:
    """Return a proposal that waits, locked until the transaction ends."""
    proposal = Proposal.objects.select_for_update().filter(pk=proposal_id).first()
    if proposal is None:
        raise UnknownProposal
    _expect_acting(actor=actor, participant_id=proposal.participant_id)
    if proposal.status == ProposalStatus.EXPIRED or (
        proposal.status == ProposalStatus.PROPOSED and proposal.expires_at <= at
    ):
        raise ProposalExpired
    if proposal.status != ProposalStatus.PROPOSED:
        raise ProposalAlreadyDecided(f"The proposal is {proposal.status} already.")
    return proposal


def _decide(*, proposal: Proposal, status: ProposalStatus, by: str, at: datetime, reason: str) -> None:
    """Write who decided what, and when."""
    proposal.status, proposal.decided_by, proposal.decided_at = status.value, by, at
    proposal.reason = reason.strip()[:400]
    proposal.save(update_fields=["status", "decided_by", "decided_at", "reason"])


def _record(*, proposal: Proposal, verb: str, actor: Actor, at: datetime, business_date: date) -> None:
    """Write what was done with a proposal into the audit log."""
    record_action(
        actor=actor, action=f"proposal.{verb}", at=at, business_date=business_date, object_type="proposal",
        object_id=proposal.pk, summary=f"{proposal.summary}: {proposal.status.lower()}",
        detail={"kind": proposal.kind, "subject": proposal.subject, "before": proposal.before, "after": proposal.after,
                "reason": proposal.reason},
    )  # fmt: skip
