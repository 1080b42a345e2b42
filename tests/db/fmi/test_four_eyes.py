"""What takes two persons, kind by kind: proposed nothing changes, approved by another it does; who did it is told.

Of limits what lowers the risk holds at once; only what raises it waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings

from events.models import AuditRecord
from ledger.models import Account
from ledger.services import open_accounts
from ledger.static_kinds import ACCOUNT
from reference.core.actor import Actor, Role
from reference.core.identifiers import BicMalformed
from reference.four_eyes import approve_proposal, differences_of, expire_proposals, proposal_kind, reject_proposal
from reference.models import Currency, Participant, Proposal, Security
from reference.queries import directory
from reference.refusals import (
    OthersClearThroughIt,
    OwnProposalNotApprovable,
    ProposalAlreadyOpen,
    ProposalExpired,
    ProposalStale,
    Refusal,
    StaticDataInvalid,
    UnknownParticipant,
)
from reference.static_changes import StaticKind, change_or_propose
from reference.static_kinds import CURRENCY, INSTRUMENT, PARTICIPANT
from settlement.models import CreditLine
from settlement.refusals import CreditLineInUse, CreditLineRefused, UnknownCreditLine
from settlement.services.credit_lines import change_credit_line
from tests.factories.chain import Chain
from tests.factories.credit import at_central_bank, lend, price
from tests.factories.instructions import instruct
from tests.factories.reference import ParticipantFactory
from trades.models import PositionLimit
from trades.services.positions.set_limits import retire_limit, set_limit

pytestmark = pytest.mark.django_db

ANNA = Actor(name="anna", role=Role.OPERATOR)
BERT = Actor(name="bert", role=Role.OPERATOR)
MEMBER = Actor(name="alpha", role=Role.PARTICIPANT, participant_id=1)
MOVED_AT = datetime(2008, 9, 8, 8, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Subject:
    """Something whose change takes two persons: how it is asked for, what stands, and what moves it meanwhile."""

    ask: Callable[..., Proposal | None]
    stands: Callable[[], Any]
    wanted: Any
    move: Callable[[], object]


def when(chain: Chain, **more: Any) -> dict[str, Any]:
    return {"at": chain.at, "business_date": chain.day} | more


def credit_line(chain: Chain) -> Subject:
    """The line of BRAVO, EUR 1,000.00, asked to be 5,000.00."""
    line = lend(chain, "BRAVO", 100_000)

    def change(limit_minor: int, **who: Any) -> Proposal | None:
        return change_credit_line(line_id=line.pk, limit_minor=limit_minor, active=True, **who).proposal

    def stands() -> int:
        line.refresh_from_db()
        return line.limit_minor

    return Subject(
        ask=lambda **who: change(500_000, **who), stands=stands, wanted=500_000,
        move=lambda: change(99_999, **when(chain, actor=BERT)),
    )  # fmt: skip


def position_limit(chain: Chain) -> Subject:
    """BRAVO's limit in each security, 100 units, asked to be 500."""

    def set_to(units: int, actor: Actor) -> Proposal | None:
        holder: dict[str, Any] = {"participant_id": chain.ids["BRAVO"], "account": None, "security_id": None}
        return set_limit(**holder, largest_units=units, volume_percent=None, **when(chain, actor=actor)).proposal

    set_to(100, BERT)
    return Subject(
        ask=lambda actor, **_: set_to(500, actor), wanted=500, move=lambda: set_to(99, BERT),
        stands=lambda: PositionLimit.objects.get(active=True, participant_id=chain.ids["BRAVO"]).largest_units,
    )  # fmt: skip


def retirement(chain: Chain) -> Subject:
    """The same limit, asked to hold no longer."""
    first = position_limit(chain)
    limit = PositionLimit.objects.get(active=True)
    return Subject(
        ask=lambda **who: retire_limit(limit_id=limit.pk, **who).proposal, wanted=0, move=first.move,
        stands=lambda: PositionLimit.objects.filter(active=True).count(),
    )  # fmt: skip


def static_row(kind: StaticKind, row: Any, name: str, wanted: Any, meanwhile: Any) -> Subject:
    """One field of static data, asked to be something else; the service moves it meanwhile."""

    def stands() -> Any:
        row.refresh_from_db()
        return getattr(row, name)

    def move() -> None:
        kind.write(row.pk, {name: meanwhile}, {"actor": BERT, "at": MOVED_AT, "business_date": MOVED_AT.date()})

    return Subject(
        ask=lambda **who: change_or_propose(kind=kind, subject_id=row.pk, changes={name: wanted}, **who),
        stands=stands, wanted=wanted, move=move,
    )  # fmt: skip


