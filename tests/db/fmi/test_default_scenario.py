"""The scenario `default`: a member misses its call on 2008-10-10, and by the evening all stands in order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from clearing.models import DefaultCase
from fmi import business_day
from fmi.demo import feed, market, opening
from fmi.demo.feed import market_securities
from fmi.demo.market import MarketSecurity
from fmi.demo.play import play_days, prepare_books
from fmi.invariants import check_invariants
from ledger.models import Balance

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture(scope="module", autouse=True)
def _loaded(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Load the reference data in a transaction around the file."""
    from reference.queries import forget_directory
    from reference.services import load_reference

    with django_db_blocker.unblock(), transaction.atomic():
        load_reference()
        yield
        transaction.set_rollback(True)
    forget_directory()


def test_a_member_defaults_and_the_waterfall_ends_balanced(monkeypatch: pytest.MonkeyPatch) -> None:
    def few(*, business_date: date) -> list[MarketSecurity]:
        return market_securities(business_date=business_date)[:6]

    monkeypatch.setattr(market, "TRADES_PER_DAY", 80)
    monkeypatch.setattr(feed, "market_securities", few)
    monkeypatch.setattr(opening, "market_securities", few)
    monkeypatch.setattr(business_day, "SWEEP_EVERY", timedelta(hours=3))
    feed.events_of.cache_clear()
    prepare_books(first_date=date(2008, 10, 9))
    play_days(days=2, seed=7, scenario="default")
    feed.events_of.cache_clear()
    case = DefaultCase.objects.get()
    assert (case.status, case.proposed_by, case.declared_by) == ("CLOSED", "risk.officer", "risk.manager")
    assert case.declared_at is not None
    assert case.declared_at.date() == date(2008, 10, 10)
    done = [step.action for step in case.steps.all()]
    assert done[:3] == ["propose", "declare", "suspend"]
    assert done[-3:] == ["allocate", "refill", "close"]
    assert "award" in done
    assert not Balance.objects.filter(account__name="ESTATE").exclude(balance=0).exists()
    assert [finding for finding in check_invariants() if finding.violations] == []
