"""One of everything that belongs to ALPHA alone, in a market where BRAVO deals with it and CHARLIE does not.

Every reference, name and reason of it begins with ZQXJKV, its shares come in 7,919,197 and its prices end in .37, so
that a byte of it is known wherever it turns up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User

from clearing.core.call_lifecycle import CallKind
from clearing.services.allocate_blocks import allocate_block
from clearing.services.default_auction import open_auction, place_bid
from clearing.services.default_case import propose_default
from clearing.services.default_positions import offer_porting
from clearing.services.issue_calls import WantedCall, place_calls
from events.models import AuditRecord
from events.queries.schemas import event_schemas
from events.services.manage_webhooks import create_webhook
from reference.models import Participant
from reference.queries import forget_directory
from settlement.models import Cycle, Instruction
from settlement.services.business_day import open_business_day
from tests.factories import defaulting
from tests.factories.chain import Chain, make_chain
from tests.factories.credit import lend
from tests.factories.derivatives import make_derivatives
from tests.factories.distributing import announce
from tests.factories.executing import make_buyer, make_executed
from tests.factories.instructing import instruct, instruct_both, match_all
from tests.factories.market import login
from tests.factories.signing import make_key
from tests.factories.trading import make_trader
from trades.models import PositionAlert, Trade, Venue
from trades.queries.blocks import find_block
from trades.services.capture_submission import capture_submission, open_submission
from trades.services.change_client import change_client
from trades.services.positions.set_limits import set_limit
from trades.services.positions.watch_limits import watch_limits

UNITS = 7_919_197


@dataclass
class Owned:
    """The market, the key of each thing of ALPHA's, and the bytes that tell of one."""

    chain: Chain
    keys: dict[str, Any] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)

    def own(self, **keys: Any) -> None:
        """Note things of ALPHA's; a key that is long enough to be told from others is a mark."""
        self.keys |= keys
        self.marks |= {str(key) for key in keys.values() if len(str(key)) > 5}


def make_owned() -> Owned:
    """Play it; the clock stands at Thursday 2008-09-11, ten o'clock."""
    chain = make_chain()
    _begin(chain)
    open_business_day(business_date=chain.day, at=chain.at)
    owned = Owned(chain, marks={"ZQXJKV", "ALPHA-SEC", "ALPHA-CASH", f"{UNITS}", f"{UNITS:,}"})
    login(participant=Participant.objects.get(code="ALPHA"), name="alpha")
    _trade(owned)
    _instruct(owned)
    _watch(owned)
    _bring_margin(owned)
    _default(owned)
    owned.own(key=make_key("trades:read", name="alpha").key.client_id)
    webhook = create_webhook(
        owner=User.objects.get(username="alpha"), url="https://zq.example.com/ZQXJKV", description="ZQXJKV", events=[],
        actor=chain.actor("ALPHA"), **_when(chain),
    ).endpoint  # fmt: skip
    owned.own(webhook=webhook.public_id)
    owned.keys |= {"delivery": uuid4(), "schema": event_schemas()[0].name, "trade_kind": "trade"}
    owned.own(audit=AuditRecord.objects.filter(actor="alpha").latest("pk").pk)
    return owned


def _when(chain: Chain) -> dict[str, Any]:
    return {"at": chain.at, "business_date": chain.day}


def _begin(chain: Chain) -> None:
    """DELTA has bought of BRAVO, and one evening's margin was run."""
    defaulting.set_up(chain)
    chain.trade("T1", "DELTA", "BRAVO", quantity=1_000, settlement_date="2008-09-19")
    chain.clear()
    defaulting.evening(chain, defaulting.WEDNESDAY, STOCK="7", SHARE="20")
    chain.move_to(defaulting.THURSDAY, 10)