def participant(chain: Chain) -> Subject:
    """BRAVO's BIC."""
    row = Participant.objects.get(code="BRAVO")
    return static_row(PARTICIPANT, row, "bic", "BRAVDEFFXXX", "BRAVDEFF123")


def instrument(chain: Chain) -> Subject:
    """When a bond ends."""
    row = Security.objects.get(symbol="BOND")
    return static_row(INSTRUMENT, row, "maturity_date", date(2031, 1, 31), date(2032, 1, 31))


def currency(chain: Chain) -> Subject:
    """By how much two reports in EUR may differ and match."""
    return static_row(CURRENCY, Currency.objects.get(code="EUR"), "tolerance_below_minor", 7, 8)


def account(chain: Chain) -> Subject:
    """Which cash pays for ALPHA's securities."""
    cash = [
        open_accounts(participants=[(chain.ids["ALPHA"], "ALPHA")], name=name)[chain.ids["ALPHA"]].linked_cash_id
        for name in ("ONE", "TWO")
    ]
    return static_row(ACCOUNT, chain.account("ALPHA"), "linked_cash_id", *cash)


SUBJECTS: dict[str, Callable[[Chain], Subject]] = {
    "account": account, "credit-line": credit_line, "currency": currency, "instrument": instrument,
    "participant": participant, "position-limit": position_limit, "retirement": retirement,
}  # fmt: skip
KINDS = pytest.mark.parametrize("make", SUBJECTS.values(), ids=list(SUBJECTS))


def test_each_kind_is_tried() -> None:
    """Those that are left out are tried where their subjects are."""
    elsewhere = {"client-limits", "compliance-rule", "default-declaration"}
    assert set(settings.PROPOSAL_KINDS) == elsewhere | set(SUBJECTS) - {"retirement"}


@KINDS
def test_a_second_person_approves_and_it_changes(chain: Chain, make: Callable[[Chain], Subject]) -> None:
    subject = make(chain)
    before = subject.stands()
    proposal = subject.ask(**when(chain, actor=ANNA))
    assert proposal is not None
    assert (subject.stands(), proposal.participant_id) == (before, None)
    assert proposal_kind(name=proposal.kind).subject_type == proposal.subject_type
    [words] = differences_of(proposals=[proposal]).values()
    assert all(change.before != change.after and change.label for change in words)
    assert words
    with pytest.raises(OwnProposalNotApprovable):
        approve_proposal(proposal_id=proposal.pk, **when(chain, actor=ANNA))
    with pytest.raises(Refusal):
        approve_proposal(proposal_id=proposal.pk, **when(chain, actor=MEMBER))
    assert subject.stands() == before
    approve_proposal(proposal_id=proposal.pk, **when(chain, actor=BERT))
    assert subject.stands() == subject.wanted
    told = AuditRecord.objects.filter(object_type="proposal", object_id=proposal.pk).order_by("pk")
    assert list(told.values_list("action", "actor")) == [("proposal.propose", "anna"), ("proposal.approve", "bert")]
    done = AuditRecord.objects.filter(object_type=proposal.subject_type, object_id=proposal.subject_id)
    assert done.latest("pk").actor == "bert"


@KINDS
def test_what_is_rejected_or_not_decided_in_time_changes_nothing(
    chain: Chain, make: Callable[[Chain], Subject]
) -> None:
    subject = make(chain)
    before = subject.stands()
    first = subject.ask(**when(chain, actor=ANNA))
    assert first is not None
    reject_proposal(proposal_id=first.pk, reason="no", **when(chain, actor=BERT))
    second = subject.ask(**when(chain, actor=ANNA))
    assert second is not None
    late: dict[str, Any] = {"at": chain.at + timedelta(days=5), "business_date": chain.day}
    with pytest.raises(ProposalExpired):
        approve_proposal(proposal_id=second.pk, actor=BERT, **late)
    assert expire_proposals(**late) == 1
    assert subject.stands() == before


