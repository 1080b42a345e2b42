"""Set mark prices, and liquidate whoever falls below maintenance by them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from clearing.contracts import MarkPricesSet
from clearing.core.derivatives.terms import BASIS_POINTS
from clearing.core.derivatives.units import decimal_of, whole_units
from clearing.live.refusals import (
    ContractExpired,
    MarkPriceAbsurd,
    MarkPriceStale,
    NumberOutOfRange,
    UnknownContract,
)
from clearing.live.store import Snapshot
from clearing.models import ContractStatus, DerivativeContract, DerivativeEvent, EventKind
from clearing.queries.derivatives import contracts_by_symbol, seconds_of
from clearing.services.change_derivatives import Change, change_live
from clearing.services.liquidate_accounts import liquidate_accounts
from events.services.audit import tell_action
from events.services.outbox import record_fact
from reference.core.actor import Actor
from reference.refusals import IdempotencyKeyReused
from reference.stored_answers import Asked

FURTHEST_AHEAD = timedelta(seconds=5)


def set_mark_prices(
    *,
    prices: Mapping[str, Decimal],
    actor: Actor,
    at: datetime,
    business_date: date,
    priced_at: datetime | None = None,
    confirmed: bool = False,
    asked: Asked | None = None,
) -> int:
    """Value every position at these prices from now on, and liquidate by them; return how many were liquidated.

    All prices are set, or none. priced_at: the time the prices are of, now where left out. confirmed: the prices
    may be further from the last ones than the contracts' bands; an operator has looked at them. asked: the request;
    one whose prices were set before it was answered sets none again, for newer ones may stand, and only liquidates.
    Raises UnknownContract, ContractExpired, NumberOutOfRange, MarkPriceStale, MarkPriceAbsurd, LiveStateUnavailable,
    IdempotencyKeyReused.
    """
    moment = priced_at or at
    if moment > at + FURTHEST_AHEAD:
        raise MarkPriceStale("The mark price is of a time that has not come yet.", pointer="/at")

    def work(snapshot: Snapshot) -> list[Change]:
        if asked is not None and _were_set(asked=asked):
            return []
        contracts, marks = contracts_by_symbol(), dict[str, tuple[int, int]]()
        for symbol, price in prices.items():
            contract = contracts.get(symbol)
            if contract is None:
                raise UnknownContract(f"No derivatives contract is called {symbol}.", pointer="/symbol")
            ticks = _checked_ticks(contract=contract, price=price, snapshot=snapshot, confirmed=confirmed)
            if seconds_of(moment) < snapshot.marked_at.get(symbol, 0):
                raise MarkPriceStale("A newer mark price stands.", pointer="/at")
            marks[symbol] = (ticks, seconds_of(moment))
        record_fact(fact=MarkPricesSet(count=len(marks)))
        # Written with the event, whoever writes it.
        record = tell_action(
            actor=actor,
            action="markprice.set",
            at=at,
            business_date=business_date,
            object_type="derivativecontract",
            object_id=None,
            summary=f"Mark price of {', '.join(f'{name} {price:f}' for name, price in sorted(prices.items()))}"[:200],
            detail={"prices": {name: f"{price:f}" for name, price in prices.items()}, "confirmed": confirmed},
        )
        rows = [(contracts[symbol].pk, ticks, moment.isoformat()) for symbol, (ticks, _) in marks.items()]
        client_id, digest = (asked.reference, asked.fingerprint.hex()) if asked is not None else ("", "")
        return [
            Change(
                kind=EventKind.MARK, rows={"marks": rows}, marks=marks, client_id=client_id, digest=digest,
                record=record,
            )
        ]  # fmt: skip

    change_live(work=work, by=actor.name, at=at, business_date=business_date)
    return liquidate_accounts(at=at, business_date=business_date)


def _were_set(*, asked: Asked) -> bool:
    """Say whether prices were set for this request already. Raises IdempotencyKeyReused where for another."""
    event = DerivativeEvent.objects.filter(kind=EventKind.MARK, client_id=asked.reference).first()
    if event is not None and event.digest != asked.fingerprint.hex():
        raise IdempotencyKeyReused
    return event is not None


def _checked_ticks(*, contract: DerivativeContract, price: Decimal, snapshot: Snapshot, confirmed: bool) -> int:
    """Return a price in ticks. Raises ContractExpired, NumberOutOfRange, MarkPriceAbsurd."""
    if contract.status != ContractStatus.ACTIVE:
        raise ContractExpired(pointer="/symbol")
    ticks = whole_units(value=price, digits=contract.price_digits, largest=contract.largest_price_ticks)
    if ticks is None:
        tick = decimal_of(units=1, digits=contract.price_digits)
        raise NumberOutOfRange(
            f"The price of {contract.symbol} is a multiple of {tick:f}, above zero.", pointer="/price"
        )
    last = snapshot.marks.get(contract.symbol)
    if last and not confirmed and abs(ticks - last) * BASIS_POINTS > last * contract.mark_band_bp:
        before = decimal_of(units=last, digits=contract.price_digits)
        raise MarkPriceAbsurd(
            f"{contract.symbol} stands at {before:f}; {price:f} is more than {contract.mark_band_bp / 100:g} % away."
            " Confirm it if it is meant.",
            pointer="/price",
            mark_price=f"{before:f}",
        )
    return ticks
