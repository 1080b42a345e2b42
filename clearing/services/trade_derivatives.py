"""Trade derivatives: checked and made in the live store, acknowledged once the database has it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from clearing.core.derivatives.units import decimal_of, whole_units
from clearing.live.refusals import (
    AccountInLiquidation,
    AccountOfOtherCurrency,
    ClientIdReused,
    ContractExpired,
    CounterpartyNotYours,
    InsufficientMargin,
    LiveStateUnavailable,
    MarkPriceMissing,
    MarkPriceStale,
    NoCounterparty,
    NumberOutOfRange,
    PositionTooLarge,
    PriceBetterThanQuote,
    PriceTooFarFromMark,
    TradeWithItself,
    UnknownContract,
    UnknownDerivativesAccount,
)
from clearing.live.store import run_trades
from clearing.models import AccountPurpose, DerivativeAccount, DerivativeContract, DerivativeEvent, DerivativeTrade
from clearing.queries.derivatives import contracts_by_symbol, seconds_of
from clearing.services.commit_derivatives import commit_pending, make_known, verify_live
from events.services.audit import tell_action
from reference.core.actor import Actor
from reference.refusals import Refusal

PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.005
LONG_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class TradeOrder:
    """What somebody wants to trade. counterparty_id: None takes the contract's market maker."""

    symbol: str
    account_id: int
    side: str
    quantity: Decimal
    price: Decimal
    counterparty_id: int | None = None
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class _Ready:
    """An order that is ready to be decided."""

    order: TradeOrder
    contract: DerivativeContract
    nonce: str
    digest: str
    arguments: tuple[Any, ...]


def execute_trade(*, order: TradeOrder, actor: Actor, at: datetime, business_date: date) -> DerivativeTrade:
    """Make one trade; see execute_trades. Raises what was refused."""
    (result,) = execute_trades(orders=[order], actor=actor, at=at, business_date=business_date)
    if isinstance(result, Refusal):
        raise result
    return result


def execute_trades(
    *, orders: Sequence[TradeOrder], actor: Actor, at: datetime, business_date: date
) -> list[DerivativeTrade | Refusal]:
    """Make trades, one result an order: the trade as the database has it, or why it was refused.

    Both sides must keep their initial margin (20 % unless the contract says otherwise) in equity, or their maintenance
    margin where the trade makes their position smaller. The same client id of the same account trades once: asked
    again, the answer is the first trade. Not for use inside a transaction: a trade is acknowledged by its commit.
    """
    results: dict[int, DerivativeTrade | Refusal] = {}
    ready: dict[int, _Ready] = {}
    contracts = contracts_by_symbol()
    named = {order.account_id for order in orders} | {
        order.counterparty_id for order in orders if order.counterparty_id
    }
    accounts = {row.pk: row for row in DerivativeAccount.objects.filter(pk__in=named)}
    for place, order in enumerate(orders):
        try:
            ready[place] = _prepare(
                order=order, actor=actor, contracts=contracts, accounts=accounts, at=at, business_date=business_date
            )
        except Refusal as refusal:
            results[place] = refusal
    results |= _find_known(ready=ready)
    deadline, knows_all = time.monotonic() + PATIENCE_SECONDS, False
    while left := [place for place in ready if place not in results]:
        if time.monotonic() > deadline:
            results |= dict.fromkeys(left, LiveStateUnavailable())
            break
        try:
            answers = run_trades([ready[place].arguments for place in left])
            if not knows_all and any(answer[0].startswith("UNKNOWN") for answer in answers):
                make_known()
                knows_all = True
                continue
            decided = dict(zip(left, answers, strict=True))
            refused = _refusals(decided=decided, ready=ready)
            results |= refused
            if len(refused) < len(left):
                commit_pending()
        except LiveStateUnavailable:
            time.sleep(LONG_PAUSE_SECONDS)
            # It may answer and yet be broken: then it is loaded anew.
            with suppress(LiveStateUnavailable):
                verify_live()
            continue
        results |= _find_made(ready={place: ready[place] for place in left if place not in results})
        if any(answer[0] == "HELD" for answer in answers):
            time.sleep(PAUSE_SECONDS)
    return [results[place] for place in range(len(orders))]


