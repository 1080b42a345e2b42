"""Deliveries and payments that participants instruct themselves, each its own side: what a CSD has to match.

A few a day, with all that an instruction can have: settled in parts, linked, held, alleged, entered wrongly and
cancelled, within the tolerance, and an exchange of two currencies.
"""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import NamedTuple

import numpy as np

from fmi.demo.market import MarketSecurity, Trader
from ledger.models import Account, AccountKind
from reference.core.actor import Actor, Role
from reference.core.calendar import add_business_days, is_business_day
from reference.core.directory import ParticipantEntry, SecurityEntry
from reference.queries import directory
from settlement.core.party_lifecycle import PartyStatus
from settlement.models import PartyInstruction
from settlement.services.cancel_party_instruction import cancel_party_instruction
from settlement.services.enter_exchange import Exchange, enter_exchange_for_party
from settlement.services.enter_party_instruction import EnteredPartyInstruction, enter_party_instructions
from settlement.services.hold_instruction import hold_party_instruction
from settlement.services.link_instructions import WantedLink

ENTERED_AT, CORRECTED_AT = time(9, 30), time(13, 0)
DELIVERIES = 10
# Each delivery has its own story, by its number.
IN_PARTS, LINKED, HELD, LATE, NEAR, WRONG, NEVER = (0, 1, 2), 3, 4, 5, 6, 7, 8
SHARE_OF_VOLUME = 0.0001
WITHIN_TOLERANCE_MINOR = 100
EXCHANGED = 250_000_00


class Delivery(NamedTuple):
    """One delivery against payment, as the demo's parties agree on it."""

    number: int
    deliverer: ParticipantEntry
    receiver: ParticipantEntry
    security: SecurityEntry
    quantity_units: int
    cash_minor: int
    intended_date: date


def instruct_directly(
    *,
    seed: int,
    at: datetime,
    business_date: date,
    traders: Sequence[Trader],
    securities: Sequence[MarketSecurity],
    correct: bool,
) -> None:
    """Enter the day's instructions, or later put right what was held, late or wrong. Twice changes nothing."""
    deliveries = _deliveries(seed=seed, business_date=business_date, traders=traders, securities=securities)
    for delivery in deliveries:
        if correct:
            _correct(delivery=delivery, at=at, business_date=business_date)
        else:
            _enter_both(delivery=delivery, at=at, business_date=business_date)
    if not correct and deliveries:
        _exchange(delivery=deliveries[0], at=at, business_date=business_date)


def _deliveries(
    *, seed: int, business_date: date, traders: Sequence[Trader], securities: Sequence[MarketSecurity]
) -> list[Delivery]:
    """Draw the day's deliveries: who, what, for how much. The last four are due today, the others as traded."""
    if len(traders) < 2 or not securities:
        return []
    random = np.random.default_rng([seed, business_date.toordinal(), 77])
    source = directory()
    found = []
    for number in range(DELIVERIES):
        deliverer, receiver = (
            source.participants_by_code[traders[k].code] for k in random.permutation(len(traders))[:2]
        )
        market = securities[int(random.integers(len(securities)))]
        entry = source.securities_by_isin[market.isin]
        lots = max(2, round(market.volume * SHARE_OF_VOLUME / entry.lot_size_units))
        quantity = lots * entry.lot_size_units
        price = (market.low + market.high) / 2 / 10**entry.price_digits / (100 if entry.percent else 1)
        due = 0 if number >= DELIVERIES - 4 else entry.settlement_lag_days
        found.append(
            Delivery(
                number=number,
                deliverer=deliverer,
                receiver=receiver,
                security=entry,
                quantity_units=quantity,
                cash_minor=max(1, round(price * quantity * 10**entry.currency.digits)),
                intended_date=add_business_days(day=business_date, count=due, calendar=entry.calendar),
            )
        )
    return found


def _reference(*, delivery: Delivery, business_date: date, side: str, attempt: str = "") -> str:
    """Return a party's reference of its side of a delivery."""
    return f"{side}{business_date:%y%m%d}-{delivery.number}{attempt}"


