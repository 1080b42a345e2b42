"""A market with stock and cash whose whole chain, capture to settled, is driven through the services."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

import msgspec
import numpy as np
from django.db import connection

from clearing.services.discharge_obligations import discharge_obligations
from clearing.services.instruct_settlement import instruct_settlement
from clearing.services.net_obligations import net_obligations
from clearing.services.novate_trades import novate_trades
from ledger.models import Account, Balance
from ledger.services import open_accounts, post_entries
from reference.core.actor import SYSTEM, Actor, Role
from reference.core.calendar import BUSINESS_ZONE
from reference.models import BusinessClock, Holiday, Participant
from reference.queries import forget_directory
from settlement.models import Cycle
from settlement.services.business_day import open_business_day
from settlement.services.load_schedule import load_schedule
from settlement.services.settle_cycle import settle_cycle
from tests.factories.reference import CalendarFactory, CurrencyFactory, ParticipantFactory, SecurityFactory
from trades.core.parsing import read_report
from trades.core.report import Problem
from trades.models import Match, Trade
from trades.services.cancel_trades import cancel_trade
from trades.services.capture_submission import capture_submission, open_submission
from trades.services.capture_trade import capture_trade
from trades.services.capture_trades import CaptureOutcome
from trades.services.match_trades import match_trades

MONDAY = date(2008, 9, 8)
WEDNESDAY = date(2008, 9, 10)
MEMBERS = ("ALPHA", "BRAVO", "CHARLIE", "DELTA")
TARGET_HOLIDAYS = (date(2008, 12, 25), date(2008, 12, 26), date(2009, 1, 1), date(2009, 4, 10), date(2009, 4, 13))


def at_time(day: date, hour: int, minute: int = 0) -> datetime:
    """Return a moment of business time."""
    return datetime.combine(day, time(hour, minute), tzinfo=BUSINESS_ZONE)


MONDAY_TEN = at_time(MONDAY, 10)


@dataclass
class Chain:
    """The market, where its clock stands, and each link of the chain as one call."""

    ids: dict[str, int]
    isins: dict[str, str]
    assets: dict[str, int]
    day: date = MONDAY
    at: datetime = MONDAY_TEN
    issued: list[int] = field(default_factory=list)

    def move_to(self, day: date, hour: int = 10, minute: int = 0) -> None:
        """Set business date and time, on the clock in the database too."""
        self.day, self.at = day, at_time(day, hour, minute)
        BusinessClock.objects.update_or_create(pk=1, defaults={"business_date": self.day, "at": self.at})

    def actor(self, code: str) -> Actor:
        """Return a user of a participant."""
        return Actor(name=code.lower(), role=Role.PARTICIPANT, participant_id=self.ids[code])

    def account(self, code: str, asset: str = "STOCK", name: str = "HOUSE") -> Account:
        """Return the account on which a participant holds an asset."""
        kind = "CASH" if asset in ("EUR", "USD") else "SECURITIES"
        return Account.objects.get(participant_id=self.ids[code], kind=kind, name=name)

    def give(self, code: str, asset: str, amount: int, name: str = "HOUSE") -> None:
        """Put an amount of an asset on a participant's account, out of an issuance account."""
        issuer = self.account("CSD" if asset not in ("EUR", "USD") else "BANK", asset, "ISSUANCE")
        receiver = self.account(code, asset, name)
        self.issued.append(amount)
        post_entries(
            source="OPENING",
            business_date=self.day,
            at=self.at,
            source_ids=np.full(2, len(self.issued), dtype=np.int64),
            accounts=np.array([receiver.pk, issuer.pk], dtype=np.int64),
            assets=np.full(2, self.assets[asset], dtype=np.int64),
            amounts=np.array([amount, -amount], dtype=np.int64),
        )

    def balance(self, code: str, asset: str, name: str = "HOUSE") -> int:
        """Return what an account holds."""
        row = Balance.objects.filter(account=self.account(code, asset, name), asset_id=self.assets[asset]).first()
        return row.balance if row is not None else 0

    def fields(self, trade_id: str, buyer: str, seller: str, **changes: Any) -> dict[str, Any]:
        """Return a report's fields; security is named by its symbol."""
        return {
            "trade_id": trade_id,
            "buyer": buyer,
            "seller": seller,
            "security": "STOCK",
            "quantity": 100,
            "price": "10",
            "currency": "EUR",
            "trade_date": self.day.isoformat(),
        } | changes

    def capture(
        self, trade_id: str, buyer: str, seller: str, *, by: str | None = None, **changes: Any
    ) -> CaptureOutcome:
        """Capture one report, by one side, or by the operator for both."""
        read = read_report(data=msgspec.json.encode(self.fields(trade_id, buyer, seller, **changes)))
        assert not isinstance(read, Problem), read
        actor = SYSTEM if by is None else self.actor(by)
        return capture_trade(report=read, actor=actor, at=self.at, business_date=self.day)

    def trade(self, trade_id: str, buyer: str, seller: str, **changes: Any) -> None:
        """Capture a trade by both its sides, ready to be matched."""
        for by in (buyer, seller):
            outcome = self.capture(f"{trade_id}-{by[0]}", buyer, seller, by=by, **changes)
            assert outcome.outcome == "ACCEPTED", outcome

    def status(self, trade_id: str) -> str:
        """Return where a report stands."""
        return Trade.objects.get(trade_id=trade_id).status

    def match_of(self, trade_id: str) -> Match:
        """Return the match of a buy report."""
        return Match.objects.get(buy_trade__trade_id=trade_id)

    def match(self) -> int:
        """Match what waits."""
        return match_trades(at=self.at, business_date=self.day)

    def novate(self) -> int:
        """Novate what is matched."""
        return novate_trades(at=self.at, business_date=self.day)

    def net(self) -> int:
        """Net what is due."""
        return net_obligations(at=self.at, business_date=self.day)

    def instruct(self) -> int:
        """Instruct settlement."""
        return instruct_settlement(at=self.at)

    def cycle(self, name: str = "Cycle", *, partials: bool = False, movements: str = "ALL") -> Cycle | None:
        """Run a settlement cycle."""
        return settle_cycle(name=name, at=self.at, business_date=self.day, partials=partials, movements=movements)

    def discharge(self) -> int:
        """Discharge what settled."""
        return discharge_obligations(at=self.at)

    def clear(self) -> None:
        """Match and novate what was captured."""
        self.match()
        self.novate()

    def settle(self) -> Cycle | None:
        """Net, instruct, run a cycle and discharge."""
        self.net()
        self.instruct()
        cycle = self.cycle()
        self.discharge()
        return cycle


