"""The market of the fuzzer: one of everything that an operation may name, so that each has something to succeed on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from clearing.models import MarginRun
from clearing.services.backtest_margins import backtest_margins
from clearing.services.default_positions import offer_porting
from clearing.services.mark_derivatives import set_mark_prices
from clearing.services.run_stress import run_stress
from clearing.services.size_fund import size_fund
from events.models import WebhookDelivery
from events.services.seal import seal_records
from events.services.verify import signing_key
from ledger.services import open_accounts
from reference.core.actor import SYSTEM
from reference.models import Participant
from reference.queries import business_clock
from settlement.models import DryRun, PenaltyRun
from settlement.services.charge_penalties import charge_penalties
from settlement.services.compare_models import order_comparison, run_comparisons
from settlement.services.load_penalty_rates import load_penalty_rates
from settlement.services.record_corporate_actions import record_corporate_actions
from tests.factories import defaulting
from tests.factories.chain import MONDAY, Chain
from tests.factories.collateral import put_in
from tests.factories.derivatives import BTC
from tests.factories.distributing import announce
from tests.factories.instructing import instruct, instruct_both, match_all
from tests.factories.margins import add_price, make_run
from tests.factories.owned import Owned, make_owned
from tests.factories.reference import ParticipantFactory
from tests.factories.trading import make_client, make_trader
from tests.factories.venues import BUY, SELL, ask, make_book, make_venue, request
from trades.models import ComplianceAlert, RestrictedEntry, Trade, Venue
from trades.services.cancel_trades import cancel_trade
from trades.services.compliance.enrich import enrich_trades
from trades.services.compliance.load_compliance import load_compliance
from trades.services.compliance.restrict import Restriction, restrict_security

# They clear through CHARLIE, which is in default, and are to clear through another.
CLIENTS = ("FOXTROT", "GOLF")


def make_fuzz_market() -> Owned:
    """Make what ALPHA owns, and what is nobody's; the clock stands at Thursday 2008-09-11, ten o'clock."""
    owned = make_owned()
    chain = owned.chain
    when = {"at": chain.at, "business_date": chain.day}
    for make in (_report, _open_books, _open_clients, _pair, _distribute, _default_again, _restrict, _reckon):
        make(owned, when)
    _send(owned)
    owned.keys |= {"day": chain.day.isoformat(), "bond": chain.isins["BOND"], "share": chain.isins["SHARE"]}
    seal_records(key=signing_key(), heads=settings.AUDIT_HEADS, now=timezone.now())
    return owned


def _report(owned: Owned, when: dict[str, Any]) -> None:
    """Trades that are not matched, each other's near miss, one that is cancelled and one that goes gross."""
    chain = owned.chain
    chain.capture("U1", "ALPHA", "BRAVO", by="ALPHA", quantity=7, price="10")
    chain.capture("U2", "ALPHA", "BRAVO", by="BRAVO", quantity=7, price="11")
    chain.capture("C", "ALPHA", "BRAVO", by="ALPHA", quantity=9)
    chain.trade("S", "BRAVO", "ALPHA", security="SHARE", quantity=3, settlement_date="2008-09-16")
    chain.trade("M", "ALPHA", "BRAVO", quantity=60, settlement_date="2008-09-16")
    chain.trade("T2", "CHARLIE", "BRAVO", quantity=10, settlement_date="2008-09-19")
    chain.clear()
    cancelled = Trade.objects.get(trade_id="C")
    cancel_trade(trade_pk=cancelled.pk, reason="a mistake", actor=chain.actor("ALPHA"), **when)
    found = dict(Trade.objects.values_list("trade_id", "public_id"))
    owned.keys |= {"new": found["U1"], "block": found["M-A"]}


def _open_books(owned: Owned, when: dict[str, Any]) -> None:
    """A book that has traded, and a venue without one, which reports what it executes."""
    chain, ids = owned.chain, owned.chain.ids
    book = make_book(venue=Venue.objects.get(mic="XAAA"), security_id=chain.assets["STOCK"])
    ask(
        request(book, 10**12, SELL, 10, "10.00", owner=ids["CHARLIE"]),
        request(book, 10**12 + 1, BUY, 4, "10.00", owner=ids["BRAVO"]),
        request(book, 10**12 + 2, BUY, 7, "9.90", owner=ids["DELTA"]),
        **when,
    )
    make_venue(mic="XOUT", market_maker_id=ids["BRAVO"])
    set_mark_prices(prices={BTC: Decimal(50_000)}, actor=SYSTEM, confirmed=True, **when)