def _trade(owned: Owned) -> None:
    """A client, a trader, orders that work and were executed, trades, an allocation, a file."""
    chain, alpha = owned.chain, owned.chain.actor("ALPHA")
    broker = Participant.objects.get(code="ALPHA")
    client = make_buyer(chain, code="ZQXJKVCLIENT")
    trader = make_trader(broker=broker, code="ZQXJKVTRADER", name="ZQXJKV Trader")
    order = make_executed(chain, client, reference="ZQXJKV-ORDER", parts=2, open_units=UNITS)
    chain.trade("ZQXJKV-T", "ALPHA", "BRAVO", quantity=UNITS, price="13.37", settlement_date="2008-09-16")
    chain.clear()
    trade = Trade.objects.get(trade_id="ZQXJKV-T-A")
    allocation = allocate_block(
        block=find_block(actor=alpha, trade=trade), method="QUANTITY", told={"FUND": Decimal(UNITS)}, actor=alpha,
        **_when(chain),
    )  # fmt: skip
    submission = open_submission(actor=alpha, source="ZQXJKV.json", **_when(chain))
    for _ in capture_submission(submission=submission, blocks=[b"ZQXJKV no JSON\n"], form="ndjson", actor=alpha):
        pass
    changes = {"daily_limit_minor": 123_456_789}
    changed = change_client(client_id=client.pk, changes=changes, actor=alpha, **_when(chain))
    assert changed.proposal is not None
    owned.own(
        client=client.code, trader=trader.code, order=order.public_id, trade=trade.public_id, trade_id=trade.trade_id,
        allocation=allocation.public_id, submission=submission.public_id, proposal=changed.proposal.public_id,
        execution=order.public_id, account=chain.account("ALPHA").code, cash=chain.account("ALPHA", "EUR").code,
    )  # fmt: skip
    owned.keys |= {"trade_pk": trade.pk, "security": chain.isins["STOCK"], "mic": Venue.objects.get().mic}


def _instruct(owned: Owned) -> None:
    """Instructions of one party, and what they and a gross trade became."""
    chain = owned.chain
    chain.trade(
        "ZQXJKV-G", "BRAVO", "ALPHA", quantity=UNITS, price="13.37", cleared=False, settlement_date="2008-09-16"
    )
    waiting = instruct(chain, "ZQXJKV-P", "DELI", "ALPHA", "BRAVO", units=UNITS, intended_date=chain.day)
    instruct_both(chain, "ZQXJKV-I", "ALPHA", "BRAVO", units=UNITS, intended_date=chain.day)
    match_all(chain)
    chain.clear()
    instruction = Instruction.objects.filter(source="DIRECT").latest("pk")
    owned.own(party=waiting.public_id, instruction=instruction.public_id)
    owned.keys["action"] = announce(chain, "DIVIDEND", rate="0.37", ex_date=chain.day + timedelta(days=4),
                                    record_date=chain.day + timedelta(days=5),
                                    payment_date=chain.day + timedelta(days=6)).pk  # fmt: skip
    chain.settle()
    owned.keys["cycle"] = Cycle.objects.latest("pk").pk


def _watch(owned: Owned) -> None:
    """A limit of ALPHA's and what is above it."""
    chain = owned.chain
    changed = set_limit(
        participant_id=chain.ids["ALPHA"], account=None, security_id=chain.assets["STOCK"], largest_units=1,
        volume_percent=None, actor=defaulting.ONE, **_when(chain),
    )  # fmt: skip
    watch_limits(**_when(chain))
    owned.keys |= {"limit": changed.limit.pk, "alert": PositionAlert.objects.latest("pk").pk}


def _bring_margin(owned: Owned) -> None:
    """A margin call, a credit line, an account for derivatives."""
    chain = owned.chain
    wanted = [WantedCall(chain.ids["ALPHA"], chain.assets["EUR"], 424_237)]
    [call] = place_calls(wanted=wanted, kind=CallKind.FUND, deadline=chain.at, **_when(chain))
    line = lend(chain, "ALPHA", 535_337)
    market = make_derivatives(chain, money={"ALPHA": 646_437})
    owned.marks |= {"4242.37", "4,242.37", "5353.37", "5,353.37", "6464.37", "6,464.37"}
    owned.keys |= {"call": call.pk, "line": line.pk, "derivatives": market.accounts["ALPHA"].pk}


def _default(owned: Owned) -> None:
    """A default that is only proposed; and another's, with ALPHA's sealed bid and a client offered to it."""
    chain = owned.chain
    Participant.objects.filter(code="ECHO").update(clearing_member_id=chain.ids["DELTA"])
    forget_directory()
    case = defaulting.suspend(chain)
    porting = offer_porting(case_id=case.pk, client="ECHO", to_member="ALPHA", actor=defaulting.ONE, **_when(chain))
    [lot] = open_auction(
        case_id=case.pk, lots=1, reserve_percent=None, deadline=chain.at + timedelta(hours=1), actor=defaulting.ONE,
        **_when(chain),
    )  # fmt: skip
    place_bid(lot_id=lot.pk, price_minor=757_537, actor=chain.actor("ALPHA"), **_when(chain))
    proposed = propose_default(
        member_id=chain.ids["BRAVO"], reason="ZQXJKV did not pay", juniorise=False, actor=defaulting.ONE, **_when(chain)
    )  # fmt: skip
    owned.marks |= {"7575.37", "7,575.37"}
    owned.keys |= {"case": case.pk, "proposed_case": proposed.pk, "lot": lot.pk, "porting": porting.pk}