def make_chain() -> Chain:
    """Make four members, a bank that clears through the first, the infrastructures, and three securities."""
    target = CalendarFactory.create()
    Holiday.objects.bulk_create(
        [Holiday(calendar=target, date=day, name="TARGET closing day") for day in TARGET_HOLIDAYS],
        ignore_conflicts=True,
    )
    euro, dollar = CurrencyFactory.create(), CurrencyFactory.create(code="USD", name="US dollar")
    members = [ParticipantFactory.create(code=code) for code in MEMBERS]
    securities = [
        SecurityFactory.create(symbol="STOCK", currency=euro),
        SecurityFactory.create(symbol="SHARE", currency=euro),
        SecurityFactory.create(symbol="BOND", currency=euro, bond=True),
        SecurityFactory.create(symbol="DOLLAR", currency=dollar),
    ]
    ParticipantFactory.create(code="ECHO", role="BANK", clearing_member=members[0])
    ParticipantFactory.create(code="CCP", ccp=True)
    ParticipantFactory.create(code="CSD", csd=True)
    ParticipantFactory.create(code="BANK", central_bank=True)
    ParticipantFactory.create(code="VENUE", role="VENUE")
    ids = dict(Participant.objects.values_list("code", "pk"))
    open_accounts(participants=[(pk, code) for code, pk in ids.items()])
    open_accounts(participants=[(ids["CSD"], "CSD"), (ids["BANK"], "BANK")], name="ISSUANCE", limit_minor=None)
    open_accounts(participants=[(ids["ALPHA"], "ALPHA")], name="FUND")
    load_schedule()
    forget_directory()
    chain = Chain(
        ids=ids,
        isins={security.symbol: security.code for security in securities},
        assets={security.symbol: security.pk for security in securities} | {"EUR": euro.pk, "USD": dollar.pk},
    )
    chain.move_to(MONDAY)
    return chain


def total_by_asset() -> dict[int, int]:
    """Return the sum of all balances, asset by asset."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT asset_id, sum(balance)::bigint FROM ledger_balance GROUP BY asset_id")
        return dict(cursor.fetchall())


def play_small(chain: Chain) -> None:
    """Play a small market, so that every table has rows in every state, through the services alone.

    Settled: S1 (cleared), S2 (locked in, cleared), G (gross). Waiting: L1 (cleared, LACK), GL (gross, LACK),
    N (not netted yet). Unmatched: U1 and U2, each the other's near miss. Cancelled: C (new), D (by both).
    """
    for code in ("ALPHA", "BRAVO", "CHARLIE"):
        chain.give(code, "STOCK", 1_000)
        chain.give(code, "EUR", 10_000_000)
    chain.trade("S1", "ALPHA", "BRAVO", quantity=100)
    chain.capture("S2", "BRAVO", "CHARLIE", quantity=50)
    chain.trade("G", "CHARLIE", "ALPHA", quantity=10, cleared=False)
    chain.trade("GL", "ALPHA", "DELTA", quantity=5, cleared=False)
    chain.trade("L1", "CHARLIE", "DELTA", security="SHARE", quantity=30)
    chain.trade("N", "ALPHA", "CHARLIE", quantity=20, settlement_date="2008-09-11")
    chain.capture("U1", "ALPHA", "BRAVO", by="ALPHA", quantity=7, price="10")
    chain.capture("U2", "ALPHA", "BRAVO", by="BRAVO", quantity=7, price="11")
    chain.capture("C", "ALPHA", "BRAVO", by="ALPHA", quantity=9)
    chain.trade("D", "ALPHA", "BRAVO", quantity=8)
    chain.clear()
    for trade_id, by in (("C", "ALPHA"), ("D-A", "ALPHA"), ("D-B", "BRAVO"), ("N-A", "ALPHA")):
        cancel_trade(
            trade_pk=Trade.objects.get(trade_id=trade_id).pk,
            reason="a mistake",
            actor=chain.actor(by),
            at=chain.at,
            business_date=chain.day,
        )
    submission = open_submission(actor=SYSTEM, source="small.json", at=chain.at, business_date=chain.day)
    for _ in capture_submission(submission=submission, blocks=[b"not JSON\n"], form="ndjson", actor=SYSTEM):
        pass
    open_business_day(business_date=WEDNESDAY, at=chain.at)
    chain.move_to(WEDNESDAY)
    chain.settle()