def _enter_both(*, delivery: Delivery, at: datetime, business_date: date) -> None:
    """Enter both sides in the morning: one of them late, wrong or held where that is the delivery's story."""
    links: tuple[WantedLink, ...] = ()
    _enter(delivery=delivery, side="DEL", at=at, business_date=business_date)
    if delivery.number == LINKED:
        # The deliverer sends one more lot once the whole has gone: two of its own, one after the other.
        lot = delivery.security.lot_size_units
        one_lot = delivery._replace(
            quantity_units=lot, cash_minor=max(1, delivery.cash_minor * lot // delivery.quantity_units)
        )
        links = (WantedLink("AFTER", _reference(delivery=delivery, business_date=business_date, side="DEL")),)
        _enter(delivery=one_lot, side="DEL", attempt="B", links=links, at=at, business_date=business_date)
        _enter(delivery=one_lot, side="REC", attempt="B", at=at, business_date=business_date)
    if delivery.number == WRONG:
        wrong = delivery._replace(quantity_units=delivery.quantity_units + delivery.security.lot_size_units)
        _enter(delivery=wrong, side="REC", at=at, business_date=business_date)
    elif delivery.number == NEAR:
        near = delivery._replace(cash_minor=delivery.cash_minor + WITHIN_TOLERANCE_MINOR)
        _enter(delivery=near, side="REC", at=at, business_date=business_date)
    elif delivery.number not in (LATE, NEVER):
        _enter(delivery=delivery, side="REC", held=delivery.number == HELD, at=at, business_date=business_date)


def _correct(*, delivery: Delivery, at: datetime, business_date: date) -> None:
    """Release what was held, enter what was late, and instruct anew what was wrong."""
    standing = PartyInstruction.objects.filter(
        participant_id=delivery.receiver.id,
        reference=_reference(delivery=delivery, business_date=business_date, side="REC"),
    ).first()
    actor = _actor(delivery.receiver)
    if delivery.number == HELD and standing is not None and standing.held:
        hold_party_instruction(party_pk=standing.pk, held=False, actor=actor, at=at, business_date=business_date)
    if delivery.number == LATE:
        _enter(delivery=delivery, side="REC", at=at, business_date=business_date)
    if delivery.number == WRONG:
        if standing is not None and standing.status == PartyStatus.UNMATCHED:
            cancel_party_instruction(
                party_pk=standing.pk, actor=actor, at=at, business_date=business_date,
                reason="Wrong quantity; instructed anew",
            )  # fmt: skip
        _enter(delivery=delivery, side="REC", attempt="B", at=at, business_date=business_date)


def _enter(
    *,
    delivery: Delivery,
    side: str,
    at: datetime,
    business_date: date,
    attempt: str = "",
    held: bool = False,
    links: tuple[WantedLink, ...] = (),
) -> None:
    """Enter one side of a delivery."""
    own, other = delivery.deliverer, delivery.receiver
    if side == "REC":
        own, other = other, own
    in_parts = delivery.number in IN_PARTS
    least = delivery.quantity_units // 2 // delivery.security.lot_size_units * delivery.security.lot_size_units
    asks_least = in_parts and side == "REC" and delivery.number == IN_PARTS[-1] and least > 0
    enter_party_instructions(
        entered=[
            EnteredPartyInstruction(
                movement="DELI" if side == "DEL" else "RECE",
                participant_id=own.id,
                account_id=_account(own).pk,
                counterparty_id=other.id,
                counterparty_account_id=None,
                payment="APMT",
                security=delivery.security,
                quantity_units=delivery.quantity_units,
                currency_id=delivery.security.currency.id,
                cash_minor=delivery.cash_minor,
                intended_date=delivery.intended_date,
                trade_date=business_date,
                reference=_reference(delivery=delivery, business_date=business_date, side=side, attempt=attempt),
                common_reference="",
                priority=3 if delivery.number == LINKED else 4,
                partial="PARQ" if asks_least else "PART" if in_parts else "NPAR",
                partial_minimum_units=least if asks_least else 0,
                held=held,
                links=links,
            )
        ],
        actor=_actor(own),
        at=at,
        business_date=business_date,
    )


def _exchange(*, delivery: Delivery, at: datetime, business_date: date) -> None:
    """Let the parties of a delivery exchange two currencies that are both open today: payment versus payment."""
    currencies = [
        entry
        for entry in sorted(directory().currencies.values(), key=lambda entry: entry.code)
        if is_business_day(day=business_date, calendar=entry.calendar.business_days)
    ]
    if len(currencies) < 2:
        return
    exchange = Exchange(
        reference=f"FX{business_date:%y%m%d}",
        common_reference="",
        buyer_account=_account(delivery.receiver),
        seller_account=_account(delivery.deliverer),
        paid_currency_id=currencies[0].id,
        paid_minor=EXCHANGED,
        bought_currency_id=currencies[1].id,
        bought_minor=round(EXCHANGED * 1.4),
        intended_date=business_date,
        trade_date=business_date,
        priority=4,
    )
    for party in (delivery.receiver, delivery.deliverer):
        enter_exchange_for_party(
            exchange=exchange, participant_id=party.id, actor=_actor(party), at=at, business_date=business_date
        )


def _account(entry: ParticipantEntry) -> Account:
    """Return a participant's own securities account."""
    return Account.objects.get(participant_id=entry.id, kind=AccountKind.SECURITIES, name="HOUSE")


def _actor(entry: ParticipantEntry) -> Actor:
    """Return a participant's user."""
    return Actor(name=entry.code.lower(), role=Role.PARTICIPANT, participant_id=entry.id)