def _prepare(
    *,
    order: TradeOrder,
    actor: Actor,
    contracts: Mapping[str, DerivativeContract],
    accounts: Mapping[int, DerivativeAccount],
    at: datetime,
    business_date: date,
) -> _Ready:
    """Check an order as far as the live state is not asked, and write the script's arguments for it."""
    contract = contracts.get(order.symbol)
    if contract is None:
        raise UnknownContract(pointer="/symbol")
    account = accounts.get(order.account_id)
    if account is None or not (actor.sees_all or account.participant_id == actor.participant_id):
        raise UnknownDerivativesAccount(pointer="/account_id")
    counterparty_id = order.counterparty_id or contract.market_maker_id
    if counterparty_id is None:
        raise NoCounterparty(pointer="/counterparty_id")
    if order.counterparty_id is not None:
        other = accounts.get(order.counterparty_id)
        if other is None:
            raise UnknownDerivativesAccount(pointer="/counterparty_id")
        if not actor.is_operator and other.participant_id != actor.participant_id:
            raise CounterpartyNotYours(pointer="/counterparty_id")
        if other.purpose != AccountPurpose.PARTICIPANT:
            raise AccountOfOtherCurrency(pointer="/counterparty_id")
    if counterparty_id == order.account_id:
        raise TradeWithItself
    steps = whole_units(value=order.quantity, digits=contract.quantity_digits, largest=contract.position_limit_steps)
    ticks = whole_units(value=order.price, digits=contract.price_digits, largest=contract.largest_price_ticks)
    if steps is None:
        raise _out_of_range("quantity", contract.quantity_digits, contract.position_limit_steps)
    if ticks is None:
        raise _out_of_range("price", contract.price_digits, contract.largest_price_ticks)
    buys, nonce = order.side == "BUY", str(uuid4())
    buyer, seller = (order.account_id, counterparty_id) if buys else (counterparty_id, order.account_id)
    asked = json.dumps([order.symbol, order.side, steps, ticks, order.counterparty_id])
    digest = hashlib.sha256(asked.encode()).hexdigest()
    body = {
        "account": order.account_id, "client_id": order.client_id, "digest": digest, "by": actor.name,
        "at": at.isoformat(), "business_date": business_date.isoformat(), "contract": contract.pk, "buyer": buyer,
        "seller": seller, "steps": steps, "ticks": ticks,
        "record": _told(
            order=order, quantity=decimal_of(units=steps, digits=contract.quantity_digits),
            price=decimal_of(units=ticks, digits=contract.price_digits), actor=actor, at=at,
            business_date=business_date,
        ),
    }  # fmt: skip
    quoted = order.counterparty_id is None and not actor.is_operator
    arguments = (
        nonce, order.symbol, buyer, seller, steps, ticks, int(buys), int(quoted), seconds_of(at),
        order.client_id or nonce, json.dumps(body),
    )  # fmt: skip
    return _Ready(order=order, contract=contract, nonce=nonce, digest=digest, arguments=arguments)


def _told(
    *, order: TradeOrder, quantity: Decimal, price: Decimal, actor: Actor, at: datetime, business_date: date
) -> dict[str, Any]:
    """Return the audit record of a trade, written with its event; what the asker had and has is then added.

    A participant reads the records of its own trades: nothing of the other side's position or money is in them.
    """
    return tell_action(
        actor=actor, action="derivativesaccount.traded", at=at, business_date=business_date,
        object_type="derivativeaccount", object_id=order.account_id,
        summary=f"{order.side} {quantity:f} {order.symbol} at {price:f}",
        detail={
            "symbol": order.symbol, "side": order.side, "quantity": f"{quantity:f}", "price": f"{price:f}",
            "counterparty_id": order.counterparty_id, "client_id": order.client_id,
        },
    )  # fmt: skip


def _out_of_range(name: str, digits: int, largest: int) -> NumberOutOfRange:
    unit, most = decimal_of(units=1, digits=digits), decimal_of(units=largest, digits=digits)
    return NumberOutOfRange(
        f"The {name} is a multiple of {unit:f}, above zero and at most {most:f}.", pointer=f"/{name}"
    )


