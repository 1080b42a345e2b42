"""Derivatives accounts as documents: whole numbers as decimal strings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from clearing.core.derivatives.units import decimal_of
from clearing.models import DerivativeContract, FundingRound, Liquidation
from clearing.queries.derivatives_report import AccountView, PositionView


def money_text(*, minor: int, digits: int) -> str:
    """Write minor units."""
    return f"{decimal_of(units=minor, digits=digits):f}"


def price_text(*, ticks: int | None, contract: DerivativeContract) -> str | None:
    """Write a price; None where there is none."""
    return None if ticks is None else f"{decimal_of(units=ticks, digits=contract.price_digits):f}"


def account_document(*, view: AccountView) -> dict[str, Any]:
    """Write one account without its positions."""
    found, digits = view.found, view.account.currency.digits
    amounts = {
        "balance": found.balance_minor, "profit": found.profit_minor, "equity": found.equity_minor,
        "notional": found.notional_minor, "initial_margin": found.initial_minor,
        "maintenance_margin": found.maintenance_minor, "free": found.free_minor,
    }  # fmt: skip
    return {
        "account_id": view.account.pk,
        "participant": view.account.participant.code,
        "currency": view.account.currency.code,
        **{name: money_text(minor=minor, digits=digits) for name, minor in amounts.items()},
        "margin_ratio_percent": view.ratio_percent,
        "utilisation_percent": view.used_percent,
        "standing": view.standing,
    }


def position_document(*, view: PositionView) -> dict[str, Any]:
    """Write one position."""
    contract, digits = view.contract, view.account.currency.digits
    return {
        "symbol": contract.symbol,
        "quantity": f"{decimal_of(units=view.steps, digits=contract.quantity_digits):f}",
        "entry_price": price_text(ticks=view.entry_ticks, contract=contract),
        "mark_price": price_text(ticks=view.mark_ticks, contract=contract),
        "notional": money_text(minor=view.notional_minor, digits=digits),
        "profit": money_text(minor=view.profit_minor, digits=digits),
        "liquidation_price": price_text(ticks=view.liquidation_ticks, contract=contract),
        "bankruptcy_price": price_text(ticks=view.bankruptcy_ticks, contract=contract),
    }


def liquidation_document(*, row: Liquidation) -> dict[str, Any]:
    """Write one liquidation."""
    digits = row.account.currency.digits
    amounts = {
        "equity": row.equity_minor, "maintenance_margin": row.maintenance_minor, "filled": row.filled_minor,
        "fee": row.fee_minor, "covered": row.covered_minor, "deleveraged": row.deleveraged_minor,
        "spread": row.spread_minor, "equity_after": row.equity_after_minor,
    }  # fmt: skip
    return {
        "sequence": row.pk,
        "account_id": row.account_id,
        "participant": row.account.participant.code,
        "currency": row.account.currency.code,
        "at": row.event.at,
        "outcome": row.outcome,
        **{name: money_text(minor=minor, digits=digits) for name, minor in amounts.items()},
    }


def funding_document(*, row: FundingRound) -> dict[str, Any]:
    """Write one funding round."""
    return {
        "symbol": row.contract.symbol,
        "funded_for": row.funded_for,
        "mark_price": price_text(ticks=row.mark_ticks, contract=row.contract),
        "index_price": price_text(ticks=row.index_ticks, contract=row.contract),
        "rate_percent": f"{Decimal(row.rate_ppm).scaleb(-4):f}",
    }


def contract_document(*, contract: DerivativeContract, mark_ticks: int | None) -> dict[str, Any]:
    """Write one contract."""
    return {
        "symbol": contract.symbol,
        "kind": contract.kind,
        "status": contract.status,
        "underlying": contract.underlying.symbol if contract.underlying is not None else None,
        "currency": contract.currency.code,
        "expiry_date": contract.expiry_date,
        "tick": f"{decimal_of(units=1, digits=contract.price_digits):f}",
        "step": f"{decimal_of(units=1, digits=contract.quantity_digits):f}",
        "initial_margin_percent": contract.initial_bp / 100,
        "maintenance_margin_percent": contract.maintenance_bp / 100,
        "position_limit": f"{decimal_of(units=contract.position_limit_steps, digits=contract.quantity_digits):f}",
        "mark_price": price_text(ticks=mark_ticks, contract=contract),
    }