def _open_clients(owned: Owned, when: dict[str, Any]) -> None:
    """A client and a trader of ALPHA's without orders, who may leave."""
    broker = Participant.objects.get(code="ALPHA")
    account = owned.chain.account("ALPHA")
    owned.keys |= {
        "idle_client": make_client(broker=broker, account=account, code="IDLE").code,
        "idle_trader": make_trader(broker=broker, code="IDLER").code,
    }


def _pair(owned: Owned, when: dict[str, Any]) -> None:
    """Instructions to link to: one that waits, and a pair."""
    chain = owned.chain
    instruct(chain, "OTHER-P", "DELI", "ALPHA", "BRAVO", units=5, intended_date=chain.day)
    instruct_both(chain, "OTHER-I", "ALPHA", "BRAVO", units=6, intended_date=chain.day)
    match_all(chain)


def _distribute(owned: Owned, when: dict[str, Any]) -> None:
    """A dividend that is recorded, with entitlements and claims."""
    chain = owned.chain
    chain.give("ALPHA", "STOCK", 500)
    action = announce(replace(chain, day=MONDAY), "DIVIDEND", rate="0.5", record_date=chain.day)
    record_corporate_actions(**when)
    owned.keys["recorded_action"] = action.pk


def _default_again(owned: Owned, when: dict[str, Any]) -> None:
    """A second default, whose positions are not offered yet; a client of it is."""
    chain: Chain = owned.chain
    chain.give("ALPHA", "EUR", 1_000_000)
    put_in(chain, "ALPHA", "SHARE", 10)
    put_in(chain, "ALPHA", "EUR", 2_000_000)
    put_in(chain, "CHARLIE", "SHARE", 10)
    made = [ParticipantFactory.create(code=code, role="BANK", clearing_member_id=chain.ids["CHARLIE"])
            for code in CLIENTS]  # fmt: skip
    open_accounts(participants=[(row.pk, row.code) for row in made])
    case = defaulting.suspend(chain, "CHARLIE")
    offered = offer_porting(case_id=case.pk, client="FOXTROT", to_member="ALPHA", actor=defaulting.ONE, **when)
    owned.keys |= {"suspended_case": case.pk, "offered": offered.pk}


def _restrict(owned: Owned, when: dict[str, Any]) -> None:
    """What ALPHA may not trade, and the alert that it did."""
    load_compliance()
    restrict_security(
        restriction=Restriction(
            security_id=owned.chain.assets["SHARE"], participant_id=owned.chain.ids["ALPHA"], reason="Insider list",
            valid_from=owned.chain.day, valid_to=None,
        ),
        actor=SYSTEM, **when,
    )  # fmt: skip
    enrich_trades(**when)
    owned.keys |= {
        "compliance_alert": ComplianceAlert.objects.latest("pk").pk, "entry": RestrictedEntry.objects.latest("pk").pk,
    }  # fmt: skip


def _reckon(owned: Owned, when: dict[str, Any]) -> None:
    """Penalties of the day, the margins held against what came, stress, the fund, and a comparison."""
    chain = owned.chain
    load_penalty_rates()
    add_price(chain, "BOND", date(2008, 9, 10), "98")
    charge_penalties(**when)
    assert PenaltyRun.objects.exists()
    run = MarginRun.objects.latest("pk")
    make_run(chain, defaulting.TUESDAY, {"ALPHA": ({"STOCK": 1_000_000}, 150_000)})
    for reckon in (backtest_margins, run_stress, size_fund):
        reckon(run=run)
    owned.keys["comparison"] = order_comparison(actor=SYSTEM, clock=business_clock()).pk
    run_comparisons()
    assert DryRun.objects.get().state == "DONE"


def _send(owned: Owned) -> None:
    """A message to ALPHA's webhook that did not come through."""
    alpha = Client()
    alpha.force_login(User.objects.get(username="alpha"))
    sent = alpha.post(f"/api/v1/webhooks/{owned.keys['webhook']}/test")
    assert sent.status_code == 202, sent.content
    WebhookDelivery.objects.update(state="FAILED", ended_at=timezone.now())
    owned.keys["delivery"] = sent.json()["id"]