def _find_known(*, ready: Mapping[int, _Ready]) -> dict[int, DerivativeTrade | Refusal]:
    """Answer the orders whose client id the history has."""
    asked = {(row.order.account_id, row.order.client_id): place for place, row in ready.items() if row.order.client_id}
    if not asked:
        return {}
    found = DerivativeEvent.objects.filter(
        account_id__in={account_id for account_id, _ in asked}, client_id__in={client_id for _, client_id in asked}
    ).exclude(client_id="")
    digests = {(row.account_id or 0, row.client_id): (row.sequence, row.digest) for row in found}
    trades = _trades_of(events=[sequence for sequence, _ in digests.values()])
    answers: dict[int, DerivativeTrade | Refusal] = {}
    for key, (sequence, digest) in digests.items():
        place = asked.get(key)
        if place is not None:
            same = digest == ready[place].digest and sequence in trades
            answers[place] = trades[sequence] if same else ClientIdReused(pointer="/client_trade_id")
    return answers


def _find_made(*, ready: Mapping[int, _Ready]) -> dict[int, DerivativeTrade | Refusal]:
    """Answer the orders that the history has by now, by their nonce or by their client id."""
    nonces = {row.nonce: place for place, row in ready.items()}
    made = DerivativeEvent.objects.filter(nonce__in=list(nonces)).values_list("nonce", "sequence")
    sequences = {nonces[str(nonce)]: sequence for nonce, sequence in made}
    trades = _trades_of(events=list(sequences.values()))
    answers: dict[int, DerivativeTrade | Refusal] = {place: trades[sequence] for place, sequence in sequences.items()}
    return answers | _find_known(ready={place: row for place, row in ready.items() if place not in answers})


def _trades_of(*, events: Sequence[int]) -> dict[int, DerivativeTrade]:
    """Return the trade of each event that is one."""
    rows = DerivativeTrade.objects.filter(event_id__in=events, event__kind="TRADE")
    return {row.event_id: row for row in rows.select_related("event", "contract", "contract__currency")}


def _refusals(*, decided: Mapping[int, list[str]], ready: Mapping[int, _Ready]) -> dict[int, DerivativeTrade | Refusal]:
    """Put the script's answers in words."""
    return {
        place: _refusal(answer=answer, ready=ready[place])
        for place, answer in decided.items()
        if answer[0] not in ("DONE", "DUPLICATE", "NOT_LOADED", "HELD")
    }


def _refusal(*, answer: Sequence[str], ready: _Ready) -> Refusal:
    """Return what a script refused, with its figures."""
    code, order, contract = answer[0], ready.order, ready.contract
    digits = contract.currency.digits
    if code in ("INSUFFICIENT_MARGIN", "IN_LIQUIDATION"):
        own = int(answer[1]) == order.account_id
        equity, needed = (f"{decimal_of(units=int(word), digits=digits):f}" for word in answer[2:4])
        figures = {"equity": equity, "margin_required": needed, "currency": contract.currency.code} if own else {}
        kind = InsufficientMargin if code == "INSUFFICIENT_MARGIN" else AccountInLiquidation
        if not own:
            return kind("The counterparty cannot trade: its equity does not cover its margin.")
        if kind is InsufficientMargin:
            return kind(f"Equity after the trade would be {equity}, the margin needed is {needed}.", **figures)
        return kind(f"Equity {equity} is below the maintenance margin of {needed}.", **figures)
    if code in ("PRICE_OFF", "BETTER_THAN_MARK"):
        mark = f"{decimal_of(units=int(answer[1]), digits=contract.price_digits):f}"
        kind_of_price = PriceTooFarFromMark if code == "PRICE_OFF" else PriceBetterThanQuote
        return kind_of_price(f"{kind_of_price.__doc__} The mark price is {mark}.", pointer="/price", mark_price=mark)
    if code == "POSITION_LIMIT":
        limit = f"{decimal_of(units=int(answer[2]), digits=contract.quantity_digits):f}"
        return PositionTooLarge(f"A position in {contract.symbol} is at most {limit}.", pointer="/quantity")
    simple: dict[str, Refusal] = {
        "UNKNOWN_CONTRACT": UnknownContract(pointer="/symbol"),
        "EXPIRED": ContractExpired(pointer="/symbol"),
        "UNKNOWN_ACCOUNT": UnknownDerivativesAccount(pointer="/account_id"),
        "OTHER_CURRENCY": AccountOfOtherCurrency(pointer="/account_id"),
        "NO_MARK": MarkPriceMissing(pointer="/symbol"),
        "STALE_MARK": MarkPriceStale(pointer="/symbol"),
    }
    return simple[code]
