"""The pages of compliance: what was found, what may be done about it, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages.reading import get_csv, get_text, text_of

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.factories.chain import Chain

PAGES = ("/compliance/", "/compliance/rules/", "/compliance/rules/FAT-FINGER/", "/compliance/restricted/")


@pytest.fixture
def watched(chain: Chain, operator: Client) -> Chain:
    """A trade of ALPHA, ten times the average volume of a day, and another in a restricted security."""
    from tests.factories.compliance import give_prices, make_trade
    from trades.services.compliance.enrich import enrich_trades
    from trades.services.compliance.load_compliance import load_compliance

    load_compliance()
    give_prices(chain=chain, symbol="STOCK", close="10", volume=10)
    body = {"security": "SHARE", "participant": "", "reason": "Embargo"}
    assert operator.post("/compliance/restricted/", body).status_code == 302
    make_trade(chain=chain)
    make_trade(chain=chain, symbol="SHARE")
    enrich_trades(at=chain.at, business_date=chain.day)
    return chain


@pytest.mark.parametrize("path", PAGES)
def test_a_participant_sees_none_of_it(path: str, alpha: Client, auditor: Client, watched: Chain) -> None:
    assert alpha.get(path).status_code == 403
    assert auditor.get(path).status_code == 200


def test_alerts_stand_with_their_figures_the_most_severe_first(operator: Client, watched: Chain) -> None:
    text = get_text(operator, "/compliance/")
    assert "The quantity is 1000 % of an average day's volume; 100 % is allowed" in text
    assert text.index("1000 % of an average day's volume; 100 %") < text.index("volume; 25 % is allowed")
    rows = get_csv(operator, "/compliance/?format=csv")
    assert {row["rule"] for row in rows} == {"FAT-FINGER", "LARGE-ORDER", "RESTRICTED"}
    assert {row["rule"] for row in get_csv(operator, "/compliance/?rule=RESTRICTED&format=csv")} == {"RESTRICTED"}


def test_an_operator_closes_an_alert_with_a_note(operator: Client, auditor: Client, watched: Chain) -> None:
    from trades.models import ComplianceAlert

    alert = ComplianceAlert.objects.filter(rule__code="RESTRICTED").latest("pk")
    path = f"/compliance/alerts/{alert.pk}/"
    assert auditor.post(path, {"close": "", "note": "x"}).status_code == 403
    refused = operator.post(path, {"close": "", "note": ""}, follow=True)
    assert "Say in a note why the alert is closed." in refused.content.decode()
    operator.post(path, {"acknowledge": "", "note": "looking"})
    operator.post(path, {"close": "", "note": "Approved in advance"})
    alert.refresh_from_db()
    assert (alert.status, alert.note) == ("CLOSED", "Approved in advance")
    assert "Approved in advance" in get_text(operator, "/compliance/?status=CLOSED")


def test_an_operator_finds_the_button_beside_each_open_alert(operator: Client, auditor: Client, watched: Chain) -> None:
    from trades.models import ComplianceAlert

    for alert in ComplianceAlert.objects.all():
        assert f'action="/compliance/alerts/{alert.pk}/"' in operator.get("/compliance/").content.decode()
    assert "Handle alert" not in auditor.get("/compliance/").content.decode()


@pytest.mark.parametrize("figure", ["1e999999", "NaN", "Infinity", "9" * 60])
def test_a_figure_that_is_none_is_refused_at_once(figure: str, operator: Client, watched: Chain) -> None:
    form = {"action": "WARN", "active": "on", "volume_percent": figure, "ceiling_minor": figure}
    answer = operator.post("/compliance/rules/FAT-FINGER/", form, follow=True)
    assert "is a whole number" in answer.content.decode()


def test_a_rule_is_proposed_and_the_page_says_that_it_waits(operator: Client, auditor: Client, watched: Chain) -> None:
    from reference.models import Proposal
    from trades.models import ComplianceRule

    path = "/compliance/rules/FAT-FINGER/"
    form = {"action": "WARN", "volume_percent": "200", "ceiling_minor": "1,000.00", "active": "on"}
    assert auditor.post(path, form).status_code == 403
    assert "is a whole number" in operator.post(path, {**form, "volume_percent": "x"}, follow=True).content.decode()
    operator.post(path, form)
    assert Proposal.objects.get().after == {"action": "WARN", "volume_percent": 200, "ceiling_minor": 100_000}
    assert ComplianceRule.objects.get(code="FAT-FINGER").action == "REJECT"
    assert "waits for another person" in get_text(operator, path)
    assert "Of the average volume, %: 100 → 200" in get_text(operator, "/approvals/?view=waiting")


NEW_RULE = {
    "code": "big-stock", "name": "Big trades in STOCK", "action": "WARN", "valid_from": "2008-09-01",
    "ceiling_minor": "5,000.00", "security": "stock",
}  # fmt: skip


def test_a_rule_is_added_switched_off_and_another_person_switches_it_on(
    operator: Client, auditor: Client, watched: Chain
) -> None:
    from reference.core.actor import Actor, Role
    from reference.four_eyes import approve_proposal
    from reference.models import Proposal
    from trades.models import ComplianceRule

    path = "/compliance/rules/new/?kind=FAT_FINGER"
    assert auditor.get(path).status_code == auditor.post(path, NEW_RULE).status_code == 403
    text = text_of(operator.post(path, NEW_RULE, follow=True))
    assert "BIG-STOCK stands switched off until another person approves it." in text
    rule = ComplianceRule.objects.get(code="BIG-STOCK")
    assert (rule.active, rule.ceiling_minor, rule.security_id) == (False, 500_000, watched.assets["STOCK"])
    waiting = get_text(operator, "/approvals/?view=waiting")
    assert "In force: no → yes" in waiting
    assert "above EUR 5,000" in waiting
    approve_proposal(
        proposal_id=Proposal.objects.get().pk, actor=Actor(name="second", role=Role.OPERATOR), at=watched.at,
        business_date=watched.day,
    )  # fmt: skip
    rule.refresh_from_db()
    assert rule.active
    taken = operator.post(path, NEW_RULE)
    assert taken.status_code == 422
    assert "Another one has this code." in text_of(taken)
    assert 'value="Big trades in STOCK"' in taken.content.decode()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"code": "1-no"}, "code"), ({"name": " "}, "name"), ({"ceiling_minor": ""}, "volume_percent"),
        ({"ceiling_minor": "many"}, "ceiling_minor"), ({"security": "NOTHING"}, "security"),
        ({"client": "NOBODY"}, "client"), ({"participant": "NOBODY"}, "participant"),
        ({"valid_from": "soon"}, "valid_from"), ({"action": "SHOUT"}, "action"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_new_rule_stands_at_its_field(
    changes: dict[str, str], field: str, operator: Client, watched: Chain
) -> None:
    from trades.models import ComplianceRule

    before = ComplianceRule.objects.count()
    answer = operator.post("/compliance/rules/new/?kind=FAT_FINGER", NEW_RULE | changes)
    assert answer.status_code == 422
    assert [one.name for one in answer.context["fields"] if one.error] == [field]
    assert ComplianceRule.objects.count() == before


def test_an_entry_of_the_restricted_list_is_ended(operator: Client, watched: Chain) -> None:
    from trades.models import RestrictedEntry

    entry = RestrictedEntry.objects.get()
    assert "Embargo" in get_text(operator, "/compliance/restricted/")
    operator.post(f"/compliance/restricted/{entry.pk}/end/")
    entry.refresh_from_db()
    assert (entry.valid_to, entry.ended_by) == (watched.day, "operator")
    assert operator.post("/compliance/restricted/999999/end/").status_code == 404


def test_a_trade_shows_its_market_and_risk_and_alerts_to_who_watches(
    operator: Client, alpha: Client, watched: Chain
) -> None:
    from trades.models import Trade

    trade = Trade.objects.order_by("pk")[0]
    text = get_text(operator, f"/trades/{trade.public_id}/")
    assert "1,000.00 % of an average day's volume; all points from 10.00 %" in text
    assert "FAT-FINGER" in text
    own = get_text(alpha, f"/trades/{trade.public_id}/")
    assert "Risk score" in own
    assert "FAT-FINGER" not in own


@pytest.mark.parametrize("path", [*PAGES, "/compliance/?status=OPEN"])
def test_rows_cost_no_queries(
    path: str, operator: Client, watched: Chain, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    from tests.factories.compliance import make_trade
    from trades.services.compliance.enrich import enrich_trades

    for quantity in range(10, 40):
        make_trade(chain=watched, quantity=quantity)
    enrich_trades(at=watched.at, business_date=watched.day)
    operator.get(path)
    with django_assert_max_num_queries(21):
        operator.get(path)
