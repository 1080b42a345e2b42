"""The rules on orders and trades, their alerts, the restricted list, and a change of a rule by two persons."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from events.models import AuditRecord
from reference.core.actor import Actor, Role
from reference.four_eyes import approve_proposal
from reference.models import DailyPrice, Proposal
from reference.refusals import OwnProposalNotApprovable
from tests.factories.chain import Chain
from tests.factories.compliance import make_trade
from tests.factories.market import NOW, TODAY, Market, make_market
from tests.factories.ordering import make_ticket, place, quote
from tests.factories.trading import make_client
from trades.core.alert_lifecycle import AlertStatus
from trades.models import Client, ComplianceAlert, ComplianceRule, Order
from trades.refusals.compliance import (
    AlertNeedsANote,
    AlertStepIllegal,
    AlreadyRestricted,
    RestrictionEnded,
    RestrictionMalformed,
    RuleMalformed,
    UnknownAlert,
)
from trades.services.compliance.change_rules import propose_rule
from trades.services.compliance.enrich import enrich_orders, enrich_trades
from trades.services.compliance.handle_alerts import step_alerts
from trades.services.compliance.load_compliance import load_compliance
from trades.services.compliance.restrict import Restriction, end_restriction, restrict_security

ANNA = Actor(name="anna", role=Role.OPERATOR)
BERT = Actor(name="bert", role=Role.OPERATOR)
WHEN: dict[str, Any] = {"at": NOW, "business_date": TODAY}

pytestmark = pytest.mark.django_db


@pytest.fixture
def market() -> Market:
    made = make_market()
    load_compliance()
    for back in (1, 2):
        DailyPrice.objects.create(security=made.equity, date=TODAY - timedelta(days=back), open=10, high=10, low=10,
                                  close=10, volume=1_000, adjusted_close=10)  # fmt: skip
    quote(security=made.equity)
    return made


@pytest.fixture
def client_of(market: Market) -> Client:
    return make_client(broker=market.alpha, short_sale_allowed=True)


def alerts() -> list[tuple[str, str]]:
    return list(ComplianceAlert.objects.order_by("pk").values_list("rule__code", "severity"))


def test_an_ordinary_order_passes_without_a_word(market: Market, client_of: Client) -> None:
    (outcome,) = place(make_ticket(client=client_of, security=market.equity))
    assert (outcome.outcome, outcome.warnings, alerts()) == ("ACCEPTED", (), [])


def test_a_restricted_security_is_rejected_and_the_alert_stays(market: Market, client_of: Client) -> None:
    entry = Restriction(market.equity.pk, market.alpha.pk, "Adviser in a bid", TODAY)
    restrict_security(restriction=entry, actor=ANNA, **WHEN)
    (outcome,) = place(make_ticket(client=client_of, security=market.equity))
    assert outcome.outcome == "REJECTED"
    assert outcome.problems[0].code == "compliance-restricted-list"
    assert outcome.problems[0].message == "Restricted list: This security may not be traded now."
    alert = ComplianceAlert.objects.get()
    assert alert.order == Order.objects.get()
    assert (alert.severity, alert.participant) == ("HIGH", market.alpha)
    assert alert.words.endswith("Adviser in a bid")
    assert "Adviser in a bid" not in alert.order.refusal


def test_a_large_order_warns_and_a_huge_one_is_rejected(market: Market, client_of: Client) -> None:
    large, huge = place(
        make_ticket(client=client_of, security=market.equity, quantity=300),
        make_ticket(client=client_of, security=market.equity, quantity=1_010),
    )
    assert (large.outcome, huge.outcome, huge.problems[0].code) == ("ACCEPTED", "REJECTED", "compliance-fat-finger")
    assert large.warnings == (
        "Quantity that moves the market: The quantity is 30 % of an average day's volume; 25 % is allowed.",
    )
    assert sorted(alerts()) == [("FAT-FINGER", "HIGH"), ("LARGE-ORDER", "MEDIUM"), ("LARGE-ORDER", "MEDIUM")]


@pytest.mark.parametrize(
    ("side", "price", "outcome"),
    [("BUY", "11.01", "REJECTED"), ("BUY", "9.00", "ACCEPTED"), ("SELL", "8.99", "REJECTED"),
     ("SELL", "11.01", "ACCEPTED"), ("BUY", "11.00", "ACCEPTED")],
)  # fmt: skip
def test_a_limit_may_not_pay_too_much_nor_sell_too_cheaply(
    market: Market, client_of: Client, side: str, price: str, outcome: str
) -> None:
    (found,) = place(make_ticket(client=client_of, security=market.equity, side=side, limit_price=Decimal(price)))
    assert found.outcome == outcome


def test_a_client_does_not_meet_itself(market: Market, client_of: Client) -> None:
    place(make_ticket(client=client_of, security=market.equity, side="BUY", limit_price=Decimal("10.00")))
    above, below = place(
        make_ticket(client=client_of, security=market.equity, side="SELL", limit_price=Decimal("10.01")),
        make_ticket(client=client_of, security=market.equity, side="SELL", limit_price=Decimal("10.00")),
    )
    assert (above.outcome, below.outcome, below.problems[0].code) == ("ACCEPTED", "REJECTED", "compliance-wash-trade")
    other = make_client(broker=market.alpha, short_sale_allowed=True)
    (found,) = place(make_ticket(client=other, security=market.equity, side="SELL", limit_price=Decimal("10.00")))
    assert found.outcome == "ACCEPTED"


def test_orders_of_one_set_meet_too(market: Market, client_of: Client) -> None:
    bought, sold = place(
        make_ticket(client=client_of, security=market.equity, side="BUY"),
        make_ticket(client=client_of, security=market.equity, side="SELL"),
    )
    assert (bought.outcome, sold.outcome) == ("ACCEPTED", "REJECTED")


def test_an_order_by_itself_meets_each_rule(market: Market, client_of: Client) -> None:
    def found(**changes: Any) -> tuple[str, list[str]]:
        before = ComplianceAlert.objects.count()
        (outcome,) = place(make_ticket(client=client_of, security=market.equity, **changes))
        return outcome.outcome, [code for code, _ in alerts()[before:]]

    assert found(quantity=300) == ("ACCEPTED", ["LARGE-ORDER"])
    assert sorted(found(quantity=1_010)[1]) == ["FAT-FINGER", "LARGE-ORDER"]
    assert found(side="SELL", limit_price=Decimal("10.01")) == ("ACCEPTED", [])
    assert found(side="SELL", limit_price=Decimal("10.00")) == ("REJECTED", ["WASH"])
    assert found(side="SELL", order_type="MARKET") == ("REJECTED", ["WASH"])
    assert found(limit_price=Decimal("11.01")) == ("REJECTED", ["COLLAR", "COLLAR-WATCH", "WASH"])
    # A new rule binds the next order, on a connection that has asked for others before.
    ComplianceRule.objects.create(code="SHARE", name="Share", kind="CONCENTRATION", action="WARN", valid_from=TODAY,
                                  share_percent=25, least_minor=100_000)  # fmt: skip
    assert found(quantity=90) == ("ACCEPTED", [])
    assert found(quantity=100) == ("ACCEPTED", ["SHARE"])
    assert found(order_type="MARKET") == ("REJECTED", ["WASH", "SHARE"])


def test_a_rule_of_tomorrow_finds_nothing_today() -> None:
    made = make_market()
    client = make_client(broker=made.alpha)
    for code, first in (("LATER", TODAY + timedelta(days=1)), ("NOW", TODAY)):
        ComplianceRule.objects.create(code=code, name=code, kind="FAT_FINGER", action="WARN", ceiling_minor=1,
                                      valid_from=first)  # fmt: skip
        place(make_ticket(client=client, security=made.equity))
    assert alerts() == [("NOW", "MEDIUM")]


def test_a_rule_that_passes_leaves_only_an_alert(market: Market, client_of: Client) -> None:
    ComplianceRule.objects.create(code="NOTED", name="Noted", kind="FAT_FINGER", action="PASS", ceiling_minor=1,
                                  valid_from=TODAY, client=client_of)  # fmt: skip
    (outcome,) = place(make_ticket(client=client_of, security=market.equity))
    assert (outcome.outcome, outcome.warnings, alerts()) == ("ACCEPTED", (), [("NOTED", "LOW")])


def test_orders_are_enriched_whatever_became_of_them(market: Market, client_of: Client) -> None:
    place(
        make_ticket(client=client_of, security=market.equity),
        make_ticket(client=client_of, security=market.equity, order_type="MARKET"),
        make_ticket(client=client_of, security=market.equity, limit_price=Decimal("13")),
    )
    assert [enrich_orders(**WHEN), enrich_orders(**WHEN)] == [3, 0]
    limit, at_market, rejected = Order.objects.order_by("pk")
    assert (limit.enrichment.deviation_bp, limit.enrichment.notional_minor) == (0, 100_000)
    assert (at_market.enrichment.deviation_bp, at_market.enrichment.notional_minor) == (None, 100_000)
    assert (rejected.status, rejected.enrichment.deviation_bp) == ("REJECTED", 3_000)


def test_trades_that_go_back_and_forth_raise_an_alert(chain: Chain) -> None:
    load_compliance()
    make_trade(chain=chain, buyer="ALPHA", seller="BRAVO", at=chain.at - timedelta(minutes=20))
    enrich_trades(at=chain.at - timedelta(minutes=19), business_date=chain.day)
    back = make_trade(chain=chain, buyer="BRAVO", seller="ALPHA", price="10.05")
    make_trade(chain=chain, buyer="BRAVO", seller="ALPHA", price="10.06")
    make_trade(chain=chain, buyer="BRAVO", seller="ALPHA", quantity=101)
    enrich_trades(at=chain.at, business_date=chain.day)
    alert = ComplianceAlert.objects.get(rule__code="WASH")
    assert (alert.trade, alert.severity, alert.figure, alert.allowed) == (back, "HIGH", 20, 30)


def alert_of(chain: Chain) -> ComplianceAlert:
    load_compliance()
    restrict_security(
        restriction=Restriction(chain.assets["STOCK"], None, "Embargo", chain.day), actor=ANNA, at=chain.at,
        business_date=chain.day,
    )  # fmt: skip
    make_trade(chain=chain)
    enrich_trades(at=chain.at, business_date=chain.day)
    return ComplianceAlert.objects.get()


def test_an_alert_is_acknowledged_and_closed_with_a_note(chain: Chain) -> None:
    alert = alert_of(chain)
    common: dict[str, Any] = {"alert_ids": [alert.pk], "actor": BERT, **WHEN}
    step_alerts(status=AlertStatus.ACKNOWLEDGED, note="", **common)
    with pytest.raises(AlertStepIllegal):
        step_alerts(status=AlertStatus.ACKNOWLEDGED, note="", **common)
    with pytest.raises(AlertNeedsANote):
        step_alerts(status=AlertStatus.CLOSED, note=" ", **common)
    with pytest.raises(UnknownAlert):
        step_alerts(status=AlertStatus.CLOSED, note="x", **{**common, "alert_ids": [alert.pk, 10**9]})
    step_alerts(status=AlertStatus.CLOSED, note="Explained by the desk", **common)
    with pytest.raises(AlertStepIllegal):
        step_alerts(status=AlertStatus.CLOSED, note="again", **common)
    alert.refresh_from_db()
    assert (alert.status, alert.handled_by, alert.note) == ("CLOSED", "bert", "Explained by the desk")
    actions = list(AuditRecord.objects.filter(object_type="compliance-alert").values_list("action", flat=True))
    assert sorted(actions) == ["alert.acknowledge", "alert.close"]


def attack(statement: str, parameters: list[Any] | None) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement, parameters)


def refused(statement: str, parameters: list[Any] | None = None) -> str:
    with pytest.raises(DatabaseError) as caught:
        attack(statement, parameters)
    return str(caught.value)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM trades_compliancealert", "never deleted"),
        ("TRUNCATE trades_compliancealert", "never truncated"),
        ("UPDATE trades_compliancealert SET words = 'nothing'", "never change"),
        ("UPDATE trades_compliancealert SET severity = 'LOW'", "never change"),
        ("UPDATE trades_compliancealert SET status = 'ACKNOWLEDGED'", "handled_by_somebody"),
        ("UPDATE trades_compliancealert SET status = 'CLOSED', handled_by = 'x', handled_at = now()", "with_a_note"),
        ("UPDATE trades_compliancealert SET note = 'psst'", "handled_by_somebody"),
        ("UPDATE trades_compliancerule SET ceiling_minor = 1 WHERE code = 'FAT-FINGER'", "approved proposal only"),
        ("UPDATE trades_compliancerule SET active = false", "approved proposal only"),
        ("UPDATE trades_compliancerule SET kind = 'WASH_TRADE'", "approved proposal only"),
        ("DELETE FROM trades_compliancerule", "never deleted"),
        ("DELETE FROM trades_restrictedentry", "never deleted"),
        ("UPDATE trades_restrictedentry SET reason = 'none'", "never change"),
        ("UPDATE trades_restrictedentry SET valid_to = valid_from - 1", "restrictedentry_dates"),
        ("UPDATE trades_restrictedentry SET ended_by = 'x'", "restrictedentry_ended_on_a_day"),
        (
            "INSERT INTO trades_compliancealert (rule_id, trade_id, participant_id, security_id, severity, words, at,"
            " business_date, status, handled_by, note) SELECT rule_id, trade_id, participant_id, security_id,"
            " severity, words, at, business_date, status, handled_by, note FROM trades_compliancealert",
            "compliancealert_once_a_trade",
        ),
        (
            "INSERT INTO trades_compliancealert (rule_id, participant_id, security_id, severity, words, at,"
            " business_date, status, handled_by, note) SELECT rule_id, participant_id, security_id, severity, words,"
            " at, business_date, status, handled_by, note FROM trades_compliancealert",
            "of_a_trade_or_an_order",
        ),
        (
            "INSERT INTO trades_compliancerule (code, name, kind, action, active, valid_from, collar_bp)"
            " VALUES ('MIXED', 'x', 'FAT_FINGER', 'WARN', true, '2008-01-01', 5)",
            "parameters_of_its_kind",
        ),
        (
            "INSERT INTO trades_compliancerule (code, name, kind, action, active, valid_from, window_minutes)"
            " VALUES ('HALF', 'x', 'WASH_TRADE', 'WARN', true, '2008-01-01', 5)",
            "parameters_of_its_kind",
        ),
    ],
)
def test_the_database_refuses_whoever_asks(chain: Chain, statement: str, why: str) -> None:
    alert_of(chain)
    assert why in refused(statement)


def test_a_handled_alert_keeps_its_name_and_note(chain: Chain) -> None:
    alert = alert_of(chain)
    step_alerts(alert_ids=[alert.pk], status=AlertStatus.ACKNOWLEDGED, note="looking", actor=BERT, **WHEN)
    assert "only its next step" in refused("UPDATE trades_compliancealert SET note = 'other'")
    assert "cannot go" in refused(
        "UPDATE trades_compliancealert SET status = 'OPEN', handled_by = '', handled_at = NULL, note = ''"
    )


def test_a_rule_changes_by_two_persons(chain: Chain) -> None:
    load_compliance()
    rule = ComplianceRule.objects.get(code="FAT-FINGER")
    propose_rule(rule_id=rule.pk, changes={"ceiling_minor": 5_000, "volume_percent": None}, actor=ANNA, **WHEN)
    proposal = Proposal.objects.get()
    with pytest.raises(OwnProposalNotApprovable):
        approve_proposal(proposal_id=proposal.pk, actor=ANNA, **WHEN)
    rule.refresh_from_db()
    assert rule.ceiling_minor == 10_000_000_000
    approve_proposal(proposal_id=proposal.pk, actor=BERT, **WHEN)
    rule.refresh_from_db()
    assert (rule.ceiling_minor, rule.volume_percent, rule.proposal_id) == (5_000, None, proposal.pk)


@pytest.mark.parametrize(
    "changes",
    [{"collar_bp": 5}, {"ceiling_minor": 0}, {"ceiling_minor": None, "volume_percent": None}, {"kind": "WASH_TRADE"},
     {"action": "SHOUT"}],
)  # fmt: skip
def test_a_malformed_change_is_refused_by_name(chain: Chain, changes: dict[str, Any]) -> None:
    load_compliance()
    rule = ComplianceRule.objects.get(code="FAT-FINGER")
    with pytest.raises(RuleMalformed):
        propose_rule(rule_id=rule.pk, changes=changes, actor=ANNA, **WHEN)
    assert not Proposal.objects.exists()


def test_an_entry_ends_once_and_another_may_follow(chain: Chain) -> None:
    when: dict[str, Any] = {"actor": ANNA, "at": chain.at, "business_date": chain.day}
    restriction = Restriction(chain.assets["STOCK"], None, "Embargo", chain.day)
    entry = restrict_security(restriction=restriction, **when)
    with pytest.raises(AlreadyRestricted):
        restrict_security(restriction=restriction, **when)
    with pytest.raises(RestrictionMalformed):
        restrict_security(restriction=Restriction(chain.assets["STOCK"], None, " ", chain.day), **when)
    assert end_restriction(entry_id=entry.pk, **when).valid_to == chain.day
    with pytest.raises(RestrictionEnded):
        end_restriction(entry_id=entry.pk, **when)
    restrict_security(restriction=restriction, **when)


def test_loading_twice_leaves_what_was_changed(chain: Chain) -> None:
    assert load_compliance() == load_compliance() == ComplianceRule.objects.count()
