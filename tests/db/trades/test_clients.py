"""Clients, traders and the four eyes on limits: what the services do, and what the database refuses whoever asks."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from events.models import AuditRecord
from ledger.models import Account
from ledger.services import open_accounts
from reference.core.actor import SYSTEM, Actor, Role
from reference.four_eyes import (
    approve_proposal,
    expire_proposals,
    propose_change,
    reject_proposal,
    withdraw_proposal,
)
from reference.models import Participant, Proposal
from reference.refusals import (
    CodeTaken,
    OwnProposalNotApprovable,
    ProposalAlreadyDecided,
    ProposalAlreadyOpen,
    ProposalChangesNothing,
    ProposalExpired,
    ProposalNeedsAReason,
    ProposalNotYours,
    ProposalStale,
    Refusal,
    UnknownProposal,
    UnknownProposalKind,
)
from tests.factories.market import NOW, TODAY, login
from tests.factories.reference import CurrencyFactory, ParticipantFactory
from tests.factories.trading import make_broker, make_client, make_trader
from trades.models import Client
from trades.refusals.clients import (
    BrokerServesNoClients,
    ClientStepIllegal,
    CodeMalformed,
    LimitOutOfRange,
    LoginNotTheBrokers,
    NameMissing,
    NotYourBroker,
    SettlementAccountNotTheBrokers,
)
from trades.services.change_client import change_client, change_trader, close_client, read_limits

pytestmark = pytest.mark.django_db

ANNA = Actor(name="anna", role=Role.OPERATOR)
BERT = Actor(name="bert", role=Role.OPERATOR)
WHEN: dict[str, Any] = {"at": NOW, "business_date": TODAY}


def of(broker: Participant, name: str) -> Actor:
    return Actor(name=name, role=Role.PARTICIPANT, participant_id=broker.pk)


def propose(client: Client, actor: Actor = ANNA, **limits: Any) -> Proposal:
    made = change_client(client_id=client.pk, changes=limits, actor=actor, **WHEN).proposal
    assert made is not None
    return made


def test_limits_change_when_a_second_person_approves() -> None:
    client = make_client()
    proposal = propose(client, credit_limit_minor=200_000_000, margin_percent=Decimal(5), daily_limit_minor=500_000_000)
    assert proposal.before == {"credit_limit_minor": 100_000_000, "margin_percent": "0.00"}
    assert proposal.after == {"credit_limit_minor": 200_000_000, "margin_percent": "5.00"}
    client.refresh_from_db()
    assert client.credit_limit_minor == 100_000_000
    approve_proposal(proposal_id=proposal.pk, actor=BERT, **WHEN)
    client.refresh_from_db()
    assert (client.credit_limit_minor, client.margin_percent) == (200_000_000, Decimal(5))
    assert client.limits_proposal_id == proposal.pk
    told = AuditRecord.objects.filter(object_type="proposal", object_id=proposal.pk).order_by("pk")
    assert [(record.action, record.actor) for record in told] == [
        ("proposal.propose", "anna"),
        ("proposal.approve", "bert"),
    ]


def test_second_change_after_the_first() -> None:
    client = make_client()
    for limit in (200_000_000, 300_000_000):
        approve_proposal(proposal_id=propose(client, credit_limit_minor=limit).pk, actor=BERT, **WHEN)
        client.refresh_from_db()
        assert client.credit_limit_minor == limit


def test_who_proposed_does_not_decide() -> None:
    proposal = propose(make_client(), credit_limit_minor=1)
    with pytest.raises(OwnProposalNotApprovable):
        approve_proposal(proposal_id=proposal.pk, actor=ANNA, **WHEN)
    with pytest.raises(OwnProposalNotApprovable):
        reject_proposal(proposal_id=proposal.pk, reason="no", actor=ANNA, **WHEN)
    with pytest.raises(ProposalNotYours):
        withdraw_proposal(proposal_id=proposal.pk, actor=BERT, **WHEN)
    with pytest.raises(ProposalNeedsAReason):
        reject_proposal(proposal_id=proposal.pk, reason="  ", actor=BERT, **WHEN)
    assert reject_proposal(proposal_id=proposal.pk, reason="no", actor=BERT, **WHEN).status == "REJECTED"
    for decide in (approve_proposal, withdraw_proposal):
        with pytest.raises(ProposalAlreadyDecided):
            decide(proposal_id=proposal.pk, actor=BERT, **WHEN)
    with pytest.raises(UnknownProposal):
        approve_proposal(proposal_id=0, actor=BERT, **WHEN)


def test_who_is_concerned_proposes_and_decides() -> None:
    client, other = make_client(), make_broker()
    own, colleague = of(client.broker, "cleo"), of(client.broker, "carl")
    for stranger in (of(other, "dora"), Actor(name="eve", role=Role.AUDITOR)):
        with pytest.raises((NotYourBroker, ProposalNotYours)):
            change_client(client_id=client.pk, changes={"credit_limit_minor": 1}, actor=stranger, **WHEN)
        proposal = propose(client, own, credit_limit_minor=1)
        with pytest.raises(ProposalNotYours):
            approve_proposal(proposal_id=proposal.pk, actor=stranger, **WHEN)
        withdraw_proposal(proposal_id=proposal.pk, actor=own, **WHEN)
    approve_proposal(proposal_id=propose(client, own, credit_limit_minor=1).pk, actor=colleague, **WHEN)
    client.refresh_from_db()
    assert client.credit_limit_minor == 1


def test_one_open_proposal_and_nothing_that_stands_already() -> None:
    client = make_client()
    unchanged = change_client(client_id=client.pk, changes={"credit_limit_minor": 100_000_000}, actor=ANNA, **WHEN)
    assert unchanged.proposal is None
    propose(client, credit_limit_minor=1)
    with pytest.raises(ProposalAlreadyOpen):
        propose(client, BERT, daily_limit_minor=1, name="Renamed")
    client.refresh_from_db()
    assert client.name != "Renamed", "all of a change or nothing"
    with pytest.raises(ProposalChangesNothing):
        propose_change(
            kind="client-limits", subject_id=client.pk, subject=client.code, participant_id=client.broker_id,
            after={"short_sale_allowed": False}, summary="", actor=ANNA, **WHEN,
        )  # fmt: skip
    with pytest.raises(UnknownProposalKind):
        propose_change(
            kind="moon", subject_id=1, subject="X", participant_id=None, after={}, summary="", actor=ANNA, **WHEN
        )


def test_nobody_decides_in_time() -> None:
    client = make_client()
    proposal = propose(client, credit_limit_minor=1)
    late: dict[str, Any] = {"at": NOW + timedelta(days=5), "business_date": TODAY}
    with pytest.raises(ProposalExpired):
        approve_proposal(proposal_id=proposal.pk, actor=BERT, **late)
    assert expire_proposals(at=NOW + timedelta(days=4, hours=23), business_date=TODAY) == 0
    assert expire_proposals(**late) == 1
    assert expire_proposals(**late) == 0
    proposal.refresh_from_db()
    assert (proposal.status, proposal.decided_by) == ("EXPIRED", "")
    with pytest.raises(ProposalExpired):
        withdraw_proposal(proposal_id=proposal.pk, actor=ANNA, **late)


def test_an_overdue_proposal_makes_room_for_a_new_one() -> None:
    client = make_client()
    first = propose(client, credit_limit_minor=1)
    late: dict[str, Any] = {"at": NOW + timedelta(days=6), "business_date": TODAY}
    second = change_client(client_id=client.pk, changes={"credit_limit_minor": 2}, actor=ANNA, **late).proposal
    first.refresh_from_db()
    assert second is not None
    assert (first.status, second.status) == ("EXPIRED", "PROPOSED")


def test_a_proposal_whose_ground_has_moved_is_stale() -> None:
    """Only with the triggers off can a limit move meanwhile; were they gone, the service would still see it."""
    client = make_client()
    proposal = propose(client, credit_limit_minor=1)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE trades_client SET credit_limit_minor = 5 WHERE id = %s", [client.pk])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    with pytest.raises(ProposalStale) as stale:
        approve_proposal(proposal_id=proposal.pk, actor=BERT, **WHEN)
    assert stale.value.extra == {"changed": ["credit_limit_minor"]}
    proposal.refresh_from_db()
    assert proposal.status == "PROPOSED"


def test_a_closed_client_changes_no_more() -> None:
    client = make_client()
    proposal = propose(client, credit_limit_minor=1)
    close_client(client_id=client.pk, actor=ANNA, **WHEN)
    with pytest.raises(ClientStepIllegal):
        approve_proposal(proposal_id=proposal.pk, actor=BERT, **WHEN)
    with pytest.raises(ClientStepIllegal):
        change_client(client_id=client.pk, changes={"name": "X"}, actor=ANNA, **WHEN)
    proposal.refresh_from_db()
    assert proposal.status == "PROPOSED"


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"code": "lower"}, CodeMalformed),
        ({"code": "-A"}, CodeMalformed),
        ({"code": "A" * 21}, CodeMalformed),
        ({"name": " "}, NameMissing),
        ({"credit_limit_minor": -1}, LimitOutOfRange),
        ({"daily_limit_minor": 10**15 + 1}, LimitOutOfRange),
        ({"margin_percent": Decimal("0.001")}, LimitOutOfRange),
        ({"margin_percent": Decimal("NaN")}, LimitOutOfRange),
        ({"margin_percent": Decimal(101)}, LimitOutOfRange),
        ({"default_currency_id": 0}, Refusal),
        ({"actor": Actor(name="x", role=Role.AUDITOR)}, NotYourBroker),
    ],
)
def test_what_opens_no_client(fields: dict[str, Any], refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        make_client(**fields)
    assert not Client.objects.exists()


def test_whose_account_and_which_broker() -> None:
    broker, other = make_broker(), make_broker()
    csd = ParticipantFactory.create(code="CSD", csd=True)
    open_accounts(participants=[(csd.pk, csd.code)])
    with pytest.raises(SettlementAccountNotTheBrokers):
        make_client(broker=broker, account=Account.objects.get(participant=other, kind="SECURITIES"))
    with pytest.raises(SettlementAccountNotTheBrokers):
        make_client(broker=broker, account=Account.objects.get(participant=broker, kind="CASH"))
    with pytest.raises(BrokerServesNoClients):
        make_client(broker=csd)
    make_client(broker=broker, code="TWICE")
    with pytest.raises(CodeTaken):
        make_client(broker=broker, code="TWICE")


def test_a_traders_login_is_the_brokers_and_its_own() -> None:
    broker, other = make_broker(code="ALPHA"), make_broker(code="BRAVO")
    login(participant=broker, name="ann")
    login(participant=other, name="ben")
    ids = {name: _user_id(name) for name in ("ann", "ben")}
    trader = make_trader(broker=broker, user_id=ids["ann"])
    with pytest.raises(LoginNotTheBrokers):
        make_trader(broker=broker, user_id=ids["ann"])
    with pytest.raises(LoginNotTheBrokers):
        change_trader(trader_id=trader.pk, changes={"user_id": ids["ben"]}, actor=ANNA, **WHEN)
    unchanged = change_trader(trader_id=trader.pk, changes={"user_id": ids["ann"]}, actor=ANNA, **WHEN)
    assert unchanged.user_id == ids["ann"]


def _user_id(name: str) -> int:
    from django.contrib.auth import get_user_model

    return int(get_user_model().objects.get(username=name).pk)


def test_limits_are_read_as_a_proposal_holds_them() -> None:
    client = make_client(margin_percent=Decimal("12.5"), default_currency_id=CurrencyFactory.create(code="USD").pk)
    assert read_limits(client.pk) == {
        "credit_limit_minor": 100_000_000,
        "daily_limit_minor": 500_000_000,
        "margin_percent": "12.50",
        "short_sale_allowed": False,
    }
    assert SYSTEM.is_operator