@KINDS
def test_what_has_moved_meanwhile_is_proposed_anew(chain: Chain, make: Callable[[Chain], Subject]) -> None:
    subject = make(chain)
    proposal = subject.ask(**when(chain, actor=ANNA))
    assert proposal is not None
    subject.move()
    moved = subject.stands()
    with pytest.raises(ProposalStale):
        approve_proposal(proposal_id=proposal.pk, **when(chain, actor=BERT))
    assert subject.stands() == moved


def test_a_credit_line_is_lowered_and_stopped_at_once_and_resumed_by_two(chain: Chain) -> None:
    line = lend(chain, "BRAVO", 100_000)

    def change(limit_minor: int, active: bool) -> tuple[int, bool, Any]:
        asked: dict[str, Any] = {"line_id": line.pk, "limit_minor": limit_minor, "active": active}
        changed = change_credit_line(**asked, **when(chain, actor=ANNA))
        line.refresh_from_db()
        return line.limit_minor, line.active, changed.proposal and changed.proposal.after

    assert change(60_000, True) == (60_000, True, None)
    assert change(60_000, True) == (60_000, True, None)
    # What lowers the risk does not wait for what raises it.
    assert change(80_000, False) == (60_000, False, {"limit_minor": 80_000})
    assert approve_proposal(proposal_id=Proposal.objects.get().pk, **when(chain, actor=BERT)).status == "APPROVED"
    assert change(50_000, True) == (50_000, False, {"active": True})
    approve_proposal(proposal_id=Proposal.objects.latest("pk").pk, **when(chain, actor=BERT))
    assert change(50_000, True) == (50_000, True, None)
    for wrong in (-1, 2**62):
        with pytest.raises(CreditLineRefused):
            change(wrong, True)
    with pytest.raises(UnknownCreditLine):
        change_credit_line(line_id=0, limit_minor=1, active=True, **when(chain, actor=ANNA))


@pytest.mark.parametrize(("standing", "asked", "waits"), [
    ([], ("BRAVO", "STOCK", 9, None), False),
    ([("BRAVO", "STOCK", 5, None)], ("BRAVO", "STOCK", 5, None), False),
    ([("BRAVO", "STOCK", 5, None)], ("BRAVO", "STOCK", 6, None), True),
    ([("BRAVO", "STOCK", 5, None)], ("BRAVO", "STOCK", None, 1), True),
    ([("BRAVO", None, None, 5)], ("BRAVO", None, None, 4), False),
    ([("BRAVO", None, 5, None)], ("BRAVO", "STOCK", 6, None), True),
    ([("BRAVO", None, 5, None)], ("BRAVO", "STOCK", 5, None), False),
    ([("BRAVO", None, 5, None)], ("ALPHA", "STOCK", 6, None), False),
    ([(None, "STOCK", 5, None)], ("BRAVO", None, 6, None), True),
    ([(None, "STOCK", 5, None)], ("BRAVO", "SHARE", 6, None), False),
    ([(None, None, 5, None)], ("BRAVO", "SHARE", 6, None), True),
    ([(None, None, 5, None)], (None, "SHARE", 6, None), True),
    ([(None, "SHARE", 5, None)], (None, None, 6, None), False),
    ([("BRAVO", "STOCK", 5, None)], ("BRAVO", None, 6, None), False),
    ([(None, None, 5, None)], ("BRAVO-SEC-HOUSE", None, 6, None), False),
    ([("BRAVO-SEC-HOUSE", None, 5, None)], ("BRAVO-SEC-HOUSE", "STOCK", 6, None), True),
])  # fmt: skip
def test_a_limit_waits_where_it_allows_more_than_what_it_takes_the_place_of(
    chain: Chain, standing: list[Any], asked: Any, waits: bool
) -> None:
    def set_one(holder: str | None, symbol: str | None, units: int | None, percent: int | None) -> Any:
        return set_limit(
            participant_id=chain.ids.get(holder or ""), account=Account.objects.filter(code=holder or "").first(),
            security_id=chain.assets[symbol] if symbol else None, largest_units=units,
            volume_percent=None if percent is None else Decimal(percent), **when(chain, actor=ANNA),
        )  # fmt: skip

    for one in standing:
        assert set_one(*one).proposal is None
    changed = set_one(*asked)
    changed.limit.refresh_from_db()
    assert (changed.proposal is not None, changed.limit.active) == (waits, not waits)
    if waits:
        approve_proposal(proposal_id=changed.proposal.pk, **when(chain, actor=BERT))
        changed.limit.refresh_from_db()
        assert changed.limit.active


