"""Payment versus payment: an exchange of two currencies, both payments or neither."""

from datetime import date, datetime
from typing import NamedTuple

from django.db import transaction

from ledger.models import Account
from reference.core.actor import Actor
from settlement.core.link_rules import read_link
from settlement.models import Instruction, Movement, Partial, PartyInstruction, Payment
from settlement.refusals import InstructionRefused
from settlement.services.create_instructions import DirectInstruction, enter_instruction
from settlement.services.enter_party_instruction import EnteredPartyInstruction, enter_party_instructions
from settlement.services.link_instructions import WantedLink
from settlement.services.resolve_links import live_links_between, write_links

# What tells the two payments of an exchange apart, after its reference.
FIRST, SECOND = ":1", ":2"
LONGEST_REFERENCE = 33


class Exchange(NamedTuple):
    """An exchange of currencies: the buyer pays the first amount, the seller the second."""

    reference: str
    common_reference: str
    buyer_account: Account
    seller_account: Account
    paid_currency_id: int
    paid_minor: int
    bought_currency_id: int
    bought_minor: int
    intended_date: date
    trade_date: date | None
    priority: int


def enter_exchange_for_both(
    *, exchange: Exchange, instructing_participant_id: int, actor: Actor, at: datetime, business_date: date
) -> tuple[list[Instruction], bool]:
    """Create both payments of an exchange, matched, linked to settle together; return them and whether they are new.

    Raises InstructionReferenceReused, InstructionRefused.
    """
    _check(exchange=exchange)
    buyer, seller = exchange.buyer_account, exchange.seller_account
    legs = (
        (FIRST, seller, buyer, exchange.paid_currency_id, exchange.paid_minor),
        (SECOND, buyer, seller, exchange.bought_currency_id, exchange.bought_minor),
    )
    with transaction.atomic():
        entered = [
            enter_instruction(
                entered=DirectInstruction(
                    reference=f"{exchange.reference}{ending}",
                    deliverer_account=paid,
                    receiver_account=payer,
                    security=None,
                    quantity_units=0,
                    cash_minor=minor,
                    intended_date=exchange.intended_date,
                    priority=exchange.priority,
                    payment_currency_id=currency_id,
                ),
                instructing_participant_id=instructing_participant_id,
                actor=actor,
                at=at,
                business_date=business_date,
            )
            for ending, paid, payer, currency_id, minor in legs
        ]
        first, second = (instruction for instruction, _ in entered)
        is_new = any(new for _, new in entered)
        if is_new and not live_links_between(first=first.pk, second=second.pk).exists():
            write_links(edges=[read_link(kind="WITH", first=first.pk, second=second.pk)], at=at)
    return [first, second], is_new


def enter_exchange_for_party(
    *, exchange: Exchange, participant_id: int, actor: Actor, at: datetime, business_date: date
) -> tuple[list[PartyInstruction], bool]:
    """Create one party's two payments of an exchange, linked to settle together; return them and whether any is new.

    The other party enters its own; each payment matches by itself, and neither settles before both can.
    Raises InstructionReferenceReused, InstructionRefused.
    """
    _check(exchange=exchange)
    if participant_id not in (exchange.buyer_account.participant_id, exchange.seller_account.participant_id):
        raise InstructionRefused("You are neither the buyer nor the seller.", pointer="/buyer")
    buys = exchange.buyer_account.participant_id == participant_id
    own, other = exchange.buyer_account, exchange.seller_account
    if not buys:
        own, other = other, own
    legs = (
        (FIRST, Movement.RECE if buys else Movement.DELI, exchange.paid_currency_id, exchange.paid_minor),
        (SECOND, Movement.DELI if buys else Movement.RECE, exchange.bought_currency_id, exchange.bought_minor),
    )
    return enter_party_instructions(
        entered=[
            EnteredPartyInstruction(
                movement=movement.value,
                participant_id=participant_id,
                account_id=own.pk,
                counterparty_id=other.participant_id,
                counterparty_account_id=other.pk,
                payment=Payment.PFOD.value,
                security=None,
                quantity_units=0,
                currency_id=currency_id,
                cash_minor=minor,
                intended_date=exchange.intended_date,
                trade_date=exchange.trade_date,
                reference=f"{exchange.reference}{ending}",
                common_reference=exchange.common_reference,
                priority=exchange.priority,
                partial=Partial.NPAR.value,
                partial_minimum_units=0,
                held=False,
                links=(WantedLink("WITH", f"{exchange.reference}{FIRST}"),) if ending == SECOND else (),
            )
            for ending, movement, currency_id, minor in legs
        ],
        actor=actor,
        at=at,
        business_date=business_date,
    )


def _check(*, exchange: Exchange) -> None:
    """Raise InstructionRefused where it is no exchange."""
    if exchange.paid_currency_id == exchange.bought_currency_id:
        raise InstructionRefused("An exchange is of two currencies.", pointer="/bought_currency")
    if exchange.buyer_account.participant_id == exchange.seller_account.participant_id:
        raise InstructionRefused("An exchange is between two participants.", pointer="/seller")
    if len(exchange.reference) > LONGEST_REFERENCE:
        raise InstructionRefused(f"An exchange's reference has at most {LONGEST_REFERENCE} characters.",
                                 pointer="/reference")  # fmt: skip
    for minor, pointer in ((exchange.paid_minor, "/paid_amount"), (exchange.bought_minor, "/bought_amount")):
        if minor <= 0:
            raise InstructionRefused("Each side of an exchange pays something.", pointer=pointer)