def test_an_approved_line_lends_as_much_and_what_is_owed_bounds_it(chain: Chain) -> None:
    """The approval sets the floor of the central bank's account too; a line below what is owed is refused at once."""
    price(chain, "BOND", "98")
    line = lend(chain, "BRAVO", 50_000)
    chain.give("ALPHA", "BOND", 1_000)
    bought = instruct(chain, "ALPHA", "BRAVO", 1_000, 90_000, symbol="BOND")
    chain.cycle()
    asked: dict[str, Any] = {"line_id": line.pk, "limit_minor": 90_000, "active": True}
    change_credit_line(**asked, **when(chain, actor=ANNA))
    chain.cycle()
    bought.refresh_from_db()
    assert bought.status == "PENDING"
    approve_proposal(proposal_id=Proposal.objects.get().pk, **when(chain, actor=BERT))
    chain.cycle()
    bought.refresh_from_db()
    assert bought.status == "SETTLED"
    assert at_central_bank(chain, "BRAVO", "EUR") == -90_000
    with pytest.raises(CreditLineInUse):
        change_credit_line(line_id=line.pk, limit_minor=89_999, active=False, **when(chain, actor=ANNA))
    assert CreditLine.objects.get(pk=line.pk).active


def test_a_name_changes_at_once_beside_what_waits_and_both_or_neither(chain: Chain) -> None:
    row = Participant.objects.get(code="BRAVO")

    def ask(**changes: Any) -> Proposal | None:
        proposal = change_or_propose(kind=PARTICIPANT, subject_id=row.pk, changes=changes, **when(chain, actor=ANNA))
        row.refresh_from_db()
        return proposal

    assert ask(name="Bravo & Sons", bic=row.bic) is None
    assert row.name == "Bravo & Sons"
    proposal = ask(name="Bravo AG", active=False)
    assert proposal is not None
    assert (proposal.before, proposal.after) == ({"active": True}, {"active": False})
    assert (row.name, row.active) == ("Bravo AG", True)
    # What was tried out to see whether it is refused has left nothing, not even a record.
    changed = AuditRecord.objects.filter(action="participant.change", object_id=row.pk)
    assert [list(told.detail) for told in changed.order_by("pk")] == [["name"], ["name"]]
    with pytest.raises(ProposalAlreadyOpen):
        ask(name="Bravo Ltd", active=False)
    assert row.name == "Bravo AG"


def test_what_could_never_be_approved_is_refused_at_once_and_what_came_since_at_the_approval(chain: Chain) -> None:
    clearer = Participant.objects.get(code="CHARLIE")
    other = Participant.objects.get(code="BRAVO")
    ask: dict[str, Any] = {"kind": PARTICIPANT, **when(chain, actor=ANNA)}
    with pytest.raises(BicMalformed):
        change_or_propose(subject_id=clearer.pk, changes={"bic": "X"}, **ask)
    with pytest.raises(StaticDataInvalid):
        change_or_propose(subject_id=clearer.pk, changes={"bic": other.bic}, **ask)
    with pytest.raises(UnknownParticipant):
        change_or_propose(subject_id=0, changes={"active": False}, **ask)
    proposal = change_or_propose(subject_id=clearer.pk, changes={"active": False}, **ask)
    assert proposal is not None
    ParticipantFactory.create(code="LATER", role="BROKER", clearing_member=clearer)
    with pytest.raises(OthersClearThroughIt):
        approve_proposal(proposal_id=proposal.pk, **when(chain, actor=BERT))
    proposal.refresh_from_db()
    clearer.refresh_from_db()
    assert (proposal.status, clearer.active) == ("PROPOSED", True)


def test_an_approved_deactivation_is_seen_by_everybody(chain: Chain) -> None:
    security = Security.objects.get(symbol="STOCK")
    assert directory().securities[security.pk].active
    proposal = change_or_propose(
        kind=INSTRUMENT, subject_id=security.pk, changes={"active": False}, **when(chain, actor=ANNA)
    )
    assert proposal is not None
    assert directory().securities[security.pk].active
    approve_proposal(proposal_id=proposal.pk, **when(chain, actor=BERT))
    assert not directory().securities[security.pk].active
